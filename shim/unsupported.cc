#include "shim/unsupported.h"

#include <atomic>
#include <bit>
#include <cstdint>
#include <string_view>

#include "shim/back_trace.h"
#include "shim/client.h"
#include "shim/entries.h"
#include "shim/log.h"

namespace paella::shim {
namespace {

constexpr int kMaxEntries = 1024;
constexpr int kMaxForms = 64;

struct Form {
  std::atomic<const char*> what{nullptr};
  std::atomic<std::uint64_t> calls{0};
};

std::atomic<std::uint64_t> calls_of_entry[kMaxEntries];
Form forms[kMaxForms];

// Null: the table is full. What does not fit is refused like the rest, and not counted.
Form* FindForm(const char* what) {
  for (Form& form : forms) {
    const char* known = nullptr;
    if (form.what.compare_exchange_strong(known, what, std::memory_order_relaxed) || known == what) return &form;
  }
  return nullptr;
}

void LogFirst(const char* what, std::string_view back_trace) {
  Log("unsupported: %s", what);
  while (!back_trace.empty()) {
    const std::size_t size = back_trace.find('\n');
    Log("  %.*s", static_cast<int>(size), back_trace.data());
    back_trace.remove_prefix(size + 1);
  }
}

void Report(const char* what, std::uint64_t calls) noexcept try {
  Client* const client = ready_client.load(std::memory_order_acquire);
  const bool tell_daemon = client != nullptr && (client->welcome.features & ipc::kFeatureUnsupportedCalls) != 0;
  ipc::UnsupportedCall message;
  message.function = what;
  message.calls = calls;
  if (calls == 1 && (LogIsOn() || tell_daemon)) message.back_trace = BackTrace();
  if (calls == 1) LogFirst(what, message.back_trace);
  if (tell_daemon) client->connection.socket.Send(message);
} catch (...) {  // no host memory for a report
}

void Count(const char* what, std::atomic<std::uint64_t>& counter) noexcept {
  const std::uint64_t calls = counter.fetch_add(1, std::memory_order_relaxed) + 1;
  if (std::has_single_bit(calls)) Report(what, calls);
}

}  // namespace

CUresult UnsupportedForm(const char* what) noexcept {
  if (Form* form = FindForm(what)) Count(what, form->calls);
  return CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace paella::shim

extern "C" CUresult paella_unsupported(int entry) noexcept {
  using namespace paella::shim;
  if (entry >= 0 && entry < kMaxEntries) Count(kEntryNames[entry], calls_of_entry[entry]);
  return CUDA_ERROR_NOT_SUPPORTED;
}
