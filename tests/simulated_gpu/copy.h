// Copies and fills of boxes of bytes, between device memory and any memory of the process.
//
// Checked when they are asked for, on the calling thread, and run on a worker. Memory that the driver does not know is
// pageable host memory: it is read and written by system calls, which answer a wrong address with an error.
#ifndef PAELLA_TESTS_SIMULATED_GPU_COPY_H_
#define PAELLA_TESTS_SIMULATED_GPU_COPY_H_

#include <cuda.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace paella::simulated_gpu {

struct Box {
  std::size_t width = 0;  // in bytes
  std::size_t height = 1;
  std::size_t depth = 1;
};

// Rows lie `pitch` apart, layers of rows `layer`.
struct Place3 {
  std::uintptr_t address = 0;
  std::size_t pitch = 0;
  std::size_t layer = 0;
};

enum class Side : std::uint8_t { kHost, kDevice, kAny };

class Copy {
 public:
  Copy(const Place3& to, const Place3& from, const Box& box) : to_(to), from_(from), box_(box) {}

  // INVALID_VALUE if a side is not memory of its kind.
  CUresult Check(Side to, Side from);
  // Takes a pageable source's bytes now, so that the caller may change them before the copy runs.
  CUresult Stage();
  bool to_pageable() const { return to_pageable_; }
  bool from_pageable() const { return from_pageable_; }
  // ILLEGAL_ADDRESS if device memory has gone meanwhile, INVALID_VALUE if pageable memory is not there.
  CUresult Run() const;

 private:
  CUresult CopyRow(std::uintptr_t to, std::uintptr_t from) const;

  Place3 to_, from_;
  Box box_;
  bool to_pageable_ = false, from_pageable_ = false;
  std::vector<std::uint8_t> staged_;
};

// `value` repeated, in elements of 1, 2 or 4 bytes; `box` in bytes.
struct Fill {
  Place3 to;
  Box box;
  std::uint32_t value = 0;
  std::uint32_t element_bytes = 1;

  CUresult Check() const;
  CUresult Run() const;
};

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_COPY_H_
