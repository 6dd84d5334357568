import numpy as np
import pytest
from format_writers import (
    collect,
    dump_text,
    make_liquid,
    write_dumps,
    write_gsd,
    write_xyz,
    xyz_text,
)

from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles
from glasscast.datasets.targets import reduce_ensemble
from glasscast.errors import InputError, SettingsError


@pytest.fixture(params=[2, 3])
def liquid(request):
    return make_liquid(dimension=request.param)


def true_propensity(liquid):
    return np.linalg.norm(liquid.runs - liquid.start, axis=-1).mean(axis=0)


@pytest.mark.parametrize(
    ("write", "options", "tolerance"),
    [
        (write_dumps, {"timestep": 0.01}, 1e-9),
        (write_xyz, {}, 1e-9),
        (write_gsd, {"timestep": 0.01}, 1e-5),
    ],
)
def test_all_formats_give_the_same_ensemble(tmp_path, liquid, write, options, tolerance):
    write(tmp_path / "one", liquid)
    write(tmp_path / "two", liquid)
    first, second = read_ensembles(tmp_path, options=ReadOptions(**options))
    assert (first.name, second.name) == ("one", "two")
    np.testing.assert_allclose(first.times, liquid.times)
    np.testing.assert_allclose(collect(first), liquid.runs, atol=tolerance)
    np.testing.assert_allclose(first.parent.positions, liquid.start, atol=tolerance)
    assert not first.wrapped
    assert len(first.sources) == 3


@pytest.mark.parametrize("write", [write_dumps, write_gsd])
def test_folded_files_are_recognised_and_still_give_true_distances(tmp_path, liquid, write):
    if write is write_dumps:
        write_dumps(tmp_path / "one", liquid, folded=True)
    else:
        write_gsd(tmp_path / "one", liquid, with_images=False)
    (ensemble,) = read_ensembles(tmp_path, options=ReadOptions(timestep=0.01))
    assert ensemble.wrapped
    got = reduce_ensemble(ensemble).propensity
    np.testing.assert_allclose(got, true_propensity(liquid), atol=1e-5)


def test_runs_sort_naturally(tmp_path):
    liquid = make_liquid(runs=11)
    write_dumps(tmp_path, liquid)
    (ensemble,) = read_ensembles(tmp_path, options=ReadOptions(timestep=0.01))
    np.testing.assert_allclose(collect(ensemble), liquid.runs)
    assert ensemble.name == tmp_path.name


def test_a_separate_parent_sets_positions_and_clock(tmp_path, liquid):
    write_dumps(tmp_path, liquid, start=False)
    text = dump_text(-50, liquid.start, liquid.types, liquid.box)
    (tmp_path / "initial.dump").write_text(text)
    (ensemble,) = read_ensembles(tmp_path, options=ReadOptions(timestep=0.01))
    np.testing.assert_allclose(ensemble.times, liquid.times + 0.5)
    np.testing.assert_allclose(ensemble.parent.positions, liquid.start)
    assert ensemble.sources[0].name == "initial.dump"


def test_a_parent_of_another_format_without_clock_starts_at_zero(tmp_path, liquid):
    write_dumps(tmp_path, liquid)
    (tmp_path / "initial.xyz").write_text(xyz_text(liquid.start, liquid.types, liquid.box))
    (ensemble,) = read_ensembles(tmp_path, options=ReadOptions(timestep=0.01))
    np.testing.assert_allclose(ensemble.times, liquid.times)


def test_a_parent_in_another_image_is_shifted_back(tmp_path, liquid):
    write_dumps(tmp_path, liquid)
    folded = liquid.start + liquid.box
    (tmp_path / "initial.xyz").write_text(xyz_text(folded, liquid.types, liquid.box))
    (ensemble,) = read_ensembles(tmp_path, options=ReadOptions(timestep=0.01))
    np.testing.assert_allclose(
        collect(ensemble) - ensemble.parent.positions, liquid.runs - liquid.start
    )


def test_a_single_file_is_one_run(tmp_path, liquid):
    write_xyz(tmp_path, liquid)
    (ensemble,) = read_ensembles(tmp_path / "run2.xyz")
    np.testing.assert_allclose(collect(ensemble), liquid.runs[2:])


def test_steps_need_a_timestep(tmp_path, liquid):
    write_dumps(tmp_path, liquid)
    with pytest.raises(
        InputError, match=r"run0\.dump: does not tell the time.*give the time of one step"
    ):
        list(read_ensembles(tmp_path))


def test_a_timestep_that_contradicts_the_frames_is_refused(tmp_path):
    liquid = make_liquid(runs=1)
    frames = [(0, liquid.start), *zip((10, 100), liquid.runs[0], strict=True)]
    (tmp_path / "run1.xyz").write_text(
        "".join(
            xyz_text(frame, liquid.types, liquid.box, f"time={step / 10} step={step}")
            for step, frame in frames
        )
    )
    (ensemble,) = read_ensembles(tmp_path, options=ReadOptions(timestep=0.1))
    assert ensemble.times.tolist() == [1, 10]
    with pytest.raises(InputError, match=r"0\.1 a step, not 0\.005; leave it out") as raised:
        next(read_ensembles(tmp_path, options=ReadOptions(timestep=0.005)))
    assert raised.value.parameter == "timestep"


def test_an_option_of_another_format_is_refused(tmp_path, liquid):
    write_dumps(tmp_path, liquid)
    with pytest.raises(SettingsError, match="no option 'density'; it has timestep, wrapped"):
        list(read_ensembles(tmp_path, options=ReadOptions(density=1.2)))


def rewrite(path, change):
    path.write_text(change(path.read_text()))


def swap_last(text, old, new):
    head, found, tail = text.rpartition(old)
    assert found
    return head + new + tail


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: swap_last(s, "time=10.0", "time=11.0"), "frame at time 11; the first .* 1, 10"),
        (lambda s: s[: s.rindex("60\n")], "ends after 1 of 2 times"),
        (lambda s: s + s[s.rindex("60\n") :].replace("A 0.", "A 1."), "goes from 10 to 10; a file"),
        (lambda s: s + s, "goes from 10 to 0; a file holds one trajectory"),
        (lambda s: swap_last(s, "\nA ", "\nB "), "another type than initially"),
        (lambda s: swap_last(s, 'Lattice="6.0', 'Lattice="6.1'), "the box changes"),
        (lambda s: s.replace("A 0.01", "A 0.31", 1), "particle 0 is .* sigma away"),
        (lambda s: s.replace("time=0", "time=-1"), "frame at time 2; the first"),
        (lambda s: swap_last(s, "time=10.0", "time=-1"), "before the initial configuration"),
        (lambda s: s.replace("time=0", ""), "write time= into each frame"),
    ],
)
def test_runs_that_disagree(tmp_path, change, message):
    write_xyz(tmp_path, make_liquid())
    rewrite(tmp_path / "run1.xyz", change)
    with pytest.raises(InputError, match=rf"run1\.xyz: .*{message}"):
        collect(next(read_ensembles(tmp_path)))


def test_another_number_of_particles(tmp_path):
    write_xyz(tmp_path, make_liquid())
    small = make_liquid(size=59)
    (tmp_path / "run1.xyz").write_text(xyz_text(small.start, small.types, small.box, "time=0"))
    with pytest.raises(InputError, match=r"\(59, 3\), the initial configuration has \(60, 3\)"):
        collect(next(read_ensembles(tmp_path)))


def test_folded_runs_among_absolute_ones(tmp_path):
    liquid = make_liquid()
    write_dumps(tmp_path, liquid)
    rewrite(tmp_path / "run2.dump", lambda s: s.replace("xu yu zu", "x y z"))
    with pytest.raises(InputError, match=r"run2\.dump: stores folded coordinates"):
        collect(next(read_ensembles(tmp_path, options=ReadOptions(timestep=0.01))))


def test_folded_xyz_is_reported_with_the_mend(tmp_path):
    liquid = make_liquid()
    liquid.runs = liquid.folded()
    write_xyz(tmp_path, liquid)
    with pytest.raises(
        InputError,
        match=r"run0\.xyz: trajectory 0, particle 0 jumps .*say so if coordinates are folded",
    ):
        collect(next(read_ensembles(tmp_path)))
    (ensemble,) = read_ensembles(tmp_path, options=ReadOptions(wrapped=True))
    got = reduce_ensemble(ensemble).propensity
    np.testing.assert_allclose(got, true_propensity(make_liquid()), rtol=1e-5)


def test_empty_layouts(tmp_path):
    liquid = make_liquid()
    text = dump_text(0, liquid.start, liquid.types, liquid.box)
    (tmp_path / "initial.dump").write_text(text)
    with pytest.raises(InputError, match="no trajectory beside the initial"):
        list(read_ensembles(tmp_path, "lammps", options=ReadOptions(timestep=0.01)))
    (tmp_path / "run1.dump").write_text(text)
    with pytest.raises(InputError, match="no frame after the initial one"):
        list(read_ensembles(tmp_path, options=ReadOptions(timestep=0.01)))
    (tmp_path / "initial.xyz").write_text("")
    with pytest.raises(InputError, match=r"two files initial\.\*"):
        list(read_ensembles(tmp_path, options=ReadOptions(timestep=0.01)))
