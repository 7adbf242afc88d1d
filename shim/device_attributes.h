// What the device can do through this shim: less than natively in some places, more in others, where software does it.
// Programs ask for the attribute before they call the function, and must hear what holds. Owns nothing.
#ifndef PAELLA_SHIM_DEVICE_ATTRIBUTES_H_
#define PAELLA_SHIM_DEVICE_ATTRIBUTES_H_

#include <cstdint>
#include <vector>

namespace paella::shim {

// `attributes`: the value of each CUdevice_attribute, by number, as the daemon's driver tells it.
void TellWhatTheShimCan(std::vector<std::int32_t>& attributes);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_DEVICE_ATTRIBUTES_H_
