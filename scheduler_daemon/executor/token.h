// The secret numbers by which processes of one tenant name what they share: 128 random bits, which nobody guesses and
// the executor looks up. Whoever is told one by its owner may use it.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_TOKEN_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_TOKEN_H_

#include <sys/random.h>

#include <compare>
#include <cstdint>

namespace paella::scheduler_daemon {

struct Token {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  auto operator<=>(const Token&) const = default;

  static Token Make() {
    Token token;
    // Short only while the system has not gathered its first random bits.
    while (getrandom(&token, sizeof token, 0) != sizeof token) {
    }
    return token;
  }
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_TOKEN_H_
