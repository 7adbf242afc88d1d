// What the tests of clients that break the rules have in common (rogue_*_test.cc). Whatever such a client does, the
// daemon serves everybody else as if nothing had been.
#ifndef PAELLA_TESTS_INTEGRATION_ROGUE_TEST_H_
#define PAELLA_TESTS_INTEGRATION_ROGUE_TEST_H_

#include <cuda.h>

#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "tests/integration/rogue_client.h"
#include "tests/integration/support.h"

namespace paella::integration {

class Rogue : public DaemonTest {};

inline constexpr std::uint64_t kFar = std::numeric_limits<std::uint64_t>::max() - 7;
inline constexpr std::uint64_t kOwnBytes = 4096;  // of what a test allocates for its client

template <typename Message>
Message InOrder(std::uint32_t stream = 0, std::uint64_t sequence = 1) {
  Message message;
  message.stream = stream;
  message.sequence = sequence;
  return message;
}

inline std::vector<std::byte> Header(std::uint32_t size_bytes, std::uint32_t kind) {
  const ipc::RecordHeader header{size_bytes, kind, 0};
  std::vector<std::byte> bytes(sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

// The graph's number, or nothing if the daemon does not take it.
inline std::optional<std::uint64_t> MakeGraph(RogueClient& rogue, std::span<const std::byte> bytes) {
  ipc::UploadChunk chunk;
  chunk.upload = 1;
  chunk.data.assign(bytes.begin(), bytes.end());
  if (bytes.empty()) {
    const ipc::GraphNodes none;
    chunk.data.resize(none.EncodedSize());
    none.Encode(chunk.data);
  }
  rogue.Post(chunk);
  ipc::GraphInstantiate call;
  call.upload = chunk.upload;
  const auto reply = rogue.Ask(call);
  return reply ? std::optional(reply->graph) : std::nullopt;
}

}  // namespace paella::integration

#endif  // PAELLA_TESTS_INTEGRATION_ROGUE_TEST_H_
