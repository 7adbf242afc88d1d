// The driver's linker: what a program adds is kept here, and linked by the daemon's driver in one call.
//
// Any thread for different links; as the driver has it, one at a time for each. Owns the links and what came of them.
#ifndef PAELLA_SHIM_LINKER_H_
#define PAELLA_SHIM_LINKER_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "shim/cuda_api.h"
#include "shim/handle_map.h"
#include "shim/libraries.h"
#include "shim/submission.h"

namespace paella::shim {

struct LinkInput {
  CUjitInputType type;
  std::vector<std::byte> data;
  std::string name;
  JitOptions jit;
};

struct Link {
  JitOptions jit;
  std::vector<LinkInput> inputs;
  bool is_complete = false;
  std::vector<std::byte> image;  // once it is
};

class Linker {
 public:
  Linker(Submission& submission, Libraries& libraries) : submission_(submission), libraries_(libraries) {}

  CUlinkState Create(JitOptions jit);
  Link* Find(CUlinkState handle) const { return links_.Find(handle); }
  bool Destroy(CUlinkState handle);

  // Fills the logs, whatever the result.
  CUresult Complete(Link& link);

 private:
  CUresult Fetch(std::uint64_t result, std::uint64_t size_bytes, std::vector<std::byte>& image);

  Submission& submission_;
  Libraries& libraries_;  // knows how to send what is too big for a record
  HandleMap<Link> links_;
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_LINKER_H_
