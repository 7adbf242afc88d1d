// One process of the table: prepares the state of each row, runs it, and cleans up, as long as the context lives.
//
// Used by `bad_calls --run`, on the main thread. Owns the process's use of the driver, cuInit included.
#ifndef PAELLA_TESTS_BAD_CALLS_PROCESS_H_
#define PAELLA_TESTS_BAD_CALLS_PROCESS_H_

#include <string>
#include <vector>

#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {

class Process {
 public:
  // The row's answers, the last of which is always cuCtxSynchronize's: it shows what the call left behind.
  std::vector<std::string> Run(const BadCall& bad_call);

  // False once something is left that the next row could not start from: a failed context, say.
  bool usable() const { return usable_; }

 private:
  void Initialize(Row& row);
  void MakeState(Row& row);
  void DestroyState(Row& row);
  void RunPrepared(const BadCall& bad_call, Row& row);

  State state_;
  bool initialized_ = false;
  bool usable_ = true;
};

}  // namespace paella::bad_calls

#endif  // PAELLA_TESTS_BAD_CALLS_PROCESS_H_
