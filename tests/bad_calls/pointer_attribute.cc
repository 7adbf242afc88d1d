#include <cstdint>

#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

void MemoryTypeOf(Row& row, CUdeviceptr address) {
  CUmemorytype type{};
  row.Call(DRIVER(cuPointerGetAttribute), &type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address);
}

// The plural form answers what it knows of any address.
void TypeAndOrdinalOf(Row& row, CUdeviceptr address) {
  CUmemorytype type{};
  int ordinal = 1234;
  CUpointer_attribute attributes[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  void* data[] = {&type, &ordinal};
  row.Call(DRIVER(cuPointerGetAttributes), 2, attributes, data, address);
  row.Note("type " + std::to_string(static_cast<int>(type)) + ", ordinal " + std::to_string(ordinal));
}

constexpr BadCall kRows[] = {
    {"pointer_attribute.of_null", [](Row& row) { MemoryTypeOf(row, 0); }},
    {"pointer_attribute.of_ordinary",
     [](Row& row) { MemoryTypeOf(row, reinterpret_cast<CUdeviceptr>(row.state.host)); }},
    {"pointer_attribute.of_freed", [](Row& row) { MemoryTypeOf(row, row.AllocateAndFree()); }},
    {"pointer_attribute.of_rubbish", [](Row& row) { MemoryTypeOf(row, 0x1234560000); }},
    {"pointer_attribute.unknown",
     [](Row& row) {
       std::uint64_t value[8];
       row.Call(DRIVER(cuPointerGetAttribute), value, static_cast<CUpointer_attribute>(1000), row.state.memory);
     }},
    {"pointer_attribute.zero",
     [](Row& row) {
       std::uint64_t value[8];
       row.Call(DRIVER(cuPointerGetAttribute), value, static_cast<CUpointer_attribute>(0), row.state.memory);
     }},
    {"pointer_attribute.to_null",
     [](Row& row) {
       row.Call(DRIVER(cuPointerGetAttribute), nullptr, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, row.state.memory);
     }},
    {"pointer_attribute.host_pointer_of_device_memory",
     [](Row& row) {
       void* host = nullptr;
       row.Call(DRIVER(cuPointerGetAttribute), &host, CU_POINTER_ATTRIBUTE_HOST_POINTER, row.state.memory);
     }},
    {"pointer_attribute.several_of_null", [](Row& row) { TypeAndOrdinalOf(row, 0); }},
    {"pointer_attribute.several_of_ordinary",
     [](Row& row) { TypeAndOrdinalOf(row, reinterpret_cast<CUdeviceptr>(row.state.host)); }},
    {"pointer_attribute.several_of_freed", [](Row& row) { TypeAndOrdinalOf(row, row.AllocateAndFree()); }},
    {"pointer_attribute.none_of_several",
     [](Row& row) {
       CUpointer_attribute attribute = CU_POINTER_ATTRIBUTE_MEMORY_TYPE;
       CUmemorytype type{};
       void* data = &type;
       row.Call(DRIVER(cuPointerGetAttributes), 0, &attribute, &data, row.state.memory);
     }},
    {"pointer_attribute.several_without_list",
     [](Row& row) { row.Call(DRIVER(cuPointerGetAttributes), 1, nullptr, nullptr, row.state.memory); }},
    {"pointer_attribute.several_with_unknown",
     [](Row& row) {
       auto attribute = static_cast<CUpointer_attribute>(31);  // the greatest that the type can hold
       std::uint64_t value[8];
       void* data = value;
       row.Call(DRIVER(cuPointerGetAttributes), 1, &attribute, &data, row.state.memory);
     }},
    {"pointer_attribute.set_read_only",
     [](Row& row) {
       unsigned value = 1;
       row.Call(DRIVER(cuPointerSetAttribute), &value, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, row.state.memory);
     }},
    {"pointer_attribute.set_of_ordinary",
     [](Row& row) {
       unsigned value = 1;
       const auto address = reinterpret_cast<CUdeviceptr>(row.state.host);
       row.Call(DRIVER(cuPointerSetAttribute), &value, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, address);
     }},
    {"pointer_attribute.set_from_null",
     [](Row& row) {
       row.Call(DRIVER(cuPointerSetAttribute), nullptr, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, row.state.memory);
     }},
};

}  // namespace

BadCalls PointerAttributeBadCalls() { return kRows; }

}  // namespace paella::bad_calls
