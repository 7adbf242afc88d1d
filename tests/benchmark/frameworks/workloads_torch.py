"""What is measured with PyTorch. Each function makes a workload: a function that
answers one request and returns when the GPU is done with it."""
import torch
import torchvision

NEW_TOKENS = 32
GEMM_WIDTH = 8192


def _reserved_mib() -> int:
    return torch.cuda.memory_reserved() >> 20


def _resnet50() -> tuple[torch.nn.Module, torch.Tensor]:
    """The model in half precision, and one image in pinned memory of the host."""
    torch.manual_seed(0)
    with torch.device("cuda"):
        model = torchvision.models.resnet50(weights=None).eval().half()
    return model, torch.randn(1, 3, 224, 224).half().pin_memory()


def _captured(function):
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            function()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        answer = function()
    return graph, answer


@torch.inference_mode()
def resnet50_eager():
    model, image = _resnet50()

    @torch.inference_mode()
    def request():
        return model(image.cuda(non_blocking=True)).float().cpu()

    return request


@torch.inference_mode()
def resnet50_graph():
    model, image = _resnet50()
    on_gpu = image.cuda()
    graph, logits = _captured(lambda: model(on_gpu))

    @torch.inference_mode()
    def request():
        on_gpu.copy_(image, non_blocking=True)
        graph.replay()
        return logits.float().cpu()

    return request


def resnet50_compiled():
    model, image = _resnet50()
    compiled = torch.compile(model)

    @torch.inference_mode()
    def request():
        return compiled(image.cuda(non_blocking=True)).float().cpu()

    return request


def gpt2_generate():
    import transformers  # which takes seconds that are no part of another workload's start

    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config()).eval().half().cuda()
    prompt = torch.randint(0, 50000, (1, 32)).cuda()
    mask = torch.ones_like(prompt)

    @torch.inference_mode()
    def request():
        return model.generate(prompt, attention_mask=mask, max_new_tokens=NEW_TOKENS,
                              min_new_tokens=NEW_TOKENS,
                              do_sample=False, pad_token_id=0).cpu()

    return request


def gemm_training_step():
    """Three layers of 8192 by 8192 in bfloat16, batch 4096: large products alone."""
    torch.manual_seed(0)
    with torch.device("cuda"):
        layers = [torch.nn.Linear(GEMM_WIDTH, GEMM_WIDTH, bias=False) for _ in range(3)]
        model = torch.nn.Sequential(*layers).bfloat16()
        inputs = torch.randn(4096, GEMM_WIDTH, dtype=torch.bfloat16)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, fused=True)

    def request():
        optimizer.zero_grad(set_to_none=True)
        model(inputs).float().square().mean().backward()
        optimizer.step()
        torch.cuda.synchronize()

    return request


def idle_tensor():
    """A tenant that holds a tensor and has computed with it."""
    held = torch.randn(2048, 2048, device="cuda")

    def request():
        return float((held * held).sum())

    return request


def idle_product():
    """The same, and has used cuBLAS, which keeps memory of its own in each process."""
    held = torch.randn(2048, 2048, device="cuda")

    def request():
        return float((held @ held).sum())

    return request
