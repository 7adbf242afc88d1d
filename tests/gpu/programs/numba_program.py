#!/usr/bin/env python3
"""Numba: a vector sum, and sums of blocks through shared memory."""
import numpy
from numba import cuda, float32

from fingerprints import Output, of_bytes

THREADS = 256


@cuda.jit
def add(a, b, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = a[i] + b[i]


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


def main():
    output = Output()
    host = (numpy.arange(1 << 16) % 1024).astype(numpy.float32)
    values, total = cuda.to_device(host), cuda.device_array(host.size, numpy.float32)
    blocks = host.size // THREADS
    add[blocks, THREADS](values, values, total)
    answer = total.copy_to_host()
    output.result("add", of_bytes(answer.tobytes()))
    output.result("add.is_right", bool((answer == host * 2).all()))
    sums = cuda.device_array(blocks, numpy.float32)
    sum_blocks[blocks, THREADS](values, sums)
    answer = sums.copy_to_host()
    output.result("sum_blocks", of_bytes(answer.tobytes()))
    output.result("sum_blocks.is_right", bool((answer == host.reshape(blocks, THREADS).sum(axis=1)).all()))
    output.write()


if __name__ == "__main__":
    main()
