// Files of ours must not have the numbers of standard input, output and error: a program that runs with one of these closed
// would write its text into them, or read them. Both sides; any thread.
#ifndef PAELLA_IPC_STANDARD_FDS_H_
#define PAELLA_IPC_STANDARD_FDS_H_

#include "ipc/shared_memory.h"

namespace paella::ipc {

// The same file under a number above theirs. Not valid, with errno, if there is no such number.
Fd AboveStandardFds(Fd fd);

}  // namespace paella::ipc

#endif  // PAELLA_IPC_STANDARD_FDS_H_
