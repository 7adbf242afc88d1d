"""Triton kernels: a sum, a product of tiles on tensor cores, softmax, atomics, graphs."""
from torch_base import seeded
import torch
import triton
import triton.language as tl
from recorder import Recorder, main, section


@triton.jit
def add_kernel(left, right, out, count, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < count
    tl.store(out + offsets,
             tl.load(left + offsets, mask=inside) + tl.load(right + offsets, mask=inside),
             mask=inside)


@triton.jit
def softmax_kernel(values, out, columns, BLOCK: tl.constexpr):
    offsets = tl.arange(0, BLOCK)
    inside = offsets < columns
    row = tl.load(values + tl.program_id(0) * columns + offsets, mask=inside, other=-float("inf"))
    powers = tl.exp(row - tl.max(row, axis=0))
    tl.store(out + tl.program_id(0) * columns + offsets, powers / tl.sum(powers, axis=0),
             mask=inside)


@triton.jit
def product_kernel(left, right, out, rows, columns, inner, TILE: tl.constexpr, DEPTH: tl.constexpr):
    row = tl.program_id(0) * TILE + tl.arange(0, TILE)
    column = tl.program_id(1) * TILE + tl.arange(0, TILE)
    depth = tl.arange(0, DEPTH)
    total = tl.zeros((TILE, TILE), dtype=tl.float32)
    for start in range(0, inner, DEPTH):
        a = tl.load(left + row[:, None] * inner + start + depth[None, :])
        b = tl.load(right + (start + depth)[:, None] * columns + column[None, :])
        total += tl.dot(a, b)
    tl.store(out + row[:, None] * columns + column[None, :], total.to(tl.float16))


@triton.jit
def count_kernel(values, counts, count, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    bins = tl.load(values + offsets, mask=offsets < count, other=0)
    tl.atomic_add(counts + bins, 1, mask=offsets < count)


@section
def vector_sum(record: Recorder) -> None:
    """Triton: a vector sum with a ragged end"""
    left, right = seeded(1, 98432), seeded(2, 98432)
    out = torch.empty_like(left)
    add_kernel[(triton.cdiv(left.numel(), 1024),)](left, right, out, left.numel(), BLOCK=1024)
    record.outputs(out=out, right=torch.equal(out, left + right))


@section
def softmax(record: Recorder) -> None:
    """Triton: softmax of rows, four and eight warps"""
    values = seeded(3, 512, 781)
    for warps in (4, 8):
        out = torch.empty_like(values)
        softmax_kernel[(512,)](values, out, 781, BLOCK=1024, num_warps=warps)
        record.output(f"warps_{warps}", out)


@section
def product(record: Recorder) -> None:
    """Triton: a product of half precision tiles, pipelined"""
    left, right = seeded(1, 256, 512, dtype=torch.float16), seeded(2, 512, 384, dtype=torch.float16)
    out = torch.empty(256, 384, device="cuda", dtype=torch.float16)
    product_kernel[(4, 6)](left, right, out, 256, 384, 512, TILE=64, DEPTH=32, num_stages=3)
    record.outputs(out=out, close=bool(torch.allclose(out, left @ right, atol=0.1, rtol=0.01)))


@section
def atomics(record: Recorder) -> None:
    """Triton: a histogram by atomic additions"""
    values = torch.randint(0, 32, (100000,), generator=torch.Generator().manual_seed(1),
                           dtype=torch.int32).cuda()
    counts = torch.zeros(32, dtype=torch.int32, device="cuda")
    count_kernel[(triton.cdiv(100000, 256),)](values, counts, 100000, BLOCK=256)
    record.outputs(counts=counts,
                   right=torch.equal(counts.long(), torch.bincount(values, minlength=32)))


@section
def in_a_graph(record: Recorder) -> None:
    """Triton: kernels in a CUDA graph and on another stream"""
    left, right, out = seeded(1, 4096), seeded(2, 4096), torch.zeros(4096, device="cuda")
    launch = lambda: add_kernel[(4,)](left, right, out, 4096, BLOCK=1024)  # noqa: E731
    launch()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        launch()
    left.fill_(3)
    graph.replay()
    record.output("replayed", out)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        launch()
    stream.synchronize()
    record.output("stream", out)


if __name__ == "__main__":
    main()
