// The shim's log, for people who look into a program: off unless PAELLA_LOG is "stderr" or the path of a file.
// Any thread; one write per line, so that lines of several processes do not mix.
#ifndef PAELLA_SHIM_LOG_H_
#define PAELLA_SHIM_LOG_H_

namespace paella::shim {

[[gnu::format(printf, 1, 2)]] void Log(const char* format, ...) noexcept;
bool LogIsOn() noexcept;

// What a program's user sees without asking: one line when cuInit fails, and one when the log cannot be opened.
[[gnu::format(printf, 1, 2)]] void TellUser(const char* format, ...) noexcept;

}  // namespace paella::shim

#endif  // PAELLA_SHIM_LOG_H_
