#!/usr/bin/env python3
"""Serves a small network that JAX compiles: convolutions and a perceptron, or the perceptron alone.

Weights and inputs come from the seed. Prints one JSON document: latencies in milliseconds from the
intended arrivals, requests served per second, and a fingerprint of the answer to the input.
"""
import argparse
import json
import os

# else three quarters of the GPU's memory are taken
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy  # noqa: E402

import request_loop  # noqa: E402

IMAGE_PIXELS = 64  # a side
CHANNELS = (3, 32, 64)
HIDDEN, CLASSES = 512, 100
WARM_UPS = 5


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=("convolutions", "perceptron"), default="convolutions",
                        help="(default: %(default)s)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32",
                        help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=1,
                        help="images a request (default: %(default)s)")
    request_loop.add_arguments(parser)
    return parser.parse_args()


def make_weights(network: str, seed: int, dtype: str) -> dict[str, jax.Array]:
    """Drawn on the host: the same numbers on every machine."""
    generator = numpy.random.default_rng(seed)

    def draw(*shape: int) -> jax.Array:
        inputs = int(numpy.prod(shape[:-1]))
        return jnp.asarray(generator.standard_normal(shape) / numpy.sqrt(inputs), dtype)

    weights = {}
    pixels = IMAGE_PIXELS * IMAGE_PIXELS * CHANNELS[0]
    if network == "convolutions":
        for layer, (inputs, outputs) in enumerate(zip(CHANNELS, CHANNELS[1:])):
            weights[f"convolution_{layer}"] = draw(3, 3, inputs, outputs)
        pixels = (IMAGE_PIXELS // 4) ** 2 * CHANNELS[-1]
    return weights | {"hidden": draw(pixels, HIDDEN), "out": draw(HIDDEN, CLASSES)}


def logits_of(weights: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    """`images`: batch x height x width x channels."""
    values = images
    for name in sorted(name for name in weights if name.startswith("convolution")):
        values = jax.lax.conv_general_dilated(values, weights[name], (2, 2), "SAME",
                                              dimension_numbers=("NHWC", "HWIO", "NHWC"))
        values = jax.nn.relu(values)
    hidden = jax.nn.relu(values.reshape(values.shape[0], -1) @ weights["hidden"])
    return (hidden @ weights["out"]).astype(jnp.float32)


def main() -> None:
    options = parse_arguments()
    weights = make_weights(options.network, options.seed, options.precision)
    generator = numpy.random.default_rng(options.seed + 1)
    shape = (options.batch, IMAGE_PIXELS, IMAGE_PIXELS, CHANNELS[0])
    images = generator.standard_normal(shape).astype(jnp.dtype(options.precision))
    compiled = jax.jit(logits_of)

    def answer() -> numpy.ndarray:
        return numpy.asarray(compiled(weights, images))

    for _ in range(WARM_UPS):
        answer()
    latencies, seconds = request_loop.serve(request_loop.arrivals(options), answer)
    chosen = {key: getattr(options, key)
              for key in ("network", "precision", "batch", "rate", "sigma", "seed")}
    print_of = request_loop.fingerprint(answer().tobytes())
    print(json.dumps(chosen | request_loop.summary(latencies, seconds) | {"fingerprint": print_of}))


if __name__ == "__main__":
    main()
