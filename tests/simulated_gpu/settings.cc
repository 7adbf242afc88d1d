#include "tests/simulated_gpu/settings.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace paella::simulated_gpu {
namespace {

void ReadNumber(const char* suffix, std::uint32_t lowest, std::uint32_t highest, std::uint32_t& value) {
  const std::string name = std::string("PAELLA_SIMULATED_GPU_") + suffix;
  const char* text = std::getenv(name.c_str());
  if (text == nullptr || *text == '\0') return;
  char* end = nullptr;
  errno = 0;
  const unsigned long long number = std::strtoull(text, &end, 10);
  if (errno != 0 || *end != '\0' || number < lowest || number > highest) {
    std::fprintf(stderr, "simulated gpu: %s=%s is not a number from %u to %u; using %u\n", name.c_str(), text, lowest,
                 highest, value);
    return;
  }
  value = static_cast<std::uint32_t>(number);
}

}  // namespace

Settings Settings::FromEnvironment() {
  Settings settings;
  ReadNumber("DEVICES", 1, kMaxDevices, settings.devices);
  ReadNumber("SMS", 1, 1024, settings.sms);
  ReadNumber("THREADS_PER_SM", kMaxThreadsPerBlock, 65536, settings.threads_per_sm);
  ReadNumber("BLOCKS_PER_SM", 1, 1024, settings.blocks_per_sm);
  ReadNumber("REGISTERS_PER_SM", 65536, 1 << 24, settings.registers_per_sm);
  ReadNumber("SHARED_MEMORY_PER_SM", kMaxSharedPerBlockDefault, 1 << 24, settings.shared_memory_per_sm);
  ReadNumber("HARDWARE_QUEUES", 1, 1024, settings.hardware_queues);
  ReadNumber("MEMORY_MIB", 1, 1 << 20, settings.memory_mib);
  ReadNumber("WORKERS", 1, 256, settings.workers);
  ReadNumber("CLOCK", 1000, 10'000'000, settings.clock_khz);
  ReadNumber("NEW_MEMORY_BYTE", 0, 255, settings.new_memory_byte);
  return settings;
}

const Settings& Settings::Get() {
  static const Settings settings = FromEnvironment();
  return settings;
}

}  // namespace paella::simulated_gpu
