#include "shim/proc_address.h"

#include <algorithm>
#include <cstring>

namespace paella::shim {
namespace {

int NewestAtMost(const ProcVersion* begin, const ProcVersion* end, int version, bool per_thread) {
  int entry = -1;
  for (const ProcVersion* row = begin; row != end; ++row) {
    if (row->per_thread == per_thread && row->version <= version) entry = row->entry;
  }
  return entry;
}

}  // namespace

CUdriverProcAddressQueryResult FindProc(const char* name, int version, bool per_thread, int& entry) {
  entry = -1;
  const auto before = [](const ProcVersion& row, const char* other) { return std::strcmp(row.name, other) < 0; };
  const ProcVersion* const end_of_table = kProcVersions + kProcVersionCount;
  const ProcVersion* const begin = std::lower_bound(kProcVersions, end_of_table, name, before);
  const ProcVersion* end = begin;
  while (end != end_of_table && std::strcmp(end->name, name) == 0) ++end;
  if (begin == end) return CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;

  if (per_thread) entry = NewestAtMost(begin, end, version, true);
  if (entry < 0) entry = NewestAtMost(begin, end, version, false);
  return entry < 0 ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT : CU_GET_PROC_ADDRESS_SUCCESS;
}

}  // namespace paella::shim
