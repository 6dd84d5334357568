"""What a process has to share: threads, a bounded cache of results, memory, versions."""

from __future__ import annotations

import ctypes
import math
import os
import platform
import signal
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from glasscast.errors import MissingExtraError, SettingsError
from glasscast.progress import Progress, Silent

__version__ = version("glasscast")
#: Packages whose version can change a number.
_PACKAGES = ("numpy", "scipy", "torch", "vesin", "sphericart", "matplotlib", "plotly")
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # names of mallopt's parameters in glibc
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux
_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def usable_cores() -> int:
    """Cores this process may use: OMP_NUM_THREADS where set, else those it is confined to.

    A job of a cluster owns a few of the cores of its machine; threads on others' would wait.
    """
    wished = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if wished.isdecimal() and int(wished) > 0:
        return int(wished)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux confines
        return os.cpu_count() or 1


def check_device(device: str) -> None:
    """Refuse a word that names no device.

    Raises
    ------
    SettingsError : unless it is ``auto``, ``cpu`` or ``cuda``.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"there is no device '{device}'; choose auto, cpu or cuda", "device")


def import_optional(module: str, purpose: str) -> Any:
    """Import a library that only one feature needs.

    Raises
    ------
    MissingExtraError : saying what to install for which purpose.
    """
    try:
        return import_module(module)
    except ImportError:
        package = {"torch_geometric": "torch-geometric"}.get(module, module).partition(".")[0]
        raise MissingExtraError(
            f"{purpose} needs {package}, which is not installed: pip install {package}"
        ) from None


def versions() -> dict[str, str]:
    """Version of this library, of Python, and of the packages that are installed."""
    found = {"glasscast": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _memory() -> int:
    """Bytes of the machine's memory; 8 GB where it does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 8 * 1024**3


class Measured(Protocol):
    """Anything that tells how much memory it takes."""

    @property
    def nbytes(self) -> int:
        """Bytes."""
        ...


Result = TypeVar("Result", bound=Measured)


@dataclass
class Workspace:
    """Keeps the most recently used results up to a limit, so that folds do not repeat work.

    Parameters
    ----------
    threads : for blocks of one configuration, or processes for several of them.
    limit : bytes kept; the least recently used results go first. A quarter of the machine's
        memory by default: cross-validation comes back to every configuration in every fold.
    progress : what long work reports to.
    """

    threads: int = field(default_factory=usable_cores)
    limit: int = field(default_factory=lambda: _memory() // 4)
    progress: Progress = field(default_factory=Silent)
    _kept: OrderedDict[Hashable, Measured] = field(default_factory=OrderedDict)
    _bytes: int = 0

    def remember(
        self, key: Hashable, compute: Callable[[], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Return the array that was computed under this key before, or compute and keep it."""
        known = self.recall(key, np.ndarray)
        if known is not None:
            return known
        result = compute()
        self.keep(key, result)
        return result

    def recall(self, key: Hashable, kind: type[Result]) -> Result | None:
        """Return what is kept under this key, if it is of that kind."""
        known = self._kept.get(key)
        if not isinstance(known, kind):
            return None
        self._kept.move_to_end(key)
        return known

    def keep(self, key: Hashable, result: Measured) -> None:
        """Keep what was computed elsewhere, unless this key is known or the limit too small."""
        if key in self or result.nbytes > self.limit:
            return
        self._kept[key] = result
        self._bytes += result.nbytes
        while self._bytes > self.limit:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept


def for_blocks(work: Callable[[slice], None], size: int, block: int, threads: int) -> None:
    """Call ``work`` on successive slices of at most ``block`` of ``size`` particles.

    Blocks run side by side, so the libraries below them must not: each gets one thread.
    """
    rows = (slice(start, min(start + block, size)) for start in range(0, size, block))
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, rows):
            pass


def forget_peak() -> None:
    """Let the peak start again from what is in use now; does nothing outside Linux."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return


def peak_mb() -> float:
    """Largest resident memory of this process since :func:`forget_peak`, in MB; NaN if unknown."""
    try:
        line = next(x for x in _STATUS.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except (OSError, StopIteration):
        return math.nan


def end_with_parent() -> None:
    """Let this process be killed when the one that forked it ends; does nothing outside Linux.

    For what becomes another program, which cannot watch its parent.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)


@cache
def keep_freed_memory() -> bool:
    """Stop glibc from returning large blocks to the system; True if it obeys.

    Every step allocates and frees the same arrays of 20 to 40 MB. By default glibc maps each one
    anew, and the kernel clears it page by page: 15 of the 17 ms that ReLU takes on (166 000, 64).
    Holds for the rest of the process; elsewhere than on Linux with glibc it does nothing.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))
