// Attributes of streams.
#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;

namespace {

CUresult EnterStream(Client*& client, CUstream handle, Stream*& stream) {
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  stream = client->streams.Find(handle);
  return stream != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// What only the device's limits say of a value.
bool IsWithinLimits(const Client& client, CUstreamAttrID attribute, const CUstreamAttrValue& value) {
  const auto limit = [&](CUdevice_attribute which) {
    const auto& attributes = client.welcome.attributes;
    return static_cast<std::size_t>(which) < attributes.size() ? static_cast<std::size_t>(attributes[which]) : 0;
  };
  switch (attribute) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
      return value.accessPolicyWindow.num_bytes <= limit(CU_DEVICE_ATTRIBUTE_MAX_ACCESS_POLICY_WINDOW_SIZE);
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
      return value.priority >= client.welcome.greatest_priority && value.priority <= client.welcome.least_priority;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP: {
      const std::size_t count = limit(CU_DEVICE_ATTRIBUTE_MEM_SYNC_DOMAIN_COUNT);
      return value.memSyncDomainMap.default_ < count && value.memSyncDomainMap.remote < count;
    }
    default: return true;
  }
}

}  // namespace

CUresult paella_cuStreamGetAttribute(CUstream hStream, CUstreamAttrID attr, CUstreamAttrValue* value_out) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  return value_out == nullptr ? CUDA_ERROR_INVALID_VALUE : client->streams.GetAttribute(*stream, attr, *value_out);
}

CUresult paella_cuStreamSetAttribute(CUstream hStream, CUstreamAttrID attr, const CUstreamAttrValue* value) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (value == nullptr || !IsWithinLimits(*client, attr, *value)) return CUDA_ERROR_INVALID_VALUE;
  return client->streams.SetAttribute(*stream, attr, *value);
}

CUresult paella_cuStreamCopyAttributes(CUstream dst, CUstream src) {
  Client* client;
  Stream *to, *from;
  if (const CUresult result = EnterStream(client, dst, to); result != CUDA_SUCCESS) return result;
  if (const CUresult result = EnterStream(client, src, from); result != CUDA_SUCCESS) return result;
  return client->streams.CopyAttributes(*to, *from);
}
