// A barrier that one process makes in all others that have asked for it, so that the side which sleeps rarely pays for
// the order between the two, and the side which posts often does not:
//
//   client:    publish the record;  (compiler barrier)              look whether the daemon sleeps
//   executor:  say that it sleeps;  BarrierInRegisteredProcesses()  look for records
//
// Linux's membarrier, expedited and global. Where the kernel (or a sandbox) has none, both sides use read-modify-writes.
#ifndef PAELLA_IPC_PROCESS_BARRIER_H_
#define PAELLA_IPC_PROCESS_BARRIER_H_

namespace paella::ipc {

// Whether this process can make such barriers. Asks the kernel: a system call.
bool CanMakeProcessBarriers();

// This process takes part from now on. False: it cannot.
bool RegisterForProcessBarriers();

// Every thread of every registered process has passed a full memory barrier when this returns.
void BarrierInRegisteredProcesses();

}  // namespace paella::ipc

#endif  // PAELLA_IPC_PROCESS_BARRIER_H_
