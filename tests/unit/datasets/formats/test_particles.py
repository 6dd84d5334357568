"""Which particle is which: ids, species, axes and faces are understood or refused."""

import gsd.hoomd
import numpy as np
import pytest
from format_writers import (
    collect,
    deepmind_record,
    dump_text,
    gsd_frame,
    make_liquid,
    write_botan,
    write_dumps,
    write_gsd,
    write_pickle,
    write_xyz,
    xyz_text,
)

from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles, read_snapshot
from glasscast.datasets.targets import reduce_ensemble
from glasscast.errors import InputError

CLOCK = ReadOptions(timestep=0.01)


def labels(folder, options=CLOCK):
    (ensemble,) = read_ensembles(folder, options=options)
    return reduce_ensemble(ensemble)


def with_ids(text, ids):
    """Extended XYZ with a column of ids."""
    head, comment, *rows = text.splitlines()
    rows = [f"{row} {number}" for row, number in zip(rows, ids, strict=True)]
    return "\n".join([head, comment.replace(" pbc", ":id:I:1 pbc"), *rows, ""])


@pytest.mark.parametrize("kind", ["dump", "xyz"])
def test_the_order_of_rows_changes_nothing(tmp_path, kind):
    liquid = make_liquid()
    rng = np.random.default_rng(1)
    for name, shuffled in (("plain", False), ("shuffled", True)):
        (tmp_path / name).mkdir()
        for run, frames in enumerate(liquid.runs):
            text = ""
            for time, frame in zip((0, *liquid.times), (liquid.start, *frames), strict=True):
                order = rng.permutation(60) if shuffled else np.arange(60)
                here = frame[order], liquid.types[order], liquid.box
                if kind == "xyz":
                    text += with_ids(xyz_text(*here, f"time={time}"), order + 7)
                else:
                    rows = rng if shuffled else None
                    text += dump_text(int(100 * time), frame, *(liquid.types, liquid.box), rng=rows)
            (tmp_path / name / f"run{run}.{kind}").write_text(text)
    plain, shuffled = (labels(tmp_path / name) for name in ("plain", "shuffled"))
    np.testing.assert_array_equal(plain.propensity, shuffled.propensity)
    np.testing.assert_array_equal(plain.positions, shuffled.positions)
    np.testing.assert_array_equal(shuffled.ids, np.arange(60) + (7 if kind == "xyz" else 1))


@pytest.mark.parametrize("name", ["id", "ID", "tag", "particle_identifier"])
def test_ids_of_extended_xyz_have_several_names(tmp_path, name):
    liquid = make_liquid()
    text = with_ids(xyz_text(liquid.start, liquid.types, liquid.box), 60 - np.arange(60))
    (tmp_path / "a.xyz").write_text(text.replace(":id:I:1", f":{name}:I:1"))
    (read,) = read_snapshot(tmp_path / "a.xyz")
    np.testing.assert_array_equal(read.ids, np.arange(60) + 1)
    np.testing.assert_allclose(read.positions, liquid.start[::-1])


@pytest.mark.parametrize("where", ["frame", "run", "parent"])
def test_a_particle_that_was_replaced_is_named(tmp_path, where):
    liquid = make_liquid()
    write_dumps(tmp_path, liquid)
    path = tmp_path / ("run0.dump" if where != "run" else "run1.dump")
    text = path.read_text()
    if where == "parent":
        parent = dump_text(0, liquid.start, liquid.types, liquid.box)
        (tmp_path / "initial.dump").write_text(parent.replace(" 60 ", " 99 "))
    elif where == "run":
        path.write_text(text.replace(" 60 ", " 99 "))
    else:
        head, last = text[: text.rindex(" 60 ")], text[text.rindex(" 60 ") :]
        path.write_text(head + last.replace(" 60 ", " 99 "))
    with pytest.raises(InputError, match=r"ids differ.*(60|99) is new, (60|99) is gone"):
        labels(tmp_path)


def test_images_of_the_first_frame_alone_do_not_follow_the_particles(tmp_path):
    """What HOOMD writes by default: image flags in frame 0, folded positions after."""
    liquid = make_liquid()
    away = np.round(np.random.default_rng(2).normal(size=liquid.start.shape)) * liquid.box
    for run, frames in enumerate(liquid.runs):
        with gsd.hoomd.open(str(tmp_path / f"run{run}.gsd"), "w") as file:
            file.append(gsd_frame(0, liquid.start + away, liquid.types, liquid.box))
            for time, frame in zip(liquid.times, frames, strict=True):
                step = int(100 * time)
                file.append(gsd_frame(step, frame, liquid.types, liquid.box, with_images=False))
    (ensemble,) = read_ensembles(tmp_path, options=CLOCK)
    assert ensemble.wrapped
    truth = np.linalg.norm(liquid.runs - liquid.start, axis=-1).mean(axis=0)
    np.testing.assert_allclose(reduce_ensemble(ensemble).propensity, truth, atol=1e-5)


@pytest.mark.parametrize(("axes", "word"), [("xu yu q", "Lz is 7"), ("xu yu z", "column 'z'")])
def test_a_third_coordinate_that_was_forgotten(tmp_path, axes, word):
    liquid = make_liquid()
    path = tmp_path / "a.dump"
    path.write_text(dump_text(0, liquid.start, liquid.types, liquid.box, axes))
    with pytest.raises(InputError, match=f"not the z that belongs to them, and .*{word}"):
        read_snapshot(path)
    (flat,) = read_snapshot(path, dimension=2)
    np.testing.assert_allclose(flat.positions, liquid.start[:, :2])


def test_flat_dumps_need_no_third_coordinate(tmp_path):
    liquid = make_liquid(dimension=2)
    path = tmp_path / "a.dump"
    path.write_text(dump_text(0, liquid.start, liquid.types, liquid.box, "x y q"))
    assert read_snapshot(path)[0].positions.shape == (60, 2)


@pytest.mark.parametrize("flags", ["F F F", "T F T", "0 1 1", "[True, False, True]", "[T,T,F]"])
def test_open_faces_are_refused(tmp_path, flags):
    liquid = make_liquid()
    text = xyz_text(liquid.start, liquid.types, liquid.box)
    path = tmp_path / "a.xyz"
    path.write_text(text.replace('"T T T"', f'"{flags}"' if flags[0] != "[" else flags))
    with pytest.raises(InputError, match="not periodic"):
        read_snapshot(path)


def test_a_flat_system_may_be_open_along_z(tmp_path):
    liquid = make_liquid(dimension=2)
    path = tmp_path / "a.xyz"
    text = xyz_text(liquid.start, liquid.types, liquid.box)
    path.write_text(text.replace('"T T T"', '"T T F"'))
    assert read_snapshot(path)[0].positions.shape == (60, 2)


@pytest.mark.parametrize("names", ["XX", ["Si", "O"]])
def test_a_type_beside_a_species_that_says_nothing(tmp_path, names):
    liquid = make_liquid()
    text = xyz_text(liquid.start, liquid.types, liquid.box, names=names)
    head, comment, *rows = text.splitlines()
    rows = [f"{row} {kind + 1}" for row, kind in zip(rows, liquid.types, strict=True)]
    path = tmp_path / "a.xyz"
    path.write_text("\n".join([head, comment.replace(" pbc", ":type:I:1 pbc"), *rows, ""]))
    np.testing.assert_array_equal(read_snapshot(path)[0].types, liquid.types)
    path.write_text(text)
    with pytest.raises(InputError, match="species"):
        read_snapshot(path)


def test_types_of_arrays_that_count_from_one_are_named(tmp_path):
    liquid = make_liquid()
    write_botan(tmp_path / "b", liquid, 0, 1, types=liquid.types + 1)
    record = deepmind_record(liquid)
    write_pickle(tmp_path / "c.pickle", record | {"types": record["types"] + 1})
    for path in (tmp_path / "b", tmp_path / "c.pickle"):
        with pytest.raises(InputError, match="must count species from 0, the lowest is 1"):
            list(read_ensembles(path))


def test_more_species_than_a_byte_holds(tmp_path):
    size = 200
    rng = np.random.default_rng(0)
    path = tmp_path / "a.dump"
    path.write_text(dump_text(0, rng.random((size, 3)) * 6, np.arange(size), np.full(3, 6.0)))
    with pytest.raises(InputError, match="runs up to 200; at most 128 species"):
        read_snapshot(path)


@pytest.mark.parametrize("write", [write_dumps, write_gsd, write_xyz])
def test_a_particle_never_changes_its_species(tmp_path, write):
    liquid = make_liquid()
    write(tmp_path, liquid)
    liquid.types = liquid.types[::-1]
    for k in (0, 2):
        next(tmp_path.glob(f"run{k}.*")).unlink()
    write(tmp_path / "other", liquid)
    other = next((tmp_path / "other").glob("run1.*"))
    other.rename(tmp_path / f"run2{other.suffix}")
    for rest in (tmp_path / "other").iterdir():
        rest.unlink()
    with pytest.raises(InputError, match="another type than initially"):
        collect(next(read_ensembles(tmp_path, options=None if write is write_xyz else CLOCK)))
