// integration_client SCENARIO [ARGUMENT...]: exits with 0 if all that the scenario checks holds.
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "examples/common/fail.h"
#include "tests/integration/programs/scenarios.h"

int main(int argc, char** argv) {
  using namespace paella::integration;
  const std::map<std::string, int (*)(Arguments)> scenarios{
      {"many_threads", ManyThreads},       {"streams_and_events", StreamsAndEvents},
      {"host_callbacks", HostCallbacks},   {"fork_before_init", ForkBeforeInit},
      {"fork_after_init", ForkAfterInit},  {"fork_and_exec", ForkAndExec},
      {"memory", Memory},                  {"registered_memory", RegisteredMemory},
      {"out_of_memory", OutOfMemory},
      {"illegal_address", IllegalAddress}, {"neighbour", Neighbour},
      {"hold", Hold},                      {"stop_at", StopAt},
      {"as_nobody", AsNobody},             {"backlog", Backlog},
      {"racer", Racer},                    {"turnstile", Turnstile},
      {"sm_shares", SmShares},
  };
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || !scenarios.contains(words[0])) examples::Fail(examples::kExitUsage, "name a scenario");
  return scenarios.at(words[0])(Arguments(words).subspan(1));
}
