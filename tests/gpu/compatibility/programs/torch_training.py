"""Training with PyTorch: autograd, optimizers, mixed precision, gradient checkpoints, a captured
training step."""
from torch_base import captured, require_determinism, seeded
import torch
import torch.nn.functional as F
from recorder import Recorder, main, section

STEPS = 5


def network(seed: int = 1) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.BatchNorm2d(16), torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(32 * 8 * 8, 10)).cuda()


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.randint(0, 10, (32,), generator=torch.Generator().manual_seed(step))
    return seeded(step, 32, 3, 16, 16), labels.cuda()


def train(record: Recorder, name: str, optimizer_of, steps: int = STEPS) -> None:
    model = network()
    optimizer = optimizer_of(model.parameters())
    losses = []
    for step in range(steps):
        images, labels = batch(step)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    record.output(f"{name}_losses", torch.stack(losses))
    record.output(f"{name}_weights",
                  torch.cat([weight.detach().flatten() for weight in model.parameters()]))


@section
def sgd(record: Recorder) -> None:
    """SGD with momentum, one tensor after the other and all at once"""
    for kind in ({"foreach": False}, {"foreach": True}, {"fused": True}):
        name = "_".join(f"{key}_{value}" for key, value in kind.items())
        train(record, name, lambda weights: torch.optim.SGD(weights, lr=0.05, momentum=0.9, **kind))


@section
def adam(record: Recorder) -> None:
    """Adam and AdamW: foreach, fused, capturable"""
    for kind in ({"foreach": False}, {"foreach": True}, {"fused": True}, {"capturable": True}):
        name = "_".join(f"{key}_{value}" for key, value in kind.items())
        train(record, name, lambda weights: torch.optim.Adam(weights, lr=1e-3, **kind))
    train(record, "adamw", lambda weights: torch.optim.AdamW(weights, lr=1e-3))


@section
def mixed_precision(record: Recorder) -> None:
    """autocast with a gradient scaler in half precision, and in bfloat16"""
    for dtype in (torch.float16, torch.bfloat16):
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        scaler = torch.amp.GradScaler("cuda", enabled=dtype == torch.float16)
        for step in range(STEPS):
            images, labels = batch(step)
            optimizer.zero_grad()
            with torch.autocast("cuda", dtype):
                loss = F.cross_entropy(model(images), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        name = str(dtype).removeprefix("torch.")
        record.outputs(**{f"{name}_loss": loss, f"{name}_scale": float(scaler.get_scale()),
                          f"{name}_weights": model[-1].weight})


@section
def second_derivatives(record: Recorder) -> None:
    """gradients of gradients, gradient checkpoints, functional transforms"""
    from torch.utils.checkpoint import checkpoint
    values = seeded(1, 64).requires_grad_()
    first, = torch.autograd.grad((values.sin() * values).sum(), values, create_graph=True)
    second, = torch.autograd.grad(first.square().sum(), values)
    model = network()
    images, labels = batch(1)
    F.cross_entropy(checkpoint(model, images, use_reentrant=False), labels).backward()
    jacobian = torch.func.vmap(torch.func.jacrev(lambda x: (x.sin() * x).cumsum(0)))(seeded(2, 4,
                                                                                            8))
    record.outputs(first=first, second=second, checkpointed=model[0].weight.grad, jacobian=jacobian)


@section
def captured_training_step(record: Recorder) -> None:
    """forward, backward and optimizer step as one CUDA graph"""
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, capturable=True)
    images, labels = batch(0)

    def step() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    graph, loss = captured(step)
    losses = []
    for number in range(1, STEPS):
        new_images, new_labels = batch(number)
        images.copy_(new_images)
        labels.copy_(new_labels)
        graph.replay()
        losses.append(loss.detach().clone())
    record.outputs(losses=torch.stack(losses), weights=model[-1].weight)


@section
def embedding(record: Recorder) -> None:
    """embeddings with dense and sparse gradients, and a bag of them"""
    for sparse in (False, True):
        torch.manual_seed(1)
        table = torch.nn.Embedding(100, 16, sparse=sparse).cuda()
        index = torch.randint(0, 100, (8, 12), generator=torch.Generator().manual_seed(2)).cuda()
        table(index).square().sum().backward()
        gradient = table.weight.grad
        record.output(f"sparse_{sparse}", gradient.coalesce().to_dense() if sparse else gradient)
    record.output("bag", F.embedding_bag(index, table.weight.detach(), mode="mean"))


if __name__ == "__main__":
    require_determinism()
    main()
