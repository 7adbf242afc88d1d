"""What is measured with Triton; workloads_torch.py tells what a workload is."""
import torch
import triton
import triton.language as tl


@triton.jit
def _add_kernel(left, right, out, count, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < count
    tl.store(out + offsets,
             tl.load(left + offsets, mask=inside) + tl.load(right + offsets, mask=inside),
             mask=inside)


def triton_loop():
    left, right = (torch.rand(1 << 20, device="cuda") for _ in range(2))
    out = torch.empty_like(left)

    def request():
        _add_kernel[(1024,)](left, right, out, 1 << 20, BLOCK=1024)
        torch.cuda.synchronize()

    return request
