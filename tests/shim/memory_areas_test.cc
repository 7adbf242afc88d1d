// Lines of /proc/self/maps, and the file itself.
#include "shim/memory_areas.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace paella::shim {
namespace {

TEST(MemoryAreasTest, ALineIsTakenApart) {
  MemoryArea area;
  ASSERT_TRUE(ParseMemoryArea("7f00a000-7f00c000 rw-s 00001000 fe:02 4711          /a path/with spaces", area));
  EXPECT_EQ(area.begin, 0x7f00a000u);
  EXPECT_EQ(area.end, 0x7f00c000u);
  EXPECT_TRUE(area.readable && area.writable && area.shared && !area.executable);
  EXPECT_EQ(area.offset, 0x1000u);
  EXPECT_EQ(area.device, makedev(0xfe, 2));
  EXPECT_EQ(area.inode, 4711u);
  EXPECT_EQ(area.name, "/a path/with spaces");
  ASSERT_TRUE(ParseMemoryArea("10-20 r-xp 00000000 00:00 0 ", area));
  EXPECT_TRUE(area.readable && area.executable && !area.writable && !area.shared);
  EXPECT_EQ(area.inode, 0u);
  EXPECT_EQ(area.name, "");
  ASSERT_TRUE(ParseMemoryArea("10-20 r-xp 00000000 00:00 0", area));
  EXPECT_FALSE(ParseMemoryArea("", area));
  EXPECT_FALSE(ParseMemoryArea("10-20 rw", area));
  EXPECT_FALSE(ParseMemoryArea("10-20 rw-p 0 0 0", area));
}

TEST(MemoryAreasTest, ThisProcessHasWhatItHasMapped) {
  const int file = memfd_create("areas", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(file, 3 * 4096), 0);
  struct stat status;
  ASSERT_EQ(fstat(file, &status), 0);
  void* const memory = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 2 * 4096);
  ASSERT_NE(memory, MAP_FAILED);
  MemoryAreas areas;
  MemoryArea area;
  int count = 0;
  bool has_stack = false;
  std::uint64_t last_end = 0;
  while (areas.Next(area)) {
    EXPECT_GE(area.begin, last_end);
    last_end = area.end;
    has_stack |= area.name == "[stack]";
    if (area.begin != reinterpret_cast<std::uintptr_t>(memory)) continue;
    ++count;
    EXPECT_TRUE(area.shared && area.readable && !area.writable);
    EXPECT_EQ(area.inode, status.st_ino);
    EXPECT_EQ(area.device, status.st_dev);
    EXPECT_EQ(area.offset, 2 * 4096u);
  }
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(has_stack);
  munmap(memory, 4096);
  close(file);
}

}  // namespace
}  // namespace paella::shim
