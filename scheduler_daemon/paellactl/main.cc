// paellactl: starts programs as clients of Paella, and asks paellad.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "scheduler_daemon/paellactl/control_client.h"
#include "scheduler_daemon/paellactl/run.h"
#include "scheduler_daemon/paellactl/status.h"
#include "scheduler_daemon/paellactl/top.h"
#include "scheduler_daemon/paellactl/why.h"

namespace paella::paellactl {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
constexpr int kMostGpus = 1024;

struct Options {
  RunOptions run;
  DaemonChoice daemon;
  bool as_json = false;
  std::vector<std::string> policy;  // NAME key=value ...
  std::vector<std::string> tenant;
  double trace_seconds = 10;
  bool once = false;
  TopOptions top;
  WhyOptions why;
};

struct Commands {
  CLI::App* run;
  CLI::App* status;
  CLI::App* policy_get;
  CLI::App* policy_set;
  CLI::App* tenant_set;
  CLI::App* trace_record;
  CLI::App* top;
  CLI::App* why;
};

// An option that is given must say something: "--tenant=" is a variable that was empty in somebody's script.
CLI::Option* AddWord(CLI::App* app, const std::string& name, std::string& value, const std::string& description) {
  const auto is_not_empty = [](std::string& word) { return word.empty() ? "it is empty" : std::string(); };
  return app->add_option(name, value, description)->check(CLI::Validator(is_not_empty, "", "not empty"));
}

// A name, and what is said of it; blanks separate them on the control socket.
void AddWords(CLI::App* app, const std::string& name, std::vector<std::string>& words, const std::string& description) {
  const auto why_not = [](std::string& word) -> std::string {
    if (word.empty()) return "it is empty";
    return word.find_first_of(" \t\n") == std::string::npos ? "" : "it has blanks";
  };
  app->add_option(name, words, description)->required()->check(CLI::Validator(why_not, "", "one word"));
}

CLI::App* AddRun(CLI::App& app, RunOptions& options) {
  CLI::App* run = app.add_subcommand("run", "Start a program that uses the GPU through Paella");
  run->footer("The program follows: paellactl run [OPTIONS] -- PROGRAM [ARGUMENT...]");
  AddWord(run, "--tenant", options.tenant, "Whom its work is accounted to (PAELLA_TENANT; default: user/program.pid)");
  AddWord(run, "--class", options.class_name, "Class of its work (PAELLA_CLASS; default: normal)");
  AddWord(run, "--socket", options.socket, "The daemon's socket (PAELLA_SOCKET; default: of the first visible GPU)");
  AddWord(run, "--fallback", options.fallback, "\"native\": without a daemon, use the GPU directly (PAELLA_FALLBACK)")
      ->check(CLI::IsMember({"native"}));
  AddWord(run, "--log", options.log, "\"stderr\" or a file for the library's log (PAELLA_LOG)");
  run->add_option("--gpu", options.gpu, "Ordinal of the GPU (CUDA_VISIBLE_DEVICES)")
      ->check(CLI::Range(0, kMostGpus - 1));
  return run;
}

void AddDaemonChoice(CLI::App* app, DaemonChoice& choice) {
  CLI::Option* control = AddWord(app, "--control-socket", choice.control_socket, "paellad's control socket");
  CLI::Option* socket =
      AddWord(app, "--socket", choice.socket, "The socket of its clients; the control socket is beside it");
  CLI::Option* gpu = app->add_option("--gpu", choice.gpu, "The daemon of this GPU (default: the first visible one)")
                         ->check(CLI::Range(0, kMostGpus - 1));
  control->excludes(socket, gpu);
  socket->excludes(gpu);
}

CLI::App* AddTop(CLI::App& app, Options& options) {
  CLI::App* top = app.add_subcommand("top", "Show what tenants do now: GPU share, queue, jobs, latencies");
  top->add_option("--interval", options.top.interval_s, "Seconds between two tables")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  CLI::Option* count = top->add_option("--count", options.top.count, "Tables, then it ends (default: never)")
                           ->check(CLI::Range(1, 1'000'000'000));
  top->add_flag("--once", options.once, "One table")->excludes(count);
  top->add_flag("--json", options.top.as_json, "As one JSON document, on one line, for each table");
  AddDaemonChoice(top, options.daemon);
  return top;
}

CLI::App* AddWhy(CLI::App& app, Options& options) {
  constexpr std::size_t kLongestList = 1'000'000;
  CLI::App* why = app.add_subcommand("why", "Show where the time of recent jobs went");
  AddWord(why, "what", options.why.what, "A job's number, or a tenant for its newest job (default: a list of jobs)");
  why->add_flag("--slowest", options.why.slowest, "The slowest first, not the newest");
  why->add_option("--limit", options.why.limit, "Jobs in the list")
      ->check(CLI::Range(std::size_t{1}, kLongestList))
      ->capture_default_str();
  why->add_flag("--json", options.why.as_json, "As one JSON document");
  AddDaemonChoice(why, options.daemon);
  return why;
}

Commands AddCommands(CLI::App& app, Options& options) {
  Commands commands{};
  app.set_version_flag("--version", "paellactl " PAELLA_VERSION);
  app.require_subcommand(1);
  commands.run = AddRun(app, options.run);
  commands.status = app.add_subcommand("status", "Show tenants, memory, launches, queue, policy and device");
  commands.status->add_flag("--json", options.as_json, "As one JSON document");
  AddDaemonChoice(commands.status, options.daemon);
  CLI::App* policy = app.add_subcommand("policy", "Show or change which command runs next");
  policy->require_subcommand(1);
  commands.policy_get = policy->add_subcommand("get", "Show the policy and its settings");
  AddDaemonChoice(commands.policy_get, options.daemon);
  commands.policy_set = policy->add_subcommand("set", "Change the policy; no command is lost");
  AddWords(commands.policy_set, "name", options.policy, "The new policy, and key=value for each of its settings");
  AddDaemonChoice(commands.policy_set, options.daemon);
  CLI::App* tenant = app.add_subcommand("tenant", "Change what a tenant is to the policy");
  tenant->require_subcommand(1);
  commands.tenant_set = tenant->add_subcommand("set", "class=latency|normal|best-effort, weight=..., deadline_ms=..., sm_share=...");
  AddWords(commands.tenant_set, "name", options.tenant,
           "The tenant, or a pattern such as 'alice/*', and key=value for each setting");
  AddDaemonChoice(commands.tenant_set, options.daemon);
  CLI::App* trace = app.add_subcommand("trace", "Record what programs do, for the simulator");
  trace->require_subcommand(1);
  commands.trace_record = trace->add_subcommand("record", "Write the jobs of the next seconds to standard output");
  commands.trace_record->add_option("--seconds", options.trace_seconds, "For how long")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  AddDaemonChoice(commands.trace_record, options.daemon);
  commands.top = AddTop(app, options);
  commands.why = AddWhy(app, options);
  return commands;
}

// Where the program's own words begin among those of `run`: behind "--", or at the first that is neither an option nor
// an option's value. What follows is the program's, whatever it looks like.
std::size_t FindProgram(const CLI::App& run, const std::vector<std::string>& words, std::size_t first) {
  for (std::size_t i = first; i < words.size(); ++i) {
    if (words[i] == "--" || words[i].empty() || words[i][0] != '-') return i;
    const CLI::Option* option = run.get_option_no_throw(words[i]);  // none for "--name=value"
    if (option != nullptr && option->get_items_expected_max() > 0) ++i;
  }
  return words.size();
}

// Takes the program and its arguments off the end of `words`.
std::vector<std::string> TakeProgram(const CLI::App& run, std::vector<std::string>& words) {
  if (words.empty() || words[0] != run.get_name()) return {};
  const std::size_t start = std::min(FindProgram(run, words, 1), words.size());
  std::vector<std::string> program(words.begin() + static_cast<std::ptrdiff_t>(start), words.end());
  words.resize(start);
  if (!program.empty() && program[0] == "--") program.erase(program.begin());
  return program;
}

int Print(const Answer& answer) {
  if (!answer.failed) {
    std::cout << answer.text << std::flush;
    if (std::cout) return 0;
    std::cerr << "paellactl: cannot write to standard output\n";
    return kExitFailure;
  }
  std::cerr << "paellactl: " << (answer.text.empty() ? "paellad gives no reason" : answer.text) << '\n';
  return kExitFailure;
}

int AskOrTell(const char* verb, const std::vector<std::string>& words, const std::vector<std::string>& paths) {
  std::string argument;
  for (const std::string& word : words) argument += (argument.empty() ? "" : " ") + word;
  Answer answer = Ask(paths, verb, argument);
  if (!answer.failed && !answer.text.empty()) answer.text += '\n';
  return Print(answer);
}

int RecordTrace(double seconds, const std::vector<std::string>& paths) {
  if (const Answer started = Ask(paths, "trace", "start"); started.failed) return Print(started);
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  return Print(Ask(paths, "trace", "stop"));
}

int Main(std::vector<std::string> words) {
  Options options;
  CLI::App app{"Starts programs as clients of Paella, and asks paellad about them.", "paellactl"};
  const Commands commands = AddCommands(app, options);
  const std::vector<std::string> program = TakeProgram(*commands.run, words);
  app.failure_message([](const CLI::App* asked, const CLI::Error& error) {
    return "paellactl: " + CLI::FailureMessage::simple(asked, error);
  });
  try {
    const auto is_meant = [&](const CLI::App* command) { return command->get_name() == words[0]; };
    if (!words.empty() && !words[0].starts_with('-') && app.get_subcommands(is_meant).empty()) {
      throw CLI::ExtrasError("there is no command '" + words[0] + "'", CLI::ExitCodes::ExtrasError);
    }
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11 takes them from the back
    if (*commands.run && program.empty()) throw CLI::RequiredError("PROGRAM");
  } catch (const CLI::ParseError& outcome) {
    return app.exit(outcome) == 0 ? 0 : kExitUsage;
  }
  if (*commands.run) return Run(options.run, program);
  const auto paths = ControlSocketPaths(options.daemon, ipc::SocketEnvironment::OfThisProcess());
  if (*commands.status) return Print(Status(paths, options.as_json));
  if (*commands.why) return Print(Why(paths, options.why));
  if (*commands.top) {
    if (options.once) options.top.count = 1;
    return Top(paths, options.top);
  }
  if (*commands.trace_record) return RecordTrace(options.trace_seconds, paths);
  if (*commands.tenant_set) return AskOrTell("tenant", options.tenant, paths);
  return AskOrTell("policy", options.policy, paths);
}

}  // namespace
}  // namespace paella::paellactl

int main(int argc, char** argv) { return paella::paellactl::Main(std::vector<std::string>(argv + 1, argv + argc)); }
