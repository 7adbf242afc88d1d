#!/usr/bin/env python3
"""ResNet-50 by torchvision, eager, with weights from a seed: fingerprints of the raw logits."""
import argparse

import torch_settings
import torch
import torchvision
from fingerprints import Output, timed


def model_of_seed(seed):
    torch.manual_seed(seed)
    model = torchvision.models.resnet50(weights=None).eval()
    for module in model.modules():
        # Untrained, each block would double the values until half precision overflows.
        if isinstance(module, torchvision.models.resnet.Bottleneck):
            torch.nn.init.constant_(module.bn3.weight, 0.25)
    return model


def check_requests(output, name, model, images, repeats):
    logits = model(images)
    output.result(name + ".is_finite", bool(torch.isfinite(logits).all()))
    output.result(name + ".is_no_constant", logits.std().item() > 0)
    prints, seconds = timed(lambda: model(images), repeats, torch.cuda.synchronize, torch_settings.of_tensor)
    output.result(name, prints[0])
    output.result(name + ".repeats_equal", len(set(prints)) == 1)
    output.timing(name, seconds[repeats // 4:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=60, help="requests of each kind (at least 4)")
    repeats = max(4, parser.parse_args().repeat)
    output = Output()
    model = model_of_seed(1)
    with torch.inference_mode():
        for type_name, dtype in {"float32": torch.float32, "float16": torch.float16}.items():
            on_gpu = model.to("cuda", dtype)
            for batch in (1, 8):
                images = torch_settings.seeded(batch, batch, 3, 224, 224).to("cuda", dtype)
                check_requests(output, f"batch_{batch}.{type_name}", on_gpu, images, repeats)
    output.write()


if __name__ == "__main__":
    main()
