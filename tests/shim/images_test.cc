#include "shim/images.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace paella::shim {
namespace {

template <typename T>
void Store(std::vector<std::byte>& memory, std::size_t offset, const T& value) {
  std::memcpy(memory.data() + offset, &value, sizeof value);
}

std::vector<std::byte> FatBinary(std::uint16_t header_bytes, std::uint64_t payload_bytes) {
  std::vector<std::byte> image(4096);
  Store(image, 0, std::uint32_t{0xba55ed50});
  Store(image, 4, std::uint16_t{1});
  Store(image, 6, header_bytes);
  Store(image, 8, payload_bytes);
  return image;
}

std::vector<std::byte> Elf() {
  std::vector<std::byte> image(4096);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_shoff = 512;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 2;
  Store(image, 0, header);
  Elf64_Shdr code{};
  code.sh_type = SHT_PROGBITS;
  code.sh_offset = 1024;
  code.sh_size = 100;
  Store(image, 512, code);
  Elf64_Shdr zeros{};
  zeros.sh_type = SHT_NOBITS;  // takes no room in the file
  zeros.sh_offset = 1024;
  zeros.sh_size = 1 << 20;
  Store(image, 512 + sizeof code, zeros);
  return image;
}

TEST(ImagesTest, FatBinary) {
  const auto image = FatBinary(16, 1000);
  const auto found = FindImage(image.data());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->data(), image.data());
  EXPECT_EQ(found->size(), 1016u);
}

TEST(ImagesTest, WrapperIsTakenOff) {
  const auto inner = FatBinary(16, 64);
  std::vector<std::byte> wrapper(24);
  Store(wrapper, 0, std::uint32_t{0x466243b1});
  Store(wrapper, 4, std::uint32_t{1});
  Store(wrapper, 8, inner.data());
  const auto found = FindImage(wrapper.data());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->data(), inner.data());
  EXPECT_EQ(found->size(), 80u);
}

TEST(ImagesTest, ElfEndsWithItsLastSection) {
  const auto image = Elf();
  const auto found = FindImage(image.data());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 1124u);
}

TEST(ImagesTest, PtxIsAString) {
  const std::string ptx = "//\n.version 8.0\n.target sm_90\n";
  const auto found = FindImage(ptx.c_str());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), ptx.size() + 1);
}

TEST(ImagesTest, RubbishIsRefused) {
  EXPECT_FALSE(FindImage(nullptr));
  EXPECT_FALSE(FindImage("rubbish"));
  EXPECT_FALSE(FindImage(""));
  EXPECT_FALSE(FindImage(FatBinary(4, 1000).data()));
  EXPECT_FALSE(FindImage(FatBinary(16, ~0ull).data()));
  auto elf = Elf();
  Elf64_Shdr section{};
  section.sh_type = SHT_PROGBITS;
  section.sh_offset = ~0ull - 4;
  section.sh_size = 100;
  Store(elf, 512, section);
  EXPECT_FALSE(FindImage(elf.data()));
  // A wrapper around nothing, and one around itself.
  std::vector<std::byte> wrapper(24);
  Store(wrapper, 0, std::uint32_t{0x466243b1});
  EXPECT_FALSE(FindImage(wrapper.data()));
  Store(wrapper, 8, wrapper.data());
  EXPECT_FALSE(FindImage(wrapper.data()));
}

}  // namespace
}  // namespace paella::shim
