import gsd.hoomd
import numpy as np
import pytest
from format_writers import gsd_frame, make_liquid, write_gsd, xyz_text

from glasscast.datasets.formats.gsd_file import FORMAT as GSD
from glasscast.datasets.formats.registry import read_snapshot
from glasscast.datasets.formats.xyz import FORMAT as XYZ
from glasscast.errors import InputError

SINGLE = 2e-6  # GSD keeps positions in single precision


@pytest.fixture
def liquid():
    return make_liquid(size=30)


def write_frames(path, *frames):
    with gsd.hoomd.open(str(path), "w") as file:
        for frame in frames:
            file.append(frame)
    return path


@pytest.mark.parametrize("dimension", [2, 3])
def test_gsd_with_images_is_absolute(tmp_path, dimension):
    liquid = make_liquid(dimension=dimension)
    write_gsd(tmp_path, liquid)
    frames = list(GSD.read_frames(tmp_path / "run1.gsd"))
    assert [f.step for f in frames] == [0, 100, 1000]
    assert all(f.absolute for f in frames)
    assert frames[2].positions.shape == (60, dimension)
    np.testing.assert_allclose(frames[2].positions, liquid.runs[1, 1], atol=SINGLE)
    np.testing.assert_allclose(frames[0].box, liquid.box)
    np.testing.assert_array_equal(frames[0].types, liquid.types)


def test_gsd_without_images_is_folded(tmp_path, liquid):
    write_gsd(tmp_path, liquid, with_images=False)
    frames = list(GSD.read_frames(tmp_path / "run0.gsd"))
    assert not any(f.absolute for f in frames)
    np.testing.assert_allclose(frames[1].positions, liquid.folded()[0, 0], atol=SINGLE)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("A", "B"), [0, 1]),
        (("B", "A"), [1, 0]),
        (("1", "2"), [0, 1]),
        (("0", "1"), [0, 1]),
        (("Ni", "P"), [0, 1]),
    ],
)
def test_gsd_species_go_by_name_then_by_order(tmp_path, names, expected):
    types = np.array([0, 1])
    frame = gsd_frame(0, np.array([[1.0, 1, 1], [2, 2, 2.5]]), types, np.full(3, 4.0), names=names)
    (read,) = GSD.read_frames(write_frames(tmp_path / "a.gsd", frame))
    assert read.types.tolist() == expected


def test_bad_gsd(tmp_path, liquid):
    good = gsd_frame(0, liquid.start, liquid.types, liquid.box)
    good.configuration.box = [6, 6, 6, 0.1, 0, 0]
    with pytest.raises(InputError, match=r"tilted by 0\.1"):
        list(GSD.read_frames(write_frames(tmp_path / "tilted.gsd", good)))
    infinite = gsd_frame(0, liquid.start, liquid.types, liquid.box)
    infinite.particles.position[3] = np.inf
    with pytest.raises(InputError, match="not finite for particle 3"):
        list(GSD.read_frames(write_frames(tmp_path / "infinite.gsd", infinite)))
    hollow = gsd.hoomd.Frame()
    hollow.configuration.step = 5
    with pytest.raises(InputError, match="has no particles"):
        list(GSD.read_frames(write_frames(tmp_path / "hollow.gsd", hollow)))
    with pytest.raises(InputError, match="holds no frame"):
        read_snapshot(write_frames(tmp_path / "empty.gsd"))
    with pytest.raises(InputError, match="does not exist"):
        list(GSD.read_frames(tmp_path / "nowhere.gsd"))


def test_truncated_gsd(tmp_path, liquid):
    path = write_frames(tmp_path / "a.gsd", gsd_frame(0, liquid.start, liquid.types, liquid.box))
    content = path.read_bytes()
    for length in range(0, len(content), len(content) // 60):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="truncated or no GSD file"):
            list(GSD.read_frames(path))


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("names", ["AB", "12", "01"])
def test_xyz_round_trip(tmp_path, dimension, names):
    liquid = make_liquid(dimension=dimension)
    path = tmp_path / "a.xyz"
    path.write_text(
        xyz_text(liquid.start, liquid.types, liquid.box, "time=0", names=names)
        + "\n"
        + xyz_text(liquid.runs[0, 0], liquid.types, liquid.box, "time=1.5 step=3", names=names)
    )
    first, second = XYZ.read_frames(path)
    np.testing.assert_array_equal(first.positions, liquid.start)
    np.testing.assert_array_equal(second.positions, liquid.runs[0, 0])
    np.testing.assert_array_equal(second.types, liquid.types)
    np.testing.assert_array_equal(second.box, liquid.box)
    assert (second.time, second.step) == (1.5, 3)


def test_xyz_images_and_unwrapped_columns(tmp_path, liquid):
    path = tmp_path / "a.xyz"
    far = liquid.runs[0, 1]
    images = np.floor(far / liquid.box)
    text = xyz_text(far - images * liquid.box, liquid.types, liquid.box, images=images)
    path.write_text(text)
    (frame,) = XYZ.read_frames(path)
    np.testing.assert_allclose(frame.positions, far, atol=1e-12)
    path.write_text(text.replace("image:I:3", "Periodic_Image:I:3"))
    (frame,) = XYZ.read_frames(path)
    np.testing.assert_allclose(frame.positions, far, atol=1e-12)
    path.write_text(text.replace("image:I:3", "unwrapped:R:3"))
    (frame,) = XYZ.read_frames(path)
    np.testing.assert_array_equal(frame.positions, images)


def test_xyz_origin_and_flat_systems(tmp_path):
    path = tmp_path / "a.xyz"
    head = 'Lattice="4 0 0 0 5 0 0 0 1" Origin="-2 -2.5 0"'
    path.write_text(f"2\n{head}\nA -1 0 0.5\nB 1 1 0.5\n")
    (frame,) = XYZ.read_frames(path)
    np.testing.assert_array_equal(frame.positions, [[1, 2.5], [3, 3.5]])
    (frame,) = XYZ.read_frames(path, 3)
    assert frame.positions.shape == (2, 3)


@pytest.mark.parametrize("key", ["step", "Step", "Timestep"])
def test_xyz_counts_steps_by_several_names(tmp_path, liquid, key):
    path = tmp_path / "a.xyz"
    path.write_text(xyz_text(liquid.start, liquid.types, liquid.box, f"{key}=40"))
    (frame,) = XYZ.read_frames(path)
    assert (frame.step, frame.time) == (40, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Lattice=", "Cell=", "has no Lattice"),
        ('Lattice="6.0 0.0', 'Lattice="6.0 0.3', "triclinic"),
        ('Lattice="6.0 0.0', 'Lattice="6.0 wide', "not nine numbers"),
        ('Lattice="6.0 ', 'Lattice="-6.0 ', "sides must be positive"),
        ("species:S:1", "charge:R:1", "no column 'species'"),
        ("pos:R:3", "pos:R:1", "no column 'pos'"),
        ("pos:R:3", "pos:R:many", "unreadable Properties"),
        ("time=1", "time=late", "unreadable time"),
        ("\nA 0.01", "\nNi 0.01", "'Ni'"),
        ("\nA 0.01", "\nA inf", r"line 3: .*column 2 \('pos\[1\]'\): inf is not finite"),
        ("\nA 0.01", "\nA left", "line 3: .*'left' is no number"),
        ("30\n", "31\n", "30 of 31 particles"),
        ("30\n", "many\n", "does not begin with a number"),
    ],
)
def test_bad_xyz(tmp_path, liquid, old, new, message):
    text = xyz_text(liquid.start, liquid.types, liquid.box, "time=1")
    assert old in text
    path = tmp_path / "a.xyz"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        list(XYZ.read_frames(path))


def test_truncated_xyz(tmp_path, liquid):
    text = xyz_text(liquid.start, liquid.types, liquid.box)
    path = tmp_path / "a.xyz"
    for length in [*range(1, len(text) - 2, 7), len(text) - 2, len(text) - 1]:
        path.write_text(text[:length])
        with pytest.raises(InputError, match=r"a\.xyz: "):
            list(XYZ.read_frames(path))
