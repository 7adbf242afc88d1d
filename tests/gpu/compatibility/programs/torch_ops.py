"""PyTorch's operations, library by library: products, convolution, FFT, linear algebra, random
numbers, sparse."""
from torch_base import require_determinism, seeded
import torch
import torch.nn.functional as F
from recorder import Recorder, main, section

FLOATS = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16,
          "bfloat16": torch.bfloat16}


@section
def matrix_products(record: Recorder) -> None:
    """cuBLAS: products of four types, batched, and with a vector"""
    for name, dtype in FLOATS.items():
        left, right = seeded(1, 257, 512, dtype=dtype), seeded(2, 512, 384, dtype=dtype)
        record.output(name, left @ right)
        record.output(f"vector_{name}", left @ right[:, 0])
        record.output(f"batched_{name}", torch.bmm(left.expand(4, -1, -1), right.expand(4, -1, -1)))
    record.output("complex64",
                  torch.complex(seeded(3, 64, 64), seeded(4, 64, 64)) @ seeded(5, 64, 64).cfloat())


@section
def fused_products(record: Recorder) -> None:
    """cuBLASLt: bias and activation fused, int8 and eight bit floating point products"""
    values, weight, bias = seeded(1, 128, 768).half(), seeded(2, 1024,
                                                              768).half(), seeded(3, 1024).half()
    record.output("linear", F.linear(values, weight, bias))
    record.output("addmm_gelu", torch._addmm_activation(bias, values, weight.t(), use_gelu=True))
    small, large = seeded(4, 32, 64).mul(20).to(torch.int8), seeded(5, 64,
                                                                    48).mul(20).to(torch.int8)
    record.output("int8", torch._int_mm(small, large.t().contiguous().t()))


@section
def float8_products(record: Recorder) -> None:
    """scaled products of float8_e4m3fn (Hopper and later)"""
    left, right = (seeded(seed, 64, 128).to(torch.float8_e4m3fn) for seed in (1, 2))
    scale = torch.tensor(0.5, device="cuda")
    record.output("scaled",
                  torch._scaled_mm(left, right.t(), scale_a=scale, scale_b=scale,
                                   out_dtype=torch.bfloat16))
    record.output("cast", seeded(3, 1000).to(torch.float8_e5m2))


@section
def tf32_products(record: Recorder) -> None:
    """float32 on tensor cores"""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        record.output("product", seeded(1, 512, 512) @ seeded(2, 512, 512))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


@section
def convolution(record: Recorder) -> None:
    """cuDNN: one, two and three dimensions, grouped, dilated, transposed, with gradients"""
    cases = {
        "one": (F.conv1d, (2, 16, 200), (32, 16, 5), {"padding": 2}),
        "two": (F.conv2d, (2, 16, 40, 40), (32, 16, 3, 3), {"stride": 2}),
        "three": (F.conv3d, (1, 8, 12, 12, 12), (16, 8, 3, 3, 3), {"padding": 1}),
        "grouped": (F.conv2d, (2, 16, 32, 32), (32, 4, 3, 3), {"groups": 4}),
        "depthwise": (F.conv2d, (2, 16, 32, 32), (16, 1, 3, 3), {"groups": 16}),
        "dilated": (F.conv2d, (2, 16, 32, 32), (8, 16, 3, 3), {"dilation": 2}),
        "transposed": (F.conv_transpose2d, (2, 16, 16, 16), (16, 8, 3, 3), {"stride": 2}),
    }
    for name, (function, values_shape, weight_shape, options) in cases.items():
        for dtype in (torch.float32, torch.float16):
            values, weight = seeded(1, *values_shape, dtype=dtype), seeded(2, *weight_shape,
                                                                           dtype=dtype)
            values.requires_grad_()
            weight.requires_grad_()
            answer = function(values, weight, **options)
            answer.float().square().mean().backward()
            label = f"{name}_{str(dtype).removeprefix('torch.')}"
            record.output(label, answer)
            record.output(f"{label}_value_gradient", values.grad)
            record.output(f"{label}_weight_gradient", weight.grad)


@section
def recurrent(record: Recorder) -> None:
    """cuDNN: LSTM and GRU, with gradients"""
    for kind in (torch.nn.LSTM, torch.nn.GRU):
        torch.manual_seed(1)
        layer = kind(32, 64, num_layers=2, batch_first=True).cuda()
        answer, _ = layer(seeded(2, 4, 20, 32))
        answer.square().mean().backward()
        record.output(kind.__name__, answer)
        record.output(f"{kind.__name__}_gradient", layer.weight_hh_l0.grad)


@section
def normalisation_and_pooling(record: Recorder) -> None:
    """batch, layer and group norm, softmax, pooling, interpolation"""
    images = seeded(1, 4, 16, 32, 32)
    record.outputs(
        batch_norm=F.batch_norm(images, None, None, training=True),
        layer_norm=F.layer_norm(images, (32, 32)),
        group_norm=F.group_norm(images, 4), softmax=F.softmax(images, 1),
        max_pool=F.max_pool2d(images, 2),
        average_pool=F.adaptive_avg_pool2d(images, 5), gelu=F.gelu(images),
        bilinear=F.interpolate(images, scale_factor=1.5, mode="bilinear", align_corners=False))


@section
def fft(record: Recorder) -> None:
    """cuFFT: real and complex, one to three dimensions, sizes that are no powers of two, half
    precision"""
    signal = seeded(1, 4, 1000)
    volume = torch.complex(seeded(2, 8, 12, 20), seeded(3, 8, 12, 20))
    record.outputs(
        real=torch.fft.rfft(signal), inverse=torch.fft.irfft(torch.fft.rfft(signal), n=1000),
        two=torch.fft.fft2(volume),
        three=torch.fft.fftn(volume), prime=torch.fft.fft(seeded(4, 2, 1009)),
        double=torch.fft.fft(signal.double()),
        half=torch.view_as_real(torch.fft.fft(seeded(5, 4, 256).half())),
        stft=torch.stft(signal, 64, window=torch.hann_window(64, device="cuda"),
                        return_complex=True))


def _positive(seed: int, size: int, batch: int = 3) -> torch.Tensor:
    values = seeded(seed, batch, size, size, dtype=torch.float64)
    return values @ values.mT + size * torch.eye(size, device="cuda", dtype=torch.float64)


@section
def linear_algebra(record: Recorder) -> None:
    """cuSOLVER and cuBLAS: factorisations, solvers, eigenvalues, singular values"""
    positive, general = _positive(1, 48), seeded(2, 3, 48, 48).double()
    right = seeded(3, 3, 48, 5).double()
    record.outputs(
        cholesky=torch.linalg.cholesky(positive), solve=torch.linalg.solve(general, right),
        inverse=torch.linalg.inv(general), determinant=torch.linalg.det(general),
        lu=torch.linalg.lu_factor(general)[0], qr=torch.linalg.qr(general)[1],
        eigh=torch.linalg.eigvalsh(positive),
        eigenvectors=torch.linalg.eigh(positive)[1], singular_values=torch.linalg.svdvals(general),
        least_squares=torch.linalg.lstsq(general, right).solution,
        triangular=torch.linalg.solve_triangular(torch.linalg.cholesky(positive), right,
                                                 upper=False),
        cholesky_solve=torch.cholesky_solve(right, torch.linalg.cholesky(positive)))
    large = _positive(4, 600, batch=1)[0]
    record.outputs(large_cholesky=torch.linalg.cholesky(large),
                   large_solve=torch.linalg.solve(large, seeded(5, 600).double()),
                   large_eigh=torch.linalg.eigvalsh(large),
                   large_svd=torch.linalg.svd(large.float())[1])


@section
def eigenvalues_of_general_matrices(record: Recorder) -> None:
    """cuSOLVER or MAGMA: torch.linalg.eigvals and pinv"""
    general = seeded(1, 32, 32).double()
    record.outputs(eigenvalues=torch.linalg.eigvals(general),
                   pseudo_inverse=torch.linalg.pinv(general[:, :20]))


@section
def random_numbers(record: Recorder) -> None:
    """the GPU's Philox generator: distributions, permutations, dropout, saved and restored state"""
    torch.manual_seed(7)
    generator = torch.Generator("cuda").manual_seed(11)
    record.outputs(
        uniform=torch.rand(1000, device="cuda"), normal=torch.randn(1000, device="cuda"),
        integers=torch.randint(0, 100, (1000,), device="cuda"),
        permutation=torch.randperm(5000, device="cuda"),
        bernoulli=torch.bernoulli(torch.full((1000,), 0.3, device="cuda")),
        exponential=torch.empty(1000, device="cuda").exponential_(),
        own=torch.rand(100, device="cuda", generator=generator),
        multinomial=torch.multinomial(torch.ones(4, 50, device="cuda"), 10),
        dropout=F.dropout(torch.ones(1000, device="cuda"), 0.5),
        poisson=torch.poisson(torch.full((500,), 4.0, device="cuda")))
    state = torch.cuda.get_rng_state()
    first = torch.rand(100, device="cuda")
    torch.cuda.set_rng_state(state)
    record.output("state_is_restored", torch.equal(first, torch.rand(100, device="cuda")))


@section
def sparse(record: Recorder) -> None:
    """cuSPARSE: products of COO and CSR matrices, conversions, sums of products"""
    dense = seeded(1, 200, 300)
    dense[dense.abs() < 1.2] = 0
    right, csr = seeded(2, 300, 40), dense.to_sparse_csr()
    record.outputs(coo=torch.sparse.mm(dense.to_sparse(), right), csr=csr @ right,
                   vector=csr @ right[:, 0],
                   values=csr.values(), back=csr.to_dense(),
                   transposed=dense.to_sparse().t().coalesce().values(),
                   double=csr.double() @ right.double())
    record.output("sparse_sparse",
                  torch.sparse.mm(dense.to_sparse(), dense.t().to_sparse()).to_dense())


@section
def sorting_and_indexing(record: Recorder) -> None:
    """sort, top-k, unique, scan, gather, scatter, histogram: CUB and its kernels"""
    values = seeded(1, 10000)
    index = torch.randperm(10000, generator=torch.Generator().manual_seed(2)).cuda()
    record.outputs(
        sort=values.sort().values, stable=(values * 4).round().sort(stable=True).indices,
        topk=values.topk(50).values,
        unique=(values * 10).round().unique(), cumsum=values.double().cumsum(0),
        gather=values[index],
        scatter=torch.zeros_like(values).scatter_(0, index, values), nonzero=(values > 1).nonzero(),
        masked=values[values > 0], histogram=torch.histc(values, 50), median=values.median(),
        bincount=torch.bincount(index % 17),
        searchsorted=torch.searchsorted(values.sort().values, values[:100]))


@section
def reductions(record: Recorder) -> None:
    """sums, norms, argmax, logsumexp, variance in several types"""
    for name, dtype in FLOATS.items():
        values = seeded(1, 300, 1000, dtype=dtype)
        record.outputs(**{f"{name}_sum": values.sum(), f"{name}_rows": values.sum(1),
                          f"{name}_norm": values.norm(),
                          f"{name}_argmax": values.argmax(1), f"{name}_variance": values.var(0)})
    record.output("logsumexp", seeded(2, 100, 500).logsumexp(1))


@section
def kernels_compiled_at_run_time(record: Recorder) -> None:
    """NVRTC: PyTorch's jiterator, and special functions that it compiles"""
    values = seeded(1, 1000).abs()
    source = "template <typename T> T twice(T x) { return x + x + T(1); }"
    twice = torch.cuda.jiterator._create_jit_fn(source)
    record.outputs(twice=twice(values), digamma=torch.digamma(values),
                   bessel=torch.special.bessel_j0(values),
                   complex_sine=torch.sin(torch.complex(values, values)),
                   gcd=torch.gcd((values * 100).int(), (values.flip(0) * 100).int()))


if __name__ == "__main__":
    require_determinism()
    main()
