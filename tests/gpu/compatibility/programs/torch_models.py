"""torchvision's models with weights from a seed, eager, as CUDA graphs and compiled: a section
is a model's name."""
import functools

from torch_base import captured, seeded
import torch
import torchvision
from recorder import Recorder, main

BATCH = 2
SIZES = {"inception_v3": 299}  # pixels; others take 224
SLOW_TO_START = ("googlenet", "inception_v3")  # their own way to draw weights takes many seconds
REPLAYS = 3


def model_of(name: str) -> torch.nn.Module:
    torch.manual_seed(1)
    options = {"init_weights": False, "aux_logits": False} if name in SLOW_TO_START else {}
    with torch.device("cuda"):
        return torchvision.models.get_model(name, weights=None, **options).eval()


def images_for(name: str, seed: int) -> torch.Tensor:
    size = SIZES.get(name, 224)
    return seeded(seed, BATCH, 3, size, size)


def eager(record: Recorder, name: str) -> None:
    model = model_of(name)
    with torch.inference_mode():
        logits = model(images_for(name, 1))
        record.outputs(float32=logits, finite=bool(torch.isfinite(logits).all()))
        with torch.autocast("cuda", torch.bfloat16):
            record.output("bfloat16", model(images_for(name, 2)))


def as_graph(record: Recorder, name: str) -> None:
    model, images = model_of(name), images_for(name, 1)
    with torch.inference_mode():
        graph, logits = captured(lambda: model(images))
        for seed in range(REPLAYS):
            images.copy_(images_for(name, seed))
            graph.replay()
            record.output(f"replay_{seed}", logits)
        record.output("as_eager", bool(torch.allclose(model(images), logits, atol=1e-4)))


def compiled(record: Recorder, name: str, mode: str) -> None:
    if hasattr(torch._inductor.config, "deterministic"):
        torch._inductor.config.deterministic = True
    model = torch.compile(model_of(name), mode=mode)
    with torch.inference_mode():
        for seed in range(REPLAYS + 1):  # reduce-overhead records its graph in the second call
            record.output(f"request_{seed}", model(images_for(name, seed)).clone())


MODES = {
    "eager": eager,
    "graph": as_graph,
    "compile": functools.partial(compiled, mode="default"),
    "reduce-overhead": functools.partial(compiled, mode="reduce-overhead"),
}


def arguments(parser) -> None:
    parser.add_argument("--mode", choices=MODES, default="eager")


def resolve(name: str, options):
    return functools.partial(MODES[options.mode], name=name)


if __name__ == "__main__":
    import torch._inductor.config
    main(resolve, arguments)
