// Arrays, textures and surfaces from end to end, and what clients by hand make of them.
#include <cuda.h>
#include <signal.h>

#include <functional>

#include "tests/integration/rogue_client.h"
#include "tests/integration/support.h"

namespace paella::integration {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// Memory of the GPU is full of what somebody might have left there.
class Arrays : public DaemonTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    StartDaemon({.environment = {{"PAELLA_SIMULATED_GPU_MEMORY_MIB", "256"},
                                 {"PAELLA_SIMULATED_GPU_NEW_MEMORY_BYTE", "165"}}});
  }
};

TEST_P(Arrays, AreWhatTheirProgramExpects) {
  const auto client = StartClient(*daemon_, "painter", {PAELLA_TEST_ARRAYS, GetParam()});
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_TRUE(TenantIsGone("painter"));
}

INSTANTIATE_TEST_SUITE_P(All, Arrays,
                         testing::Values("copies", "zeroed", "textures", "surfaces", "destroyed_behind_work",
                                         "out_of_memory", "reset"),
                         [](const auto& scenario) { return std::string(scenario.param); });

class KilledPainter : public DaemonTest {
 protected:
  // One client holds 128 MiB of arrays: one of them fits, two do not.
  void SetUp() override { StartDaemon({.environment = {{"PAELLA_SIMULATED_GPU_MEMORY_MIB", "192"}}}); }
};

TEST_F(KilledPainter, ReturnsItsMemory) {
  for (int i = 0; i < 3; ++i) {
    const auto client = StartClient(*daemon_, "painter", {PAELLA_TEST_ARRAYS, "hold"});
    ASSERT_TRUE(client->WaitForOutput("ready")) << client->errors();
    EXPECT_GE(test::TenantIn(daemon_->Status(), "painter")["memory_bytes"], 128 * kMiB);
    client->Signal(SIGKILL);
    EXPECT_TRUE(EndsWith(*client, 128 + SIGKILL));
    ASSERT_TRUE(TenantIsGone("painter"));
  }
  EXPECT_TRUE(ServesNormalClients());
}

// A client by hand, with an array of 16 x 4 elements of 4 bytes and some memory.
class RoguePainter : public DaemonTest {
 protected:
  void SetUp() override {
    DaemonTest::SetUp();
    rogue_ = Connect("rogue");
    const auto made = rogue_->Ask(Wanted());
    ASSERT_TRUE(made);
    array_ = made->array;
    ipc::AllocateDevice allocate;
    allocate.size_bytes = 4096;
    const auto memory = rogue_->Ask(allocate);
    ASSERT_TRUE(memory);
    memory_ = memory->address;
  }

  void TearDown() override {
    rogue_.reset();  // some of what it posted would never end
    DaemonTest::TearDown();
  }

  std::unique_ptr<RogueClient> Connect(const std::string& tenant) {
    auto client = std::make_unique<RogueClient>(daemon_->socket(), Greeting(tenant));
    EXPECT_TRUE(client->welcomed()) << client->refusal();
    return client;
  }

  static ipc::ArrayCreate Wanted() {
    ipc::ArrayCreate call;
    call.width = 16;
    call.height = 4;
    call.format = CU_AD_FORMAT_UNSIGNED_INT32;
    call.channels = 1;
    call.flags = CUDA_ARRAY3D_SURFACE_LDST;
    return call;
  }

  // A right copy out of the array, for one field to be spoilt.
  ipc::CopyArray Copy() const {
    ipc::CopyArray copy;
    copy.sequence = 1;
    copy.destination = memory_;
    copy.destination_pitch_bytes = 64;
    copy.destination_slice_bytes = 256;
    copy.source_kind = 1;
    copy.source = array_;
    copy.width_bytes = 64;
    copy.height_rows = 4;
    copy.depth_slices = 1;
    return copy;
  }

  ipc::TextureCreate OfMemory() const {
    ipc::TextureCreate call;
    call.resource_type = CU_RESOURCE_TYPE_LINEAR;
    call.resource = memory_;
    call.format = CU_AD_FORMAT_FLOAT;
    call.channels = 1;
    call.size_bytes = 4096;
    call.texture.resize(sizeof(CUDA_TEXTURE_DESC));
    return call;
  }

  std::unique_ptr<RogueClient> rogue_;
  std::uint64_t array_ = 0, memory_ = 0;
};

TEST_F(RoguePainter, CopiesWhatIsItsOwn) {
  rogue_->Post(Copy());
  EXPECT_TRUE(rogue_->WaitForCompletion(0, 1));
  EXPECT_EQ(rogue_->sticky_error(), 0u);
}

TEST_F(RoguePainter, GetsAnErrorForWhatItMayNotCopy) {
  constexpr std::uint64_t kFar = ~std::uint64_t{7};
  const std::function<void(ipc::CopyArray&)> misdeeds[] = {
      [](ipc::CopyArray& copy) { copy.source = 4711; },
      [](ipc::CopyArray& copy) { copy.source_x_bytes = 4; },
      [](ipc::CopyArray& copy) { copy.source_x_bytes = kFar; },
      [](ipc::CopyArray& copy) { copy.source_y = 1; },
      [](ipc::CopyArray& copy) { copy.source_z = 1; },
      [](ipc::CopyArray& copy) { copy.destination += 4096 - 252; },
      [](ipc::CopyArray& copy) { copy.destination = 0x1000; },
  };
  for (const auto& misdeed : misdeeds) {
    const auto rogue = Connect("other-rogue");
    const auto made = rogue->Ask(Wanted());
    ipc::AllocateDevice allocate;
    allocate.size_bytes = 4096;
    const auto memory = rogue->Ask(allocate);
    ASSERT_TRUE(made && memory);
    ipc::CopyArray copy = Copy();
    copy.source = made->array;
    copy.destination = memory->address;
    misdeed(copy);
    rogue->Post(copy);
    EXPECT_TRUE(rogue->WaitForStickyError());
    EXPECT_EQ(rogue->sticky_error(), static_cast<std::uint32_t>(CUDA_ERROR_ILLEGAL_ADDRESS));
  }
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(RoguePainter, EndsByACopyWithoutForm) {
  constexpr std::uint64_t kFar = ~std::uint64_t{7};
  const std::function<void(ipc::CopyArray&)> misdeeds[] = {
      [](ipc::CopyArray& copy) { copy.source_kind = 0; },  // no array at all
      [](ipc::CopyArray& copy) { copy.source_kind = 7; },
      [](ipc::CopyArray& copy) { copy.destination_x_bytes = 4; },
      [](ipc::CopyArray& copy) { copy.destination_pitch_bytes = copy.destination_slice_bytes = kFar; },
      [](ipc::CopyArray& copy) { copy.destination_slice_bytes = 255; },
      [](ipc::CopyArray& copy) {
        copy.destination_kind = 2;  // the staging area
        copy.destination = ipc::kStagingBytes - 255;
      },
      [](ipc::CopyArray& copy) {
        copy.destination_kind = 2;
        copy.destination = kFar;
      },
  };
  for (const auto& misdeed : misdeeds) {
    const auto rogue = Connect("other-rogue");
    const auto made = rogue->Ask(Wanted());
    ASSERT_TRUE(made);
    ipc::CopyArray copy = Copy();
    copy.source = made->array;
    misdeed(copy);
    rogue->Post(copy);
    EXPECT_TRUE(rogue->IsEnded());
  }
  EXPECT_TRUE(daemon_->WaitForLog("a copy of an array has no form"));
  EXPECT_TRUE(rogue_->Ask(ipc::Ping{}));
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(RoguePainter, CannotDescribeWhatIsNotItsOwn) {
  for (const auto spoil : std::initializer_list<void (*)(ipc::ArrayCreate&)>{
           [](ipc::ArrayCreate& call) { call.format = 0x91; }, [](ipc::ArrayCreate& call) { call.channels = 3; },
           [](ipc::ArrayCreate& call) { call.width = 0; }, [](ipc::ArrayCreate& call) { call.width = 1ull << 60; },
           [](ipc::ArrayCreate& call) { call.flags = 0xffffffff; }}) {
    ipc::ArrayCreate call = Wanted();
    spoil(call);
    EXPECT_FALSE(rogue_->Ask(call));
  }
  EXPECT_TRUE(rogue_->Ask(OfMemory()));
  for (const auto spoil : std::initializer_list<void (*)(ipc::TextureCreate&)>{
           [](ipc::TextureCreate& call) { call.size_bytes = 4100; },
           [](ipc::TextureCreate& call) { call.resource = 0x1000; },
           [](ipc::TextureCreate& call) { call.size_bytes = ~0ull; },
           [](ipc::TextureCreate& call) { call.size_bytes = 0; },
           [](ipc::TextureCreate& call) { call.resource_type = 9; },
           [](ipc::TextureCreate& call) { call.texture.clear(); },
           [](ipc::TextureCreate& call) { call.view.resize(3); },
           [](ipc::TextureCreate& call) { call.format = 0; },
           [](ipc::TextureCreate& call) {
             call.resource_type = CU_RESOURCE_TYPE_PITCH2D;
             call.width = 1ull << 62;
             call.height = 1;
           },
           [](ipc::TextureCreate& call) {
             call.resource_type = CU_RESOURCE_TYPE_PITCH2D;
             call.width = 16;
             call.pitch_bytes = 1ull << 62;
             call.height = 7;
           },
           [](ipc::TextureCreate& call) {
             call.resource_type = CU_RESOURCE_TYPE_ARRAY;
             call.resource = 4711;
           },
           [](ipc::TextureCreate& call) {
             call.resource_type = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
             call.resource = 4711;
           }}) {
    ipc::TextureCreate call = OfMemory();
    spoil(call);
    EXPECT_FALSE(rogue_->Ask(call));
  }
  EXPECT_EQ(rogue_->sticky_error(), 0u);
}

// An array's number, and a texture's, mean nothing to other clients: not even of the same tenant.
TEST_F(RoguePainter, CannotUseWhatIsAnothers) {
  const auto texture = rogue_->Ask(OfMemory());
  ASSERT_TRUE(texture);
  const auto other = Connect("rogue");
  ipc::SurfaceCreate surface;
  surface.array = array_;
  EXPECT_FALSE(other->Ask(surface));
  ipc::ArrayDestroy destroy;
  destroy.array = array_;
  EXPECT_FALSE(other->Ask(destroy));
  ipc::TextureDestroy end;
  end.texture = texture->texture;
  other->Post(end);
  EXPECT_TRUE(other->IsEnded());
  EXPECT_TRUE(daemon_->WaitForLog("it destroys a texture that does not exist"));
  EXPECT_TRUE(rogue_->Ask(surface));
  EXPECT_TRUE(rogue_->Ask(destroy));
}

TEST_F(RoguePainter, EndsByAnObjectThatEndsTwice) {
  ipc::SurfaceCreate create;
  create.array = array_;
  const auto surface = rogue_->Ask(create);
  ASSERT_TRUE(surface);
  ipc::HostCallback callback;  // nobody will run it, so nothing behind it is done
  callback.sequence = 1;
  rogue_->Post(callback);
  ipc::SurfaceDestroy end;
  end.surface = surface->surface;
  rogue_->Post(end);
  rogue_->Post(end);
  EXPECT_TRUE(rogue_->IsEnded());
  EXPECT_TRUE(daemon_->WaitForLog("it destroys a surface that does not exist"));
  EXPECT_TRUE(ServesNormalClients());
}

// The end of an array waits for what was posted before it; what is posted behind it cannot name it.
TEST_F(RoguePainter, CannotCopyAnArrayThatEnds) {
  ipc::HostCallback callback;
  callback.sequence = 1;
  rogue_->Post(callback);
  ipc::ArrayDestroy destroy;
  destroy.array = array_;
  rogue_->PostCall(1, destroy);
  ipc::CopyArray copy = Copy();
  copy.sequence = 2;
  rogue_->Post(copy);
  EXPECT_TRUE(rogue_->WaitForStickyError());
  EXPECT_EQ(rogue_->sticky_error(), static_cast<std::uint32_t>(CUDA_ERROR_ILLEGAL_ADDRESS));
  EXPECT_TRUE(ServesNormalClients());
}

}  // namespace
}  // namespace paella::integration
