"""PyTorch takes memory until there is none, goes on with what it has, and gives it back. Runs
alone."""
from torch_base import seeded
import torch
from recorder import Recorder, main, section

STEP_BYTES = 2 << 30
MOST_STEPS = 128


@section
def filling_the_gpu(record: Recorder) -> None:
    """memory taken until PyTorch's out-of-memory error, used, given back, and taken again"""
    values = seeded(1, 512, 512)
    held, refused = [], False
    for _ in range(MOST_STEPS):
        try:
            held.append(torch.empty(STEP_BYTES, dtype=torch.uint8, device="cuda").fill_(1))
        except torch.cuda.OutOfMemoryError:
            refused = True
            break
    record.outputs(refused=refused, took_some=len(held) >= 2, still_computes=values @ values,
                   last_is_whole=bool((held[-1][-1000:] == 1).all()) if held else False)
    count = len(held)
    held.clear()
    torch.cuda.empty_cache()
    half = [torch.empty(STEP_BYTES, dtype=torch.uint8, device="cuda").fill_(2)
            for _ in range(count // 2)]
    record.output("again", bool(all(int(block[-1]) == 2 for block in half)))


if __name__ == "__main__":
    main()
