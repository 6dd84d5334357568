"""Blocks of particles worked on side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits


def for_blocks(work: Callable[[slice], None], size: int, block: int, threads: int) -> None:
    """Call ``work`` on successive slices of at most ``block`` of ``size`` particles.

    Blocks run side by side, so the libraries below them must not: each gets one thread.
    """
    rows = (slice(start, min(start + block, size)) for start in range(0, size, block))
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, rows):
            pass
