// Memory that graphs allocate: nodes of cuGraphAddMemAllocNode and cuMemAllocAsync in a capture.
//
// It is there from the node's making until graph and executable graphs have gone, at one address, as CUDA promises for
// the address; no two nodes share memory. What a launch does is to make it the program's (`live`), which a free node or
// cuMemFree undoes. If it is live when the last graph goes, it is the program's for good.
//
// Any thread. GraphMemories owns nothing: nodes share ownership of the memory.
#ifndef PAELLA_SHIM_GRAPH_MEMORY_H_
#define PAELLA_SHIM_GRAPH_MEMORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "shim/cuda_api.h"

namespace paella::shim {

struct Client;

class GraphMemory {
 public:
  GraphMemory(Client& client, std::uint64_t address, std::uint64_t size_bytes)
      : client_(client), address_(address), size_bytes_(size_bytes) {}
  ~GraphMemory();  // gives the memory back, in stream order, unless it is live
  GraphMemory(const GraphMemory&) = delete;

  std::uint64_t address() const { return address_; }
  std::uint64_t size_bytes() const { return size_bytes_; }

  bool is_in_executable = false;  // at most one at a time; under the mutex of Graphs

 private:
  friend class GraphMemories;

  Client& client_;
  const std::uint64_t address_, size_bytes_;
  bool live_ = false;                // under the mutex of GraphMemories, like the next two
  std::uint32_t last_stream_ = 0;    // of what used it last
  std::uint64_t last_sequence_ = 0;
};

class GraphMemories {
 public:
  explicit GraphMemories(Client& client) : client_(client) {}

  CUresult Make(std::uint64_t size_bytes, std::shared_ptr<GraphMemory>& memory);
  bool IsGraphs(std::uint64_t address) const;

  // A launch's nodes. False: it is the program's already, and the graph does not free it by itself.
  bool Allocate(GraphMemory& memory, bool free_first);
  // What uses it ends with this command of a stream, or is ordered before it.
  void UsedUntil(std::uint64_t address, std::uint32_t stream, std::uint64_t sequence);
  // By a node or by the program. False: it is not live.
  bool Free(std::uint64_t address);

  struct Use {
    std::uint64_t used_bytes = 0, reserved_bytes = 0;
  };
  Use use() const;

 private:
  friend class GraphMemory;

  Client& client_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, GraphMemory*> all_;  // under mutex_; by address
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_GRAPH_MEMORY_H_
