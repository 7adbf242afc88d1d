"""PyTorch set to compute the same bits on every run, and inputs that a seed makes. Import it
before torch."""
import os

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts

import torch  # noqa: E402

torch.backends.cudnn.benchmark = False  # else the fastest algorithm of this run is chosen
torch.backends.cudnn.deterministic = True


def require_determinism() -> None:
    """Of operations that have a deterministic form; others warn, and two native runs tell
    whether they differ."""
    torch.use_deterministic_algorithms(True, warn_only=True)


def seeded(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """On the GPU, from the CPU's generator: the same numbers whatever the GPU's does."""
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return values.to("cuda", dtype)


def captured(function, warm_ups: int = 3):
    """A CUDA graph of `function()` and what it returned in the capture."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(warm_ups):  # the libraries choose and load what they need
            function()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        answer = function()
    return graph, answer
