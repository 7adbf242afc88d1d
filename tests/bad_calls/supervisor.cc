#include "tests/bad_calls/supervisor.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "tests/bad_calls/bad_call.h"
#include "tests/bad_calls/child.h"

namespace paella::bad_calls {
namespace {

using Names = std::vector<std::string>;

// What shares a process: the rows of a topic, those before cuInit apart, and each row alone that has to be.
std::vector<Names> Groups() {
  std::vector<Names> groups;
  std::map<std::pair<std::string, bool>, Names> shared;
  for (const BadCall& row : AllBadCalls()) {
    if (row.start == Start::kInOwnProcess) {
      groups.push_back({row.name});
    } else {
      shared[{row.topic(), row.start == Start::kBeforeInit}].push_back(row.name);
    }
  }
  for (auto& [key, names] : shared) groups.push_back(std::move(names));
  return groups;
}

bool TakeAnswer(const std::string& line, const std::string& expected, Answers& answers) {
  const auto parsed = nlohmann::json::parse(line, nullptr, false);
  if (!parsed.is_object() || !parsed.contains(expected)) return false;
  answers[expected] = parsed[expected].get<std::vector<std::string>>();
  return true;
}

// Runs as many of the names as one process gets through, at least one, and takes them off the list.
void RunSome(Names& names, int row_timeout_ms, Answers& answers) {
  Child child(names);
  std::size_t done = 0;
  Child::Read read = Child::Read::kLine;
  for (std::string line; done < names.size(); ) {
    read = child.ReadLine(line, row_timeout_ms);
    if (read != Child::Read::kLine) break;
    if (TakeAnswer(line, names[done], answers)) ++done;
  }
  const bool finished = done == names.size();
  const bool ended_well = child.End(/*kill=*/read == Child::Read::kTimeUp, row_timeout_ms);
  if (finished && !ended_well) std::fprintf(stderr, "bad_calls: %s: died at exit\n", names.back().c_str());
  if (!finished && (!ended_well || done == 0)) {
    answers[names[done]] = {read == Child::Read::kTimeUp ? kTimeout : kCrash};
    ++done;
  }
  names.erase(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(done));
}

}  // namespace

Answers RunAll(int row_timeout_ms) {
  Answers answers;
  for (Names& names : Groups()) {
    while (!names.empty()) RunSome(names, row_timeout_ms, answers);
  }
  return answers;
}

}  // namespace paella::bad_calls
