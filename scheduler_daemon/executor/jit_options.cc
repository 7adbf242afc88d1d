#include "scheduler_daemon/executor/jit_options.h"

#include <algorithm>

namespace paella::scheduler_daemon {
namespace {

constexpr std::size_t kMaxJitOptions = 16;

bool IsNumericOption(std::uint32_t option) {
  switch (option) {
    case CU_JIT_MAX_REGISTERS:
    case CU_JIT_OPTIMIZATION_LEVEL:
    case CU_JIT_TARGET:
    case CU_JIT_FALLBACK_STRATEGY:
    case CU_JIT_GENERATE_DEBUG_INFO:
    case CU_JIT_GENERATE_LINE_INFO:
    case CU_JIT_CACHE_MODE: return true;
    default: return false;
  }
}

}  // namespace

JitNumbers NumbersAmong(std::span<const std::uint32_t> options, std::span<const std::uint64_t> values) {
  JitNumbers numbers;
  for (std::size_t i = 0; i < std::min(options.size(), kMaxJitOptions); ++i) {
    if (IsNumericOption(options[i])) numbers.emplace_back(static_cast<CUjit_option>(options[i]), values[i]);
  }
  return numbers;
}

JitOptions::JitOptions(const JitNumbers& numbers, Logs logs) {
  if (logs == Logs::kTaken) {
    Add(CU_JIT_ERROR_LOG_BUFFER, reinterpret_cast<std::uint64_t>(error_log_.data()));
    Add(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, error_log_.size() - 1);
    Add(CU_JIT_INFO_LOG_BUFFER, reinterpret_cast<std::uint64_t>(info_log_.data()));
    Add(CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, info_log_.size() - 1);
  }
  for (const auto& [option, value] : numbers) Add(option, value);
}

void JitOptions::Add(CUjit_option option, std::uint64_t value) {
  options_.push_back(option);
  values_.push_back(reinterpret_cast<void*>(value));
}

}  // namespace paella::scheduler_daemon
