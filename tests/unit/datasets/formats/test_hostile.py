"""Files that ask for more than they hold: time, memory, or what is not there."""

import pickle

import numpy as np
import pytest
from format_writers import dump_text, make_liquid, write_botan, xyz_text

from glasscast.datasets.files import read_npz
from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles, read_snapshot
from glasscast.errors import InputError, ShapeError
from glasscast.inputs import UnforeseenError, read_bytes, read_json, reading
from glasscast.liquid.neighbours import find_neighbours
from glasscast.workflows.import_data import import_data


def refused(path, says, options=None):
    with pytest.raises(InputError, match=says) as caught:
        list(read_ensembles(path, options=options))
    assert not isinstance(caught.value, UnforeseenError)


def test_a_column_of_millions_and_a_step_past_all_numbers_are_refused(tmp_path):
    liquid = make_liquid(size=20)
    text = xyz_text(liquid.start, liquid.types, liquid.box, "time=0")
    wide = tmp_path / "wide.xyz"
    wide.write_text(text.replace("species:S:1", "species:S:300000000"))
    refused(wide, "wide.xyz")
    late = tmp_path / "late.dump"
    late.write_text(dump_text(10**400, liquid.start, liquid.types, liquid.box))
    refused(late, "late.dump", ReadOptions(timestep=0.005))


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value] * 200
    return value


@pytest.mark.parametrize("content", [b"]r\0\0\0\x10.", pickle.dumps(nested(5))])
def test_a_pickle_takes_no_more_than_its_length_explains(tmp_path, content):
    path = tmp_path / "x.pickle"
    path.write_bytes(content)
    refused(path, "numbers an entry|repeats itself beyond reason")


def test_an_npz_takes_no_more_than_it_holds(tmp_path):
    bomb, forged = tmp_path / "bomb.npz", tmp_path / "forged.npz"
    np.savez(bomb, x=np.zeros(3))
    content = bytearray(bomb.read_bytes())
    size = content.index(b"PK\x01\x02") + 24  # in the table at the end: once it is expanded
    content[size : size + 4] = (1 << 30).to_bytes(4, "little")
    bomb.write_bytes(content)
    with pytest.raises(InputError, match="expands beyond reason"):
        read_npz(bomb)
    np.savez(forged, x=np.zeros(3))
    forged.write_bytes(forged.read_bytes().replace(b"(3,)", b"(9,)"))
    with pytest.raises(InputError, match=r"'x' is cut|CRC"):
        read_npz(forged)


@pytest.mark.parametrize("sides", [(6, 1e6, 7), (1e-6, 1e6, 1), (1e12, 1e12, 1e12), (6, 1e300, 7)])
def test_no_neighbours_are_looked_for_in_a_box_that_no_grid_covers(sides):
    positions = np.random.default_rng(0).random((20, 3)) * np.minimum(sides, 10)
    with pytest.raises(ShapeError, match="check"):
        find_neighbours(positions, np.array(sides, dtype=float), 2.0)


def test_a_species_that_the_liquid_of_a_format_lacks_is_refused(tmp_path):
    liquid = make_liquid(size=120, side=4.6)
    liquid.types[:5] = 2
    write_botan(tmp_path, liquid, 0, tag=1)
    assert read_snapshot(tmp_path)
    with pytest.raises(InputError, match="species"):
        import_data(tmp_path, tmp_path / "out")


def test_files_are_regular_bounded_and_plain_json(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"a": NaN}')
    with pytest.raises(InputError, match="NaN is no number of JSON"):
        read_json(path)
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match="is not readable JSON"):
        read_json(path)
    with pytest.raises(InputError, match="is longer than"):
        read_bytes(path, 10)
    with pytest.raises(InputError, match="it is a folder"):
        read_bytes(tmp_path, 10)


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), RecursionError(), KeyError(1)])
def test_what_no_reader_foresaw_is_one_line_that_names_the_file(error):
    with pytest.raises(UnforeseenError, match=r"^file\.x: ") as caught, reading("file.x"):
        raise error
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error
