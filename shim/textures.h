// Texture and surface objects. Their numbers are the driver's own, since kernels take them as they are; what the program
// said of each is kept here, so that questions are answered without the daemon. Any thread. The daemon owns the objects.
#ifndef PAELLA_SHIM_TEXTURES_H_
#define PAELLA_SHIM_TEXTURES_H_

#include <mutex>
#include <optional>
#include <unordered_map>

#include "shim/arrays.h"
#include "shim/cuda_api.h"
#include "shim/submission.h"

namespace paella::shim {

struct TextureDescription {
  CUDA_RESOURCE_DESC resource{};
  CUDA_TEXTURE_DESC texture{};
  std::optional<CUDA_RESOURCE_VIEW_DESC> view;
};

class Textures {
 public:
  Textures(Submission& submission, const Arrays& arrays) : submission_(submission), arrays_(arrays) {}

  CUresult Create(const TextureDescription& description, const Context* context, CUtexObject& texture);
  CUresult CreateSurface(const CUDA_RESOURCE_DESC& resource, const Context* context, CUsurfObject& surface);
  // Posted: what was posted before still has it. INVALID_HANDLE: there is none.
  CUresult Destroy(CUtexObject texture);
  CUresult DestroySurface(CUsurfObject surface);
  std::optional<TextureDescription> Find(CUtexObject texture) const;
  std::optional<CUDA_RESOURCE_DESC> FindSurface(CUsurfObject surface) const;
  CUresult DestroyAllOf(const Context& context);

 private:
  template <typename Description>
  struct Object {
    Description description;
    const Context* context;  // with which it goes
  };
  template <typename Description>
  using Objects = std::unordered_map<unsigned long long, Object<Description>>;

  CUresult ReadResource(const CUDA_RESOURCE_DESC& resource, ipc::TextureCreate& message) const;

  Submission& submission_;
  const Arrays& arrays_;
  mutable std::mutex mutex_;
  Objects<TextureDescription> textures_;
  Objects<CUDA_RESOURCE_DESC> surfaces_;
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_TEXTURES_H_
