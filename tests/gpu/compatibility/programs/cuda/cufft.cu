// cuFFT: transforms of one to three dimensions, in batches, of two types
#include <cufft.h>

#include "record.h"

namespace {

std::vector<float> AsFloats(const OnGpu<cufftComplex>& values) {
  const std::vector<cufftComplex> complex = values.Read();
  const float* const first = reinterpret_cast<const float*>(complex.data());
  return {first, first + 2 * complex.size()};
}

void RealInBatches(Record& record) {
  constexpr int kLength = 1000, kBatch = 8;
  cufftHandle plan;
  OnGpu<float> signal(Seeded<float>(1, kLength * kBatch));
  OnGpu<cufftComplex> spectrum((kLength / 2 + 1) * kBatch);
  CHECK(cufftPlan1d(&plan, kLength, CUFFT_R2C, kBatch));
  CHECK(cufftExecR2C(plan, signal.get(), spectrum.get()));
  record.Output("real", AsFloats(spectrum));
  CHECK(cufftDestroy(plan));
}

void ComplexVolume(Record& record) {
  constexpr int kX = 16, kY = 24, kZ = 35;
  cufftHandle plan;
  OnGpu<float> parts(Seeded<float>(2, 2 * kX * kY * kZ));
  OnGpu<cufftComplex> volume(kX * kY * kZ);
  CHECK(cudaMemcpy(volume.get(), parts.get(), 2 * kX * kY * kZ * sizeof(float), cudaMemcpyDeviceToDevice));
  CHECK(cufftPlan3d(&plan, kX, kY, kZ, CUFFT_C2C));
  CHECK(cufftExecC2C(plan, volume.get(), volume.get(), CUFFT_FORWARD));
  record.Output("volume", AsFloats(volume));
  CHECK(cufftExecC2C(plan, volume.get(), volume.get(), CUFFT_INVERSE));
  record.Output("and_back", AsFloats(volume));
  CHECK(cufftDestroy(plan));
}

void DoubleOfPrimeLength(Record& record) {
  constexpr int kLength = 1009;
  cufftHandle plan;
  OnGpu<double> parts(Seeded<double>(3, 2 * kLength));
  CHECK(cufftPlan1d(&plan, kLength, CUFFT_Z2Z, 1));
  auto* const values = reinterpret_cast<cufftDoubleComplex*>(parts.get());
  CHECK(cufftExecZ2Z(plan, values, values, CUFFT_FORWARD));
  record.Output("prime", parts.Read());
  CHECK(cufftDestroy(plan));
}

}  // namespace

int main(int argc, char** argv) {
  Record record(argc, argv, "cufft");
  RealInBatches(record);
  ComplexVolume(record);
  DoubleOfPrimeLength(record);
}
