#!/usr/bin/env python3
"""A small network as a CUDA graph, captured and replayed by PyTorch: fingerprints of what each replay gives."""
import argparse

import torch_settings
import torch
from fingerprints import Output, timed


def network(dtype):
    torch.manual_seed(3)
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 32, 3), torch.nn.ReLU(), torch.nn.Conv2d(32, 32, 3), torch.nn.ReLU(),
                                 torch.nn.AdaptiveAvgPool2d(8), torch.nn.Flatten(), torch.nn.Linear(2048, 512),
                                 torch.nn.GELU(), torch.nn.Linear(512, 10))
    return layers.eval().to("cuda", dtype)


def capture(model, images):
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # the libraries choose and load what they need
            model(images)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        answer = model(images)
    return graph, answer


def check(output, name, dtype, repeats):
    model = network(dtype)
    images = torch.zeros(4, 3, 64, 64, device="cuda", dtype=dtype)
    graph, answer = capture(model, images)

    def replay():
        graph.replay()
        return answer

    for seed in range(3):
        images.copy_(torch_settings.seeded(seed, *images.shape).to("cuda", dtype))
        prints, seconds = timed(replay, repeats, torch.cuda.synchronize, torch_settings.of_tensor)
        output.result(f"{name}.{seed}", prints[0])
        output.result(f"{name}.{seed}.repeats_equal", len(set(prints)) == 1)
        output.result(f"{name}.{seed}.as_eager", torch.equal(model(images), answer))
        output.timing(f"{name}.{seed}", seconds[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=20, help="replays for each input (at least 2)")
    repeats = max(2, parser.parse_args().repeat)
    output = Output()
    with torch.inference_mode():
        check(output, "float32", torch.float32, repeats)
        check(output, "float16", torch.float16, repeats)
    output.write()


if __name__ == "__main__":
    main()
