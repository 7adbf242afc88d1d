#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

// Records it behind nothing, and waits: a timed event is complete then.
CUevent Recorded(Row& row, CUevent event) {
  row.Prepare(DRIVER(cuEventRecord), event, row.state.stream);
  row.Prepare(DRIVER(cuEventSynchronize), event);
  return event;
}

void ElapsedTime(Row& row, CUevent from, CUevent to) {
  float milliseconds = -1;
  row.Call(DRIVER(cuEventElapsedTime), &milliseconds, from, to);
}

constexpr BadCall kRows[] = {
    {"event.create_to_null", [](Row& row) { row.Call(DRIVER(cuEventCreate), nullptr, 0); }},
    {"event.create_flags_unknown", [](Row& row) { CUevent event; row.Call(DRIVER(cuEventCreate), &event, 0x1000); }},
    {"event.interprocess_with_timing",
     [](Row& row) { CUevent event; row.Call(DRIVER(cuEventCreate), &event, CU_EVENT_INTERPROCESS); }},
    {"event.destroy_null", [](Row& row) { row.Call(DRIVER(cuEventDestroy), nullptr); }},
    {"event.query_null", [](Row& row) { row.Call(DRIVER(cuEventQuery), nullptr); }},
    {"event.query_unrecorded", [](Row& row) { row.Call(DRIVER(cuEventQuery), row.state.event); }},
    {"event.synchronize_null", [](Row& row) { row.Call(DRIVER(cuEventSynchronize), nullptr); }},
    {"event.synchronize_unrecorded", [](Row& row) { row.Call(DRIVER(cuEventSynchronize), row.state.event); }},
    {"event.record_null", [](Row& row) { row.Call(DRIVER(cuEventRecord), nullptr, row.state.stream); }},
    {"event.record_flags_unknown",
     [](Row& row) { row.Call(DRIVER(cuEventRecordWithFlags), row.state.event, row.state.stream, 0x1000); }},
    {"event.elapsed_both_unrecorded",
     [](Row& row) {
       CUevent other = nullptr;
       row.Prepare(DRIVER(cuEventCreate), &other, 0);
       ElapsedTime(row, row.state.event, other);
       row.Call(DRIVER(cuEventDestroy), other);
     }},
    {"event.elapsed_start_unrecorded",
     [](Row& row) {
       CUevent other = nullptr;
       row.Prepare(DRIVER(cuEventCreate), &other, 0);
       ElapsedTime(row, row.state.event, Recorded(row, other));
       row.Call(DRIVER(cuEventDestroy), other);
     }},
    {"event.elapsed_end_unrecorded",
     [](Row& row) {
       CUevent other = nullptr;
       row.Prepare(DRIVER(cuEventCreate), &other, 0);
       ElapsedTime(row, Recorded(row, row.state.event), other);
       row.Call(DRIVER(cuEventDestroy), other);
     }},
    {"event.elapsed_same_unrecorded", [](Row& row) { ElapsedTime(row, row.state.event, row.state.event); }},
    {"event.elapsed_untimed_start",
     [](Row& row) { ElapsedTime(row, Recorded(row, row.state.untimed_event), Recorded(row, row.state.event)); }},
    {"event.elapsed_untimed_end",
     [](Row& row) { ElapsedTime(row, Recorded(row, row.state.event), Recorded(row, row.state.untimed_event)); }},
    {"event.elapsed_untimed_unrecorded",
     [](Row& row) { ElapsedTime(row, row.state.untimed_event, row.state.untimed_event); }},
    {"event.elapsed_null_start", [](Row& row) { ElapsedTime(row, nullptr, Recorded(row, row.state.event)); }},
    {"event.elapsed_null_end", [](Row& row) { ElapsedTime(row, Recorded(row, row.state.event), nullptr); }},
    {"event.elapsed_to_null",
     [](Row& row) {
       Recorded(row, row.state.event);
       row.Call(DRIVER(cuEventElapsedTime), nullptr, row.state.event, row.state.event);
     }},
};

}  // namespace

BadCalls EventBadCalls() { return kRows; }

}  // namespace paella::bad_calls
