// The linker, for one PTX text: it is checked when it is added, and what comes of linking it is the text itself.
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulated_gpu/api/common.h"
#include "tests/simulated_gpu/image.h"
#include "tests/simulated_gpu/program_builder.h"

namespace paella::simulated_gpu {
namespace {

struct Link {
  std::string ptx;
};

CUresult UseLink(CUlinkState handle, std::shared_ptr<Link>& link) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  link = Handles<Link>::Get().Find(handle);
  return link == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
}

bool IsAccepted(std::string_view ptx) {
  std::string error;
  struct alignas(256) Piece {
    std::uint8_t bytes[256];
  };
  std::vector<Piece> memory;
  const auto allocate = [&](std::size_t bytes) {
    memory.resize(bytes / sizeof(Piece) + 1);
    return memory.data()->bytes;
  };
  return BuildProgram(ptx, allocate, error) != nullptr;
}

CUresult Add(Link& link, CUjitInputType type, std::string text) {
  if (type != CU_JIT_INPUT_PTX || !link.ptx.empty()) return CUDA_ERROR_NOT_SUPPORTED;
  std::string_view ptx;
  if (FindPtx(text.c_str(), ptx) != ImageKind::kPtx) return CUDA_ERROR_INVALID_IMAGE;
  if (!IsAccepted(ptx)) return CUDA_ERROR_INVALID_PTX;
  link.ptx = std::move(text);
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuLinkCreate(unsigned int, CUjit_option*, void**, CUlinkState* stateOut) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  PAELLA_RETURN_IF_NULL(stateOut);
  *stateOut = reinterpret_cast<CUlinkState>(Handles<Link>::Get().Add(std::make_shared<Link>()));
  return CUDA_SUCCESS;
}

CUresult cuLinkAddData(CUlinkState state, CUjitInputType type, void* data, size_t size, const char*, unsigned int,
                       CUjit_option*, void**) {
  std::shared_ptr<Link> link;
  PAELLA_RETURN_IF_ERROR(UseLink(state, link));
  if (data == nullptr || size == 0) return CUDA_ERROR_INVALID_VALUE;
  return Add(*link, type, std::string(static_cast<const char*>(data), strnlen(static_cast<const char*>(data), size)));
}

CUresult cuLinkAddFile(CUlinkState state, CUjitInputType type, const char* path, unsigned int, CUjit_option*, void**) {
  std::shared_ptr<Link> link;
  PAELLA_RETURN_IF_ERROR(UseLink(state, link));
  PAELLA_RETURN_IF_NULL(path);
  std::FILE* const file = std::fopen(path, "rb");
  if (file == nullptr) return CUDA_ERROR_FILE_NOT_FOUND;
  std::string text;
  char buffer[4096];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, got);
  std::fclose(file);
  return Add(*link, type, std::move(text));
}

CUresult cuLinkComplete(CUlinkState state, void** cubinOut, size_t* sizeOut) {
  std::shared_ptr<Link> link;
  PAELLA_RETURN_IF_ERROR(UseLink(state, link));
  if (cubinOut == nullptr || sizeOut == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (link->ptx.empty()) return CUDA_ERROR_INVALID_VALUE;
  *cubinOut = link->ptx.data();
  *sizeOut = link->ptx.size() + 1;
  return CUDA_SUCCESS;
}

CUresult cuLinkDestroy(CUlinkState state) {
  std::shared_ptr<Link> link;
  PAELLA_RETURN_IF_ERROR(UseLink(state, link));
  Handles<Link>::Get().Remove(state);
  return CUDA_SUCCESS;
}
