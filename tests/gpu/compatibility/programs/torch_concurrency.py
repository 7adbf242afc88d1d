"""PyTorch with several streams, threads and events, and graphs that are captured with branches."""
import threading

from torch_base import captured, seeded
import torch
from recorder import Recorder, main, section

STREAMS = 4
THREADS = 4
JOIN_TIMEOUT_S = 60


def chain(values: torch.Tensor, length: int = 20) -> torch.Tensor:
    for _ in range(length):
        values = (values @ values) / values.norm()
    return values


@section
def streams(record: Recorder) -> None:
    """work on four streams that wait for each other by events"""
    side = [torch.cuda.Stream() for _ in range(STREAMS)]
    answers = []
    for number, stream in enumerate(side):
        values = seeded(number, 128, 128)
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            answers.append(chain(values))
            values.record_stream(stream)
    events = [stream.record_event() for stream in side]
    for event in events:
        torch.cuda.current_stream().wait_event(event)
    record.output("sum", torch.stack(answers).sum(0))
    for number, answer in enumerate(answers):
        record.output(f"stream_{number}", answer)


@section
def stream_priorities(record: Recorder) -> None:
    """a stream of high priority, events with times, and queries"""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    values = seeded(1, 256, 256)
    stream = torch.cuda.Stream(priority=-1)
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        start.record()
        answer = chain(values)
        end.record()
    end.synchronize()
    record.outputs(answer=answer, time_is_positive=start.elapsed_time(end) > 0,
                   done=stream.query() and end.query())


def run_threads(work) -> None:
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # told by the thread that waits
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,), daemon=True)
               for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(JOIN_TIMEOUT_S)
        if thread.is_alive():
            raise TimeoutError("a thread does not end")
    if errors:
        raise errors[0]


@section
def threads(record: Recorder) -> None:
    """four threads that infer with one model, each on a stream of its own"""
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3), torch.nn.ReLU(), torch.nn.Flatten(),
                                torch.nn.Linear(16 * 30 * 30, 10)).cuda().eval()
    answers: dict[int, torch.Tensor] = {}
    inputs = [seeded(number, 8, 3, 32, 32) for number in range(THREADS)]
    torch.cuda.synchronize()

    def infer(number: int) -> None:
        with torch.inference_mode(), torch.cuda.stream(torch.cuda.Stream()):
            for _ in range(20):
                answers[number] = model(inputs[number])
            torch.cuda.current_stream().synchronize()

    run_threads(infer)
    for number in range(THREADS):
        record.output(f"thread_{number}", answers[number])


@section
def backward_in_threads(record: Recorder) -> None:
    """gradients, which autograd computes on threads of its own"""
    gradients: dict[int, torch.Tensor] = {}
    inputs = [seeded(number, 128, 128) for number in range(THREADS)]

    def differentiate(number: int) -> None:
        values = inputs[number].clone().requires_grad_()
        (values @ values).tanh().sum().backward()
        gradients[number] = values.grad

    run_threads(differentiate)
    for number in range(THREADS):
        record.output(f"thread_{number}", gradients[number])


@section
def branched_graph(record: Recorder) -> None:
    """a graph captured over two streams, replayed thrice, then a second graph in the same memory
    pool"""
    left, right = seeded(1, 128, 128), seeded(2, 128, 128)
    side = torch.cuda.Stream()

    def branches() -> torch.Tensor:
        side.wait_stream(torch.cuda.current_stream())
        first = left @ right
        with torch.cuda.stream(side):
            second = right @ left
        torch.cuda.current_stream().wait_stream(side)
        return first + second

    graph, answer = captured(branches)
    for number in range(3):
        left.copy_(seeded(number, 128, 128))
        graph.replay()
        record.output(f"replay_{number}", answer)
    left.sin().sum(0)  # loads what the capture needs
    second_graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(second_graph, pool=graph.pool()):
        second_answer = left.sin().sum(0)
    second_graph.replay()
    record.output("shared_pool", second_answer)


@section
def graphed_callable(record: Recorder) -> None:
    """torch.cuda.make_graphed_callables: graphs of the forward and of the backward pass"""
    torch.manual_seed(1)
    layer = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(),
                                torch.nn.Linear(64, 8)).cuda()
    graphed = torch.cuda.make_graphed_callables(layer, (seeded(1, 16, 64).requires_grad_(),))
    answer = graphed(seeded(2, 16, 64).requires_grad_())
    answer.square().sum().backward()
    record.outputs(answer=answer, gradient=layer[0].weight.grad)


if __name__ == "__main__":
    main()
