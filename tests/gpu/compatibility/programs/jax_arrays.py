"""JAX: compiled functions of XLA's own kernels and of the CUDA libraries."""
import os

FLAGS = "--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0"
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}".strip()

import jax  # noqa: E402
import jax.experimental  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy  # noqa: E402
from recorder import Recorder, main, section  # noqa: E402


def seeded(seed: int, *shape: int, dtype=numpy.float32):
    return jnp.asarray(numpy.random.default_rng(seed).standard_normal(shape).astype(dtype))


@section
def on_the_gpu(record: Recorder) -> None:
    """JAX: the device that it found"""
    device = jax.devices()[0]
    record.outputs(platform=device.platform, kind=device.device_kind, count=len(jax.devices()))


@section
def matrix_products(record: Recorder) -> None:
    """JAX jit: products in three types, batched, with what XLA fuses behind them"""
    for dtype in (jnp.float32, jnp.float16, jnp.bfloat16):
        left, right = seeded(1, 200, 300).astype(dtype), seeded(2, 300, 100).astype(dtype)
        answer = jax.jit(lambda a, b: jnp.tanh(a @ b))(left, right)
        record.output(jnp.dtype(dtype).name, answer.astype(jnp.float32))
    record.output("batched", jax.jit(jnp.matmul)(seeded(3, 6, 40, 50), seeded(4, 6, 50, 30)))


@section
def convolutions(record: Recorder) -> None:
    """JAX jit: convolutions by cuDNN, with gradients"""
    images, weights = seeded(1, 2, 32, 32, 8), seeded(2, 3, 3, 8, 16)

    def convolve(images, weights):
        return jax.lax.conv_general_dilated(images, weights, (1, 1), "SAME",
                                            dimension_numbers=("NHWC", "HWIO", "NHWC"))

    record.output("forward", jax.jit(convolve)(images, weights))
    gradients = jax.jit(jax.grad(lambda i, w: jnp.square(convolve(i, w)).mean(),
                                 argnums=(0, 1)))(images, weights)
    record.outputs(image_gradient=gradients[0], weight_gradient=gradients[1])


@section
def scans_and_loops(record: Recorder) -> None:
    """JAX jit: scan, while loop, fori loop, conditionals, associative scan"""
    values = seeded(1, 500)
    sums = jax.jit(lambda row: jax.lax.scan(lambda total, x: (total + x, total + x), jnp.float32(0),
                                            row)[1])(values)
    halved = jax.jit(lambda x: jax.lax.while_loop(lambda y: jnp.abs(y).max() > 1e-3,
                                                  lambda y: y / 2, x))(values)
    powers = jax.jit(lambda x: jax.lax.fori_loop(0, 20, lambda _, y: y @ y / jnp.linalg.norm(y),
                                                 x))(seeded(2, 64, 64))
    chosen = jax.jit(lambda x: jax.lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x))(values)
    prefix = jax.jit(lambda x: jax.lax.associative_scan(jnp.maximum, x))(values)
    record.outputs(sums=sums, halved=halved, powers=powers, chosen=chosen, prefix=prefix)


@section
def training(record: Recorder) -> None:
    """JAX: ten steps of a perceptron with gradients"""
    weights = [seeded(1, 64, 128) / 8, seeded(2, 128, 10) / 11]
    inputs, targets = seeded(3, 256, 64), seeded(4, 256, 10)

    def loss_of(weights):
        return jnp.square(jnp.tanh(inputs @ weights[0]) @ weights[1] - targets).mean()

    @jax.jit
    def step(weights):
        return [old - 0.1 * slope for old, slope in zip(weights, jax.grad(loss_of)(weights))]

    for _ in range(10):
        weights = step(weights)
    record.outputs(first=weights[0], second=weights[1], loss=loss_of(weights))


@section
def fft(record: Recorder) -> None:
    """JAX: Fourier transforms by cuFFT"""
    record.outputs(real=jnp.fft.rfft(seeded(1, 4, 1000)),
                   two=jax.jit(jnp.fft.fft2)(seeded(2, 32, 48)))


@section
def random_numbers(record: Recorder) -> None:
    """JAX: threefry and XLA's own generator"""
    key = jax.random.PRNGKey(7)
    record.outputs(normal=jax.random.normal(key, (1000,)),
                   integers=jax.random.randint(key, (1000,), 0, 50),
                   permutation=jax.random.permutation(key, 1000),
                   gamma=jax.random.gamma(key, 2.0, (200,)),
                   own=jax.random.normal(jax.random.key(3, impl="rbg"), (1000,)))


@section
def sorting(record: Recorder) -> None:
    """JAX: sort, top-k, cumulative sums, histogram, scatter"""
    values = seeded(1, 5000)
    index = jnp.asarray(numpy.random.default_rng(2).integers(0, 100, 5000))
    record.outputs(sort=jnp.sort(values), argsort=jnp.argsort(values),
                   topk=jax.lax.top_k(values, 20)[0],
                   cumsum=jnp.cumsum(values), bincount=jnp.bincount(index, length=100),
                   scatter=jnp.zeros(100).at[index].max(values))


@section
def linear_algebra(record: Recorder) -> None:
    """JAX: factorisations and solvers by cuSOLVER and cuBLAS"""
    general = seeded(1, 2, 40, 40)
    positive = general @ general.mT + 40 * jnp.eye(40)
    record.outputs(cholesky=jnp.linalg.cholesky(positive),
                   solve=jnp.linalg.solve(general, seeded(2, 2, 40, 3)),
                   qr=jnp.linalg.qr(general)[1], svd=jnp.linalg.svd(general, compute_uv=False),
                   eigh=jnp.linalg.eigh(positive)[0], inverse=jnp.linalg.inv(general))


@section
def transformations(record: Recorder) -> None:
    """JAX: vmap, jacobians, donated buffers, host callbacks, copies to the host while it goes on"""
    values = seeded(1, 16, 32)
    per_row = jax.jit(jax.vmap(lambda row: jnp.outer(row, row).sum(axis=0)))(values)
    jacobian = jax.jit(jax.jacfwd(lambda x: jnp.cumsum(x * x)))(values[0])
    donated = jax.jit(lambda x: x * 2 + 1, donate_argnums=0)(seeded(2, 1000))
    shape = jax.ShapeDtypeStruct(values.shape, values.dtype)
    called = jax.jit(lambda x: jax.pure_callback(lambda y: numpy.asarray(y) * 2, shape, x)
                     + 1)(values)
    record.outputs(per_row=per_row, jacobian=jacobian, donated=donated, called=called)


@section
def double_precision(record: Recorder) -> None:
    """JAX: 64 bit types"""
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        values = seeded(1, 100, 100, dtype=numpy.float64)
        record.outputs(product=values @ values, eigenvalues=jnp.linalg.eigvalsh(values @ values.T))


if __name__ == "__main__":
    main()
