// Touches simulated device memory, which several threads use with no order that C++ knows of: as on the real part, races
// between a kernel, a copy and the host are the program's affair.
//
// Single words are relaxed atomics, so that the compiler may not tear them. ThreadSanitizer must not look at any of it:
// it would report the program's races, and its shadow does not cover addresses of a reserved window.
#ifndef PAELLA_TESTS_SIMULATED_GPU_RAW_MEMORY_H_
#define PAELLA_TESTS_SIMULATED_GPU_RAW_MEMORY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SANITIZE_THREAD__)
#define PAELLA_RAW_MEMORY [[gnu::no_sanitize_thread, gnu::noinline]]
#else
#define PAELLA_RAW_MEMORY
#endif

namespace paella::simulated_gpu {

template <typename T>
PAELLA_RAW_MEMORY inline T LoadRaw(const void* from) {
  return __atomic_load_n(static_cast<const T*>(from), __ATOMIC_RELAXED);
}

template <typename T>
PAELLA_RAW_MEMORY inline void StoreRaw(void* to, T value) {
  __atomic_store_n(static_cast<T*>(to), value, __ATOMIC_RELAXED);
}

// True if it was `expected` and is `desired` now; otherwise `expected` is what was found. Sequentially consistent: the
// kernels' own fences are not modelled apart.
template <typename T>
PAELLA_RAW_MEMORY inline bool ExchangeRaw(void* at, T& expected, T desired) {
  T found = expected;
  const bool exchanged = __atomic_compare_exchange_n(static_cast<T*>(at), &found, desired, false, __ATOMIC_SEQ_CST,
                                                     __ATOMIC_SEQ_CST);
  expected = found;
  return exchanged;
}

// Plain instructions instead of memcpy and memset, which a sanitizer would watch.
inline void CopyRaw(void* to, const void* from, std::size_t bytes) {
#if defined(__SANITIZE_THREAD__)
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
#else
  std::memcpy(to, from, bytes);
#endif
}

template <typename T>
PAELLA_RAW_MEMORY inline void FillRaw(void* to, T value, std::size_t count) {
#if defined(__SANITIZE_THREAD__)
  volatile T* const first = static_cast<T*>(to);
  for (std::size_t i = 0; i < count; ++i) first[i] = value;
#else
  std::fill_n(static_cast<T*>(to), count, value);
#endif
}

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_RAW_MEMORY_H_
