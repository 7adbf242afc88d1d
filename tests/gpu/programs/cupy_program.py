#!/usr/bin/env python3
"""CuPy: elementwise kernels, a reduction, a product, a sort and a kernel of our own, checked against NumPy."""
import cupy
import numpy

from fingerprints import Output, of_bytes

SCALE = cupy.RawKernel(
    r"""extern "C" __global__ void scale(const float* in, float* out, float factor, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = in[i] * factor;
}""", "scale")


def main():
    output = Output()
    host = numpy.random.default_rng(1).standard_normal(1 << 18).astype(numpy.float32)
    device = cupy.asarray(host)
    scaled = cupy.empty_like(device)
    SCALE((host.size // 256,), (256,), (device, scaled, numpy.float32(3), numpy.int32(host.size)))
    square = device.reshape(512, 512)
    answers = {
        "raw_kernel": (scaled, host * numpy.float32(3)),
        "elementwise": (cupy.exp(device) + 1, numpy.exp(host) + 1),
        "sum": (device.sum(), host.sum()),
        "sort": (cupy.sort(device), numpy.sort(host)),
        "product": (square @ square, host.reshape(512, 512) @ host.reshape(512, 512)),
    }
    for name, (answer, expected) in answers.items():
        answer = cupy.asnumpy(answer)
        output.result(name, of_bytes(answer.tobytes()))
        output.result(name + ".is_right", bool(numpy.allclose(answer, expected, rtol=1e-3, atol=0.2)))
    output.write()


if __name__ == "__main__":
    main()
