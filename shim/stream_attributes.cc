// The part of Streams that keeps attributes.
#include "shim/stream_attributes.h"

#include "shim/streams.h"

namespace paella::shim {
namespace {

bool IsValid(const CUaccessPolicyWindow& window) {
  const auto is_property = [](CUaccessProperty property) {
    return property >= CU_ACCESS_PROPERTY_NORMAL && property <= CU_ACCESS_PROPERTY_PERSISTING;
  };
  return window.hitRatio >= 0 && window.hitRatio <= 1 && is_property(window.hitProp) && is_property(window.missProp) &&
         window.missProp != CU_ACCESS_PROPERTY_PERSISTING;
}

}  // namespace

CUresult Streams::SetPriority(Stream& stream, int priority) {
  ipc::StreamSetPriority message;
  message.stream = stream.number;
  message.priority = priority;
  const CUresult posted = submission_.Post(message);
  if (posted == CUDA_SUCCESS) stream.priority = priority;
  return posted;
}

CUresult Streams::SetAttribute(Stream& stream, CUstreamAttrID attribute, const CUstreamAttrValue& value) {
  const std::lock_guard lock(hints_mutex_);
  StreamHints& hints = stream.hints;
  switch (attribute) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
      if (!IsValid(value.accessPolicyWindow)) return CUDA_ERROR_INVALID_VALUE;
      hints.access_policy = value.accessPolicyWindow;
      return CUDA_SUCCESS;
    case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY:
      if (value.syncPolicy < CU_SYNC_POLICY_AUTO || value.syncPolicy > CU_SYNC_POLICY_BLOCKING_SYNC) {
        return CUDA_ERROR_INVALID_VALUE;
      }
      stream.wait_policy = value.syncPolicy;
      return CUDA_SUCCESS;
    case CU_LAUNCH_ATTRIBUTE_PRIORITY: return SetPriority(stream, value.priority);
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
      hints.memory_domain_map = value.memSyncDomainMap;
      return CUDA_SUCCESS;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
      if (value.memSyncDomain > CU_LAUNCH_MEM_SYNC_DOMAIN_REMOTE) return CUDA_ERROR_INVALID_VALUE;
      hints.memory_domain = value.memSyncDomain;
      return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult Streams::GetAttribute(const Stream& stream, CUstreamAttrID attribute, CUstreamAttrValue& value) {
  const std::lock_guard lock(hints_mutex_);
  switch (attribute) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW: value.accessPolicyWindow = stream.hints.access_policy; break;
    case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY: value.syncPolicy = stream.wait_policy; break;
    case CU_LAUNCH_ATTRIBUTE_PRIORITY: value.priority = stream.priority; break;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP: value.memSyncDomainMap = stream.hints.memory_domain_map; break;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN: value.memSyncDomain = stream.hints.memory_domain; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

CUresult Streams::CopyAttributes(Stream& to, const Stream& from) {
  const std::lock_guard lock(hints_mutex_);
  to.hints = from.hints;
  to.wait_policy = from.wait_policy.load();
  return to.priority == from.priority ? CUDA_SUCCESS : SetPriority(to, from.priority);
}

}  // namespace paella::shim
