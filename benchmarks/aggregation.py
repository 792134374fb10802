"""The server's sum of many large updates, beside one read of the same bytes.

    python benchmarks/aggregation.py [--updates 100] [--copies 10] [--codec float32] --out FILE

Updates of an 8 B model's adapter (rank 16 on all linear layers, 41.9 M values) lie in a codec on
disk and in the page cache; `--copies` of them differ, the others are the same files again, so that
they fit into memory. Reading them once is `readinto` of one buffer. Prints and writes JSON.
"""

import argparse
import json
import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fedmedlora.adapters.files import adapter_digest
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import encode_update, open_update
from fedmedlora.federation.combining import weighted_sum
from fedmedlora.federation.updates import SiteReport, SiteUpdate

# Llama-3.1-8B: out and in of each linear layer, 32 of them.
LAYERS = {
    "q_proj": (4096, 4096),
    "k_proj": (1024, 4096),
    "v_proj": (1024, 4096),
    "o_proj": (4096, 4096),
    "gate_proj": (14336, 4096),
    "up_proj": (14336, 4096),
    "down_proj": (4096, 14336),
}
RANK, NUM_LAYERS = 16, 32
MODEL_BYTES = 2 * 8_030_261_248
"""Of Llama-3.1-8B in bfloat16, as its card counts parameters."""
_BUFFER = 1 << 22


def shapes(rank: int = RANK) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield name and shape of every tensor."""
    for index in range(NUM_LAYERS):
        for name, (out, in_) in LAYERS.items():
            yield f"layers.{index:02d}.{name}.lora_A.weight", (rank, in_)
            yield f"layers.{index:02d}.{name}.lora_B.weight", (out, rank)


def random_update(seed: int) -> AdapterWeights:
    """Return an update with values as training leaves them: small, most of them near zero."""
    rng = np.random.default_rng(seed)
    return {n: rng.standard_normal(s, np.float32) * np.float32(1e-3) for n, s in shapes()}


def read_once(paths: list[Path]) -> float:
    """Return the seconds that reading files takes."""
    buffer, began = bytearray(_BUFFER), time.perf_counter()
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.perf_counter() - began


def summed(paths: list[Path]) -> tuple[float, str]:
    """Return the seconds that the sum takes, and the digest of what comes out."""
    began = time.perf_counter()
    updates = [
        SiteUpdate(
            SiteReport(f"site{index:03d}", 1, index + 1, None, None),
            open_update(path, most_values=1 << 24),
            "b0",
            "s0",
        )
        for index, path in enumerate(paths)
    ]
    total = sum(range(1, len(paths) + 1))
    shares = {one.report.site: one.report.num_tokens / total for one in updates}
    result = weighted_sum(updates, shares)
    return time.perf_counter() - began, adapter_digest(result)


def own_bytes() -> int:
    """Return the memory this process holds beside the files it has mapped; Linux alone tells."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
    return 1024 * int(line.split()[1])


@contextmanager
def peak_own_bytes() -> Iterator[list[int]]:
    """Look at that memory every hundredth of a second for a while."""
    seen, ended = [own_bytes()], threading.Event()

    def look() -> None:
        while not ended.wait(0.01):
            seen.append(own_bytes())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--codec", default="float32")
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        files = []
        for seed in range(options.copies):
            files.append(Path(folder) / f"{seed}.safetensors")
            files[-1].write_bytes(encode_update(random_update(seed), options.codec))
        paths = [files[index % len(files)] for index in range(options.updates)]
        size = sum(path.stat().st_size for path in paths)
        read_once(files)
        before = own_bytes()
        with peak_own_bytes() as peaks:
            passes = [(read_once(paths), *summed(paths)) for _ in range(options.passes)]
    ratios = [reading / summing for reading, summing, _ in passes]
    found = {
        "codec": options.codec,
        "updates": options.updates,
        "bytes_an_update": size // options.updates,
        "saving": 1 - size / options.updates / MODEL_BYTES,
        "read_seconds": statistics.median(reading for reading, _, _ in passes),
        "sum_seconds": statistics.median(summing for _, summing, _ in passes),
        "speed_of_a_read": [min(ratios), statistics.median(ratios), max(ratios)],
        "peak_bytes_beyond_start": max(peaks) - before,
        "largest_tensor_bytes": 4 * max(out * in_ for _, (out, in_) in shapes()),
        "digests": sorted({digest for _, _, digest in passes}),
        "cores": os.cpu_count(),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))  # noqa: T201 -- the table


if __name__ == "__main__":
    main()
