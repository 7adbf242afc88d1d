// The types of PTX values and their sizes. Values only.
#ifndef PAELLA_TESTS_SIMULATED_GPU_PTX_TYPE_H_
#define PAELLA_TESTS_SIMULATED_GPU_PTX_TYPE_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace paella::simulated_gpu {

enum class Type : std::uint8_t {
  kNone, kPred, kB8, kB16, kB32, kB64, kB128, kU8, kU16, kU32, kU64, kS8, kS16, kS32, kS64,
  kF16, kF16x2, kBf16, kBf16x2, kF32, kF64,
};

// "u32" -> Type::kU32; nothing if the word is no type.
std::optional<Type> ParseType(std::string_view word);

// Bytes of one value; a predicate's is that of the warp-wide bit mask it is kept in.
std::uint32_t TypeBytes(Type type);

inline bool IsSigned(Type t) { return t >= Type::kS8 && t <= Type::kS64; }
inline bool IsUnsigned(Type t) { return t >= Type::kU8 && t <= Type::kU64; }
inline bool IsBits(Type t) { return t >= Type::kB8 && t <= Type::kB128; }
inline bool IsInteger(Type t) { return t >= Type::kB8 && t <= Type::kS64; }
inline bool IsFloat(Type t) { return t >= Type::kF16; }

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_PTX_TYPE_H_
