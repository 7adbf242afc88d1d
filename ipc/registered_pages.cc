#include "ipc/registered_pages.h"

#include <iterator>

#include "ipc/channel.h"

namespace paella::ipc {
namespace {

constexpr std::uint64_t kPageMask = kPageBytes - 1;

std::uint64_t PageOf(std::uint64_t address) { return address & ~kPageMask; }

std::vector<PageRun> Cut(std::uint64_t address, std::uint64_t size_bytes) {
  const std::uint64_t begin = PageOf(address), end = PageOf(address + size_bytes + kPageMask);
  const std::uint64_t whole_begin = PageOf(address + kPageMask), whole_end = PageOf(address + size_bytes);
  if (whole_begin > whole_end) return {{begin, end, 0, true}};  // it begins and ends inside one page
  std::vector<PageRun> runs;
  if (begin < whole_begin) runs.push_back({begin, whole_begin, 0, true});
  if (whole_begin < whole_end) runs.push_back({whole_begin, whole_end, 0, false});
  if (whole_end < end) runs.push_back({whole_end, end, 0, true});
  return runs;
}

}  // namespace

std::vector<std::uint64_t> RegisteredPages::Addresses() const {
  std::vector<std::uint64_t> addresses;
  for (const auto& [address, size_bytes] : registrations_) addresses.push_back(address);
  return addresses;
}

bool RegisteredPages::Overlaps(std::uint64_t address, std::uint64_t size_bytes) const {
  const auto after = registrations_.lower_bound(address + size_bytes);
  if (after == registrations_.begin()) return false;
  const auto& [last_address, last_size_bytes] = *std::prev(after);
  return last_address + last_size_bytes > address;
}

std::vector<PageRun> RegisteredPages::RunsOf(std::uint64_t address, std::uint64_t size_bytes) const {
  std::vector<PageRun> runs = Cut(address, size_bytes);
  for (PageRun& run : runs) {
    const auto found = pages_.find(run.begin);
    if (found != pages_.end()) run.arena_address = found->second.arena_address;
  }
  return runs;
}

std::vector<PageRun> RegisteredPages::NewRunsOf(std::uint64_t address, std::uint64_t size_bytes) const {
  std::vector<PageRun> runs = RunsOf(address, size_bytes);
  std::erase_if(runs, [](const PageRun& run) { return run.arena_address != 0; });
  return runs;
}

void RegisteredPages::Add(std::uint64_t address, std::uint64_t size_bytes, std::uint64_t arena_address) {
  registrations_.emplace(address, size_bytes);
  for (const PageRun& run : Cut(address, size_bytes)) {
    const auto [pages, is_new] = pages_.try_emplace(run.begin, Pages{arena_address, 0});
    ++pages->second.registrations;
    if (is_new) arena_address += run.size_bytes();
  }
}

std::vector<PageRun> RegisteredPages::OwnRunsOf(std::uint64_t address) const {
  std::vector<PageRun> runs = RunsOf(address, registrations_.at(address));
  std::erase_if(runs, [this](const PageRun& run) { return pages_.at(run.begin).registrations > 1; });
  return runs;
}

void RegisteredPages::Remove(std::uint64_t address) {
  const auto registration = registrations_.find(address);
  for (const PageRun& run : Cut(address, registration->second)) {
    if (--pages_.at(run.begin).registrations == 0) pages_.erase(run.begin);
  }
  registrations_.erase(registration);
}

}  // namespace paella::ipc
