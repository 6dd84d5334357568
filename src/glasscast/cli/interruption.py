"""Ctrl-C and SIGTERM end a command within two seconds, wherever it is, and say how to go on."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread
from types import FrameType
from typing import NoReturn

#: Said at the end; whatever is finished lies whole on disk.
HOW_TO_GO_ON = "interrupted; the same command goes on from here"
#: Seconds that Python code has to end by itself; compiled code may not return for minutes.
_GRACE = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal to stop; no error, so nothing but the end of the program may catch it."""

    def __init__(self, number: int) -> None:
        self.code = 128 + number
        super().__init__(number)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn signals to stop into :class:`Interrupted` while the block runs.

    Where compiled code keeps Python from heeding the signal, a thread ends the process.
    """
    heeded = [n for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]  # as nohup asks
    if current_thread() is not main_thread() or os.name != "posix" or not heeded:
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    over = Event()
    kept = {number: signal.signal(number, _interrupt) for number in heeded}
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watch = Thread(target=_watch, args=(reading, over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        for number, handler in kept.items():
            signal.signal(number, handler)
        os.close(writing)  # the thread reads the end
        watch.join()
        os.close(reading)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    for other in _SIGNALS:  # once is enough: a second would interrupt what ends
        signal.signal(other, signal.SIG_IGN)
    raise Interrupted(number)


def _watch(reading: int, over: Event) -> None:
    """Wait for a signal to stop; end the process if it has not ended by itself in time."""
    while got := os.read(reading, 1):
        if got[0] in _SIGNALS:
            if not over.wait(_GRACE):
                shown = "\x1b[?25h" if sys.stderr.isatty() else ""  # the cursor, hidden by bars
                os.write(2, f"{shown}\n{HOW_TO_GO_ON}\n".encode())
                os._exit(128 + got[0])
            return
