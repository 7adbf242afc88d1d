#include "shim/graph_work.h"

#include <algorithm>
#include <cstring>

#include "shim/copy_descriptions.h"
#include "shim/fills.h"
#include "shim/launch_checks.h"

namespace paella::shim {
namespace {

template <typename T>
bool AreTheSameBytes(const T& left, const T& right) {
  return std::memcmp(&left, &right, sizeof left) == 0;
}

bool IsSame(const CUlaunchAttribute& left, const CUlaunchAttribute& right) {
  return left.id == right.id && AreTheSameBytes(left.value, right.value);
}

struct Comparison {
  bool operator()(const EmptyWork&, const EmptyWork&) const { return true; }
  bool operator()(const KernelWork& left, const KernelWork& right) const {
    return left.function == right.function && AreTheSameBytes(left.shape, right.shape) &&
           std::ranges::equal(left.attributes, right.attributes, IsSame) && left.parameters == right.parameters;
  }
  bool operator()(const CopyWork& left, const CopyWork& right) const {
    return AreTheSameBytes(left.description, right.description);
  }
  bool operator()(const FillWork& left, const FillWork& right) const {
    return AreTheSameBytes(left.description, right.description);
  }
  bool operator()(const HostWork& left, const HostWork& right) const {
    return left.function == right.function && left.user_data == right.user_data;
  }
  bool operator()(const AllocWork& left, const AllocWork& right) const {
    return left.memory == right.memory;
  }
  bool operator()(const FreeWork& left, const FreeWork& right) const { return left.address == right.address; }
  template <typename Left, typename Right>
  bool operator()(const Left&, const Right&) const {
    return false;
  }
};

}  // namespace

CUresult ReadAllocWork(Client& client, const CUDA_MEM_ALLOC_NODE_PARAMS& parameters, AllocWork& work) {
  const CUmemPoolProps& pool = parameters.poolProps;
  if (parameters.bytesize == 0 || pool.allocType != CU_MEM_ALLOCATION_TYPE_PINNED ||
      pool.handleTypes != CU_MEM_HANDLE_TYPE_NONE) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (pool.location.type != CU_MEM_LOCATION_TYPE_DEVICE) return UnsupportedForm("graph memory that is not the GPU's");
  if (pool.location.id != 0) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = client.graph_memories.Make(parameters.bytesize, work.memory); result != CUDA_SUCCESS) {
    return result;
  }
  work.description = parameters;
  work.description.accessDescs = nullptr;  // there is no other GPU
  work.description.accessDescCount = 0;
  work.description.dptr = work.memory->address();
  return CUDA_SUCCESS;
}

CUDA_MEM_ALLOC_NODE_PARAMS GraphMemoryOfSize(std::size_t size_bytes) {
  CUDA_MEM_ALLOC_NODE_PARAMS parameters{};
  parameters.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  parameters.poolProps.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  parameters.bytesize = size_bytes;
  return parameters;
}

KernelWork DescribeKernel(const Kernel& kernel, const LaunchShape& shape, std::span<const CUlaunchAttribute> attributes,
                          const LaunchParameters& parameters) {
  KernelWork work;
  work.function = reinterpret_cast<CUfunction>(kernel.handle);
  work.shape = shape;
  work.attributes.assign(attributes.begin(), attributes.end());
  work.parameters.resize(kernel.parameter_bytes);
  if (kernel.parameter_bytes != 0) EncodeParameters(work.parameters.data(), kernel, parameters);
  for (const KernelParameter& parameter : kernel.parameters) work.parameter_offsets.push_back(parameter.offset_bytes);
  return work;
}

CUresult ReadKernelWork(Client& client, const CUDA_KERNEL_NODE_PARAMS& parameters, KernelWork& work) {
  const void* const handle = parameters.func != nullptr ? static_cast<const void*>(parameters.func) : parameters.kern;
  Kernel* const kernel = client.libraries.FindKernel(handle);
  if (kernel == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const LaunchShape shape{{parameters.gridDimX, parameters.gridDimY, parameters.gridDimZ},
                          {parameters.blockDimX, parameters.blockDimY, parameters.blockDimZ},
                          parameters.sharedMemBytes};
  if (const CUresult result = CheckShape(client, shape, *kernel); result != CUDA_SUCCESS) return result;
  LaunchParameters values;
  if (!FindParameters(parameters.kernelParams, parameters.extra, *kernel, values)) return CUDA_ERROR_INVALID_VALUE;
  work = DescribeKernel(*kernel, shape, std::vector<CUlaunchAttribute>(work.attributes), values);
  return CUDA_SUCCESS;
}

CUresult ReadCopyWork(Client& client, const CUDA_MEMCPY3D& parameters, CopyWork& work) {
  StridedCopy box;
  if (const CUresult result = ReadDescription(parameters, box); result != CUDA_SUCCESS) return result;
  if (RouteOf(client, box) == Route::kInvalid) return CUDA_ERROR_INVALID_VALUE;
  work.description = parameters;
  return CUDA_SUCCESS;
}

CUresult ReadFillWork(Client& client, const CUDA_MEMSET_NODE_PARAMS& parameters, FillWork& work) {
  if (parameters.width == 0 || parameters.height == 0) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = CheckFill(client, parameters); result != CUDA_SUCCESS) return result;
  work.description = parameters;
  return CUDA_SUCCESS;
}

void GiveKernelParameters(GraphNode& node, CUDA_KERNEL_NODE_PARAMS& parameters) {
  auto& work = std::get<KernelWork>(node.work);
  node.parameter_pointers.clear();
  for (const std::uint32_t offset : work.parameter_offsets) {
    node.parameter_pointers.push_back(work.parameters.data() + offset);
  }
  parameters = {};
  parameters.func = work.function;
  parameters.gridDimX = work.shape.grid[0];
  parameters.gridDimY = work.shape.grid[1];
  parameters.gridDimZ = work.shape.grid[2];
  parameters.blockDimX = work.shape.block[0];
  parameters.blockDimY = work.shape.block[1];
  parameters.blockDimZ = work.shape.block[2];
  parameters.sharedMemBytes = work.shape.shared_bytes;
  parameters.kernelParams = node.parameter_pointers.data();
}

bool DoTheSame(const Work& left, const Work& right) { return std::visit(Comparison{}, left, right); }

}  // namespace paella::shim
