#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

constexpr CUdevice kNoSuchDevice = 99;
constexpr auto kNoSuchAttribute = static_cast<CUdevice_attribute>(100'000);

constexpr BadCall kRows[] = {
    {"device.ordinal_too_large",
     [](Row& row) { CUdevice device; row.Call(DRIVER(cuDeviceGet), &device, kNoSuchDevice); }, Start::kWithoutContext},
    {"device.ordinal_negative", [](Row& row) { CUdevice device; row.Call(DRIVER(cuDeviceGet), &device, -1); },
     Start::kWithoutContext},
    {"device.get_to_null", [](Row& row) { row.Call(DRIVER(cuDeviceGet), nullptr, 0); }, Start::kWithoutContext},
    {"device.count_to_null", [](Row& row) { row.Call(DRIVER(cuDeviceGetCount), nullptr); }, Start::kWithoutContext},
    {"device.name_of_unknown",
     [](Row& row) { char name[64]; row.Call(DRIVER(cuDeviceGetName), name, 64, kNoSuchDevice); },
     Start::kWithoutContext},
    {"device.name_to_null",
     [](Row& row) { row.Call(DRIVER(cuDeviceGetName), nullptr, 64, 0); }, Start::kWithoutContext},
    {"device.uuid_of_unknown", [](Row& row) { CUuuid uuid; row.Call(DRIVER(cuDeviceGetUuid), &uuid, kNoSuchDevice); },
     Start::kWithoutContext},
    {"device.uuid_to_null", [](Row& row) { row.Call(DRIVER(cuDeviceGetUuid), nullptr, 0); }, Start::kWithoutContext},
    {"device.memory_of_unknown",
     [](Row& row) { std::size_t bytes; row.Call(DRIVER(cuDeviceTotalMem), &bytes, kNoSuchDevice); },
     Start::kWithoutContext},
    {"device.memory_to_null", [](Row& row) { row.Call(DRIVER(cuDeviceTotalMem), nullptr, 0); }, Start::kWithoutContext},
    {"device.attribute_unknown",
     [](Row& row) { int value; row.Call(DRIVER(cuDeviceGetAttribute), &value, kNoSuchAttribute, 0); },
     Start::kWithoutContext},
    {"device.attribute_zero",
     [](Row& row) {
       int value;
       row.Call(DRIVER(cuDeviceGetAttribute), &value, static_cast<CUdevice_attribute>(0), 0);
     },
     Start::kWithoutContext},
    {"device.attribute_of_unknown",
     [](Row& row) {
       int value;
       row.Call(DRIVER(cuDeviceGetAttribute), &value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, kNoSuchDevice);
     },
     Start::kWithoutContext},
    {"device.attribute_to_null",
     [](Row& row) { row.Call(DRIVER(cuDeviceGetAttribute), nullptr, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 0); },
     Start::kWithoutContext},
    {"device.bus_id_of_unknown",
     [](Row& row) { char id[32]; row.Call(DRIVER(cuDeviceGetPCIBusId), id, 32, kNoSuchDevice); },
     Start::kWithoutContext},
    {"device.by_rubbish_bus_id",
     [](Row& row) { CUdevice device; row.Call(DRIVER(cuDeviceGetByPCIBusId), &device, "rubbish"); },
     Start::kWithoutContext},
    {"device.peer_access_of_unknown",
     [](Row& row) { int can; row.Call(DRIVER(cuDeviceCanAccessPeer), &can, 0, kNoSuchDevice); },
     Start::kWithoutContext},
    {"device.peer_access_to_null", [](Row& row) { row.Call(DRIVER(cuDeviceCanAccessPeer), nullptr, 0, 0); },
     Start::kWithoutContext},
    {"device.primary_context_of_unknown",
     [](Row& row) { CUcontext context; row.Call(DRIVER(cuDevicePrimaryCtxRetain), &context, kNoSuchDevice); },
     Start::kWithoutContext},
    {"device.primary_context_to_null", [](Row& row) { row.Call(DRIVER(cuDevicePrimaryCtxRetain), nullptr, 0); },
     Start::kWithoutContext},
    {"device.primary_context_released_too_often",
     [](Row& row) { row.Call(DRIVER(cuDevicePrimaryCtxRelease), 0); }, Start::kWithoutContext},
    {"device.primary_context_flags_unknown",
     [](Row& row) { row.Call(DRIVER(cuDevicePrimaryCtxSetFlags), 0, 0x7000); }, Start::kWithoutContext},
    {"device.primary_context_state_of_unknown",
     [](Row& row) {
       unsigned flags;
       int active;
       row.Call(DRIVER(cuDevicePrimaryCtxGetState), kNoSuchDevice, &flags, &active);
     },
     Start::kWithoutContext},
    {"device.default_pool_of_unknown",
     [](Row& row) { CUmemoryPool pool; row.Call(DRIVER(cuDeviceGetDefaultMemPool), &pool, kNoSuchDevice); },
     Start::kWithoutContext},
};

}  // namespace

BadCalls DeviceBadCalls() { return kRows; }

}  // namespace paella::bad_calls
