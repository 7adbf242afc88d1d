"""PyTorch's memory: out of memory and on, pinned and registered pages, copies, the allocator,
the profiler."""
from torch_base import captured, seeded
import torch
from recorder import Recorder, main, section

TOO_MUCH_BYTES = 1 << 40  # more than any GPU has


@section
def allocator(record: Recorder) -> None:
    """tensors that come and go, grow and are given back"""
    total = torch.zeros((), device="cuda", dtype=torch.float64)
    for number in range(200):
        size = 1 + (number * 7919) % 3_000_000  # elements
        total += torch.full((size,), number / 7, device="cuda").double().sum()
        if number % 50 == 49:
            torch.cuda.empty_cache()
    grown = torch.cat([seeded(number, 1000) for number in range(300)])
    record.outputs(total=total, grown=grown,
                   reserved=torch.cuda.memory_reserved() >= torch.cuda.memory_allocated() > 0)


@section
def out_of_memory(record: Recorder) -> None:
    """PyTorch's own error, after which it goes on; the same by its limit for the process"""
    values = seeded(1, 512, 512)
    for name, bytes_wanted in (("too_much", TOO_MUCH_BYTES),
                               ("beyond_all_memory", 2 * torch.cuda.mem_get_info()[1])):
        try:
            torch.empty(bytes_wanted, dtype=torch.uint8, device="cuda")
            record.output(name, "no error")
        except torch.cuda.OutOfMemoryError:
            record.output(name, "OutOfMemoryError")
        record.output(f"after_{name}", values @ values)
    torch.cuda.set_per_process_memory_fraction(0.01)
    try:
        torch.empty(torch.cuda.mem_get_info()[1] // 20, dtype=torch.uint8, device="cuda")
        record.output("limit", "no error")
    except torch.cuda.OutOfMemoryError:
        record.output("limit", "OutOfMemoryError")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    record.output("after_limit", values.sum())


@section
def pinned_memory(record: Recorder) -> None:
    """pinned tensors, asynchronous copies both ways, pages registered later"""
    pinned = torch.arange(1 << 20, dtype=torch.float32).pin_memory()
    on_gpu = pinned.to("cuda", non_blocking=True) * 2
    back = torch.empty(1 << 20, pin_memory=True)
    back.copy_(on_gpu, non_blocking=True)
    torch.cuda.synchronize()
    record.outputs(back=back, is_pinned=pinned.is_pinned() and back.is_pinned())
    ordinary = torch.arange(1 << 16, dtype=torch.float32)
    runtime = torch.cuda.cudart()
    size = ordinary.numel() * ordinary.element_size()
    record.output("registered", int(runtime.cudaHostRegister(ordinary.data_ptr(), size, 0)))
    record.output("from_registered", ordinary.to("cuda", non_blocking=True).flip(0))
    torch.cuda.synchronize()
    record.output("unregistered", int(runtime.cudaHostUnregister(ordinary.data_ptr())))


@section
def copies(record: Recorder) -> None:
    """strided, pageable, large and tiny copies, and between types"""
    image = seeded(1, 3, 301, 407)
    record.outputs(strided=image[:, ::2, 5:300:3], transposed=image.permute(2, 0, 1).contiguous(),
                   types=(image * 50).to(torch.uint8), one=image[0, 0, 0].item(),
                   large=torch.arange(8 << 20, dtype=torch.int32).to("cuda").sum(),
                   filled=torch.full((1001,), 7, device="cuda"))
    target = torch.zeros(301, 407)
    target.t().copy_(image[1].t())
    record.output("into_host_view", target)


@section
def graph_memory(record: Recorder) -> None:
    """a graph whose pool outlives tensors that were made after it"""
    values = seeded(1, 256, 256)
    graph, answer = captured(lambda: torch.cat([values.sin(), values.cos()]) @ values)
    others = [seeded(number, 256, 256) for number in range(10)]
    graph.replay()
    record.outputs(answer=answer, others=torch.stack(others).sum(0))
    graph.reset()


@section
def profiler(record: Recorder) -> None:
    """torch.profiler with CUDA activities does not break what it looks at"""
    from torch.profiler import ProfilerActivity, profile
    values = seeded(1, 256, 256)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        answer = (values @ values).relu().sum(0)
        torch.cuda.synchronize()
    record.outputs(answer=answer,
                   has_operations=any("mm" in event.key for event in profiled.key_averages()))
    record.output("after", values @ values)


@section
def device_queries(record: Recorder) -> None:
    """what a program asks of its GPU: properties, capability, architectures, synchronisation"""
    properties = torch.cuda.get_device_properties(0)
    free, total = torch.cuda.mem_get_info()
    record.outputs(count=torch.cuda.device_count(), name=properties.name,
                   capability=list(torch.cuda.get_device_capability()),
                   multiprocessors=properties.multi_processor_count,
                   total_is_positive=properties.total_memory > 0,
                   free_is_in_bounds=0 < free <= total,
                   bfloat16=torch.cuda.is_bf16_supported())


if __name__ == "__main__":
    main()
