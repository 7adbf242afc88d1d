// The one door to the kernel's futex. Shared between processes, so never the private form.
#ifndef PAELLA_IPC_FUTEX_H_
#define PAELLA_IPC_FUTEX_H_

#include <atomic>
#include <chrono>
#include <cstdint>

namespace paella::ipc {

// Sleeps until a wake-up, or for at most `timeout`, unless `word` is no longer `expected`. May return early: the caller
// looks again at what it waits for.
void FutexWait(std::atomic<std::uint32_t>& word, std::uint32_t expected, std::chrono::nanoseconds timeout);

void FutexWakeAll(std::atomic<std::uint32_t>& word);

}  // namespace paella::ipc

#endif  // PAELLA_IPC_FUTEX_H_
