// A child process that runs rows: this program again, with its standard output as a pipe.
//
// Used by the supervisor only. Every wait is bounded.
#ifndef PAELLA_TESTS_BAD_CALLS_CHILD_H_
#define PAELLA_TESTS_BAD_CALLS_CHILD_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace paella::bad_calls {

class Child {
 public:
  enum class Read { kLine, kEnd, kTimeUp };

  explicit Child(const std::vector<std::string>& rows);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Read ReadLine(std::string& line, int timeout_ms);

  // Waits for the end, for which it kills the process if asked to or if the time is up. False unless it exited with 0.
  bool End(bool kill, int timeout_ms);

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffer_;
};

}  // namespace paella::bad_calls

#endif  // PAELLA_TESTS_BAD_CALLS_CHILD_H_
