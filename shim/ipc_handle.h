// The 64 bytes of CUipcMemHandle and CUipcEventHandle: the daemon's token, then zeros.
#ifndef PAELLA_SHIM_IPC_HANDLE_H_
#define PAELLA_SHIM_IPC_HANDLE_H_

#include <cstring>

namespace paella::shim {

// `message` and `from`: anything with token_high and token_low.
template <typename Handle, typename Message>
void ReadToken(const Handle& handle, Message& message) {
  std::memcpy(&message.token_high, handle.reserved, sizeof message.token_high);
  std::memcpy(&message.token_low, handle.reserved + sizeof message.token_high, sizeof message.token_low);
}

template <typename Handle, typename Message>
void WriteToken(const Message& from, Handle& handle) {
  std::memset(&handle, 0, sizeof handle);
  std::memcpy(handle.reserved, &from.token_high, sizeof from.token_high);
  std::memcpy(handle.reserved + sizeof from.token_high, &from.token_low, sizeof from.token_low);
}

}  // namespace paella::shim

#endif  // PAELLA_SHIM_IPC_HANDLE_H_
