#include "tests/simulated_gpu/device_print.h"

#include <bit>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

#include "tests/simulated_gpu/memory_access.h"
#include "tests/simulated_gpu/print_buffer.h"
#include "tests/simulated_gpu/raw_memory.h"

namespace paella::simulated_gpu {
namespace {

constexpr std::size_t kMostTextBytes = 1 << 16;  // of one string: what has no end ends there

// One lane's view of the memory that it names. Reading what is not there raises the fault of a load.
class LaneMemory {
 public:
  LaneMemory(Warp& warp, const Instruction& in, std::uint32_t lane) : warp_(warp), in_(in), lane_(lane) {}

  template <typename T>
  std::optional<T> Read(std::uint64_t address) const {
    const std::uint8_t* const at = Translate(warp_, in_, lane_, address, sizeof(T), Access::kRead);
    if (at == nullptr) return std::nullopt;
    return LoadRaw<T>(at);
  }

  std::optional<std::string> ReadText(std::uint64_t address) const {
    std::string text;
    if (address == 0) return "(null)";
    while (text.size() < kMostTextBytes) {
      const auto c = Read<std::uint8_t>(address + text.size());
      if (!c) return std::nullopt;
      if (*c == 0) break;
      text.push_back(static_cast<char>(*c));
    }
    return text;
  }

  // The call's argument `index`, from the caller's parameter area.
  template <typename T>
  T Argument(const CallSite& site, std::size_t index) const {
    T value{};
    std::memcpy(&value, warp_.frame->ParameterOf(lane_) + site.arguments[index].caller_offset, sizeof value);
    return value;
  }

 private:
  Warp& warp_;
  const Instruction& in_;
  const std::uint32_t lane_;
};

// The arguments of a printf as the compiler lays them out: one behind the other, each at its natural alignment.
class PrintArguments {
 public:
  PrintArguments(const LaneMemory& memory, std::uint64_t address) : memory_(memory), address_(address) {}

  template <typename T>
  std::optional<T> Next() {
    const std::uint64_t at = (offset_ + sizeof(T) - 1) / sizeof(T) * sizeof(T);
    offset_ = at + sizeof(T);
    return memory_.Read<T>(address_ + at);
  }

 private:
  const LaneMemory& memory_;
  const std::uint64_t address_;
  std::uint64_t offset_ = 0;
};

template <typename... Values>
void AppendFormatted(std::string& text, const std::string& specification, Values... values) {
  char buffer[512];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
  const int size = std::snprintf(buffer, sizeof buffer, specification.c_str(), values...);
#pragma GCC diagnostic pop
  text.append(buffer, static_cast<std::size_t>(std::min<int>(size, sizeof buffer - 1)));
}

// One conversion: "%" to its letter. The host's printf does the work, told of the width that the argument really has.
struct Conversion {
  std::string flags;  // flags, width and precision, with the stars replaced
  bool is_long = false;
  char letter = 0;
};

// Reads a conversion from behind its percent sign; `format` continues behind it.
std::optional<Conversion> TakeConversion(std::string_view& format, PrintArguments& arguments) {
  Conversion conversion;
  int longs = 0;
  while (!format.empty()) {
    const char c = format.front();
    format.remove_prefix(1);
    if (c == '*') {
      const auto width = arguments.Next<std::int32_t>();
      if (!width) return std::nullopt;
      conversion.flags += std::to_string(*width);
    } else if (std::strchr("0123456789+- #.", c) != nullptr) {
      conversion.flags += c;
    } else if (c == 'l' || c == 'j' || c == 'z' || c == 't') {
      ++longs;
    } else if (c != 'h') {
      conversion.letter = c;
      break;
    }
  }
  conversion.is_long = longs != 0;
  return conversion;
}

bool AppendConverted(std::string& text, const Conversion& conversion, PrintArguments& arguments,
                     const LaneMemory& memory) {
  const std::string head = "%" + conversion.flags;
  switch (conversion.letter) {
    case 'd': case 'i': case 'u': case 'o': case 'x': case 'X':
      if (conversion.is_long) {
        const auto value = arguments.Next<std::int64_t>();
        if (value) AppendFormatted(text, head + "ll" + conversion.letter, static_cast<long long>(*value));
        return value.has_value();
      }
      [[fallthrough]];
    case 'c':
      if (const auto value = arguments.Next<std::int32_t>()) {
        AppendFormatted(text, head + conversion.letter, *value);
        return true;
      }
      return false;
    case 'f': case 'F': case 'e': case 'E': case 'g': case 'G': case 'a': case 'A':
      if (const auto bits = arguments.Next<std::uint64_t>()) {
        AppendFormatted(text, head + conversion.letter, std::bit_cast<double>(*bits));
        return true;
      }
      return false;
    case 'p':
      if (const auto value = arguments.Next<std::uint64_t>()) {
        AppendFormatted(text, head + "p", reinterpret_cast<void*>(*value));
        return true;
      }
      return false;
    case 's': {
      const auto address = arguments.Next<std::uint64_t>();
      const auto value = address ? memory.ReadText(*address) : std::nullopt;
      if (!value) return false;
      if (conversion.flags.empty()) {
        text += *value;
      } else {
        AppendFormatted(text, head + "s", value->c_str());
      }
      return true;
    }
    default: text += conversion.letter == 0 ? "%" : std::string(1, conversion.letter); return true;  // "%%"
  }
}

// Nothing after a fault.
std::optional<std::string> FormatText(std::string_view format, PrintArguments arguments, const LaneMemory& memory) {
  std::string text;
  while (!format.empty()) {
    const std::size_t percent = std::min(format.find('%'), format.size());
    text += format.substr(0, percent);
    format.remove_prefix(percent);
    if (format.empty()) break;
    format.remove_prefix(1);
    const auto conversion = TakeConversion(format, arguments);
    if (!conversion || !AppendConverted(text, *conversion, arguments, memory)) return std::nullopt;
  }
  return text;
}

void Print(Warp& warp, const Instruction& in) {
  const CallSite& site = warp.frame->function->call_sites[in.target];
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    const LaneMemory memory(warp, in, lane);
    const auto format = memory.ReadText(memory.Argument<std::uint64_t>(site, 0));
    if (!format) return;
    auto text = FormatText(*format, PrintArguments(memory, memory.Argument<std::uint64_t>(site, 1)), memory);
    if (!text) return;
    const auto result = static_cast<std::int32_t>(text->size());
    PrintBuffer::Get().Print(*std::move(text));
    if (site.results.empty()) return;
    std::memcpy(warp.frame->ParameterOf(lane) + site.results[0].caller_offset, &result, sizeof result);
  });
}

std::string ThreadOf(const Warp& warp, std::uint32_t lane) {
  const Dim3& shape = warp.block->launch->block;
  const std::uint32_t thread = warp.index * kWarpSize + lane;
  return std::to_string(thread % shape.x) + ',' + std::to_string(thread / shape.x % shape.y) + ',' +
         std::to_string(thread / shape.x / shape.y);
}

void AssertFailed(Warp& warp, const Instruction& in) {
  const CallSite& site = warp.frame->function->call_sites[in.target];
  const Dim3& block = warp.block->position;
  const std::string where =
      "[" + std::to_string(block.x) + ',' + std::to_string(block.y) + ',' + std::to_string(block.z) + ']';
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    const LaneMemory memory(warp, in, lane);
    const auto message = memory.ReadText(memory.Argument<std::uint64_t>(site, 0));
    const auto file = memory.ReadText(memory.Argument<std::uint64_t>(site, 1));
    const auto function = memory.ReadText(memory.Argument<std::uint64_t>(site, 3));
    if (!message || !file || !function) return;
    PrintBuffer::Get().TellOfAssertion(*file + ':' + std::to_string(memory.Argument<std::uint32_t>(site, 2)) + ": " +
                                       *function + ": block: " + where + ", thread: [" + ThreadOf(warp, lane) +
                                       "] Assertion `" + *message + "` failed.\n");
  });
  warp.RaiseFault(Fault::kAssert, in);
}

}  // namespace

bool EmitPrintingCall(Emitter& emitter, const std::string& callee, const CallSite& site) {
  const bool prints = callee == "vprintf";
  if (!prints && callee != "__assertfail") return false;
  constexpr std::size_t kPrintArguments = 2, kAssertArguments = 5;
  const std::size_t expected = prints ? kPrintArguments : kAssertArguments;
  if (site.arguments.size() != expected) emitter.Fail(callee + " is called wrongly");
  Instruction& in = emitter.Emit(prints ? Print : AssertFailed);
  in.space = static_cast<std::uint8_t>(Space::kGeneric);
  in.target = static_cast<std::uint32_t>(emitter.out().call_sites.size());
  emitter.out().call_sites.push_back(site);
  return true;
}

}  // namespace paella::simulated_gpu
