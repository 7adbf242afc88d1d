#!/usr/bin/env python3
"""Keeps the GPU busy as a program of PyTorch: a transformer's encoder of six layers, batch 32 of 512
tokens, 1024 wide, half precision, as one CUDA graph, again and again with two of them in flight.

It answers each line that it reads with one line of JSON, and ends with its input:
    prepare       makes the encoder and its graph: {"fingerprint"} of the output
    work COUNT_FROM COUNT_UNTIL UNTIL
                  works until the last of these moments of CLOCK_MONOTONIC; how many graphs ended
                  between the first two, and the output at the end: {"done", "fingerprint"}
"""
import collections
import time

import answering
import torch
import torch_serve

LAYERS, WIDTH, HEADS, HIDDEN = 6, 1024, 16, 4096
BATCH, TOKENS = 32, 512
IN_FLIGHT = 2


class Encoder:
    def __init__(self):
        torch.manual_seed(0)
        with torch.device("cuda"):
            # Kept: the graph reads weights and input where they are.
            self._layers = [torch.nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, batch_first=True)
                            .eval().half() for _ in range(LAYERS)]
            self._input = torch.randn(BATCH, TOKENS, WIDTH).half()
        torch_serve.warm_up(self._forward)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._output = self._forward()

    def _forward(self) -> torch.Tensor:
        values = self._input
        for layer in self._layers:
            values = layer(values)
        return values

    def start(self) -> torch.cuda.Event:
        """Once; the event is its end."""
        self._graph.replay()
        end = torch.cuda.Event()
        end.record()
        return end

    def fingerprint(self) -> str:
        return answering.fingerprint(self._output.cpu().numpy().tobytes())


def work(encoder: Encoder, count_from: float, count_until: float, until: float) -> int:
    done, in_flight = 0, collections.deque()
    while time.perf_counter() < until:
        in_flight.append(encoder.start())
        if len(in_flight) == IN_FLIGHT:
            in_flight.popleft().synchronize()
            done += count_from <= time.perf_counter() < count_until
    torch.cuda.synchronize()
    return done


def main() -> None:
    encoder = None

    def prepare() -> dict:
        nonlocal encoder
        encoder = Encoder()
        encoder.start().synchronize()
        return {"fingerprint": encoder.fingerprint()}

    def asked_to_work(*moments: str) -> dict:
        done = work(encoder, *map(float, moments))
        return {"done": done, "fingerprint": encoder.fingerprint()}

    with torch.inference_mode():
        answering.answer_lines({"prepare": prepare, "work": asked_to_work})


if __name__ == "__main__":
    main()
