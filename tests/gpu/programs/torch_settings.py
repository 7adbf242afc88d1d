"""PyTorch set to compute the same bits on every run, and the fingerprint of a tensor. Import it before torch."""
import os

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts

import torch  # noqa: E402

import fingerprints  # noqa: E402

torch.backends.cudnn.benchmark = False  # else the fastest algorithm of this run is chosen
torch.backends.cudnn.deterministic = True


def of_tensor(tensor):
    return fingerprints.of_bytes(tensor.detach().contiguous().cpu().view(torch.uint8).numpy().tobytes())


def seeded(seed, *shape):
    """From the CPU's generator: the same numbers on every machine."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
