// What a tenant is called that nobody named: the one rule that shim and control tool share.
#ifndef PAELLA_IPC_TENANT_NAME_H_
#define PAELLA_IPC_TENANT_NAME_H_

#include <string>

namespace paella::ipc {

inline constexpr char kTenantVariable[] = "PAELLA_TENANT";

// user/program.pid, of this process. The user's number where it has no name.
std::string DefaultTenantName(const std::string& program);

}  // namespace paella::ipc

#endif  // PAELLA_IPC_TENANT_NAME_H_
