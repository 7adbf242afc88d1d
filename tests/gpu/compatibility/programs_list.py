"""The programs that are run, each with its sections: a section is a row of the table."""
import ast
import dataclasses
import fnmatch
import os

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))

TORCHVISION = ("resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_small", "densenet121",
               "googlenet", "inception_v3",
               "squeezenet1_1", "shufflenet_v2_x1_0", "vgg16", "efficientnet_b0", "regnet_y_400mf",
               "vit_b_16", "swin_t")
TORCHVISION_GRAPHS = ("resnet50", "mobilenet_v3_small", "densenet121", "vit_b_16")


@dataclasses.dataclass(frozen=True)
class Program:
    """One process, which may be several rows. `kind` says how it is started and how its answers
    come: "python" records sections (programs/recorder.py), "cuda" is compiled first and does the
    same, "example" is one of examples/, of whose last line of JSON `keys` are compared, "binary"
    a built program whose output is compared."""
    family: str
    file: str
    kind: str = "python"
    arguments: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()  # empty: the functions that the file marks
    environment: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()  # that nvcc links
    timeout_s: int = 150
    alone: bool = False  # it disturbs others, or would be disturbed

    def path(self) -> str:
        folder = os.path.join(ROOT, "examples") if self.kind == "example" else PROGRAMS
        return os.path.join(folder, self.file)

    def rows(self) -> dict[str, str]:
        """What each row shows, by its section's name."""
        if self.kind == "cuda":
            return {os.path.splitext(os.path.basename(self.file))[0]: first_comment(self.path())}
        if self.kind != "python":
            return {name: " ".join((self.file, *self.arguments)) for name in self.sections}
        marked = marked_functions(self.path())
        return {name: marked.get(name, name) for name in self.sections or marked}


def marked_functions(path: str) -> dict[str, str]:
    """The functions that bear @section, with the first lines of their descriptions, without
    importing the file."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    marked = lambda function: any(isinstance(mark, ast.Name) and mark.id == "section"  # noqa: E731
                                  for mark in function.decorator_list)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and marked(node)]
    return {node.name: first_paragraph(ast.get_docstring(node) or node.name) for node in functions}


def first_paragraph(text: str) -> str:
    """On one line."""
    return " ".join(text.split("\n\n")[0].split())


def first_comment(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.readline().removeprefix("//").strip().rstrip(".")


def _torchvision(family: str, mode: str, models: tuple[str, ...], timeout_s: int = 150) -> Program:
    return Program(family, "torch_models.py", arguments=("--mode", mode), sections=models,
                   timeout_s=timeout_s)


def _cuda(name: str, *libraries: str) -> Program:
    return Program("CUDA C++", f"cuda/{name}.cu", kind="cuda", libraries=libraries)


ALLOCATOR = "PYTORCH_CUDA_ALLOC_CONF"
# Else XLA measures which of its kernels are fastest and takes those, which add in different orders.
XLA_SAME_EACH_TIME = "--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0"

PROGRAM_LIST = (
    Program("example", "vector_add", kind="binary", arguments=("--repeat", "2"),
            sections=("vector_add",)),
    Program("example", "torch_serve.py", kind="example", sections=("torch_serve",),
            keys=("requests", "fingerprint"),
            arguments=("--model", "resnet18", "--requests", "50", "--rate", "100", "--precision",
                       "half")),
    Program("example", "torch_serve.py", kind="example", sections=("torch_serve_graph",),
            keys=("requests", "fingerprint"),
            arguments=("--model", "resnet18", "--requests", "50", "--rate", "100", "--mode",
                       "graph")),
    Program("example", "hf_generate.py", kind="example", sections=("hf_generate",),
            keys=("tokens",),
            arguments=("--new-tokens", "24", "--repeats", "2")),
    Program("example", "jax_serve.py", kind="example", sections=("jax_serve",),
            keys=("requests", "fingerprint"),
            environment=(("XLA_FLAGS", XLA_SAME_EACH_TIME),),
            arguments=("--requests", "50", "--rate", "100")),
    _torchvision("torchvision", "eager", TORCHVISION),
    _torchvision("torchvision, CUDA graph", "graph", TORCHVISION_GRAPHS),
    _torchvision("torchvision, torch.compile", "compile", ("resnet18",), timeout_s=280),
    _torchvision("torchvision, torch.compile reduce-overhead", "reduce-overhead", ("resnet18",),
                 timeout_s=280),
    Program("torch.compile", "torch_compile.py", timeout_s=280),
    Program("timm", "timm_models.py"),
    Program("transformers", "transformers_models.py", timeout_s=200),
    Program("PyTorch SDPA", "torch_attention.py"),
    Program("PyTorch", "torch_ops.py", timeout_s=200),
    Program("PyTorch training", "torch_training.py"),
    Program("PyTorch concurrency", "torch_concurrency.py"),
    Program("PyTorch memory", "torch_memory.py"),
    Program("PyTorch memory, expandable segments", "torch_memory.py",
            sections=("allocator", "out_of_memory"),
            environment=((ALLOCATOR, "expandable_segments:True"),),
            alone=True),  # it takes what there is before it is out of memory
    Program("PyTorch memory, cudaMallocAsync", "torch_memory.py",
            sections=("allocator", "out_of_memory"),
            environment=((ALLOCATOR, "backend:cudaMallocAsync"),)),
    Program("PyTorch memory", "torch_filling.py", alone=True),
    Program("PyTorch processes", "torch_processes.py", timeout_s=200),
    Program("Triton", "triton_kernels.py"),
    Program("CuPy", "cupy_arrays.py", timeout_s=200),
    Program("JAX", "jax_arrays.py", timeout_s=240),
    Program("Numba", "numba_kernels.py"),
    _cuda("runtime"),
    _cuda("cublas", "cublas", "cublasLt"),
    _cuda("cufft", "cufft"),
    _cuda("curand", "curand"),
    _cuda("cusolver", "cusolver"),
    _cuda("cusparse", "cusparse"),
)


def chosen(pattern: str | None) -> list[tuple[Program, list[str]]]:
    """Programs with those of their sections whose row matches: a shell pattern, or a part of
    "family/section"."""
    programs = []
    for program in PROGRAM_LIST:
        names = [name for name in program.rows() if matches(f"{program.family}/{name}", pattern)]
        if names:
            programs.append((program, names))
    return programs


def matches(row: str, pattern: str | None) -> bool:
    return pattern is None or pattern in row or fnmatch.fnmatchcase(row, pattern)
