#!/usr/bin/env python3
"""Serves a torchvision model as examples/torch_serve.py does, half precision, batch 1, as a CUDA
graph, but is asked for round after round.

usage: served_model.py MODEL

It answers each line that it reads with one line of JSON, and ends with its input:
    prepare       makes the model, its graph and some answers: {"fingerprint", "versions"}
    alone         {"gpu_ms", "fingerprint"}: the median GPU time of requests one after the other
    serve ARRIVALS LATENCIES START GIVE_UP
                  serves what arrives; the first two are JSON files of seconds, the others moments of
                  CLOCK_MONOTONIC: {"unserved", "wrong"}
"""
import argparse
import statistics
import sys

import answering
import torch
import torch_serve
import torchvision

TIMED_REQUESTS = 50
SLOW_TO_START = ("googlenet", "inception_v3")  # their own way to draw weights takes many seconds


def make_model(name: str) -> torch.nn.Module:
    """With weights from a seed."""
    torch.manual_seed(0)
    options = {"init_weights": False} if name in SLOW_TO_START else {}
    with torch.device("cuda"):
        return torchvision.models.get_model(name, weights=None, **options).eval().half()


class Server:
    def __init__(self, name: str):
        chosen = argparse.Namespace(model=name, precision="half", batch=1, seed=0)
        self._images = torch_serve.make_images(chosen)
        self._inputs = self._images.cuda()
        # Kept: the graph reads the weights where they are.
        self._model = make_model(name)
        self._forward = torch_serve.forward_function(self._model, self._inputs, "graph")
        for _ in range(torch_serve.WARM_UPS):
            self.answer()

    def answer(self) -> bytes:
        return self._logits().cpu().numpy().tobytes()

    def _logits(self) -> torch.Tensor:
        self._inputs.copy_(self._images, non_blocking=True)
        return self._forward().float()

    def gpu_ms(self) -> float:
        """From the copy of the input to the logits, on the GPU; the median."""
        taken = []
        for _ in range(TIMED_REQUESTS):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            self._logits()
            end.record()
            end.synchronize()
            taken.append(begin.elapsed_time(end))
        return statistics.median(taken)


def main() -> None:
    def prepare():
        server = Server(sys.argv[1])
        return (server.answer, server.gpu_ms,
                {"torch": torch.__version__, "torchvision": torchvision.__version__})

    torch.backends.cudnn.deterministic = True  # answers are compared bit by bit
    with torch.inference_mode():
        answering.answer_lines(answering.server_commands(prepare))


if __name__ == "__main__":
    main()
