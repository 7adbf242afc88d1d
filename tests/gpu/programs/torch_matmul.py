#!/usr/bin/env python3
"""Matrix products by PyTorch (cuBLAS and cuBLASLt): fingerprints of the raw results."""
import argparse

import torch_settings
import torch
from fingerprints import Output, timed

PRODUCTS = {
    "square_1024": ((1024, 1024), (1024, 1024)),
    "square_4096": ((4096, 4096), (4096, 4096)),
    "odd_17x4095x1000": ((17, 4095), (4095, 1000)),
    "vector_4096": ((1, 4096), (4096, 4096)),
    "batched_16x256": ((16, 256, 256), (16, 256, 256)),
}
TYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def check_product(output, name, left, right, repeats):
    product = lambda: torch.matmul(left, right)  # noqa: E731
    prints, seconds = timed(product, repeats, torch.cuda.synchronize, torch_settings.of_tensor)
    output.result(name, prints[0])
    output.result(name + ".repeats_equal", len(set(prints)) == 1)
    output.timing(name, seconds[1:])


def check_layer(output, name, dtype):
    """A layer with a bias and an activation, which cuBLASLt fuses; then its gradient."""
    shapes = (768, 3072), (768,), (128, 3072)
    weight, bias, values = (torch_settings.seeded(seed, *shape).to("cuda", dtype) for seed, shape in enumerate(shapes))
    values.requires_grad_()
    answer = torch.nn.functional.gelu(torch.nn.functional.linear(values, weight, bias))
    answer.float().square().mean().backward()
    output.result(name, torch_settings.of_tensor(answer))
    output.result(name + ".gradient", torch_settings.of_tensor(values.grad))


def check_against_cpu(output):
    left, right = torch_settings.seeded(1, 64, 64), torch_settings.seeded(2, 64, 64)
    difference = (torch.matmul(left.cuda(), right.cuda()).cpu() - torch.matmul(left, right)).abs().max().item()
    output.result("close_to_cpu", difference < 1e-3)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="times that each product is computed (at least 2)")
    repeats = max(2, parser.parse_args().repeat)
    output = Output()
    check_against_cpu(output)
    for type_name, dtype in TYPES.items():
        for name, (left, right) in PRODUCTS.items():
            on_gpu = (torch_settings.seeded(seed, *shape).to("cuda", dtype) for seed, shape in enumerate((left, right)))
            check_product(output, f"{name}.{type_name}", *on_gpu, repeats)
        check_layer(output, f"layer.{type_name}", dtype)
    output.write()


if __name__ == "__main__":
    main()
