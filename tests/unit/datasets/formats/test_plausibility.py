"""What can be read and cannot be meant: units, places, parts, species and twins."""

import gsd.hoomd
import numpy as np
import pytest
from format_writers import (
    collect,
    deepmind_record,
    dump_text,
    gsd_frame,
    make_liquid,
    write_dumps,
    write_pickle,
    write_xyz,
    xyz_text,
)

from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles, read_snapshot
from glasscast.datasets.targets import reduce_ensemble
from glasscast.errors import InputError
from glasscast.workflows.import_data import import_data

CLOCK = ReadOptions(timestep=0.01)
ARGON = {"sigma": 3.405, "epsilon": 0.010318, "mass": 39.948}


def scaled(liquid, factor):
    """The same liquid in another unit of length."""
    liquid.start, liquid.runs, liquid.box = (
        factor * array for array in (liquid.start, liquid.runs, liquid.box)
    )
    return liquid


def write_species(path, liquid, types, names):
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = zip((0, *liquid.times), (liquid.start, *liquid.runs[0]), strict=True)
    with gsd.hoomd.open(str(path), "w") as file:
        for time, frame in shown:
            file.append(gsd_frame(int(100 * time), frame, types, liquid.box, names=names))


def test_particles_in_one_place_are_named(tmp_path):
    liquid = make_liquid()
    liquid.start[7] = liquid.start[3] + 1e-6
    path = tmp_path / "a.xyz"
    path.write_text(xyz_text(liquid.start, liquid.types, liquid.box))
    with pytest.raises(InputError, match="particles 3 and 7 are in the same place"):
        read_snapshot(path)
    path.write_text(xyz_text(liquid.start * 0, liquid.types, liquid.box))
    with pytest.raises(InputError, match=r"particles [0-9]+ and [0-9]+ are in the same place"):
        read_snapshot(path)


def test_a_liquid_without_neighbours_is_in_other_units(tmp_path):
    sites = np.stack(np.meshgrid(*[np.arange(4) * 3.7] * 3), axis=-1).reshape(-1, 3)
    path = tmp_path / "a.xyz"
    path.write_text(xyz_text(sites, np.zeros(64, int), np.full(3, 4 * 3.7)))
    with pytest.raises(InputError, match=r"no particle has a neighbour within 2, .*about 3.7") as e:
        read_snapshot(path)
    assert e.value.parameter == "sigma"


def test_a_part_of_a_system_is_remarked_on(tmp_path):
    liquid = make_liquid()
    write_dumps(tmp_path, liquid)
    for path in tmp_path.iterdir():
        path.write_text(path.read_text().replace(" 60 ", " 216 "))
    (ensemble,) = read_ensembles(tmp_path, options=CLOCK)
    (remark,) = ensemble.metadata["remarks"]
    assert remark.startswith("ids have gaps: 60 particles with ids up to 216, number density 0.2")


@pytest.mark.parametrize("names", [("Si", "O"), ("B", "A")])
def test_species_go_by_name_in_whatever_order(tmp_path, names):
    liquid = make_liquid(runs=1)
    write_species(tmp_path / "one" / "run.gsd", liquid, liquid.types, names)
    liquid.start, liquid.runs = liquid.start + 0.3, liquid.runs + 0.3  # or it would be a run
    write_species(tmp_path / "two" / "run.gsd", liquid, 1 - liquid.types, names[::-1])
    first, second = read_ensembles(tmp_path, options=CLOCK)
    np.testing.assert_array_equal(first.parent.types, second.parent.types)
    np.testing.assert_array_equal(first.parent.types == 0, liquid.types == (names[0] == "B"))


def test_other_names_and_exchanged_species_are_refused(tmp_path):
    liquid = make_liquid(runs=1)
    liquid.types = (np.arange(60) % 5 == 0).astype(int)
    write_species(tmp_path / "a" / "one" / "run.gsd", liquid, liquid.types, ("Si", "O"))
    write_species(tmp_path / "a" / "two" / "run.gsd", liquid, liquid.types, ("Ar", "Kr"))
    with pytest.raises(InputError, match=r"two/run\.gsd: names the species Ar, Kr, the first .*Si"):
        list(read_ensembles(tmp_path / "a", options=CLOCK))
    write_dumps(tmp_path / "b" / "one", liquid)
    liquid.types = 1 - liquid.types
    write_dumps(tmp_path / "b" / "two", liquid)
    with pytest.raises(InputError, match=r"has \[12, 48\] particles .*\[48, 12\]: .*exchanged"):
        list(read_ensembles(tmp_path / "b", options=CLOCK))


def test_a_configuration_that_is_there_twice_is_remarked_on(tmp_path):
    for name in ("one", "two"):
        write_xyz(tmp_path / name, make_liquid())
    first, second = read_ensembles(tmp_path)
    assert "remarks" not in first.metadata
    assert second.metadata["remarks"] == ["is the same configuration as 'one'"]


@pytest.mark.parametrize("where", ["dump", "data"])
def test_units_that_a_file_names_are_refused_without_factors(tmp_path, where):
    liquid = make_liquid()
    text = dump_text(0, liquid.start, liquid.types, liquid.box)
    if where == "data":
        rows = "\n".join(
            f"{k + 1} 1 {x!r} {y!r} {z!r}" for k, (x, y, z) in enumerate(liquid.start.tolist())
        )
        sides = zip(liquid.box.tolist(), "xyz", strict=True)
        bounds = "\n".join(f"0 {side!r} {axis}lo {axis}hi" for side, axis in sides)
        text = f"LAMMPS, units = metal\n\n60 atoms\n{bounds}\n\nAtoms # atomic\n\n{rows}\n"
    path = tmp_path / f"initial.{where}"
    path.write_text("ITEM: UNITS\nmetal\n" + text if where == "dump" else text)
    with pytest.raises(InputError, match="has units 'metal'"):
        read_snapshot(path)
    write_dumps(tmp_path, liquid)
    with pytest.raises(InputError, match="units 'metal'; give sigma, epsilon, mass"):
        list(read_ensembles(tmp_path, options=CLOCK))
    with pytest.raises(InputError, match="units 'metal', not 'real'"):
        list(read_ensembles(tmp_path, options=ReadOptions(timestep=0.01, units="real")))


@pytest.mark.parametrize("told", [True, False])
def test_argon_in_metal_units_is_the_reduced_liquid(tmp_path, told):
    """Argon: tau = 2.156 ps and epsilon / k_B = 119.7 K, as in every textbook."""
    liquid = make_liquid()
    truth = np.linalg.norm(liquid.runs - liquid.start, axis=-1).mean(axis=0)
    write_dumps(tmp_path / "in" / "c", scaled(make_liquid(), ARGON["sigma"]))
    if told:
        for path in (tmp_path / "in" / "c").iterdir():
            path.write_text("ITEM: UNITS\nmetal\n" + path.read_text())
    options = ARGON | {"timestep": 0.002} | ({} if told else {"units": "metal"})
    made = import_data(
        tmp_path / "in", tmp_path / "out", options=options, liquid="ka", temperature=119.7
    )[0]
    np.testing.assert_allclose(made.propensity, truth, rtol=1e-5)
    np.testing.assert_allclose(made.box, liquid.box)
    np.testing.assert_allclose(made.times, 0.2 * liquid.times / 2.156, rtol=1e-3)
    assert made.state_point.temperature == pytest.approx(1.0, rel=1e-3)
    assert made.metadata.units.time == pytest.approx(2.156, rel=1e-3)
    assert "lengths divided by 3.405" in made.metadata.records["remarks"][0]


def test_factors_of_consistent_units(tmp_path):
    liquid = make_liquid()
    write_dumps(tmp_path, scaled(make_liquid(), 2.0))
    options = ReadOptions(timestep=0.01, sigma=2.0, mass=4.0)
    (ensemble,) = read_ensembles(tmp_path, options=options)
    np.testing.assert_allclose(ensemble.times, liquid.times / 4)
    np.testing.assert_allclose(collect(ensemble), liquid.runs)
    assert reduce_ensemble(ensemble).metadata.units.temperature == 1.0


def test_units_of_a_published_format_are_known(tmp_path):
    """Its own small test file has particles 3 sigma apart."""
    liquid = scaled(make_liquid(), 10.0)
    write_pickle(tmp_path / "a.pickle", deepmind_record(liquid))
    assert len(list(read_ensembles(tmp_path))) == 1


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_flat_systems_and_boxes_that_are_flat_by_mistake(tmp_path, noise):
    flat = make_liquid(dimension=2)
    rng = np.random.default_rng(0)
    place = np.column_stack([flat.start, 0.5 + noise * rng.normal(size=60)])
    path, box = tmp_path / "a.dump", np.append(flat.box, 1.0)
    path.write_text(dump_text(0, place, flat.types, box))
    assert read_snapshot(path)[0].dimension == 2
    place[:, 2] = rng.random(60)
    path.write_text(dump_text(0, place, flat.types, box))
    with pytest.raises(
        InputError, match=r"its box 6 x 6\.5 x 1 is 1 deep; give dimension=2"
    ) as told:
        read_snapshot(path)
    assert told.value.parameter == "dimension"
