// The CUDA runtime: a kernel over two streams, a captured graph, and memory of streams
#include "record.h"

namespace {

__device__ int launches;

__global__ void Scale(float* values, float factor, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] *= factor;
  if (i == 0) atomicAdd(&launches, 1);
}

constexpr int kCount = 10000;
constexpr int kThreads = 256;
constexpr int kBlocks = (kCount + kThreads - 1) / kThreads;

void OverStreams(Record& record) {
  cudaStream_t first, second;
  cudaEvent_t event;
  CHECK(cudaStreamCreate(&first));
  CHECK(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
  CHECK(cudaEventCreate(&event));
  OnGpu<float> values(Seeded<float>(1, kCount));
  Scale<<<kBlocks, kThreads, 0, first>>>(values.get(), 3.0f, kCount);
  CHECK(cudaEventRecord(event, first));
  CHECK(cudaStreamWaitEvent(second, event, 0));
  Scale<<<kBlocks, kThreads, 0, second>>>(values.get(), 5.0f, kCount);
  CHECK(cudaStreamSynchronize(second));
  record.Output("over_streams", values.Read());
  CHECK(cudaEventDestroy(event));
  CHECK(cudaStreamDestroy(first));
  CHECK(cudaStreamDestroy(second));
}

void AsGraph(Record& record) {
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  OnGpu<float> values(Seeded<float>(2, kCount));
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  Scale<<<kBlocks, kThreads, 0, stream>>>(values.get(), 1.5f, kCount);
  Scale<<<kBlocks, kThreads, 0, stream>>>(values.get(), -0.5f, kCount);
  CHECK(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaGraphInstantiate(&executable, graph, 0));
  for (int launch = 0; launch < 3; ++launch) CHECK(cudaGraphLaunch(executable, stream));
  CHECK(cudaStreamSynchronize(stream));
  record.Output("as_graph", values.Read());
  CHECK(cudaGraphExecDestroy(executable));
  CHECK(cudaGraphDestroy(graph));
  CHECK(cudaStreamDestroy(stream));
}

void MemoryOfStreams(Record& record) {
  cudaStream_t stream;
  float* values = nullptr;
  std::vector<float> host = Seeded<float>(3, kCount);
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMallocAsync(&values, kCount * sizeof(float), stream));
  CHECK(cudaMemcpyAsync(values, host.data(), kCount * sizeof(float), cudaMemcpyHostToDevice, stream));
  Scale<<<kBlocks, kThreads, 0, stream>>>(values, 7.0f, kCount);
  CHECK(cudaMemcpyAsync(host.data(), values, kCount * sizeof(float), cudaMemcpyDeviceToHost, stream));
  CHECK(cudaFreeAsync(values, stream));
  CHECK(cudaStreamSynchronize(stream));
  record.Output("memory_of_streams", host);
  CHECK(cudaStreamDestroy(stream));
}

}  // namespace

int main(int argc, char** argv) {
  Record record(argc, argv, "runtime");
  OverStreams(record);
  AsGraph(record);
  MemoryOfStreams(record);
  int count = 0;
  CHECK(cudaMemcpyFromSymbol(&count, launches, sizeof count));
  record.Output("launches", std::vector<int>{count});
}
