"""Ways to damage a file: its bytes, and the numbers, names, counts and nesting in it."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator
#: What people and programs put where a sane number should stand.
NUMBERS = (
    *("0", "-1", "1", "2", "3", "1e308", "-1e308", "1e-308", "nan", "inf", "-inf", "1e400"),
    *("99999999999999999999", "2147483648", "-2147483649", "9" * 400, "0x10", "1_000", "1,5", ""),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 1e308, -1e-308, 10**30, 10**9, float("inf"), float("nan")),
    *("", "A", "x" * 2000, "../x", "nul\0", "\ud800", [], {}, [[]], {"a": 1}, "2020-13-45", "1e3"),
)
SIDES = (1e-300, 1e-9, 1e-3, 0.5, 100.0, 1e6, 1e12, 1e300, -1.0, 0.0, np.nan, np.inf)


def pick(rng: Rng, values: Any) -> Any:
    """One of some values."""
    return values[int(rng.integers(len(values)))]


def change_bytes(rng: Rng, content: bytes) -> bytes:
    """Flip, cut, repeat or drop some bytes, half of the time near the beginning."""
    if not content:
        return bytes(rng.integers(256, size=10, dtype=np.uint8))
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        reach = min(len(data), 300) if rng.random() < 0.5 else len(data)
        if not reach:
            break
        at, length = int(rng.integers(reach)), int(rng.integers(1, 40))
        kind = int(rng.integers(6))
        if kind == 0:
            data[at] = int(rng.integers(256))
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            data[at : at + 8] = struct.pack("<Q", int(pick(rng, (0, 1, 2**31, 2**40, 2**63))))
        else:
            data[at] ^= 1 << int(rng.integers(8))
    return bytes(data)


def change_text(rng: Rng, content: bytes) -> bytes:
    """Replace, drop, repeat or exchange words and lines."""
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    for _ in range(int(rng.integers(1, 4))):
        head = min(len(lines), 12) if rng.random() < 0.6 else len(lines)
        at = int(rng.integers(head))
        words = lines[at].split(" ")
        word = int(rng.integers(len(words)))
        kind = int(rng.integers(14))
        if kind <= 2:
            words[word] = pick(rng, NUMBERS)
        elif kind >= 9:  # gently: what comes of it may well be read
            digits = [k for k, letter in enumerate(words[word]) if letter.isdigit()]
            k = pick(rng, digits) if digits else 0
            new = str(int(rng.integers(10)))
            words[word] = words[word][:k] + new + words[word][k + 1 :]
        elif kind == 3:
            words[word] += pick(
                rng, ("0" * 30, ":S:300000000", '"', "=", "'", "\t", "é", "#", "e9")
            )
        elif kind == 4:
            del words[word]
        elif kind == 5:
            words.insert(word, pick(rng, (*NUMBERS, *words)))
        elif kind == 6:
            words = pick(rng, lines).split(" ")
        elif kind == 7:
            words = [*words, "\n", *words]
        lines[at] = " ".join(words)
        if kind == 8:
            del lines[at]
            lines = lines or [""]
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def change_tree(rng: Rng, tree: Any) -> Any:
    """Change, retype, drop, rename, repeat or nest one value of a tree of lists and dicts."""
    places: list[tuple[Any, Any]] = []
    left = [tree]
    while left:
        part = left.pop()
        for key in part if isinstance(part, dict) else range(len(part)):
            places.append((part, key))
            if isinstance(part[key], dict | list):
                left.append(part[key])
    if not places:
        return pick(rng, VALUES)
    for _ in range(int(rng.integers(1, 3))):
        part, key = pick(rng, places)
        try:
            value = part[key]
        except (KeyError, IndexError):
            continue  # a change before this one took it away
        kind = int(rng.integers(7))
        if kind <= 1:
            part[key] = pick(rng, VALUES)
        elif kind == 2:
            del part[key]
        elif kind == 3 and isinstance(part, dict):
            part[pick(rng, ("x_new", "name", "", "é", str(key) + "s"))] = part.pop(key)
        elif kind == 4:
            part[key] = _nested(value, int(pick(rng, (1, 3, 100))))
        elif kind == 5 and isinstance(value, list):
            part[key] = value * int(pick(rng, (0, 2, 1000)))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            part[key] = pick(rng, (-value, value * 10**9, value + 1, value / 3, str(value)))
        else:
            part[key] = str(value) + "x"
    return tree


def _nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def json_bytes(tree: Any) -> bytes:
    """JSON of a tree, whatever is in it."""
    return json.dumps(tree, default=str).encode("utf-8", "surrogatepass")


def change_arrays(rng: Rng, arrays: dict[str, Any]) -> dict[str, Any]:
    """Change shape, type, some values or the presence of one array."""
    arrays = dict(arrays)
    for _ in range(int(rng.integers(1, 3))):
        key = pick(rng, list(arrays))
        arrays[key] = change_array(rng, np.asarray(arrays[key]))
        kind = int(rng.integers(12))
        if kind == 0:
            del arrays[key]
        elif kind == 1:
            arrays[key + "x"] = arrays.pop(key)
        elif kind == 2:
            arrays[pick(rng, list(arrays))] = arrays[key]
        if not arrays:
            return {"x": np.zeros(1)}
    return arrays


def change_array(rng: Rng, array: np.ndarray) -> np.ndarray:
    """Change shape, type or some values of an array."""
    kind = int(rng.integers(12))
    if array.size == 0 or array.dtype.kind not in "fiub":
        return np.asarray(pick(rng, (0, 1.5, "x", np.zeros((2, 3)), np.array([]))))
    if kind <= 4:
        changed = array.astype(np.float64) if kind < 3 else array.copy()
        count = int(pick(rng, (1, 1, 2, array.size)))
        where = rng.integers(array.size, size=count)
        value = pick(rng, SIDES)
        if changed.dtype.kind in "iu":
            value = pick(rng, (0, 1, -1, 5, 127, 300, 2**40)) % 2 ** (8 * changed.itemsize - 1)
        changed.ravel()[where] = changed.ravel()[where] * value if kind == 2 else value
        return changed
    if kind == 5:
        return array[: int(rng.integers(len(array) + 1))] if array.ndim else array[None]
    if kind == 6:
        return np.concatenate([array, array]) if array.ndim else array.repeat(3)
    if kind == 7:
        return array[None]
    if kind == 8:
        return array.T
    if kind == 9:
        types = ("f4", "f8", "i1", "i8", "u8", "b1", "c16", "U3", "f2", ">f8", "S5", "M8[s]")
        with np.errstate(all="ignore"):
            return array.astype(pick(rng, types))
    if kind == 10:
        return array.ravel()
    return array * pick(rng, SIDES) if array.dtype.kind == "f" else np.atleast_1d(array)[..., :1]


def npz(arrays: dict[str, Any], rng: Rng) -> bytes:
    """Npz of some arrays; now and then compressed, or with an entry that is no array."""
    buffer = io.BytesIO()
    plain = {key or "x": np.asarray(value) for key, value in arrays.items()}
    with np.errstate(all="ignore"):
        (np.savez_compressed if rng.random() < 0.3 else np.savez)(buffer, **plain)
    return buffer.getvalue()


def forge_npz(rng: Rng, content: bytes) -> bytes:
    """Change the header of an array in an npz, whose checksums are made right again."""
    import zipfile

    source, buffer = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    chosen = pick(rng, source.namelist())
    with zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == chosen:
                end = data.find(b"\n") + 1
                data = (
                    change_text(rng, data[:end]) + data[end:]
                    if rng.random() < 0.7
                    else (change_bytes(rng, data))
                )
            target.writestr(name, data)
    return buffer.getvalue()


Change = Callable[[Rng], None]
