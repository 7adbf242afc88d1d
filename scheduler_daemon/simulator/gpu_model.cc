#include "scheduler_daemon/simulator/gpu_model.h"

#include <algorithm>

namespace paella::scheduler_daemon {

void GpuModel::Submit(const KernelRequest& kernel, std::uint64_t now_ns) {
  if (kernel.token >= kernels_.size()) kernels_.resize(std::size_t{kernel.token} + 1);
  if (kernel.stream >= stream_busy_.size()) stream_busy_.resize(std::size_t{kernel.stream} + 1);
  kernels_[kernel.token] = {kernel, kernel.blocks, 0};
  const std::uint32_t queue = kernel.stream % static_cast<std::uint32_t>(queues_.size());
  queues_[queue].push_back(kernel.token);
  if (queues_[queue].size() > 1) return;
  StartHead(queue);
  Place(now_ns);
}

void GpuModel::StartHead(std::uint32_t queue) {
  if (queues_[queue].empty()) return;
  const std::uint32_t token = queues_[queue].front();
  const std::uint32_t stream = kernels_[token].request.stream;
  if (stream_busy_[stream]) return;  // of an earlier kernel, or its own: it has started
  stream_busy_[stream] = true;
  started_.push_back(token);
}

// The order of start decides; a later kernel may use what an earlier one has no room in.
void GpuModel::Place(std::uint64_t now_ns) {
  for (std::size_t i = 0; i < started_.size() && free_threads_ > 0;) {
    const std::uint32_t token = started_[i];
    PlaceBlocks(kernels_[token], now_ns);
    if (kernels_[token].to_place > 0) {
      ++i;
      continue;
    }
    started_.erase(started_.begin() + static_cast<std::ptrdiff_t>(i));
    const std::uint32_t queue = kernels_[token].request.stream % static_cast<std::uint32_t>(queues_.size());
    queues_[queue].pop_front();
    StartHead(queue);  // of another stream perhaps
  }
}

void GpuModel::PlaceBlocks(Kernel& kernel, std::uint64_t now_ns) {
  const KernelRequest& request = kernel.request;
  const std::uint64_t room = free_threads_ / request.threads;
  const auto placed = static_cast<std::uint32_t>(std::min<std::uint64_t>(room, kernel.to_place));
  if (placed == 0) return;
  kernel.to_place -= placed;
  kernel.running += placed;
  Use(std::uint64_t{placed} * request.threads, now_ns);
  ends_.push({now_ns + request.block_ns, order_++, request.token, placed});
}

void GpuModel::Use(std::uint64_t threads, std::uint64_t now_ns) {
  if (used_threads_ == 0) busy_since_ns_ = now_ns;
  used_threads_ += threads;
  free_threads_ -= threads;
}

void GpuModel::GiveBack(std::uint64_t threads, std::uint64_t now_ns) {
  used_threads_ -= threads;
  free_threads_ += threads;
  if (used_threads_ == 0) busy_ns_ += now_ns - busy_since_ns_;
}

void GpuModel::Advance(std::uint64_t now_ns, std::vector<std::uint32_t>& completed) {
  while (!ends_.empty() && ends_.top().at_ns <= now_ns) {
    const End end = ends_.top();
    ends_.pop();
    Kernel& kernel = kernels_[end.token];
    kernel.running -= end.blocks;
    GiveBack(std::uint64_t{end.blocks} * kernel.request.threads, end.at_ns);
    if (kernel.running == 0 && kernel.to_place == 0) {
      completed.push_back(end.token);
      stream_busy_[kernel.request.stream] = false;
      StartHead(kernel.request.stream % static_cast<std::uint32_t>(queues_.size()));
    }
  }
  Place(now_ns);
}

}  // namespace paella::scheduler_daemon
