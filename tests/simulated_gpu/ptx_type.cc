#include "tests/simulated_gpu/ptx_type.h"

#include <array>
#include <utility>

namespace paella::simulated_gpu {
namespace {

struct TypeRow {
  std::string_view word;
  Type type;
  std::uint32_t bytes;
};

constexpr std::array<TypeRow, 20> kTypes{{
    {"pred", Type::kPred, 4},   {"b8", Type::kB8, 1},     {"b16", Type::kB16, 2},       {"b32", Type::kB32, 4},
    {"b64", Type::kB64, 8},     {"b128", Type::kB128, 16}, {"u8", Type::kU8, 1},        {"u16", Type::kU16, 2},
    {"u32", Type::kU32, 4},     {"u64", Type::kU64, 8},   {"s8", Type::kS8, 1},         {"s16", Type::kS16, 2},
    {"s32", Type::kS32, 4},     {"s64", Type::kS64, 8},   {"f16", Type::kF16, 2},       {"f16x2", Type::kF16x2, 4},
    {"bf16", Type::kBf16, 2},   {"bf16x2", Type::kBf16x2, 4}, {"f32", Type::kF32, 4},   {"f64", Type::kF64, 8},
}};

}  // namespace

std::optional<Type> ParseType(std::string_view word) {
  for (const TypeRow& row : kTypes) {
    if (row.word == word) return row.type;
  }
  return std::nullopt;
}

std::uint32_t TypeBytes(Type type) {
  // kTypes is in the order of the enum, from kPred on.
  return type == Type::kNone ? 0 : kTypes[static_cast<std::size_t>(type) - 1].bytes;
}

}  // namespace paella::simulated_gpu
