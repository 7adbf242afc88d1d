// The part of ClientObjects that answers calls whose answers are larger than a reply: text of kernels, linked images.
#include <algorithm>
#include <utility>

#include "scheduler_daemon/executor/client_objects.h"
#include "scheduler_daemon/executor/linker.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::size_t kPieceBytes = 16000;  // with what goes along it fits a reply slot
constexpr std::size_t kMaxLinkInputs = 1024;

template <typename Bytes>
std::vector<std::byte> BytesOf(const Bytes& bytes) {
  const auto view = std::as_bytes(std::span(bytes));
  return {view.begin(), view.end()};
}

// One input's share of the options of all.
std::optional<JitNumbers> TakeOptions(const ipc::LinkComplete& call, std::size_t input, std::size_t& at) {
  const std::size_t count = call.input_option_counts[input];
  if (count > call.input_jit_options.size() - at) return std::nullopt;
  const auto options = std::span(call.input_jit_options).subspan(at, count);
  const auto values = std::span(call.input_jit_values).subspan(at, count);
  at += count;
  return NumbersAmong(options, values);
}

}  // namespace

CUresult ClientObjects::Handle(const ipc::TextTake& call, ipc::TextTakeReply& reply) {
  if (call.bring != 0) printed_.BringTo(*text_);
  reply.text = BytesOf(text_->Take(kPieceBytes));
  reply.more = text_->empty() ? 0 : 1;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::TakeLinkInputs(const ipc::LinkComplete& call, std::vector<LinkInput>& inputs) {
  const std::size_t count = call.uploads.size();
  if (count > kMaxLinkInputs || call.input_types.size() != count || call.input_names.size() != count ||
      call.input_option_counts.size() != count || call.input_jit_options.size() != call.input_jit_values.size()) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  std::size_t option = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto data = TakeUpload(call.uploads[i]);
    auto options = TakeOptions(call, i, option);
    if (!data || !options || call.input_types[i] >= CU_JIT_NUM_INPUT_TYPES) return CUDA_ERROR_INVALID_VALUE;
    data->push_back(std::byte{0});
    inputs.push_back({static_cast<CUjitInputType>(call.input_types[i]), *std::move(data), call.input_names[i],
                      *std::move(options)});
  }
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::LinkComplete& call, ipc::LinkCompleteReply& reply) {
  if (call.jit_options.size() != call.jit_values.size()) return CUDA_ERROR_INVALID_VALUE;
  std::vector<LinkInput> inputs;
  if (const CUresult result = TakeLinkInputs(call, inputs); result != CUDA_SUCCESS) return result;
  Linked linked = Link(driver_, NumbersAmong(call.jit_options, call.jit_values), inputs);
  reply.error_log = std::move(linked.error_log);
  reply.info_log = std::move(linked.info_log);
  if (linked.result != CUDA_SUCCESS) return linked.result;
  const std::lock_guard lock(mutex_);
  if (results_.size() == kMaxResults) results_.erase(results_.begin());
  reply.result = next_number_++;
  reply.size_bytes = linked.image.size();
  if (!linked.image.empty()) results_.emplace(reply.result, std::move(linked.image));
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::ResultTake& call, ipc::ResultTakeReply& reply) {
  const std::lock_guard lock(mutex_);
  const auto found = results_.find(call.result);
  if (found == results_.end() || call.offset_bytes > found->second.size()) return CUDA_ERROR_INVALID_VALUE;
  const auto rest = std::span(found->second).subspan(call.offset_bytes);
  reply.data = BytesOf(rest.first(std::min(rest.size(), kPieceBytes)));
  if (reply.data.size() == rest.size()) results_.erase(found);
  return CUDA_SUCCESS;
}

}  // namespace paella::scheduler_daemon
