import numpy as np
import pytest
from format_writers import dump_text, make_liquid
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from glasscast.datasets.formats.lammps_data import FORMAT as DATA
from glasscast.datasets.formats.lammps_dump import FORMAT as DUMP
from glasscast.errors import InputError


@pytest.fixture
def liquid():
    return make_liquid(size=30)


def read_one(path, **options):
    (frame,) = DUMP.read_frames(path, **options)
    return frame


@pytest.mark.parametrize("origin", [0.0, -3.25])
@pytest.mark.parametrize(
    ("axes", "absolute"),
    [("x y z", False), ("xs ys zs", False), ("xu yu zu", True), ("xsu ysu zsu", True)],
)
def test_every_kind_of_coordinate(tmp_path, liquid, axes, absolute, origin):
    path = tmp_path / "a.dump"
    rng = np.random.default_rng(0)
    text = dump_text(7, liquid.start, liquid.types, liquid.box, axes, origin=origin, rng=rng)
    path.write_text(text)
    frame = read_one(path)
    np.testing.assert_allclose(frame.positions, liquid.start, atol=1e-12)
    np.testing.assert_array_equal(frame.types, liquid.types)
    np.testing.assert_allclose(frame.box, liquid.box)
    assert frame.absolute is absolute
    assert frame.step == 7


@pytest.mark.parametrize("axes", ["x y z", "xs ys zs"])
def test_image_flags_make_coordinates_absolute(tmp_path, liquid, axes):
    path = tmp_path / "a.dump"
    far = liquid.start + liquid.box * np.random.default_rng(0).integers(-3, 4, liquid.start.shape)
    images = np.floor(far / liquid.box)
    folded = far - images * liquid.box
    path.write_text(dump_text(0, folded, liquid.types, liquid.box, axes, images))
    frame = read_one(path)
    np.testing.assert_allclose(frame.positions, far, atol=1e-12)
    assert frame.absolute


def test_unwrapped_columns_win_over_folded_ones(tmp_path):
    text = dump_text(0, np.array([[1.0, 2.0, 3.0]]), np.array([0]), np.full(3, 9.0))
    path = tmp_path / "a.dump"
    path.write_text(
        text.replace("type id xu yu zu", "element x y z id xu yu zu").replace(
            "1 1 1.0 2.0 3.0", "A 5 6 7 1 1.0 2.0 3.0"
        )
    )
    frame = read_one(path)
    np.testing.assert_array_equal(frame.positions, [[1, 2, 3]])
    np.testing.assert_array_equal(frame.types, [0])


def test_flat_systems_are_two_dimensional_unless_told_otherwise(tmp_path):
    liquid = make_liquid(dimension=2)
    path = tmp_path / "a.dump"
    path.write_text(dump_text(0, liquid.start, liquid.types, liquid.box))
    assert read_one(path).positions.shape == (60, 2)
    assert read_one(path, dimension=3).box.tolist() == [*liquid.box, 1.0]
    path.write_text(path.read_text().replace("xu yu zu", "xu yu vz"))
    assert read_one(path).positions.shape == (60, 2)
    three = make_liquid()
    path.write_text(dump_text(0, three.start, three.types, three.box))
    with pytest.raises(InputError, match="not two-dimensional"):
        read_one(path, dimension=2)


def test_several_frames_time_and_units(tmp_path, liquid):
    path = tmp_path / "a.dump"
    frames = [
        dump_text(step, liquid.start, liquid.types, liquid.box).replace(
            "ITEM: TIMESTEP", f"ITEM: UNITS\nlj\nITEM: TIME\n{step / 8}\nITEM: TIMESTEP"
        )
        for step in (0, 4)
    ]
    path.write_text("".join(frames))
    assert [(f.step, f.time) for f in DUMP.read_frames(path)] == [(0, 0.0), (4, 0.5)]


@settings(deadline=None, max_examples=40)
@given(
    positions=arrays.arrays(np.float64, (5, 3), elements=st.floats(-50, 50)),
    seed=st.integers(0, 99),
)
def test_any_coordinates_survive_the_round_trip(tmp_path_factory, positions, seed):
    path = tmp_path_factory.mktemp("dump") / "a.dump"
    types = np.array([0, 1, 2, 1, 0])
    rng = np.random.default_rng(seed)
    path.write_text(dump_text(0, positions, types, np.full(3, 7.0), rng=rng))
    frame = read_one(path, dimension=3)
    np.testing.assert_array_equal(frame.positions, positions)
    np.testing.assert_array_equal(frame.types, types)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "BOUNDS pp pp pp\n0.0 6.0\n0.0 6.5\n0.0 7.0",
            "BOUNDS xy xz yz pp pp pp\n0 6 0.1\n0 6.5 0\n0 7 0",
            "triclinic box, tilted by 0.1",
        ),
        (
            "BOUNDS pp pp pp\n0.0 6.0\n0.0 6.5\n0.0 7.0",
            "BOUNDS abc origin pp pp pp\n6 0 0 0\n0 6.5 0 0\n0 1 7 0",
            "triclinic box, tilted by 1",
        ),
        ("0.0 6.0\n", "0.0 6.0 0.0\n", "line 6: bounds of the box are 2 numbers"),
        ("BOUNDS pp pp pp", "BOUNDS pp ff pp", "not periodic"),
        ("type id xu", "type no xu", "no column 'id'"),
        ("type id xu", "kind id xu", "no column 'type'"),
        ("xu yu zu", "vx vy vz", "no coordinates"),
        ("ITEM: TIMESTEP\n0", "ITEM: TIMESTEP\nzero", "damaged after 'ITEM: TIMESTEP'"),
        ("ITEM: TIMESTEP", "TIMESTEP", "line 1: unexpected line"),
        ("ATOMS\n30", "ATOMS\n0", "without 'NUMBER OF ATOMS'"),
        ("ATOMS\n30", "ATOMS\n31", "30 of 31 particles"),
        ("ATOMS\n30", "ATOMS\n29", "unexpected line"),
        ("1 1 0.01", "1 1 nan", r"line 10: .*column 3 \('xu'\): nan is not finite"),
        ("1 1 0.01", "1 1 left", r"line 10: .*column 3 \('xu'\): 'left' is no number"),
        ("1 1 0.01", "1 2 0.01", "same 'id' 2"),
        ("1 1 0.01", "0 1 0.01", "count species from 1"),
        ("1 1 0.01", "1.5 1 0.01", "'type' must hold integers"),
    ],
)
def test_bad_dumps(tmp_path, liquid, old, new, message):
    text = dump_text(0, liquid.start, liquid.types, liquid.box)
    assert old in text
    path = tmp_path / "a.dump"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        list(DUMP.read_frames(path))


def test_a_dump_cut_anywhere_but_between_frames_is_refused(tmp_path, liquid):
    path = tmp_path / "a.dump"
    text = dump_text(0, liquid.start, liquid.types, liquid.box)
    for length in [*range(1, len(text) - 2, 7), len(text) - 2, len(text) - 1]:
        path.write_text(text[:length])
        with pytest.raises(InputError, match=r"a\.dump: "):
            list(DUMP.read_frames(path))


def data_text(liquid, style="atomic", images=None, hint=True, lower=-1.5):
    extra = {"atomic": "", "charge": " 0.0", "full": " 0.0", "molecular": ""}[style]
    molecule = " 9" if style in ("full", "molecular") else ""
    rows = []
    for k in np.random.default_rng(0).permutation(len(liquid.types)):
        flags = "" if images is None else " " + " ".join(str(int(i)) for i in images[k])
        place = " ".join(repr(float(x + lower)) for x in liquid.start[k])
        rows.append(f"{k + 1}{molecule} {liquid.types[k] + 1}{extra} {place}{flags}")
    bounds = [
        f"{lower} {float(side) + lower!r} {axis}lo {axis}hi"
        for side, axis in zip(liquid.box, "xyz", strict=True)
    ]
    return "\n".join(
        [
            *("LAMMPS data file", "", f"{len(rows)} atoms", "2 atom types", "", *bounds, ""),
            *("Masses", "", "1 1.0", "2 1.0", "", f"Atoms # {style}" if hint else "Atoms", ""),
            *(*rows, "", "Velocities", "", *(f"{k + 1} 0 0 0" for k in range(len(rows))), ""),
        ]
    )


@pytest.mark.parametrize("style", ["atomic", "charge", "molecular", "full"])
@pytest.mark.parametrize("with_images", [False, True])
def test_data_files(tmp_path, liquid, style, with_images):
    images = np.random.default_rng(1).integers(-2, 3, liquid.start.shape) if with_images else None
    path = tmp_path / "a.data"
    path.write_text(data_text(liquid, style, images))
    (frame,) = DATA.read_frames(path)
    expected = liquid.start + (images * liquid.box if with_images else 0)
    np.testing.assert_allclose(frame.positions, expected, atol=1e-12)
    np.testing.assert_array_equal(frame.types, liquid.types)
    np.testing.assert_allclose(frame.box, liquid.box)
    assert frame.absolute is with_images


def test_data_without_a_hint_are_atomic(tmp_path, liquid):
    path = tmp_path / "a.data"
    path.write_text(data_text(liquid, hint=False))
    (frame,) = DATA.read_frames(path)
    np.testing.assert_allclose(frame.positions, liquid.start, atol=1e-12)
    path.write_text(data_text(liquid, "charge", hint=False))
    with pytest.raises(InputError, match="6 columns, style 'atomic' has 5 or 8"):
        list(DATA.read_frames(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Atoms # atomic", "Atoms # sphere", "atom style 'sphere'"),
        ("Atoms # atomic", "Bodies", "no section 'Atoms'"),
        ("2 atom types", "0 0.2 0 xy xz yz", "triclinic box, tilted by 0.2"),
        ("30 atoms", "thirty atoms", "damaged header line"),
        ("30 atoms", "31 atoms", "section 'Atoms'|30 of 31"),
        ("ylo yhi", "", "lacks the number of atoms or the box"),
        ("\n1 1 ", "\n2 1 ", "the same 'id'"),
        ("\n1 1 ", "\n1 0 ", "count species from 1"),
    ],
)
def test_bad_data_files(tmp_path, liquid, old, new, message):
    text = data_text(liquid)
    path = tmp_path / "a.data"
    head, atoms, tail = text.partition("Atoms #")
    if old.startswith("\n"):
        tail = tail.replace(old, new, 1)
    text = (
        (head + atoms + tail).replace(old, new, 1)
        if not old.startswith("\n")
        else head + atoms + tail
    )
    assert new in text
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        list(DATA.read_frames(path))


def test_truncated_data_file(tmp_path, liquid):
    text = data_text(liquid)
    path = tmp_path / "a.data"
    for length in range(0, text.index("Velocities") - 40, 11):
        path.write_text(text[:length])
        with pytest.raises(InputError, match=r"a\.data: "):
            list(DATA.read_frames(path))
