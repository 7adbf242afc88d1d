// The linker: cuLinkCreate, what is added, and what comes of it.
#include <span>
#include <utility>

#include "driver_api.h"
#include "shim/client.h"
#include "shim/images.h"

using namespace paella::shim;

namespace {

CUresult EnterLink(Client*& client, CUlinkState state, Link*& link) {
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  link = client->linker.Find(state);
  return link != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult Create(unsigned count, CUjit_option* options, void** values, CUlinkState* state) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (state == nullptr || !JitOptions::AreValid(options, count)) return CUDA_ERROR_INVALID_VALUE;
  *state = client->linker.Create(JitOptions::From(options, values, count));
  return CUDA_SUCCESS;
}

CUresult Add(Link& link, LinkInput input, const char* name, const CUjit_option* options, void** values,
             unsigned count) {
  if (link.is_complete || input.type < 0 || input.type >= CU_JIT_NUM_INPUT_TYPES) return CUDA_ERROR_INVALID_VALUE;
  if (input.data.empty() || !JitOptions::AreValid(options, count)) return CUDA_ERROR_INVALID_VALUE;
  if (name != nullptr) input.name = name;
  input.jit = JitOptions::From(options, values, count);
  link.inputs.push_back(std::move(input));
  return CUDA_SUCCESS;
}

CUresult AddData(CUlinkState state, CUjitInputType type, const void* data, std::size_t size, const char* name,
                 unsigned count, CUjit_option* options, void** values) {
  Client* client;
  Link* link;
  if (const CUresult result = EnterLink(client, state, link); result != CUDA_SUCCESS) return result;
  if (data == nullptr || size > kMaxImageBytes) return CUDA_ERROR_INVALID_VALUE;
  const std::span bytes(static_cast<const std::byte*>(data), size);
  return Add(*link, {type, {bytes.begin(), bytes.end()}, {}, {}}, name, options, values, count);
}

CUresult AddFile(CUlinkState state, CUjitInputType type, const char* path, unsigned count, CUjit_option* options,
                 void** values) {
  Client* client;
  Link* link;
  if (const CUresult result = EnterLink(client, state, link); result != CUDA_SUCCESS) return result;
  if (path == nullptr) return CUDA_ERROR_INVALID_VALUE;
  LinkInput input{type, {}, {}, {}};
  if (const CUresult result = ReadFile(path, input.data); result != CUDA_SUCCESS) return result;
  return Add(*link, std::move(input), path, options, values, count);
}

}  // namespace

CUresult paella_cuLinkCreate(unsigned int numOptions, CUjit_option* options, void** optionValues,
                             CUlinkState* stateOut) {
  return Create(numOptions, options, optionValues, stateOut);
}

CUresult paella_cuLinkCreate_v2(unsigned int numOptions, CUjit_option* options, void** optionValues,
                                CUlinkState* stateOut) {
  return Create(numOptions, options, optionValues, stateOut);
}

CUresult paella_cuLinkAddData(CUlinkState state, CUjitInputType type, void* data, size_t size, const char* name,
                              unsigned int numOptions, CUjit_option* options, void** optionValues) {
  return AddData(state, type, data, size, name, numOptions, options, optionValues);
}

CUresult paella_cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void* data, size_t size, const char* name,
                                 unsigned int numOptions, CUjit_option* options, void** optionValues) {
  return AddData(state, type, data, size, name, numOptions, options, optionValues);
}

CUresult paella_cuLinkAddFile(CUlinkState state, CUjitInputType type, const char* path, unsigned int numOptions,
                              CUjit_option* options, void** optionValues) {
  return AddFile(state, type, path, numOptions, options, optionValues);
}

CUresult paella_cuLinkAddFile_v2(CUlinkState state, CUjitInputType type, const char* path, unsigned int numOptions,
                                 CUjit_option* options, void** optionValues) {
  return AddFile(state, type, path, numOptions, options, optionValues);
}

CUresult paella_cuLinkComplete(CUlinkState state, void** cubinOut, size_t* sizeOut) {
  Client* client;
  Link* link;
  if (const CUresult result = EnterLink(client, state, link); result != CUDA_SUCCESS) return result;
  if (cubinOut == nullptr || sizeOut == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!link->is_complete) {
    if (const CUresult result = client->linker.Complete(*link); result != CUDA_SUCCESS) return result;
  }
  *cubinOut = link->image.data();
  *sizeOut = link->image.size();
  return CUDA_SUCCESS;
}

CUresult paella_cuLinkDestroy(CUlinkState state) {
  Client* client;
  Link* link;
  if (const CUresult result = EnterLink(client, state, link); result != CUDA_SUCCESS) return result;
  return client->linker.Destroy(state) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
