// The driver's private tables (cuGetExportTable): the real driver's own, with single entries replaced in place where the
// answer depends on the current context, which only we know. The integrity table is handed out untouched.
//
// Any thread, before cuInit too. What each entry does was learned from the programs that call it; the slots are named here.
#ifndef PAELLA_SHIM_EXPORT_TABLES_H_
#define PAELLA_SHIM_EXPORT_TABLES_H_

#include "shim/cuda_api.h"

namespace paella::shim {

CUresult GetExportTable(const void** table, const CUuuid* id);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_EXPORT_TABLES_H_
