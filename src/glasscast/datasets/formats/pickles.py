"""Pickles read without running anything: plain containers and numeric arrays, nothing else.

A pickle is a program whose only dangerous instruction is "call this global". Here the globals
that numpy arrays need resolve to inert stand-ins written in Python, never to numpy itself: even
numpy's own ``dtype.__setstate__``, fed a forged state, can corrupt memory. Any other global is
refused by name before it is imported. A few bytes can also ask for any amount of memory, by an
entry far down a table or by lists that hold one another: both are looked for.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from pickletools import genops
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import InputError
from glasscast.inputs import read_bytes

#: Bytes of the longest pickle that is read.
_LONGEST = 1 << 32
#: Bytes of what a pickle holds, for each of its own.
_GROWTH = 20
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_NUMERIC = re.compile(r"^[fiu][1248]$|^b1$")
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_DEEPEST = 5  # (times, trajectories, N, d) and one to spare; a list may contain itself
_NUMERICS = ("numpy.core.numeric", "numpy._core.numeric")


class _Refused(Exception):  # noqa: N818
    """Carries a message for the user out of the unpickler."""


class _Dtype:
    """A numeric dtype: kind and size from the code, byte order from the state."""

    def __init__(self, code: Any, *_: Any) -> None:
        text = code.decode("ascii", "replace") if isinstance(code, bytes) else code
        if not isinstance(text, str) or not _NUMERIC.match(text):
            raise _Refused(f"holds an array of dtype {text!r}; only numbers can be read")
        self.numpy = np.dtype(text)

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("ascii", "replace") if isinstance(state[1], bytes) else state[1]
        if order == ">":
            self.numpy = self.numpy.newbyteorder(">")


class _Array:
    """An array on its way: shape, dtype and raw bytes arrive as its state."""

    def __init__(self) -> None:
        self.numpy: NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        if isinstance(raw, str):  # written by Python 2, read as latin1
            raw = raw.encode("latin1")
        self.numpy = _from_bytes(raw, dtype, shape, "F" if fortran else "C")


class _Call:
    """The only callable a pickle gets to see; it has no state that a pickle could set."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise _Refused("tries to change a function")


def _from_bytes(raw: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    if not isinstance(dtype, _Dtype) or not isinstance(raw, bytes | bytearray | memoryview):
        raise _Refused("holds an array without numeric data")
    flat = np.frombuffer(raw, dtype=dtype.numpy)
    return flat.reshape(tuple(int(n) for n in shape), order="F" if order == "F" else "C")


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.numpy = _from_bytes(raw, dtype, shape, order)
    return array


def _scalar(dtype: Any, raw: Any) -> Any:
    if isinstance(raw, str):
        raw = raw.encode("latin1")
    return _from_bytes(raw, dtype, (), "C").item()


_ALLOWED: dict[tuple[str, str], _Call] = {
    ("numpy", "ndarray"): _Call(lambda *_: _Array()),
    ("numpy", "dtype"): _Call(_Dtype),
    **{(module, "_reconstruct"): _Call(lambda *_: _Array()) for module in _MULTIARRAY},
    **{(module, "scalar"): _Call(_scalar) for module in _MULTIARRAY},
    **{(module, "_frombuffer"): _Call(_from_buffer) for module in _NUMERICS},
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")
        self._left = _GROWTH * len(content)
        self._allowed = {**_ALLOWED, ("_codecs", "encode"): _Call(self._encode)}

    def find_class(self, module: str, name: str) -> Any:
        call = self._allowed.get((module, name))
        if call is None:
            raise _Refused(f"asks for the global '{module}.{name}', which could run code")
        return call

    def _encode(self, text: Any, codec: Any) -> bytes:
        # Protocol 2 writes bytes as text in latin1.
        if not isinstance(text, str) or codec != "latin1":
            raise _Refused("holds encoded data that are no array")
        self._left -= len(text)
        if self._left < 0:
            raise _Refused("repeats itself beyond reason")
        return text.encode("latin1")


def read_pickle(path: Path) -> Any:
    """Read a pickle of plain containers, numbers, text and numeric arrays.

    Returns
    -------
    The object; arrays in it are still stand-ins: pass them to :func:`as_array`.

    Raises
    ------
    InputError : naming the global if the pickle asks for any other, if it is truncated, or if it
        asks for more memory than its length explains.
    """
    content = read_bytes(path, _LONGEST)
    try:
        _check_table(content)
        value = _Unpickler(content).load()
        _check_size(value, _GROWTH * len(content))
    except _Refused as refused:
        raise InputError(path, f"{refused}; it is refused") from None
    except Exception as error:  # a broken pickle may raise almost anything, says its manual
        raise InputError(
            path,
            f"is truncated or not a pickle ({type(error).__name__}: {error})",
            "copy it again from its source",
        ) from None
    return value


def _check_table(content: bytes) -> None:
    """Refuse an entry of the unpickler's table that lies farther down than there are entries."""
    for number, (operation, argument, _) in enumerate(genops(io.BytesIO(content))):
        if operation.name in _PUTS and int(argument or 0) > number:
            raise _Refused(f"numbers an entry {argument} that is one of {number}")
        if operation.name == "FRAME" and int(argument or 0) > len(content):
            raise ValueError("it ends early")


def _check_size(value: Any, most: int) -> None:
    """Refuse containers that, each taken where it occurs, hold more than so many bytes."""
    left = [value]
    while left:
        part = left.pop()
        most -= 1
        if isinstance(part, _Array) and part.numpy is not None:
            most -= part.numpy.nbytes
        elif isinstance(part, list | tuple | dict):
            most -= len(part)
            items = part.values() if isinstance(part, dict) else part
            left += (item for item in items if isinstance(item, list | tuple | dict | _Array))
        if most < 0:
            raise _Refused("repeats itself beyond reason")


def as_array(value: Any, depth: int = 0) -> NDArray[Any]:
    """Turn an array's stand-in, a number or a list of these into an array.

    Raises
    ------
    ValueError : if it is none of them, rows have different lengths, or lists nest too deep.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, _Array) and value.numpy is not None:
        return value.numpy
    if isinstance(value, list | tuple) and depth < _DEEPEST:
        return np.asarray([as_array(item, depth + 1) for item in value])
    if isinstance(value, int | float):
        return np.asarray(value)
    raise ValueError(f"expected numbers, got {type(value).__name__}")
