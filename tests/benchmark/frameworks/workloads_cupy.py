"""What is measured with CuPy; workloads_torch.py tells what a workload is."""
import cupy

SOURCE = r"""
extern "C" __global__ void twice(float* values, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] *= 2;
}"""


def cupy_loop():
    left, right = (cupy.random.rand(512, 512, dtype=cupy.float32) for _ in range(2))
    twice = cupy.RawKernel(SOURCE, "twice")

    def request():
        product = left @ right + 1
        twice((1024,), (256,), (product, product.size))
        return float(product.sum())

    return request
