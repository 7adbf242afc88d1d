"""Scaled dot product attention by each of PyTorch's backends, with gradients."""
from torch_base import require_determinism, seeded
import torch
import torch.nn.functional as F
from recorder import Recorder, main, section
from torch.nn.attention import SDPBackend, sdpa_kernel

SHAPE = (2, 8, 256, 64)  # batch, heads, length, width of a head


def attend(record: Recorder, backend: SDPBackend, dtype: torch.dtype) -> None:
    for name, causal in (("full", False), ("causal", True)):
        query, key, value = (seeded(seed, *SHAPE, dtype=dtype).requires_grad_()
                             for seed in (1, 2, 3))
        with sdpa_kernel(backend):
            answer = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
            answer.float().square().mean().backward()
        record.outputs(**{name: answer, f"{name}_query_gradient": query.grad,
                          f"{name}_key_gradient": key.grad,
                          f"{name}_value_gradient": value.grad})


@section
def math(record: Recorder) -> None:
    """SDPA of ordinary operations, float32"""
    attend(record, SDPBackend.MATH, torch.float32)


@section
def flash(record: Recorder) -> None:
    """SDPA by FlashAttention, half precision"""
    attend(record, SDPBackend.FLASH_ATTENTION, torch.float16)


@section
def memory_efficient(record: Recorder) -> None:
    """SDPA by the memory efficient kernels, float32"""
    attend(record, SDPBackend.EFFICIENT_ATTENTION, torch.float32)


@section
def cudnn(record: Recorder) -> None:
    """SDPA by cuDNN, bfloat16"""
    # PyTorch does not offer this one where they are required
    torch.use_deterministic_algorithms(False)
    try:
        attend(record, SDPBackend.CUDNN_ATTENTION, torch.bfloat16)
    finally:
        require_determinism()


@section
def multi_head_layer(record: Recorder) -> None:
    """nn.TransformerEncoderLayer, which has a fast path of its own for inference"""
    torch.manual_seed(1)
    layer = torch.nn.TransformerEncoderLayer(128, 4, 256, batch_first=True).cuda().eval()
    with torch.inference_mode():
        record.output("answer", layer(seeded(2, 4, 50, 128)))


if __name__ == "__main__":
    require_determinism()
    main()
