// Runs the whole table in child processes, so that a row that ends its process ends nothing else.
//
// Used by `bad_calls --all`, in a process that never touches the driver.
#ifndef PAELLA_TESTS_BAD_CALLS_SUPERVISOR_H_
#define PAELLA_TESTS_BAD_CALLS_SUPERVISOR_H_

#include <map>
#include <string>
#include <vector>

namespace paella::bad_calls {

using Answers = std::map<std::string, std::vector<std::string>>;

inline constexpr char kCrash[] = "crash";
inline constexpr char kTimeout[] = "timeout";

// A row whose process died has the one answer kCrash, one that took longer than the bound kTimeout.
Answers RunAll(int row_timeout_ms);

}  // namespace paella::bad_calls

#endif  // PAELLA_TESTS_BAD_CALLS_SUPERVISOR_H_
