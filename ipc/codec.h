// How the fields of a message become bytes: little-endian scalars, and a 32-bit element count before bytes, strings and
// lists. Used by the generated messages (spec/messages.spec) only.
//
// A decoder reads bytes that a hostile peer wrote, after they were copied out of shared memory: each length is checked
// against what is left, and what is left over at the end makes the whole message bad.
#ifndef PAELLA_IPC_CODEC_H_
#define PAELLA_IPC_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace paella::ipc {

// The reply message of a call message; specialised in the generated header.
template <typename Call>
struct ReplyOf;

namespace codec {

template <typename T>
inline constexpr bool kIsScalar = std::is_arithmetic_v<T> || std::is_same_v<T, std::byte>;

template <typename T>
  requires kIsScalar<T>
constexpr std::size_t SizeOf(const T&) {
  return sizeof(T);
}

template <typename Container>
  requires(!kIsScalar<Container>)
std::size_t SizeOf(const Container& container) {
  std::size_t size = sizeof(std::uint32_t);
  if constexpr (kIsScalar<typename Container::value_type>) {
    size += container.size() * sizeof(typename Container::value_type);
  } else {
    for (const auto& element : container) size += SizeOf(element);
  }
  return size;
}

template <typename... Fields>
std::size_t Size(const Fields&... fields) {
  return (SizeOf(fields) + ...);
}

// The caller sized the memory with Size(), so writing needs no checks.
inline void Put(std::byte*& out, const void* data, std::size_t size) {
  if (size != 0) std::memcpy(out, data, size);
  out += size;
}

template <typename T>
void PutField(std::byte*& out, const T& field) {
  if constexpr (kIsScalar<T>) {
    Put(out, &field, sizeof field);
  } else {
    const auto count = static_cast<std::uint32_t>(field.size());
    Put(out, &count, sizeof count);
    if constexpr (kIsScalar<typename T::value_type>) {
      Put(out, field.data(), field.size() * sizeof(typename T::value_type));
    } else {
      for (const auto& element : field) PutField(out, element);
    }
  }
}

template <typename... Fields>
void Encode(std::span<std::byte> memory, const Fields&... fields) {
  std::byte* out = memory.data();
  (PutField(out, fields), ...);
}

inline bool Get(std::span<const std::byte>& in, void* data, std::size_t size) {
  if (in.size() < size) return false;
  if (size != 0) std::memcpy(data, in.data(), size);
  in = in.subspan(size);
  return true;
}

template <typename T>
bool GetField(std::span<const std::byte>& in, T& field) {
  if constexpr (kIsScalar<T>) {
    return Get(in, &field, sizeof field);
  } else {
    std::uint32_t count = 0;
    if (!Get(in, &count, sizeof count)) return false;
    using Element = typename T::value_type;
    constexpr std::size_t kLeastElementBytes = kIsScalar<Element> ? sizeof(Element) : sizeof(std::uint32_t);
    if (count > in.size() / kLeastElementBytes) return false;  // before memory is asked for
    field.resize(count);
    if constexpr (kIsScalar<Element>) {
      return Get(in, field.data(), count * sizeof(Element));
    } else {
      for (auto& element : field) {
        if (!GetField(in, element)) return false;
      }
      return true;
    }
  }
}

template <typename... Fields>
[[nodiscard]] bool Decode(std::span<const std::byte> in, Fields&... fields) {
  return (GetField(in, fields) && ...) && in.empty();
}

template <typename Message, typename Handler>
bool DispatchPost(std::span<const std::byte> payload, Handler& handler) {
  Message message;
  if (!message.Decode(payload)) return false;
  handler.On(std::move(message));
  return true;
}

// A call's payload: the number of the reply slot, then the message.
template <typename Message, typename Handler>
bool DispatchCall(std::span<const std::byte> payload, Handler& handler) {
  std::uint32_t slot = 0;
  Message message;
  if (!Get(payload, &slot, sizeof slot) || !message.Decode(payload)) return false;
  handler.OnCall(slot, message);
  return true;
}

}  // namespace codec
}  // namespace paella::ipc

#endif  // PAELLA_IPC_CODEC_H_
