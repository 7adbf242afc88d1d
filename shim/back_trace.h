// The calling thread's back trace, by libunwind where the machine has it. Any thread. The library is opened at the first
// use, privately, so that the shim needs it neither to load nor to link.
#ifndef PAELLA_SHIM_BACK_TRACE_H_
#define PAELLA_SHIM_BACK_TRACE_H_

#include <string>

namespace paella::shim {

// One line a frame: the file, the address in it, and the nearest name that the loader knows.
std::string BackTrace();

}  // namespace paella::shim

#endif  // PAELLA_SHIM_BACK_TRACE_H_
