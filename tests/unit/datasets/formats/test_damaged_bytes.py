import numpy as np
import pytest
from format_writers import make_liquid, write_botan, write_each

from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles, read_snapshot
from glasscast.errors import GlasscastError

NAMES = ["a.dump", "b.xyz", "c.gsd", "d.pickle", "e.npz", "f.npz", "g.data", "botan"]
FLIPS = 120


@pytest.mark.parametrize("name", NAMES)
def test_flipped_bytes_raise_nothing_but_errors_for_the_user(tmp_path, name):
    liquid = make_liquid(size=20)
    write_each(tmp_path, liquid)
    path = write_botan(tmp_path, liquid, 0, tag=7) if name == "botan" else tmp_path / name
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(FLIPS):
        damaged = bytearray(content)
        # The head of a file decides how the rest is read: half of the flips go there.
        damaged[rng.integers(rng.choice([200, len(content)]))] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            read_snapshot(path)
            for ensemble in read_ensembles(
                path, options=ReadOptions(timestep=0.01 if name in NAMES[:3:2] else None)
            ):
                list(ensemble.frames())
        except GlasscastError:
            refused += 1
    assert refused > FLIPS // 10  # the damage was real


@pytest.mark.parametrize(("flag", "value"), [(8, 99), (6, 1)])
def test_archives_that_python_cannot_open_are_refused(tmp_path, flag, value):
    """Unknown compression (byte 8 of a local header, 10 of its directory entry), encryption."""
    path = write_botan(tmp_path, make_liquid(size=20), 0, tag=7)
    damaged = bytearray(path.read_bytes())
    damaged[flag] = value
    damaged[damaged.index(b"PK\x01\x02") + flag + 2] = value
    path.write_bytes(bytes(damaged))
    with pytest.raises(GlasscastError, match="truncated or not an npz file"):
        read_snapshot(path)
