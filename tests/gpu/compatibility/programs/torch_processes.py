"""PyTorch in several processes: spawn, fork before CUDA, CUDA tensors shared by IPC, DataLoader
workers."""
import queue
import time

from torch_base import seeded
import torch
import torch.multiprocessing as multiprocessing
from recorder import Recorder, main, section

TIMEOUT_S = 60
POLL_S = 0.5


def product(number: int) -> torch.Tensor:
    values = seeded(number, 200, 200)
    return (values @ values).cpu()


def put_product(number: int, answers) -> None:
    answers.put((number, product(number).numpy().tobytes()))


def gather(record: Recorder, method: str, count: int = 2) -> None:
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    workers = [context.Process(target=put_product, args=(number, answers), daemon=True)
               for number in range(count)]
    for worker in workers:
        worker.start()
    found = dict(take(answers, workers) for _ in workers)
    end(workers)
    for number in range(count):
        record.output(f"worker_{number}",
                      torch.frombuffer(bytearray(found[number]), dtype=torch.float32))


def take(answers, workers):
    """The next answer; an error as soon as a worker has failed."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            return answers.get(timeout=POLL_S)
        except queue.Empty:
            ended = [worker.exitcode for worker in workers if worker.exitcode]
            if ended:
                raise RuntimeError(f"a worker ended with {ended[0]}") from None
    raise TimeoutError("a worker does not answer")


def end(workers) -> None:
    for worker in workers:
        worker.join(TIMEOUT_S)
        if worker.exitcode != 0:
            worker.kill()
            raise RuntimeError(f"a worker ended with {worker.exitcode}")


@section
def fork_before_cuda(record: Recorder) -> None:
    """workers forked by a process that has not used CUDA, which then uses it itself"""
    gather(record, "fork")
    record.output("parent", product(7))


@section
def spawn(record: Recorder) -> None:
    """workers spawned by a process that uses CUDA"""
    record.output("parent", product(7))
    gather(record, "spawn")


def double_in_place(tensors, done) -> None:
    tensor = tensors.get(timeout=TIMEOUT_S)
    tensor.mul_(2)
    torch.cuda.synchronize()
    del tensor
    done.put(True)


@section
def shared_tensor(record: Recorder) -> None:
    """a CUDA tensor sent to a spawned process, which changes it in place (cudaIpc)"""
    context = multiprocessing.get_context("spawn")
    tensors, done = context.Queue(), context.Queue()
    worker = context.Process(target=double_in_place, args=(tensors, done), daemon=True)
    worker.start()
    values = seeded(1, 1000)
    torch.cuda.synchronize()
    tensors.put(values)
    take(done, [worker])
    record.output("doubled", values)
    end([worker])


def make_tensor(tensors, received) -> None:
    tensors.put(seeded(3, 500).square())
    received.get(timeout=TIMEOUT_S)


@section
def received_tensor(record: Recorder) -> None:
    """a CUDA tensor that a spawned process made, used here"""
    context = multiprocessing.get_context("spawn")
    tensors, received = context.Queue(), context.Queue()
    worker = context.Process(target=make_tensor, args=(tensors, received), daemon=True)
    worker.start()
    values = take(tensors, [worker])
    record.output("values", values + 1)
    del values
    received.put(True)
    end([worker])


class Images(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.full((3, 16, 16), float(index))


@section
def data_loader(record: Recorder) -> None:
    """DataLoader with two workers and pinned memory"""
    loader = torch.utils.data.DataLoader(Images(), batch_size=16, num_workers=2, pin_memory=True,
                                         timeout=TIMEOUT_S)
    batches = [batch.to("cuda", non_blocking=True).sum((1, 2, 3)) for batch in loader]
    record.output("sums", torch.cat(batches))


@section
def data_loader_that_spawns(record: Recorder) -> None:
    """DataLoader with persistent workers that are spawned"""
    loader = torch.utils.data.DataLoader(Images(), batch_size=16, num_workers=1, pin_memory=True,
                                         persistent_workers=True,
                                         multiprocessing_context="spawn", timeout=TIMEOUT_S)
    for epoch in range(2):
        record.output(f"epoch_{epoch}",
                      torch.cat([batch.cuda(non_blocking=True).mean((1, 2, 3))
                                 for batch in loader]))


if __name__ == "__main__":
    main()
