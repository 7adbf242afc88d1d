#!/usr/bin/env python3
"""JAX: a jitted product with its gradient, and a scan."""
import os

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy  # noqa: E402

from fingerprints import Output, of_bytes  # noqa: E402


def loss(weights, values):
    return jnp.mean(jnp.tanh(values @ weights) ** 2)


def main():
    output = Output()
    output.result("is_on_gpu", jax.devices()[0].platform == "gpu")
    random = numpy.random.default_rng(1)
    weights = random.standard_normal((256, 256)).astype(numpy.float32)
    values = random.standard_normal((64, 256)).astype(numpy.float32)
    value, gradient = jax.jit(jax.value_and_grad(loss))(weights, values)
    expected = numpy.mean(numpy.tanh(values @ weights) ** 2)
    output.result("gradient", of_bytes(numpy.asarray(gradient).tobytes()))
    output.result("loss.is_right", bool(abs(float(value) - expected) < 1e-2))
    _, sums = jax.jit(lambda row: jax.lax.scan(lambda total, x: (total + x, total + x), jnp.float32(0), row))(
        jnp.arange(1000, dtype=jnp.float32))
    output.result("scan.is_right", float(sums[-1]) == 499500.0)
    output.write()


if __name__ == "__main__":
    main()
