"""Measure functions side by side: each alone in a fresh process, seconds and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

from glasscast.workflows.memory import peak_mb

SHARED = Path(os.environ.get("GLASSCAST_SHARED", Path(__file__).parents[2] / "shared"))


def positions_4096() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Positions, types, box and 32 displaced copies: a real T=0.44 file, else one like it."""
    size = 4096
    box = np.full(3, (size / 1.2) ** (1 / 3))
    path = SHARED / "data" / "botan_T0.44" / "isoconfig_N4096T0.44_1_tc07.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            start = np.ascontiguousarray(file["initial_positions"])
            return np.mod(start, box), file["types"], box, file["positions"] - start
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(16)] * 3, indexing="ij"), -1).reshape(-1, 3)
    positions = (grid + 0.5 + rng.uniform(-0.3, 0.3, grid.shape)) * box / 16
    types = (np.arange(size) >= 0.8 * size).astype(np.int8)
    return positions, types, box, rng.normal(scale=0.4, size=(32, size, 3))


def measure(script: str, variants: dict[str, Callable[[], object]], repeats: int = 3) -> None:
    """Run each variant in its own process and print seconds, peak memory and ratios.

    Called by a benchmark's ``__main__``: without arguments it starts one process a variant;
    with a variant's name it runs that one, once to warm up and ``repeats`` times measured.
    """
    if len(sys.argv) == 2:
        print(json.dumps(_run(variants[sys.argv[1]], repeats)))
        return
    results = {}
    for name in variants:
        out = subprocess.run(
            [sys.executable, script, name], capture_output=True, text=True, check=True
        )
        results[name] = json.loads(out.stdout.splitlines()[-1])
    reference = next(reversed(results.values()))
    print(f"{'':34s}{'seconds':>10s}{'peak MB':>10s}{'ratio':>8s}")
    for name, found in results.items():
        ratio = reference["seconds"] / found["seconds"]
        print(f"{name:34s}{found['seconds']:10.3f}{found['peak_mb']:10.0f}{ratio:8.1f}")


def _run(function: Callable[[], object], repeats: int) -> dict[str, float]:
    function()
    seconds = []
    for _ in range(repeats):
        started = perf_counter()
        function()
        seconds.append(perf_counter() - started)
    return {"seconds": min(seconds), "peak_mb": peak_mb()}
