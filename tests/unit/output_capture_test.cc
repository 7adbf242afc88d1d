// Standard output and standard error as the driver writes to them. Each test in a process of its own, whose streams it
// takes over.
#include "scheduler_daemon/executor/output_capture.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace paella::scheduler_daemon {
namespace {

constexpr char kAssertion[] = "a.cu:3: void f(int): block: [0,0,0], thread: [1,0,0] Assertion `x` failed.\n";

// The number of the first check that does not hold; 0 if all hold.
template <typename Checks>
int InOtherProcess(Checks checks) {
  const pid_t child = fork();
  if (child == 0) _exit(checks());
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(PrintfCapture, GivesWhatWasWrittenSinceTheLastTime) {
  EXPECT_EQ(InOtherProcess([] {
              PrintfCapture capture;
              if (!capture.Start()) return 1;
              std::printf("by the C library\n");
              if (capture.Take() != "by the C library\n") return 2;
              if (!capture.Take().empty()) return 3;
              if (write(STDOUT_FILENO, "by the kernel\n", 14) != 14) return 4;
              return capture.Take() == "by the kernel\n" ? 0 : 5;
            }),
            0);
}

TEST(PrintfCapture, NeverEnds) {
  EXPECT_EQ(InOtherProcess([] {
              PrintfCapture capture;
              if (!capture.Start()) return 1;
              const std::string text(1 << 20, 'x');
              for (std::size_t written = 0; written < 4 * PrintfCapture::kCapacityBytes; written += text.size()) {
                std::fwrite(text.data(), 1, text.size(), stdout);
                if (capture.Take() != text) return 2;
              }
              return 0;
            }),
            0);
}

// Too much at once is lost, and what comes later is not mixed with it.
TEST(PrintfCapture, HasABound) {
  EXPECT_EQ(InOtherProcess([] {
              PrintfCapture capture;
              if (!capture.Start()) return 1;
              const std::string text(PrintfCapture::kCapacityBytes + 5000, 'x');
              std::fwrite(text.data(), 1, text.size(), stdout);
              const std::string taken = capture.Take();
              if (taken.size() > PrintfCapture::kCapacityBytes || taken.empty()) return 2;
              std::printf("the next\n");
              return capture.Take() == "the next\n" ? 0 : 3;
            }),
            0);
}

TEST(AssertionCapture, KeepsLinesOfAssertionsAndForwardsAll) {
  int log[2];
  ASSERT_EQ(pipe(log), 0);
  EXPECT_EQ(InOtherProcess([&log] {
              dup2(log[1], STDERR_FILENO);
              auto* const capture = new AssertionCapture;  // its thread ends with the process
              if (!capture->Start()) return 1;
              std::fprintf(stderr, "something else\n%sno end", kAssertion);
              if (capture->Take() != kAssertion) return 2;
              return capture->Take().empty() ? 0 : 3;
            }),
            0);
  close(log[1]);
  std::string forwarded;
  char buffer[4096];
  for (ssize_t got; (got = read(log[0], buffer, sizeof buffer)) > 0;) {
    forwarded.append(buffer, static_cast<std::size_t>(got));
  }
  close(log[0]);
  EXPECT_EQ(forwarded, std::string("something else\n") + kAssertion + "no end");
}

// The C library says why it aborts just before it does.
TEST(AssertionCapture, ForwardsTheReasonOfAnAbort) {
  int log[2];
  ASSERT_EQ(pipe(log), 0);
  InOtherProcess([&log] {
    dup2(log[1], STDERR_FILENO);
    AssertionCapture capture;
    if (!capture.Start()) return 1;
    std::fputs("the reason\n", stderr);
    std::abort();
  });
  close(log[1]);
  char buffer[64] = "";
  EXPECT_GT(read(log[0], buffer, sizeof buffer - 1), 0);
  close(log[0]);
  EXPECT_STREQ(buffer, "the reason\n");
}

}  // namespace
}  // namespace paella::scheduler_daemon
