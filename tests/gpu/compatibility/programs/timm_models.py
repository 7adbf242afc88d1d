"""timm's models with weights from a seed."""
from torch_base import seeded
import timm
import torch
from recorder import Recorder, main, section


def infer(record: Recorder, name: str) -> None:
    torch.manual_seed(1)
    model = timm.create_model(name, pretrained=False).eval().cuda()
    with torch.inference_mode():
        record.output("logits", model(seeded(1, 2, 3, 224, 224)))


@section
def convnext(record: Recorder) -> None:
    """timm: convnext_tiny"""
    infer(record, "convnext_tiny")


@section
def swin(record: Recorder) -> None:
    """timm: swin_tiny_patch4_window7_224"""
    infer(record, "swin_tiny_patch4_window7_224")


if __name__ == "__main__":
    main()
