#include "shim/linker.h"

#include <memory>
#include <utility>

#include "shim/images.h"

namespace paella::shim {
namespace {

void Append(const JitOptions& jit, ipc::LinkComplete& message) {
  message.input_option_counts.push_back(static_cast<std::uint32_t>(jit.options.size()));
  message.input_jit_options.insert(message.input_jit_options.end(), jit.options.begin(), jit.options.end());
  message.input_jit_values.insert(message.input_jit_values.end(), jit.values.begin(), jit.values.end());
}

}  // namespace

CUlinkState Linker::Create(JitOptions jit) {
  auto link = std::make_unique<Link>();
  link->jit = std::move(jit);
  const auto handle = reinterpret_cast<CUlinkState>(link.get());
  links_.Insert(handle, link.release());
  return handle;
}

bool Linker::Destroy(CUlinkState handle) {
  const std::unique_ptr<Link> link(links_.Erase(handle));
  return link != nullptr;
}

CUresult Linker::Complete(Link& link) {
  ipc::LinkComplete message;
  message.jit_options = link.jit.options;
  message.jit_values = link.jit.values;
  for (const LinkInput& input : link.inputs) {
    std::uint64_t upload = 0;
    if (const CUresult sent = libraries_.Upload(input.data, upload); sent != CUDA_SUCCESS) return sent;
    message.uploads.push_back(upload);
    message.input_types.push_back(input.type);
    message.input_names.push_back(input.name);
    Append(input.jit, message);
  }
  ipc::LinkCompleteReply reply;
  CUresult result = submission_.Call(message, reply);
  link.jit.error_log.Fill(reply.error_log);
  link.jit.info_log.Fill(reply.info_log);
  if (result == CUDA_SUCCESS) result = Fetch(reply.result, reply.size_bytes, link.image);
  link.is_complete = result == CUDA_SUCCESS;
  return result;
}

CUresult Linker::Fetch(std::uint64_t number, std::uint64_t size_bytes, std::vector<std::byte>& image) {
  image.clear();
  if (size_bytes > kMaxImageBytes) return CUDA_ERROR_OUT_OF_MEMORY;
  ipc::ResultTake message;
  message.result = number;
  while (image.size() < size_bytes) {
    message.offset_bytes = image.size();
    ipc::ResultTakeReply reply;
    if (const CUresult result = submission_.Call(message, reply); result != CUDA_SUCCESS) return result;
    if (reply.data.empty()) return CUDA_ERROR_UNKNOWN;
    image.insert(image.end(), reply.data.begin(), reply.data.end());
  }
  return CUDA_SUCCESS;
}

}  // namespace paella::shim
