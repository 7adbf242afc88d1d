"""CuPy: its own kernels, kernels of ours, the CUDA libraries that it wraps, streams, graphs,
pools, textures."""
import cupy
import numpy
from recorder import Recorder, main, section

THREADS = 256


def seeded(seed: int, *shape: int, dtype=numpy.float32):
    return cupy.asarray(numpy.random.default_rng(seed).standard_normal(shape).astype(dtype))


@section
def elementwise(record: Recorder) -> None:
    """CuPy: elementwise and reduction kernels, its own and ours, sorting, indexing"""
    values = seeded(1, 1000, 37)
    square = cupy.ElementwiseKernel("float32 x, float32 y", "float32 z", "z = (x - y) * (x - y)",
                                    "square_of_difference")
    norm = cupy.ReductionKernel("float32 x", "float32 y", "x * x", "a + b", "y = sqrt(a)", "0",
                                "norm_of")

    @cupy.fuse()
    def scaled_tanh(x):  # a lambda's name is none for a kernel
        return cupy.tanh(x) * 2 + 1

    record.outputs(sine=cupy.sin(values), rows=values.sum(axis=1), square=square(values, values[0]),
                   norm=norm(values),
                   fused=scaled_tanh(values), sort=cupy.sort(values, axis=0), positive=values[values > 0],
                   cumsum=values.cumsum(axis=0), half=values.astype(cupy.float16) * 3,
                   unique=cupy.unique(values.round(1)))


@section
def raw_kernel(record: Recorder) -> None:
    """CuPy: RawKernel with dynamic shared memory, and its attributes"""
    source = r"""
    extern "C" __global__ void sums(const float* values, float* out, int count) {
      extern __shared__ float part[];
      int i = blockIdx.x * blockDim.x + threadIdx.x;
      part[threadIdx.x] = i < count ? values[i] : 0.0f;
      for (int width = blockDim.x / 2; width > 0; width /= 2) {
        __syncthreads();
        if (threadIdx.x < width) part[threadIdx.x] += part[threadIdx.x + width];
      }
      if (threadIdx.x == 0) out[blockIdx.x] = part[0];
    }"""
    kernel = cupy.RawKernel(source, "sums")
    values, out = seeded(1, 10000), cupy.zeros(40, dtype=cupy.float32)
    kernel((40,), (THREADS,), (values, out, numpy.int32(10000)), shared_mem=4 * THREADS)
    record.outputs(out=out, attributes=[kernel.num_regs > 0, kernel.max_threads_per_block])


@section
def raw_module(record: Recorder) -> None:
    """CuPy: RawModule with a global variable, a constant, and C++ templates"""
    source = r"""
    extern "C" {
    __constant__ float factors[4];
    __device__ int calls;
    __global__ void scale(float* values, int count) {
      int i = blockIdx.x * blockDim.x + threadIdx.x;
      if (i < count) { values[i] *= factors[i % 4]; atomicAdd(&calls, 1); }
    }
    }
    template <typename T> __global__ void fill(T* values, T value) { values[threadIdx.x] = value; }
    """
    module = cupy.RawModule(code=source, options=("-std=c++17",),
                            name_expressions=("fill<double>", "fill<int>"))
    values = seeded(1, 1000)
    factors = cupy.ndarray(4, cupy.float32, module.get_global("factors"))
    factors[...] = cupy.asarray([1, 2, 3, 4], dtype=cupy.float32)
    calls = cupy.ndarray(1, cupy.int32, module.get_global("calls"))
    calls[...] = 0
    module.get_function("scale")((4,), (THREADS,), (values, numpy.int32(1000)))
    filled = cupy.zeros(32)
    module.get_function("fill<double>")((1,), (32,), (filled, numpy.float64(2.5)))
    record.outputs(values=values, calls=calls, filled=filled)


@section
def cublas(record: Recorder) -> None:
    """CuPy: matrix products by cuBLAS in five types"""
    for dtype in (numpy.float16, numpy.float32, numpy.float64, numpy.complex64):
        left, right = seeded(1, 130, 250, dtype=dtype), seeded(2, 250, 90, dtype=dtype)
        record.output(numpy.dtype(dtype).name, left @ right)
        record.output(f"vector_{numpy.dtype(dtype).name}", left @ right[:, 0])
    record.output("batched", cupy.matmul(seeded(3, 5, 20, 30), seeded(4, 5, 30, 10)))
    record.output("einsum", cupy.einsum("ij,kj->ik", seeded(5, 40, 50), seeded(6, 30, 50)))


@section
def cufft(record: Recorder) -> None:
    """CuPy: Fourier transforms by cuFFT"""
    signal = seeded(1, 8, 1000)
    record.outputs(real=cupy.fft.rfft(signal), two=cupy.fft.fft2(signal),
                   prime=cupy.fft.fft(seeded(2, 1009)),
                   double=cupy.fft.fft(signal.astype(cupy.float64)),
                   inverse=cupy.fft.ifft(cupy.fft.fft(signal)))


@section
def curand(record: Recorder) -> None:
    """CuPy: random numbers by cuRAND and by its own generators"""
    state = cupy.random.RandomState(3)
    generator = cupy.random.default_rng(4)
    record.outputs(uniform=state.rand(1000), normal=state.standard_normal(1000),
                   integers=state.randint(0, 10, 1000),
                   choice=state.permutation(100), generator=generator.random(1000),
                   exponential=generator.exponential(2.0, 500))


@section
def cusolver(record: Recorder) -> None:
    """CuPy: factorisations and solvers by cuSOLVER"""
    general = seeded(1, 60, 60, dtype=numpy.float64)
    positive = general @ general.T + 60 * cupy.eye(60)
    record.outputs(cholesky=cupy.linalg.cholesky(positive),
                   solve=cupy.linalg.solve(general, seeded(2, 60).astype(float)),
                   qr=cupy.linalg.qr(general)[1], svd=cupy.linalg.svd(general)[1],
                   eigh=cupy.linalg.eigh(positive)[0],
                   inverse=cupy.linalg.inv(general), determinant=cupy.linalg.det(general))


@section
def cusparse(record: Recorder) -> None:
    """CuPy: sparse products by cuSPARSE (needs SciPy)"""
    import cupyx.scipy.sparse
    dense = seeded(1, 200, 150)
    dense[cupy.abs(dense) < 1.3] = 0
    matrix = cupyx.scipy.sparse.csr_matrix(dense)
    record.outputs(vector=matrix @ seeded(2, 150), matrix=matrix @ seeded(3, 150, 20),
                   data=matrix.data,
                   transposed=matrix.T.tocsr().toarray(), square=(matrix.T @ matrix).toarray())


@section
def memory_pools(record: Recorder) -> None:
    """CuPy: its pools, the driver's stream-ordered pool, pinned memory, out of memory and on"""
    pool = cupy.get_default_memory_pool()
    total = sum(float(cupy.full(1 + number * 7919 % 500_000, number, dtype=cupy.float64).sum())
                for number in range(60))
    record.outputs(total=total, used=pool.total_bytes() >= pool.used_bytes())
    pool.free_all_blocks()
    try:
        cupy.empty(1 << 40, dtype=cupy.uint8)
        record.output("too_much", "no error")
    except cupy.cuda.memory.OutOfMemoryError:
        record.output("too_much", "OutOfMemoryError")
    pinned = cupy.cuda.alloc_pinned_memory(4000)
    host = numpy.frombuffer(pinned, numpy.float32, 1000)
    host[...] = 7
    on_gpu = cupy.empty(1000, dtype=cupy.float32)
    on_gpu.set(host)
    record.output("pinned", on_gpu * 2)
    with cupy.cuda.using_allocator(cupy.cuda.MemoryAsyncPool().malloc):
        record.output("async_pool", cupy.arange(1000, dtype=cupy.float32) * 2)
        cupy.cuda.get_current_stream().synchronize()


@section
def managed_memory(record: Recorder) -> None:
    """CuPy: managed (unified) memory"""
    with cupy.cuda.using_allocator(cupy.cuda.malloc_managed):
        record.output("doubled", cupy.arange(1000, dtype=cupy.float32) * 2)


@section
def streams(record: Recorder) -> None:
    """CuPy: streams, events, callbacks on the host"""
    called = []
    streams_of_work = [cupy.cuda.Stream(non_blocking=True) for _ in range(3)]
    answers = []
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    values = [seeded(number, 200, 200) for number in range(3)]
    cupy.cuda.Device().synchronize()
    start.record(streams_of_work[0])
    for number, stream in enumerate(streams_of_work):
        with stream:
            answers.append(values[number] @ values[number])
            stream.launch_host_func(called.append, number)
    end.record(streams_of_work[0])
    for stream in streams_of_work:
        stream.synchronize()
    record.outputs(called=sorted(called),
                   time_is_positive=cupy.cuda.get_elapsed_time(start, end) > 0)
    for number, answer in enumerate(answers):
        record.output(f"stream_{number}", answer)


@section
def graphs(record: Recorder) -> None:
    """CuPy: captured graphs"""
    stream = cupy.cuda.Stream(non_blocking=True)
    values = seeded(1, 1000)
    out = cupy.empty_like(values)
    cupy.multiply(values, 2, out=out)
    cupy.add(out, values, out=out)
    cupy.cuda.Device().synchronize()
    with stream:
        stream.begin_capture()
        cupy.multiply(values, 2, out=out)
        cupy.add(out, values, out=out)
        graph = stream.end_capture()
    for number in range(3):
        values[...] = seeded(number, 1000)
        cupy.cuda.Device().synchronize()
        graph.launch(stream)
        stream.synchronize()
        record.output(f"launch_{number}", out)


TEXTURE_SOURCE = r"""
extern "C" __global__ void sample(cudaTextureObject_t texture, float* out, int width, int height) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x < width && y < height) out[y * width + x] = tex2D<float>(texture, x + 0.25f, y + 0.75f);
}
extern "C" __global__ void store(cudaSurfaceObject_t surface, int width, int height) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x < width && y < height) surf2Dwrite<float>(x + 100.0f * y, surface, x * 4, y);
}"""


@section
def textures(record: Recorder) -> None:
    """CuPy: a CUDA array read through a texture with linear filtering, and written through a
    surface"""
    from cupy.cuda import runtime, texture
    width, height = 24, 16
    channel = texture.ChannelFormatDescriptor(32, 0, 0, 0, runtime.cudaChannelFormatKindFloat)
    array = texture.CUDAarray(channel, width, height, 0, runtime.cudaArraySurfaceLoadStore)
    array.copy_from(numpy.random.default_rng(1).random((height, width), dtype=numpy.float32))
    resource = texture.ResourceDescriptor(runtime.cudaResourceTypeArray, cuArr=array)
    clamp = (runtime.cudaAddressModeClamp,) * 2
    description = texture.TextureDescriptor(clamp, runtime.cudaFilterModeLinear,
                                            runtime.cudaReadModeElementType)
    out = cupy.zeros((height, width), dtype=cupy.float32)
    blocks, threads = (2, 2), (16, 16)
    sample = cupy.RawKernel(TEXTURE_SOURCE, "sample")
    sample(blocks, threads,
           (texture.TextureObject(resource, description), out, numpy.int32(width),
            numpy.int32(height)))
    record.output("sampled", out)
    store = cupy.RawKernel(TEXTURE_SOURCE, "store")
    store(blocks, threads,
          (texture.SurfaceObject(resource), numpy.int32(width), numpy.int32(height)))
    written = numpy.empty((height, width), dtype=numpy.float32)
    array.copy_to(written)
    record.output("written", written)


@section
def cooperative_launch(record: Recorder) -> None:
    """CuPy: a cooperative grid that synchronises itself"""
    source = r"""
    #include <cooperative_groups.h>
    extern "C" __global__ void turn(float* values, int count) {
      auto grid = cooperative_groups::this_grid();
      int i = blockIdx.x * blockDim.x + threadIdx.x;
      float next = values[(i + 1) % count];
      grid.sync();
      values[i] = next;
    }"""
    kernel = cupy.RawKernel(source, "turn", enable_cooperative_groups=True)
    values = cupy.arange(2048, dtype=cupy.float32)
    kernel((8,), (THREADS,), (values, numpy.int32(2048)))
    record.output("turned", values)


if __name__ == "__main__":
    main()
