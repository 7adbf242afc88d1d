// Makes every bad call of the table and says what the driver answered. Nothing here knows whose driver it is.
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "examples/common/command_line.h"
#include "examples/common/fail.h"
#include "tests/bad_calls/bad_call.h"
#include "tests/bad_calls/process.h"
#include "tests/bad_calls/supervisor.h"

namespace paella::bad_calls {
namespace {

using examples::Fail;

struct Options {
  bool list = false;
  std::vector<std::string> run;
  bool all = false;
  std::string json = "-";
  int row_timeout_ms = 60'000;
};

Options ParseOptions(int argc, char** argv) {
  Options options;
  CLI::App app{"Makes bad calls of the CUDA driver API and writes down the answers."};
  CLI::Option_group* const mode = app.add_option_group("mode");
  mode->add_flag("--list", options.list, "Print the rows' names");
  mode->add_option("--run", options.run, "Run these rows in this process; one JSON object a line");
  mode->add_flag("--all", options.all, "Run every row, in child processes");
  mode->require_option(1);
  app.add_option("--json", options.json, "Where --all writes the answers; - is standard output")->capture_default_str();
  app.add_option("--row-timeout-ms", options.row_timeout_ms, "The longest that a row may take")
      ->capture_default_str()
      ->check(CLI::Range(1, 3'600'000));
  examples::ParseOrExit(app, argc, argv);
  return options;
}

void List() {
  for (const BadCall& row : AllBadCalls()) std::printf("%s\n", row.name);
}

// Stops early where the process is no longer fit for another row: who asked for more starts another one.
void Run(const std::vector<std::string>& names) {
  Process process;
  for (const std::string& name : names) {
    const BadCall* const row = FindBadCall(name);
    if (row == nullptr) Fail(examples::kExitUsage, "no row is called " + name);
    const nlohmann::json line = {{name, process.Run(*row)}};
    std::printf("%s\n", line.dump().c_str());
    std::fflush(stdout);
    if (!process.usable()) return;
  }
}

// A row a line, sorted, so that diff shows rows.
std::string Format(const Answers& answers) {
  std::string text = "{";
  const char* separator = "\n";
  for (const auto& [name, steps] : answers) {
    text += separator + nlohmann::json(name).dump() + ": " + nlohmann::json(steps).dump();
    separator = ",\n";
  }
  return text + "\n}\n";
}

void Write(const std::string& text, const std::string& path) {
  if (path == "-") {
    std::fputs(text.c_str(), stdout);
    return;
  }
  std::ofstream file(path, std::ios::trunc);
  file << text << std::flush;
  if (!file) Fail(examples::kExitUsage, "cannot write " + path);
}

int ReportLost(const Answers& answers) {
  int exit_code = examples::kExitOk;
  for (const auto& [name, steps] : answers) {
    if (steps.front() != kCrash && steps.front() != kTimeout) continue;
    std::fprintf(stderr, "bad_calls: %s: %s\n", name.c_str(), steps.front().c_str());
    exit_code = examples::kExitWrongResult;
  }
  return exit_code;
}

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  if (options.list) List();
  Run(options.run);
  if (!options.all) return examples::kExitOk;
  const Answers answers = RunAll(options.row_timeout_ms);
  Write(Format(answers), options.json);
  return ReportLost(answers);
}

}  // namespace
}  // namespace paella::bad_calls

int main(int argc, char** argv) { return paella::bad_calls::Main(argc, argv); }
