// cuRAND: five generators of the host's interface, and states of the device's
#include <curand.h>
#include <curand_kernel.h>

#include "record.h"

namespace {

constexpr std::size_t kCount = 10000;

__global__ void Draw(float* out, unsigned long long seed) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  curandStatePhilox4_32_10_t state;
  curand_init(seed, i, 0, &state);
  out[i] = curand_normal(&state);
}

void Generate(Record& record, const char* name, curandRngType_t type) {
  curandGenerator_t generator;
  OnGpu<float> values(kCount);
  CHECK(curandCreateGenerator(&generator, type));
  CHECK(curandSetPseudoRandomGeneratorSeed(generator, 1234));
  CHECK(curandGenerateUniform(generator, values.get(), kCount));
  record.Output((std::string(name) + "_uniform").c_str(), values.Read());
  CHECK(curandGenerateNormal(generator, values.get(), kCount, 0.0f, 1.0f));
  record.Output((std::string(name) + "_normal").c_str(), values.Read());
  CHECK(curandDestroyGenerator(generator));
}

void GenerateQuasi(Record& record) {
  curandGenerator_t generator;
  OnGpu<float> values(kCount);
  CHECK(curandCreateGenerator(&generator, CURAND_RNG_QUASI_SOBOL32));
  CHECK(curandSetQuasiRandomGeneratorDimensions(generator, 4));
  CHECK(curandGenerateUniform(generator, values.get(), kCount));
  record.Output("sobol", values.Read());
  CHECK(curandDestroyGenerator(generator));
}

}  // namespace

int main(int argc, char** argv) {
  Record record(argc, argv, "curand");
  Generate(record, "xorwow", CURAND_RNG_PSEUDO_XORWOW);
  Generate(record, "mrg32k3a", CURAND_RNG_PSEUDO_MRG32K3A);
  Generate(record, "philox", CURAND_RNG_PSEUDO_PHILOX4_32_10);
  Generate(record, "mt19937", CURAND_RNG_PSEUDO_MT19937);
  GenerateQuasi(record);
  OnGpu<float> drawn(32 * 256);
  Draw<<<32, 256>>>(drawn.get(), 99);
  CHECK(cudaGetLastError());
  record.Output("on_device", drawn.Read());
}
