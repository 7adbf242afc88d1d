"""What is measured with JAX; workloads_torch.py tells what a workload is."""
import os

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402


def jax_loop():
    function = jax.jit(lambda a, b: jnp.tanh(a @ b).sum())
    left, right = jnp.full((512, 512), 0.01), jnp.full((512, 512), 0.02)
    return lambda: float(function(left, right))
