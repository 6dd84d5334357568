"""TensorFlow checkpoints without TensorFlow: names and numbers, nothing is executed.

A checkpoint is a pair of files. ``NAME.index`` is a sorted table in the format of LevelDB: blocks
of keys, each of which leaves out what it shares with the one before; the last 48 bytes say where
the list of blocks lies. Its values are protocol buffers that say where in
``NAME.data-00000-of-00001`` each variable lies.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import InputError

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_LARGEST = 1 << 28  # bytes of either file
_FLOAT = 1  # number of float32 among the types
_TYPE, _SHAPE, _SHARD, _OFFSET, _SIZE = 1, 2, 3, 4, 5  # fields of a variable's entry
_DIMENSION, _LENGTH = 2, 1  # fields of its shape, and of each of its dimensions


def read_bundle(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read the variables of single precision of a checkpoint, by name.

    Parameters
    ----------
    path : its ``.index`` file; the data lie beside it.

    Raises
    ------
    InputError : if either file is absent, damaged, or laid out in another way.
    """
    data = path.with_suffix(".data-00000-of-00001")
    table, numbers = _read(path), _read(data)
    try:
        entries = {key: _message(value) for key, value in _entries(table) if key}
    except (IndexError, struct.error, ValueError) as error:
        raise InputError(path, f"is no index of a TensorFlow checkpoint ({error})") from None
    found = {}
    for key, entry in entries.items():
        if entry.get(_TYPE) != [_FLOAT]:
            continue
        name = key.decode("utf-8", "replace")
        try:
            found[name] = _variable(entry, numbers)
        except (TypeError, ValueError, IndexError) as error:
            raise InputError(data, f"does not hold '{name}' as the index says ({error})") from None
    return found


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(path, "is larger than a file of weights can be")
        return path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None


def _entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk through all keys and values of the table."""
    if struct.unpack("<Q", table[-8:])[0] != _MAGIC:
        raise ValueError("it ends otherwise")
    footer = table[-_FOOTER:]
    _, at = _handle(footer, 0)  # of a block about the table, empty here
    for _, value in _block(table, *_handle(footer, at)[0]):
        yield from _block(table, *_handle(value, 0)[0])


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and where the bytes after them begin."""
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    block = table[offset : offset + size]
    if len(block) < size or table[offset + size] != 0:
        raise ValueError("it is compressed or cut")
    end = size - 4 * (1 + struct.unpack("<I", block[-4:])[0])  # marks for a search in it follow
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        at += own
        yield key, block[at : at + length]
        at += length


def _variable(entry: dict[int, list[int | bytes]], numbers: bytes) -> NDArray[np.float32]:
    if entry.get(_SHARD, [0]) != [0]:
        raise ValueError("it lies in another file")
    shape = []
    for part in entry.get(_SHAPE, []):
        for dimension in _message(_bytes(part)).get(_DIMENSION, []):
            shape.append(_number(_message(_bytes(dimension)).get(_LENGTH, [0])[0]))
    start, size = _number(entry.get(_OFFSET, [0])[0]), _number(entry.get(_SIZE, [0])[0])
    if size != 4 * math.prod(shape) or start + size > len(numbers):
        raise ValueError(f"{size} bytes at {start} for the shape {tuple(shape)}")
    return np.frombuffer(numbers[start : start + size], dtype="<f4").reshape(shape).copy()


def _message(data: bytes) -> dict[int, list[int | bytes]]:
    """Fields of a protocol buffer: number -> values, texts and messages as bytes."""
    fields: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value: int | bytes
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
        else:
            fixed = {1: 8, 5: 4}.get(kind)
            length, at = (fixed, at) if fixed else _varint(data, at)
            if kind not in (1, 2, 5) or at + length > len(data):
                raise ValueError("a field is cut")
            value, at = data[at : at + length], at + length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Whole number in groups of seven bits, the lowest first; and where the next byte is."""
    value = 0
    for shift in range(0, 70, 7):
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError("a number has no end")


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a number stands for a message")
    return value


def _number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise TypeError("a message stands for a number")
    return value
