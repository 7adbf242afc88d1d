#!/usr/bin/env python3
"""Serves a torchvision model: requests arrive at random, each is one batch from the host to the GPU
and logits back.

Weights and inputs come from the seed, so nothing is downloaded. Prints one JSON document: latencies
in milliseconds from the intended arrivals, requests served per second, and a fingerprint of the
logits of the first input.
"""
import argparse
import json
from typing import Callable

import request_loop
import torch
import torchvision

PRECISIONS = {"float": torch.float32, "half": torch.float16, "bfloat16": torch.bfloat16}
IMAGE_PIXELS = {"inception_v3": 299}  # a side; others take 224
WARM_UPS = 5


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet50",
                        help="torchvision's name of it (default: %(default)s)")
    parser.add_argument("--mode", choices=("eager", "graph", "compile"), default="eager",
                        help="eager, one CUDA graph, or torch.compile (default: %(default)s)")
    parser.add_argument("--precision", choices=PRECISIONS, default="float",
                        help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=1,
                        help="images a request (default: %(default)s)")
    request_loop.add_arguments(parser)
    return parser.parse_args()


def make_model(name: str, dtype: torch.dtype, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    with torch.device("cuda"):
        return torchvision.models.get_model(name, weights=None).eval().to(dtype)


def make_images(options: argparse.Namespace) -> torch.Tensor:
    """In pinned memory of the host, batch x 3 x height x width."""
    pixels = IMAGE_PIXELS.get(options.model, 224)
    generator = torch.Generator().manual_seed(options.seed)
    images = torch.randn(options.batch, 3, pixels, pixels, generator=generator)
    return images.to(PRECISIONS[options.precision]).pin_memory()


def warm_up(function: Callable[[], object]) -> None:
    """On a stream of its own, as a capture that follows wants it."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            function()
    torch.cuda.current_stream().wait_stream(stream)


def forward_function(model: torch.nn.Module, inputs: torch.Tensor,
                     mode: str) -> Callable[[], torch.Tensor]:
    """A function that gives the logits of what is in `inputs`."""
    if mode == "compile":
        compiled = torch.compile(model)
        return lambda: compiled(inputs)
    if mode == "eager":
        return lambda: model(inputs)
    warm_up(lambda: model(inputs))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        logits = model(inputs)

    def replay() -> torch.Tensor:
        graph.replay()
        return logits

    return replay


def main() -> None:
    options = parse_arguments()
    images = make_images(options)
    inputs = images.cuda()
    with torch.inference_mode():
        model = make_model(options.model, PRECISIONS[options.precision], options.seed)
        forward = forward_function(model, inputs, options.mode)

        def answer() -> torch.Tensor:
            inputs.copy_(images, non_blocking=True)
            return forward().float().cpu()

        for _ in range(WARM_UPS):
            answer()
        latencies, seconds = request_loop.serve(request_loop.arrivals(options), answer)
        print_of = request_loop.fingerprint(answer().numpy().tobytes())
    chosen = {key: getattr(options, key)
              for key in ("model", "mode", "precision", "batch", "rate", "sigma", "seed")}
    print(json.dumps(chosen | request_loop.summary(latencies, seconds) | {"fingerprint": print_of}))


if __name__ == "__main__":
    main()
