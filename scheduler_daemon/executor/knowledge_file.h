// What was learned of kernels and jobs, from one executor to the next: a file that is replaced as a whole.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_KNOWLEDGE_FILE_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_KNOWLEDGE_FILE_H_

#include <string>

#include "scheduler_daemon/knowledge/knowledge.h"

namespace paella::scheduler_daemon {

// Nothing is known if there is no such file, or if it is not what Knowledge::Save made: then the log says so, and it is
// learned anew. `path` may be empty: nothing is kept.
Knowledge LoadKnowledge(const std::string& path);

// Any thread; takes milliseconds. Failures are logged, the first of them.
void StoreKnowledge(const std::string& path, const Knowledge& knowledge);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_KNOWLEDGE_FILE_H_
