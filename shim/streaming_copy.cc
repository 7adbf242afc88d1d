#include "shim/streaming_copy.h"

#include <emmintrin.h>

#include <cstdint>
#include <cstring>

namespace paella::shim {
namespace {

constexpr std::size_t kLineBytes = 64;
// Pages side by side, since the hardware's prefetcher follows a stream within a page only.
constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kPagesAtOnce = 4;
constexpr std::size_t kBlockBytes = kPagesAtOnce * kPageBytes;
constexpr std::size_t kPrefetchBytes = 256;
constexpr std::size_t kWorthwhileBytes = 4 * kBlockBytes;  // less than this stays in the caches until it is fetched

void CopyLine(std::byte* destination, const std::byte* source) {
  const auto* from = reinterpret_cast<const __m128i*>(source);
  auto* to = reinterpret_cast<__m128i*>(destination);
  _mm_prefetch(reinterpret_cast<const char*>(source + kPrefetchBytes), _MM_HINT_T0);
  const __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);
  const __m128i c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);
  _mm_stream_si128(to, a);
  _mm_stream_si128(to + 1, b);
  _mm_stream_si128(to + 2, c);
  _mm_stream_si128(to + 3, d);
}

// `destination` is at the start of a line.
void CopyBlock(std::byte* destination, const std::byte* source) {
  for (std::size_t line = 0; line < kPageBytes; line += kLineBytes) {
    for (std::size_t page = 0; page < kBlockBytes; page += kPageBytes) {
      CopyLine(destination + page + line, source + page + line);
    }
  }
}

}  // namespace

void StreamingCopy(std::byte* destination, const std::byte* source, std::size_t size_bytes) {
  if (size_bytes >= kWorthwhileBytes) {
    const std::size_t before_line = -reinterpret_cast<std::uintptr_t>(destination) % kLineBytes;
    std::memcpy(destination, source, before_line);
    std::size_t done = before_line;
    for (; size_bytes - done >= kBlockBytes; done += kBlockBytes) CopyBlock(destination + done, source + done);
    _mm_sfence();  // streaming stores are not ordered before the release that tells of them
    destination += done;
    source += done;
    size_bytes -= done;
  }
  if (size_bytes != 0) std::memcpy(destination, source, size_bytes);  // of nothing, the pointers may be null
}

}  // namespace paella::shim
