// tex, suld.b and sust.b: textures read point by point, surfaces read and written as they lie.
//
// r[0] to r[3] are the values, r[4] is the object, r[5] the coordinates, which a first instruction puts side by side;
// target is the number of dimensions, immediate tells what coordinates are (kLayered, kWhole).
#include <algorithm>
#include <bit>
#include <cmath>

#include "tests/simulated_gpu/half.h"
#include "tests/simulated_gpu/handlers.h"
#include "tests/simulated_gpu/images.h"
#include "tests/simulated_gpu/memory_access.h"
#include "tests/simulated_gpu/raw_memory.h"

namespace paella::simulated_gpu {
namespace {

constexpr std::uint64_t kLayered = 1;  // the first coordinate is a layer
constexpr std::uint64_t kWhole = 2;    // coordinates are integers
constexpr std::uint32_t kMaxCoordinates = 4;

std::uint32_t Coordinate(const Warp& warp, const Instruction& in, std::uint32_t which, std::uint32_t lane) {
  return warp.At<std::uint32_t>(in.r[5])[which * kWarpSize + lane];
}

void GatherCoordinates(Warp& warp, const Instruction& in) {
  for (std::uint32_t i = 0; i < kMaxCoordinates && in.r[i] != kNowhere; ++i) {
    std::uint32_t* const to = warp.At<std::uint32_t>(in.r[5]) + i * kWarpSize;
    const std::uint32_t* const from = warp.At<std::uint32_t>(in.r[i]);
    ForLanes(warp.exec, [&](std::uint32_t lane) { to[lane] = from[lane]; });
  }
}

// An object is looked up once for as many lanes as name it one after the other.
template <typename Object>
class Lookup {
 public:
  const Object* Find(std::uint64_t number) {
    if (number != number_ || found_ == nullptr) found_ = ObjectNumbers<Object>::Get().Find(number_ = number);
    return found_.get();
  }

 private:
  std::uint64_t number_ = 0;
  std::shared_ptr<const Object> found_;
};

// Where along one axis a coordinate falls. False: on the border.
bool Locate(float x, std::uint64_t extent, CUaddress_mode mode, bool is_normalized, std::uint64_t& at) {
  const auto elements = static_cast<float>(extent);
  if (is_normalized && mode == CU_TR_ADDRESS_MODE_WRAP) x -= std::floor(x);
  if (is_normalized && mode == CU_TR_ADDRESS_MODE_MIRROR) {
    const float whole = std::floor(x);
    x -= whole;
    if (std::fmod(whole, 2.0f) != 0) x = 1 - x;
  }
  const float place = std::floor(is_normalized ? x * elements : x);
  if (mode == CU_TR_ADDRESS_MODE_BORDER && !(place >= 0 && place < elements)) return false;
  at = static_cast<std::uint64_t>(std::clamp(std::isnan(place) ? 0.0f : place, 0.0f, elements - 1));
  return true;
}

std::uint32_t Word(float value) { return std::bit_cast<std::uint32_t>(value); }

// One component as a register holds it: a float, or an integer where the texture is read as integers.
std::uint32_t ReadComponent(const std::uint8_t* from, CUarray_format format, bool as_integer) {
  const auto small = [&](auto value, float most) {
    if (as_integer) return static_cast<std::uint32_t>(value);
    return Word(std::max(static_cast<float>(value) / most, -1.0f));
  };
  switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8: return small(LoadRaw<std::uint8_t>(from), 255.0f);
    case CU_AD_FORMAT_SIGNED_INT8: return small(std::int32_t{LoadRaw<std::int8_t>(from)}, 127.0f);
    case CU_AD_FORMAT_UNSIGNED_INT16: return small(LoadRaw<std::uint16_t>(from), 65535.0f);
    case CU_AD_FORMAT_SIGNED_INT16: return small(std::int32_t{LoadRaw<std::int16_t>(from)}, 32767.0f);
    case CU_AD_FORMAT_HALF: return Word(HalfToFloat(LoadRaw<std::uint16_t>(from)));
    default: return LoadRaw<std::uint32_t>(from);
  }
}

// Which element a lane reads. False: none, but the border.
bool FindElement(const Warp& warp, const Instruction& in, std::uint32_t lane, const Texture& texture,
                 std::uint64_t& address) {
  const Image& image = texture.image;
  const std::uint64_t extents[3] = {image.width, image.height, image.depth};
  std::uint64_t at[3] = {0, 0, 0};
  const std::uint32_t first = (in.immediate & kLayered) != 0 ? 1 : 0;
  const bool is_normalized = (texture.description.flags & CU_TRSF_NORMALIZED_COORDINATES) != 0;
  for (std::uint32_t axis = 0; axis < in.target; ++axis) {
    const std::uint32_t word = Coordinate(warp, in, first + axis, lane);
    if ((in.immediate & kWhole) != 0) {
      if (word >= extents[axis]) return false;
      at[axis] = word;
    } else if (!Locate(std::bit_cast<float>(word), extents[axis], texture.description.addressMode[axis], is_normalized,
                       at[axis])) {
      return false;
    }
  }
  if (first != 0) {
    const auto layer = static_cast<std::int32_t>(Coordinate(warp, in, 0, lane));
    at[2] = static_cast<std::uint64_t>(std::clamp<std::int64_t>(layer, 0, static_cast<std::int64_t>(image.depth) - 1));
  }
  address = image.address + at[2] * image.slice_bytes + at[1] * image.pitch_bytes + at[0] * image.element_bytes;
  return true;
}

void Sample(Warp& warp, const Instruction& in) {
  Lookup<Texture> lookup;
  const std::uint64_t* const objects = warp.At<std::uint64_t>(in.r[4]);
  for (std::uint32_t mask = warp.exec; mask != 0; mask &= mask - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(mask));
    const Texture* const texture = lookup.Find(objects[lane]);
    if (texture == nullptr) return warp.RaiseFault(Fault::kIllegalAddress, in, objects[lane]);
    const Image& image = texture->image;
    const bool as_integer = (texture->description.flags & CU_TRSF_READ_AS_INTEGER) != 0;
    std::uint64_t address = 0;
    const bool inside = FindElement(warp, in, lane, *texture, address);
    const auto bytes = static_cast<std::uint32_t>(image.element_bytes);
    const std::uint8_t* const from = inside ? GlobalMemory(warp, in, address, bytes, Access::kRead) : nullptr;
    if (inside && from == nullptr) return;
    const std::uint64_t component_bytes = image.element_bytes / image.channels;
    for (std::uint32_t i = 0; i < 4; ++i) {
      std::uint32_t word = inside ? 0 : Word(texture->description.borderColor[i]);
      if (inside && i < image.channels) word = ReadComponent(from + i * component_bytes, image.format, as_integer);
      warp.At<std::uint32_t>(in.r[i])[lane] = word;
    }
  }
}

// The memory of one lane's access to a surface, whose first coordinate counts bytes. Null after raising a fault.
std::uint8_t* SurfaceMemory(Warp& warp, const Instruction& in, std::uint32_t lane, const Image* image,
                            std::uint32_t bytes, Access access) {
  const std::uint32_t first = (in.immediate & kLayered) != 0 ? 1 : 0;
  std::uint64_t at[3] = {0, 0, 0};
  for (std::uint32_t axis = 0; axis < in.target; ++axis) at[axis] = Coordinate(warp, in, first + axis, lane);
  if (first != 0) at[2] = Coordinate(warp, in, 0, lane);
  const bool inside = image != nullptr && at[0] + bytes <= image->width * image->element_bytes &&
                      at[1] < image->height && at[2] < image->depth;
  if (!inside) {
    warp.RaiseFault(Fault::kIllegalAddress, in, at[0]);
    return nullptr;
  }
  const std::uint64_t address = image->address + at[2] * image->slice_bytes + at[1] * image->pitch_bytes + at[0];
  if (address % bytes != 0) {
    warp.RaiseFault(Fault::kMisaligned, in, address);
    return nullptr;
  }
  return GlobalMemory(warp, in, address, bytes, access);
}

// M is what lies in memory, R the register.
template <typename M, typename R, Access kAccess>
void AccessSurface(Warp& warp, const Instruction& in) {
  Lookup<Image> lookup;
  const std::uint64_t* const objects = warp.At<std::uint64_t>(in.r[4]);
  const auto bytes = static_cast<std::uint32_t>(sizeof(M) * in.count);
  for (std::uint32_t mask = warp.exec; mask != 0; mask &= mask - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(mask));
    std::uint8_t* const memory = SurfaceMemory(warp, in, lane, lookup.Find(objects[lane]), bytes, kAccess);
    if (memory == nullptr) return;
    for (std::uint32_t i = 0; i < in.count; ++i) {
      R* const value = warp.At<R>(in.r[i]) + lane;
      if constexpr (kAccess == Access::kRead) {
        *value = static_cast<R>(LoadRaw<M>(memory + i * sizeof(M)));
      } else {
        StoreRaw(memory + i * sizeof(M), static_cast<M>(*value));
      }
    }
  }
}

template <Access kAccess>
Handler SurfaceHandler(Type type) {
  switch (type) {
    case Type::kB8: return AccessSurface<std::uint8_t, std::uint16_t, kAccess>;
    case Type::kB16: return AccessSurface<std::uint16_t, std::uint16_t, kAccess>;
    case Type::kB32: return AccessSurface<std::uint32_t, std::uint32_t, kAccess>;
    case Type::kB64: return AccessSurface<std::uint64_t, std::uint64_t, kAccess>;
    default: return nullptr;
  }
}

struct Shape {
  std::uint32_t dimensions;
  bool is_layered;
};

Shape TakeShape(Emitter& emitter, Modifiers& modifiers) {
  const std::string_view word = modifiers.TakeAny({"1d", "2d", "3d", "a1d", "a2d"});
  if (word.empty()) emitter.Fail("this geometry is not supported");
  const bool is_layered = word[0] == 'a';
  return {static_cast<std::uint32_t>(word[is_layered ? 1 : 0] - '0'), is_layered};
}

// [object, {coordinates}], the coordinates put side by side.
struct Target {
  Place object, coordinates;
};

Target TakeTarget(Emitter& emitter, const Operand& operand, const Shape& shape, Type coordinate) {
  if (operand.kind != Operand::Kind::kAddress || operand.elements.size() != 2 || operand.offset != 0 ||
      operand.elements[0].kind != Operand::Kind::kRegister) {
    emitter.Fail("expected [object, {coordinates}]");
  }
  const Operand& given = operand.elements[1];
  const std::vector<Operand> coordinates =
      given.kind == Operand::Kind::kVector ? given.elements : std::vector<Operand>{given};
  const std::uint32_t wanted = shape.dimensions + (shape.is_layered ? 1 : 0);
  if (coordinates.size() < wanted) emitter.Fail("too few coordinates");
  Place places[kMaxCoordinates] = {kNowhere, kNowhere, kNowhere, kNowhere};
  for (std::uint32_t i = 0; i < wanted; ++i) {
    places[i] = emitter.Source(coordinates[i], shape.is_layered && i == 0 ? Type::kU32 : coordinate);
  }
  const Target target{emitter.Source(operand.elements[0], Type::kU64), emitter.Temporary(4 * kMaxCoordinates)};
  Instruction& gather = emitter.Emit(GatherCoordinates);
  std::copy(places, places + kMaxCoordinates, gather.r);
  gather.r[5] = target.coordinates;
  return target;
}

void Fill(Instruction& in, const Target& target, const Shape& shape, bool is_whole) {
  in.r[4] = target.object;
  in.r[5] = target.coordinates;
  in.target = shape.dimensions;
  in.immediate = (shape.is_layered ? kLayered : 0) | (is_whole ? kWhole : 0);
}

void DecodeTexture(Emitter& emitter, Modifiers& modifiers) {
  const Shape shape = TakeShape(emitter, modifiers);
  if (!modifiers.Take("v4")) emitter.Fail("only whole elements are supported");
  const Type value = modifiers.TakeType();
  const Type coordinate = modifiers.TakeType();
  const Operand& values = emitter.operand(0);
  const bool is_known = (value == Type::kF32 || value == Type::kU32 || value == Type::kS32) &&
                        (coordinate == Type::kF32 || coordinate == Type::kS32);
  if (!is_known || values.elements.size() != 4) emitter.Fail("not supported for these types");
  const Target target = TakeTarget(emitter, emitter.operand(1), shape, coordinate);
  Place places[4];
  for (std::size_t i = 0; i < 4; ++i) places[i] = emitter.Destination(values.elements[i], value);
  Instruction& in = emitter.Emit(Sample);
  std::copy(places, places + 4, in.r);
  Fill(in, target, shape, coordinate == Type::kS32);
}

// The default form (.trap): an access outside of the surface is a fault.
void DecodeSurface(Emitter& emitter, Modifiers& modifiers, bool load) {
  if (!modifiers.Take("b")) emitter.Fail("only unformatted accesses are supported");
  modifiers.Take("trap");
  const Shape shape = TakeShape(emitter, modifiers);
  modifiers.TakeAny({"v2", "v4"});
  modifiers.TakeHints();
  const Type type = modifiers.TakeType();
  const Operand& values = emitter.operand(load ? 0 : 1);
  const bool is_vector = values.kind == Operand::Kind::kVector;
  const std::size_t count = is_vector ? values.elements.size() : 1;
  const Handler handler = load ? SurfaceHandler<Access::kRead>(type) : SurfaceHandler<Access::kWrite>(type);
  if (handler == nullptr || count > 4) emitter.Fail("not supported for this type");
  const Target target = TakeTarget(emitter, emitter.operand(load ? 1 : 0), shape, Type::kU32);
  Place places[4] = {kNowhere, kNowhere, kNowhere, kNowhere};
  for (std::size_t i = 0; i < count; ++i) {
    const Operand& value = is_vector ? values.elements[i] : values;
    places[i] = load ? emitter.Destination(value, type) : emitter.Source(value, type);
  }
  Instruction& in = emitter.Emit(handler);
  std::copy(places, places + 4, in.r);
  in.count = static_cast<std::uint8_t>(count);
  Fill(in, target, shape, true);
}

}  // namespace

bool DecodeImage(Emitter& emitter, Modifiers& modifiers) {
  const std::string_view base = modifiers.base();
  if (base == "tex") {
    DecodeTexture(emitter, modifiers);
  } else if (base == "suld") {
    DecodeSurface(emitter, modifiers, true);
  } else if (base == "sust") {
    DecodeSurface(emitter, modifiers, false);
  } else {
    return false;
  }
  return true;
}

}  // namespace paella::simulated_gpu
