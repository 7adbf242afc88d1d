"""Numba's CUDA kernels: streams, shared memory, atomics, pinned and mapped arrays, events."""
import math

import numpy

# Names that newer releases of NumPy have dropped and that Numba still looks for when it is
# imported.
for old, new in {"row_stack": "vstack", "in1d": "isin", "trapz": "trapezoid"}.items():
    if not hasattr(numpy, old):
        setattr(numpy, old, getattr(numpy, new))

from numba import cuda, float32  # noqa: E402
from recorder import Recorder, main, section  # noqa: E402

THREADS = 256


@cuda.jit
def add(left, right, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = left[i] + right[i]


@cuda.jit
def sum_blocks(values, sums):
    shared = cuda.shared.array(THREADS, float32)
    thread = cuda.threadIdx.x
    shared[thread] = values[cuda.grid(1)]
    width = THREADS // 2
    while width > 0:
        cuda.syncthreads()
        if thread < width:
            shared[thread] += shared[thread + width]
        width //= 2
    if thread == 0:
        sums[cuda.blockIdx.x] = shared[0]


@cuda.jit
def count(values, counts):
    i = cuda.grid(1)
    if i < values.size:
        cuda.atomic.add(counts, values[i], 1)


@cuda.jit
def waves(values):
    x, y = cuda.grid(2)
    if x < values.shape[0] and y < values.shape[1]:
        values[x, y] = math.sin(x * 0.1) * math.exp(-y * 0.01)


def random_values(seed: int, size: int) -> numpy.ndarray:
    return numpy.random.default_rng(seed).standard_normal(size).astype(numpy.float32)


@section
def vector_sum(record: Recorder) -> None:
    """Numba: a vector sum, arrays copied by hand and by the call"""
    left, right = random_values(1, 10000), random_values(2, 10000)
    out = cuda.device_array(10000, numpy.float32)
    add[40, THREADS](cuda.to_device(left), cuda.to_device(right), out)
    implicit = numpy.zeros(10000, numpy.float32)
    add[40, THREADS](left, right, implicit)
    record.outputs(out=out.copy_to_host(), implicit=implicit)


@section
def shared_memory(record: Recorder) -> None:
    """Numba: sums of blocks through shared memory"""
    sums = cuda.device_array(64, numpy.float32)
    sum_blocks[64, THREADS](cuda.to_device(random_values(3, 64 * THREADS)), sums)
    record.output("sums", sums.copy_to_host())


@section
def atomics(record: Recorder) -> None:
    """Numba: a histogram by atomic additions"""
    values = numpy.random.default_rng(4).integers(0, 32, 50000).astype(numpy.int32)
    counts = cuda.to_device(numpy.zeros(32, numpy.int32))
    count[200, THREADS](cuda.to_device(values), counts)
    record.outputs(counts=counts.copy_to_host(),
                   right=bool((counts.copy_to_host() == numpy.bincount(values)).all()))


@section
def two_dimensions(record: Recorder) -> None:
    """Numba: a grid of two dimensions with libdevice's functions"""
    values = cuda.device_array((100, 120), numpy.float64)
    waves[(13, 15), (8, 8)](values)
    record.output("values", values.copy_to_host())


@section
def streams(record: Recorder) -> None:
    """Numba: streams, pinned arrays, events"""
    side = [cuda.stream() for _ in range(3)]
    start, end = cuda.event(), cuda.event()
    start.record(side[0])
    answers = []
    for number, stream in enumerate(side):
        host = cuda.pinned_array(10000, numpy.float32)
        host[:] = random_values(number, 10000)
        on_gpu = cuda.to_device(host, stream=stream)
        out = cuda.device_array(10000, numpy.float32, stream=stream)
        add[40, THREADS, stream](on_gpu, on_gpu, out)
        answers.append(out.copy_to_host(stream=stream))
    end.record(side[0])
    for stream in side:
        stream.synchronize()
    end.synchronize()
    record.output("time_is_not_negative", bool(cuda.event_elapsed_time(start, end) >= 0))
    for number, answer in enumerate(answers):
        record.output(f"stream_{number}", answer)


@section
def mapped_memory(record: Recorder) -> None:
    """Numba: host memory that kernels reach"""
    mapped = cuda.mapped_array(1000, numpy.float32)
    mapped[:] = random_values(5, 1000)
    out = cuda.device_array(1000, numpy.float32)
    add[4, THREADS](mapped, mapped, out)
    record.output("doubled", out.copy_to_host())


if __name__ == "__main__":
    main()
