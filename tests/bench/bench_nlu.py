"""Measures the built-in engine: `python tests/bench/bench_nlu.py [FOLDER]` (`make bench`).

Prints one JSON object: size on disk, start, memory, and the time of one answer.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter, thread_time

from intents import BuiltinEngine, load_or_train
from intents.builtin.model_store import data_hash, model_path
from intents.metrics import mean, percentile

MESSAGE = "请问一下这件羽绒服今天拍下什么时候可以发货呢我等着急用"
ROUNDS = 3000


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(arguments[0]) if arguments else Path(scratch)
        sys.stdout.write(json.dumps(measure(folder), ensure_ascii=False, indent=2) + "\n")
    return 0


def measure(folder: Path) -> dict[str, object]:
    start = perf_counter()
    load_or_train(folder)
    trained = perf_counter()
    engine = BuiltinEngine(load_or_train(folder))
    loaded = perf_counter()
    messages = [f"{MESSAGE[:28]}{i % 97:02d}" for i in range(ROUNDS)]
    times, busy = [], []
    for message in messages:
        began, worked = perf_counter(), thread_time()
        engine.judge(message)
        times.append((perf_counter() - began) * 1000)
        busy.append((thread_time() - worked) * 1000)
    return {
        "train_or_load_seconds": round(trained - start, 2),
        "load_seconds": round(loaded - trained, 3),
        "model_megabytes": round(model_path(folder, data_hash()).stat().st_size / 1e6, 2),
        "peak_rss_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "answer_ms": spread(times),
        "answer_cpu_ms": spread(busy),
        "characters": len(messages[0]),
    }


def spread(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(percentile(values, 50), 3),
        "p99": round(percentile(values, 99), 3),
        "mean": round(mean(values), 3),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
