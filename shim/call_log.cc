#include "shim/call_log.h"

#include <cuda.h>

#include <cstdlib>
#include <cstring>

#include "shim/error_text.h"
#include "shim/log.h"

namespace paella::shim {

CallsToLog calls_to_log = CallsToLog::kFailed;

void ReadCallLogSetting() noexcept {
  const char* const setting = std::getenv("PAELLA_LOG_CALLS");
  const bool all = setting != nullptr && std::strcmp(setting, "all") == 0;
  calls_to_log = !LogIsOn() ? CallsToLog::kNone : all ? CallsToLog::kAll : CallsToLog::kFailed;
}

void LogCall(const char* where, int result) noexcept {
  // Answers that programs ask for all the time, and unsupported functions, which are told once elsewhere.
  const bool is_ordinary = result == CUDA_ERROR_NOT_READY || result == CUDA_ERROR_NOT_SUPPORTED;
  if (!LogIsOn() || (is_ordinary && calls_to_log != CallsToLog::kAll)) return;
  constexpr char kMark[] = "paella_cu";
  const char* name = std::strstr(where, kMark);
  if (name == nullptr) return;
  name += sizeof kMark - sizeof "cu";
  const char* const error = ErrorName(result);
  Log("%.*s: %s", static_cast<int>(std::strcspn(name, ";]>, )")), name, error != nullptr ? error : "unknown error");
}

}  // namespace paella::shim
