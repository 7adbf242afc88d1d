"""torch.compile beyond a model: a training step, dynamic shapes, and attention of a compiled
score function."""
from torch_base import seeded
import torch
import torch._inductor.config
import torch.nn.functional as F
from recorder import Recorder, main, section


@section
def training_step(record: Recorder) -> None:
    """forward and backward of a compiled network, with its optimizer"""
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.GELU(), torch.nn.LayerNorm(512),
                                torch.nn.Linear(512, 10)).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    compiled = torch.compile(model)
    for step in range(3):
        optimizer.zero_grad()
        loss = compiled(seeded(step, 64, 256)).square().mean()
        loss.backward()
        optimizer.step()
    record.outputs(loss=loss, weights=model[0].weight)


@section
def dynamic_shapes(record: Recorder) -> None:
    """one compiled function for inputs of several sizes"""
    function = torch.compile(lambda x: F.softmax(x * 2 + x.sin(), dim=-1).cumsum(0), dynamic=True)
    for size in (33, 64, 100):
        record.output(f"size_{size}", function(seeded(size, size, 128)))


if __name__ == "__main__":
    if hasattr(torch._inductor.config, "deterministic"):
        torch._inductor.config.deterministic = True
    main()
