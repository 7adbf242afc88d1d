#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

constexpr BadCall kRows[] = {
    {"stream.create_to_null", [](Row& row) { row.Call(DRIVER(cuStreamCreate), nullptr, 0); }},
    {"stream.create_flags_unknown",
     [](Row& row) { CUstream stream; row.Call(DRIVER(cuStreamCreate), &stream, 0x1000); }},
    {"stream.create_with_priority_to_null",
     [](Row& row) { row.Call(DRIVER(cuStreamCreateWithPriority), nullptr, 0, 0); }},
    {"stream.create_with_priority_flags_unknown",
     [](Row& row) { CUstream stream; row.Call(DRIVER(cuStreamCreateWithPriority), &stream, 0x1000, 0); }},
    {"stream.priority_out_of_range_is_clamped",
     [](Row& row) {
       CUstream stream = nullptr;
       int priority = 0, least = 0, greatest = 0;
       row.Prepare(DRIVER(cuCtxGetStreamPriorityRange), &least, &greatest);
       row.Call(DRIVER(cuStreamCreateWithPriority), &stream, 0, greatest - 1000);
       row.Call(DRIVER(cuStreamGetPriority), stream, &priority);
       row.Note(priority == greatest ? "greatest" : "not the greatest");
       row.Call(DRIVER(cuStreamDestroy), stream);
     }},
    {"stream.destroy_default", [](Row& row) { row.Call(DRIVER(cuStreamDestroy), nullptr); }},
    {"stream.destroy_legacy", [](Row& row) { row.Call(DRIVER(cuStreamDestroy), CU_STREAM_LEGACY); }},
    {"stream.destroy_per_thread", [](Row& row) { row.Call(DRIVER(cuStreamDestroy), CU_STREAM_PER_THREAD); }},
    {"stream.priority_to_null", [](Row& row) { row.Call(DRIVER(cuStreamGetPriority), row.state.stream, nullptr); }},
    {"stream.flags_to_null", [](Row& row) { row.Call(DRIVER(cuStreamGetFlags), row.state.stream, nullptr); }},
    {"stream.id_to_null", [](Row& row) { row.Call(DRIVER(cuStreamGetId), row.state.stream, nullptr); }},
    {"stream.context_to_null", [](Row& row) { row.Call(DRIVER(cuStreamGetCtx), row.state.stream, nullptr); }},
    {"stream.device_to_null", [](Row& row) { row.Call(DRIVER(cuStreamGetDevice), row.state.stream, nullptr); }},
    {"stream.is_capturing_to_null", [](Row& row) { row.Call(DRIVER(cuStreamIsCapturing), row.state.stream, nullptr); }},
    {"stream.wait_for_null_event", [](Row& row) { row.Call(DRIVER(cuStreamWaitEvent), row.state.stream, nullptr, 0); }},
    {"stream.wait_flags_unknown",
     [](Row& row) { row.Call(DRIVER(cuStreamWaitEvent), row.state.stream, row.state.event, 0x1000); }},
    {"stream.wait_for_unrecorded_event",
     [](Row& row) {
       row.Call(DRIVER(cuStreamWaitEvent), row.state.stream, row.state.event, 0);
       row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
     }},
    {"stream.exchange_capture_mode_unknown",
     [](Row& row) {
       auto mode = static_cast<CUstreamCaptureMode>(1000);
       row.Call(DRIVER(cuThreadExchangeStreamCaptureMode), &mode);
     }},
};

}  // namespace

BadCalls StreamBadCalls() { return kRows; }

}  // namespace paella::bad_calls
