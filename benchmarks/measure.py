"""Measure functions side by side: each alone in a fresh process, seconds and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from glasscast.runtime import peak_mb

SHARED = Path(os.environ.get("GLASSCAST_SHARED", Path(__file__).parents[2] / "shared"))
_VARIANT = "--variant"


def positions_4096() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Positions, types, box and 32 displaced copies: a real T=0.44 file, else one like it."""
    size = 4096
    box = np.full(3, (size / 1.2) ** (1 / 3))
    path = SHARED / "data" / "botan_T0.44" / "isoconfig_N4096T0.44_1_tc07.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            start = np.ascontiguousarray(file["initial_positions"])
            return np.mod(start, box), file["types"], box, file["positions"] - start
    positions, types, box = jittered_lattice(size)
    return positions, types, box, np.random.default_rng(1).normal(scale=0.4, size=(32, size, 3))


def jittered_lattice(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, types and cubic box of a disordered crystal as dense as the liquid."""
    rng, cells = np.random.default_rng(0), int(np.ceil(size ** (1 / 3)))
    box = np.full(3, (size / 1.2) ** (1 / 3))
    grid = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 3)
    sites = rng.permutation(grid)[:size]
    positions = (sites + 0.5 + rng.uniform(-0.3, 0.3, sites.shape)) * box / cells
    return positions, (np.arange(size) >= 0.8 * size).astype(np.int8), box


def is_parent() -> bool:
    """Whether this process starts the others, and is to check that the variants agree."""
    return _VARIANT not in sys.argv


def measure(
    script: str,
    variants: Mapping[str, Callable[[], object]],
    repeats: int = 3,
    *,
    options: Sequence[str] = (),
    references: Mapping[str, str] | None = None,
) -> None:
    """Run each variant in its own process and print seconds, peak memory and ratios.

    Called by a benchmark's ``__main__``, also in the processes it starts: there one variant
    runs, once to warm up and ``repeats`` times measured. Seconds of the clock are the least;
    those of the processor, of the same run, tell what other work on the machine does not change.

    Parameters
    ----------
    script : the benchmark's file.
    variants : what to run, by name.
    options : of the command line, handed on to the processes.
    references : name of the variant that each one is compared with; the last one for all if None.
    """
    if not is_parent():
        print(json.dumps(_run(variants[sys.argv[-1]], repeats)))
        return
    if references is None:
        references = dict.fromkeys(variants, list(variants)[-1])
    load, results = _load(), {}
    for name in variants:
        command = [sys.executable, script, *options, _VARIANT, name]
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        results[name] = json.loads(out.stdout.splitlines()[-1])
    print(f"load {load} before, {_load()} after, {os.cpu_count()} processors")
    print(f"{'':42s}{'seconds':>10s}{'cpu s':>10s}{'peak MB':>10s}{'ratio':>8s}{'of cpu':>8s}")
    for name, found in results.items():
        row = f"{name:42s}{found['seconds']:10.3f}{found['cpu']:10.3f}{found['peak_mb']:10.0f}"
        if name in references:
            plain = results[references[name]]
            row += f"{plain['seconds'] / found['seconds']:8.1f}{plain['cpu'] / found['cpu']:8.1f}"
        print(row)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _run(function: Callable[[], object], repeats: int) -> dict[str, float]:
    function()
    runs = []
    for _ in range(repeats):
        started, worked = perf_counter(), process_time()
        function()
        runs.append((perf_counter() - started, process_time() - worked))
    seconds, cpu = min(runs)
    return {"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb()}
