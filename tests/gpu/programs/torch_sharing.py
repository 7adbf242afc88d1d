#!/usr/bin/env python3
"""Two PyTorch processes share CUDA tensors by torch.multiprocessing: fingerprints of what each of them sees."""
import argparse
import time

import torch_settings
import torch
import torch.multiprocessing
from fingerprints import Output

TIMEOUT_S = 90
SHAPE = 512, 512


def work(tensors, answers, parent_is_done):
    """The other process: changes what it is given, and gives something of its own, as often as it is asked."""
    while (shared := tensors.get(timeout=TIMEOUT_S)) is not None:
        shared.mul_(3).add_(1)  # in the parent's memory, after the parent's own kernels
        product = shared @ shared
        torch.cuda.synchronize()
        answers.put((torch_settings.of_tensor(shared), product))
        del shared
    parent_is_done.wait(TIMEOUT_S)  # what it gave lives as long as this process


def exchange(output, name, dtype, tensors, answers):
    mine = torch_settings.seeded(7, *SHAPE).to("cuda", dtype)
    for _ in range(50):
        mine = (mine @ mine).clamp_(-1, 1)  # still going on when the other process is given it
    view = mine[16:, 16:]  # not where its memory starts
    tensors.put(view)
    start = time.perf_counter()
    seen, product = answers.get(timeout=TIMEOUT_S)
    output.timing(f"{name}.exchange", [time.perf_counter() - start])
    output.result(f"{name}.seen", seen)
    output.result(f"{name}.changed_here", torch_settings.of_tensor(mine))
    output.result(f"{name}.one_memory", torch_settings.of_tensor(view) == seen)
    output.result(f"{name}.product", torch_settings.of_tensor(product))
    output.result(f"{name}.product_is_right", torch.equal(product, view @ view))


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    context = torch.multiprocessing.get_context("spawn")
    tensors, answers, parent_is_done = context.Queue(), context.Queue(), context.Event()
    other = context.Process(target=work, args=(tensors, answers, parent_is_done), daemon=True)
    other.start()
    output = Output()
    for round_number in range(3):
        exchange(output, f"float32.{round_number}", torch.float32, tensors, answers)
        exchange(output, f"float16.{round_number}", torch.float16, tensors, answers)
    tensors.put(None)
    parent_is_done.set()
    other.join(TIMEOUT_S)
    output.result("the_other_ended_well", other.exitcode == 0)
    output.write()


if __name__ == "__main__":
    main()
