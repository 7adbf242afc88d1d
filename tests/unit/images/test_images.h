// The code images that nvcc makes of this folder's sources (images.cmake), for the tests that examine them.
#ifndef PAELLA_TESTS_UNIT_IMAGES_TEST_IMAGES_H_
#define PAELLA_TESTS_UNIT_IMAGES_TEST_IMAGES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace paella::scheduler_daemon {

inline constexpr int kHopper = 9;

// As the executor keeps it: a zero behind it.
inline std::vector<std::byte> Image(const std::string& name) {
  std::ifstream file(PAELLA_TEST_IMAGES "/" + name, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_FALSE(content.empty()) << name;
  std::vector<std::byte> bytes(content.size() + 1);
  std::memcpy(bytes.data(), content.data(), content.size());
  return bytes;
}

// Every form in which a program carries the code of one source: the end of the image's name.
inline auto EveryForm() { return testing::Values("cubin", "none.fatbin", "size.fatbin", "speed.fatbin"); }

inline std::string FormName(const testing::TestParamInfo<const char*>& form) {
  std::string name = form.param;
  std::ranges::replace(name, '.', '_');
  return name;
}

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_TESTS_UNIT_IMAGES_TEST_IMAGES_H_
