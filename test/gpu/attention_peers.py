"""Times PyTorch's attention kernels on the shapes of attention_tiles_check.

    python3 test/gpu/attention_peers.py

cuDNN, FlashAttention-2 and the memory-efficient kernel, each captured in a CUDA
graph of 20 calls on random data; medians of 11 replays. A ragged batch has
FlashAttention-2 and the memory-efficient kernel on packed sequences; padded ones
are b32 s384. Nothing here is a back end: these are the numbers to beat.
"""
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

BACKENDS = {"cuDNN": SDPBackend.CUDNN_ATTENTION,
            "flash": SDPBackend.FLASH_ATTENTION,
            "efficient": SDPBackend.EFFICIENT_ATTENTION}


def microseconds(call):
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            for _ in range(20):
                call()
        times = []
        for i in range(13):
            start = torch.cuda.Event(enable_timing=True)
            stop = torch.cuda.Event(enable_timing=True)
            start.record()
            graph.replay()
            stop.record()
            stop.synchronize()
            if i >= 2:
                times.append(start.elapsed_time(stop) * 1e3 / 20)
    return sorted(times)[len(times) // 2]


def row(name, batch, length, heads, kv_heads, size, causal, dtype):
    def make(h):
        return torch.randn(batch, length, h, size, device="cuda",
                           dtype=dtype).transpose(1, 2)
    q, k, v = make(heads), make(kv_heads), make(kv_heads)
    flops = 4 * batch * heads * length * size * (
        (length + 1) / 2 if causal else length)
    line = f"{name:28}"
    for label, backend in BACKENDS.items():
        try:
            with sdpa_kernel(backend):
                us = microseconds(
                    lambda: torch.nn.functional.scaled_dot_product_attention(
                        q, k, v, is_causal=causal,
                        enable_gqa=heads != kv_heads))
            line += f" {label} {us:8.1f} us {flops / us * 1e-6:5.0f} TFLOP/s"
        except RuntimeError:
            line += f" {label} none"
    print(line, flush=True)


def ragged(name, lengths, heads, size, dtype):
    """Packed sequences of `lengths`, by kernels that take where each begins."""
    total, longest = sum(lengths), max(lengths)
    starts = torch.tensor([0] + lengths, device="cuda").cumsum(0).to(torch.int32)
    q, k, v = (torch.randn(total, heads, size, device="cuda", dtype=dtype)
               for _ in range(3))
    batch = [x[None] for x in (q, k, v)]
    aten = torch.ops.aten
    calls = {
        "flash": lambda: aten._flash_attention_forward(
            q, k, v, starts, starts, longest, longest, 0.0, False, False),
        "efficient": lambda: aten._efficient_attention_forward(
            *batch, None, starts, starts, longest, longest, 0.0, 0)}
    print(f"{name:28}" + "".join(f" {label} {microseconds(call):8.1f} us"
                                 for label, call in calls.items()), flush=True)


def main():
    print(torch.cuda.get_device_name(), torch.__version__,
          torch.backends.cudnn.version())
    for batch, length in [(32, 32), (8, 128), (32, 128), (32, 384), (1, 197),
                          (32, 197)]:
        row(f"b{batch} s{length} 12 x 64", batch, length, 12, 12, 64, False,
            torch.float16)
    # As `ragged` of AttentionTiles.h.
    lengths = [20 + (i * 37 + 11) % 365 for i in range(32)]
    ragged("b32 ragged 20-384 12 x 64", lengths, 12, 64, torch.float16)
    for causal in (False, True):
        row(f"16 x 64 b8 s2048 {'causal' if causal else 'full'}", 8, 2048, 16,
            16, 64, causal, torch.bfloat16)
    for length in (512, 1024, 2048, 4096, 8192, 16384):
        row(f"32/8 x 128 causal {length}", 1, length, 32, 8, 128, True,
            torch.bfloat16)
    row("32/8 x 128 causal 8 x 512", 8, 512, 32, 8, 128, True, torch.bfloat16)
    for length in (2048, 8192, 16384):
        row(f"32/8 x 128 full {length}", 1, length, 32, 8, 128, False,
            torch.bfloat16)


if __name__ == "__main__":
    main()
