// What clients say of themselves is shown in logs and on terminals. These keep it from looking like something else: a
// line of the log, a terminal's command. Used by the client registry.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLAD_PRINTABLE_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLAD_PRINTABLE_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace paella::scheduler_daemon {

// Valid UTF-8 without blanks and control characters, 1 to `most_bytes` long.
bool IsPrintableName(std::string_view name, std::size_t most_bytes);

// As one line: '?' for each control character (line breaks and what turns the direction of writing among them) and each
// byte that is no UTF-8; what is behind `most_bytes` is cut off.
std::string Printable(std::string_view text, std::size_t most_bytes);

// As lines that no line of a log looks like: each is printable and begins with blanks.
std::string PrintableLines(std::string_view text, std::size_t most_bytes);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLAD_PRINTABLE_H_
