// The end of memory, and of all that a context owns: its memory, arrays, textures, streams and modules. Any thread. Owns
// nothing.
#ifndef PAELLA_SHIM_TEAR_DOWN_H_
#define PAELLA_SHIM_TEAR_DOWN_H_

#include "shim/client.h"

namespace paella::shim {

// Gives one allocation back to the daemon; nothing posted may still use it.
CUresult GiveBack(Client& client, const Allocation& allocation);

// Waits for all work of this client, then gives back what the context owns. The context itself stays.
CUresult TearDown(Client& client, const Context& context);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_TEAR_DOWN_H_
