#include "scheduler_daemon/executor/word_probes.h"

#include <algorithm>

namespace paella::scheduler_daemon {

CUresult WordProbes::Start(Probe& probe, const WordCondition& word, std::uint64_t now_ns) {
  GpuStream* const gpu = gpu_streams_.TakeFirst();
  if (gpu == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
  probe.gpu = gpu;
  probe.next_ns = now_ns + probe.pause_ns;
  probe.pause_ns = std::min(2 * probe.pause_ns, kLongestPauseNs);
  ++in_flight_;
  gpu->landing->store(0, std::memory_order_relaxed);
  const CUresult copied = driver_.cuMemcpyDtoHAsync(gpu->landing, word.address, word.size_bytes, gpu->stream);
  const CUresult marked = gpu_streams_.Mark(*gpu, gpu->marked + 1);
  return copied != CUDA_SUCCESS ? copied : marked;
}

void WordProbes::Land(Probe& probe) {
  gpu_streams_.Return(probe.gpu);
  probe.gpu = nullptr;
  --in_flight_;
}

bool WordProbes::Look(const Looker& looker, std::uint64_t sequence, const WordCondition& word, std::uint64_t now_ns,
                      CUresult& result) {
  Probe& probe = probes_[looker];
  probe.round = round_;
  if (probe.gpu != nullptr) {
    if (!probe.gpu->drained()) return false;
    const std::uint64_t found = probe.gpu->landing->load(std::memory_order_relaxed);  // after the mark, which acquires
    Land(probe);
    if (probe.sequence == sequence && word.Holds(found)) {
      probes_.erase(looker);
      return true;
    }
  }
  if (probe.sequence != sequence) probe = {nullptr, sequence, 0, kFirstPauseNs, round_};
  if (now_ns >= probe.next_ns && TakeTurn(looker.first)) result = Start(probe, word, now_ns);
  return false;
}

bool WordProbes::TakeTurn(const void* client) {
  const bool is_first = !refused_.empty() && refused_.front() == client;
  if (in_flight_ < kMostInFlight && (refused_.empty() || is_first)) {
    if (is_first) refused_.pop_front();
    return true;
  }
  if (std::ranges::find(refused_, client) == refused_.end()) refused_.push_back(client);
  return false;
}

void WordProbes::EndRound() {
  for (auto probe = probes_.begin(); probe != probes_.end();) {
    const bool is_wanted = probe->second.round == round_;
    const bool is_on_gpu = probe->second.gpu != nullptr;
    if (is_wanted || (is_on_gpu && !probe->second.gpu->drained())) {
      ++probe;
      continue;
    }
    if (is_on_gpu) Land(probe->second);
    probe = probes_.erase(probe);
  }
  std::erase_if(refused_, [this](const void* client) {
    const auto probe = probes_.lower_bound({client, 0});
    return probe == probes_.end() || probe->first.first != client;
  });
  ++round_;
}

CUresult WordProbes::CheckHealth() const {
  for (const auto& [looker, probe] : probes_) {
    if (probe.gpu == nullptr) continue;
    const CUresult result = driver_.cuStreamQuery(probe.gpu->stream);
    return result == CUDA_ERROR_NOT_READY ? CUDA_SUCCESS : result;
  }
  return CUDA_SUCCESS;
}

bool WordProbes::Forget(const void* client) {
  bool all_done = true;
  for (auto probe = probes_.lower_bound({client, 0}); probe != probes_.end() && probe->first.first == client;) {
    if (probe->second.gpu != nullptr && !probe->second.gpu->drained()) {
      all_done = false;
      ++probe;
      continue;
    }
    if (probe->second.gpu != nullptr) Land(probe->second);
    probe = probes_.erase(probe);
  }
  std::erase(refused_, client);
  return all_done;
}

}  // namespace paella::scheduler_daemon
