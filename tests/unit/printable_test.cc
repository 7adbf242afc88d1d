#include "scheduler_daemon/paellad/printable.h"

#include <gtest/gtest.h>

namespace paella::scheduler_daemon {
namespace {

constexpr std::size_t kMost = 128;

TEST(PrintableTest, NamesHaveNoBlanksAndNothingThatATerminalObeys) {
  EXPECT_TRUE(IsPrintableName("alice/serve.py", kMost));
  EXPECT_TRUE(IsPrintableName("zo\xC3\xAB\xE2\x82\xAC\xF0\x9F\x98\x80", kMost));
  for (const char* bad : {"", "a b", "a\nb", "a\x1B[2J", "a\x7F", "a\xC2\x9B", "a\x9B", "a\xC3", "\xC0\x8A",
                          "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x80\xAE", "\xE2\x80\xA8"}) {
    EXPECT_FALSE(IsPrintableName(bad, kMost)) << bad;
  }
  EXPECT_TRUE(IsPrintableName(std::string(kMost, 'x'), kMost));
  EXPECT_FALSE(IsPrintableName(std::string(kMost + 1, 'x'), kMost));
}

TEST(PrintableTest, WhatIsNotShownBecomesAQuestionMark) {
  EXPECT_EQ(Printable("two words, zo\xC3\xAB", kMost), "two words, zo\xC3\xAB");
  EXPECT_EQ(Printable("a\n[paellad] all is well\x1B[2J", kMost), "a?[paellad] all is well?[2J");
  EXPECT_EQ(Printable("\xC2\x9B|\x9B|\xE2\x82", kMost), "?|?|??");
  EXPECT_EQ(Printable(std::string_view("a\0b", 3), kMost), "a?b");
}

TEST(PrintableTest, NoCharacterIsCutInTwo) {
  EXPECT_EQ(Printable("abc", 2), "ab");
  EXPECT_EQ(Printable("a\xE2\x82\xAC", 3), "a");
}

TEST(PrintableTest, LinesDoNotLookLikeTheLogs) {
  EXPECT_EQ(PrintableLines("main+0x5\n[2026-01-01] [paellad] [error] \rboo\n", kMost),
            "    main+0x5\n    [2026-01-01] [paellad] [error] ?boo");
  EXPECT_EQ(PrintableLines("", kMost), "");
  EXPECT_LE(PrintableLines(std::string(1000, '\n'), kMost).size(), kMost);
  EXPECT_LE(PrintableLines(std::string(1000, 'x'), kMost).size(), kMost);
}

}  // namespace
}  // namespace paella::scheduler_daemon
