// What each call answered, in the shim's log (log.h): the failing ones always, all of them with PAELLA_LOG_CALLS=all.
// The first thing to read when a program behaves differently than natively. Any thread.
#ifndef PAELLA_SHIM_CALL_LOG_H_
#define PAELLA_SHIM_CALL_LOG_H_

namespace paella::shim {

enum class CallsToLog : unsigned char { kNone, kFailed, kAll };

// Written once, in cuInit: kNone spares the calls that often answer "not ready" a look at the log.
extern CallsToLog calls_to_log;
void ReadCallLogSetting() noexcept;

// `where` is the __PRETTY_FUNCTION__ of an instance of Entry: it holds the function's name.
void LogCall(const char* where, int result) noexcept;

}  // namespace paella::shim

#endif  // PAELLA_SHIM_CALL_LOG_H_
