#!/usr/bin/env python3
"""Generates text with GPT-2 small by transformers: greedy, with a KV cache, from a prompt of random
tokens.

The model is made of its configuration with weights from the seed, so nothing is downloaded and the
text means nothing. Prints one JSON document: tokens per second of the fastest repeat and of the
median one, and the tokens.
"""
import argparse
import json
import os
import statistics
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
import transformers  # noqa: E402

PRECISIONS = {"float": torch.float32, "half": torch.float16, "bfloat16": torch.bfloat16}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--new-tokens", type=int, default=64,
                        help="to generate (default: %(default)s)")
    parser.add_argument("--prompt-tokens", type=int, default=32,
                        help="length of the prompt (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=1,
                        help="prompts at once (default: %(default)s)")
    parser.add_argument("--precision", choices=PRECISIONS, default="half",
                        help="(default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5,
                        help="after one that is not timed (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0,
                        help="of weights and prompt (default: %(default)s)")
    return parser.parse_args()


def make_model(seed: int, dtype: torch.dtype) -> torch.nn.Module:
    torch.manual_seed(seed)
    return transformers.GPT2LMHeadModel(transformers.GPT2Config()).eval().to("cuda", dtype)


def make_prompt(options: argparse.Namespace, vocabulary: int) -> torch.Tensor:
    """Tokens, batch x length."""
    generator = torch.Generator().manual_seed(options.seed)
    return torch.randint(0, vocabulary, (options.batch, options.prompt_tokens),
                         generator=generator).cuda()


def generate(model: torch.nn.Module, prompt: torch.Tensor,
             new_tokens: int) -> tuple[list[list[int]], float]:
    """The new tokens of each prompt, and how many seconds they took."""
    start = time.perf_counter()
    tokens = model.generate(prompt, attention_mask=torch.ones_like(prompt),
                            max_new_tokens=new_tokens,
                            min_new_tokens=new_tokens, do_sample=False, pad_token_id=0)
    answer = tokens[:, prompt.shape[1]:].tolist()  # waits for the GPU
    return answer, time.perf_counter() - start


def main() -> None:
    options = parse_arguments()
    model = make_model(options.seed, PRECISIONS[options.precision])
    prompt = make_prompt(options, model.config.vocab_size)
    with torch.inference_mode():
        tokens, _ = generate(model, prompt, options.new_tokens)
        runs = [generate(model, prompt, options.new_tokens) for _ in range(options.repeats)]
    rates = [options.batch * options.new_tokens / seconds for _, seconds in runs]
    chosen = {key: getattr(options, key)
              for key in ("batch", "prompt_tokens", "new_tokens", "precision", "seed")}
    found = {"tokens_per_s": round(max(rates), 1),
             "median_tokens_per_s": round(statistics.median(rates), 1),
             "repeats_equal": all(repeat == tokens for repeat, _ in runs), "tokens": tokens}
    print(json.dumps(chosen | found))


if __name__ == "__main__":
    main()
