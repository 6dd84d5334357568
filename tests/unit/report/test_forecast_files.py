import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import gsd.hoomd
import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.stages import Stages
from glasscast.errors import InputError, SettingsError
from glasscast.models.forecast import ModelForecast
from glasscast.report.forecast_files import forecast_columns, write_forecasts

FORMATS = ("xyz", "gsd", "npz", "csv")


def snapshot(dimension=3, labels=True, name="c", size=20):
    rng = np.random.default_rng(0)
    box = np.array([4.0, 5.0, 6.0])[:dimension]
    positions = rng.uniform(0, 1, (size, dimension)) * box
    positions[0] = np.nextafter(box, 0)  # rounds onto the face in single precision
    positions[1] = box / 2
    positions[2] = np.nextafter(box / 2, 0)
    return Configuration(
        name=name,
        positions=positions,
        types=np.arange(size) % dimension,
        box=box,
        times=np.array([0.13, 4120.0]) if labels else np.empty(0),
        propensity=rng.uniform(0, 1, (2, size)) if labels else None,
        metadata={"liquid": "ka2d"},
    )


def forecast(configuration, times=(0.13, 4120.0), model="lr", **fields):
    rng = np.random.default_rng(1)
    return ModelForecast(
        configuration=configuration,
        model=model,
        times=np.array(times),
        values=rng.uniform(0, 1, (len(times), configuration.size)).astype(np.float32),
        **fields,
    )


def read_extxyz(path):
    """Second implementation of the format, from its definition."""
    lines = path.read_text().splitlines()
    header = dict(part.split("=", 1) for part in shlex.split(lines[1]))
    names, kinds, counts = (header["Properties"].split(":")[k::3] for k in range(3))
    assert set(kinds) <= {"S", "R"}
    table = [line.split() for line in lines[2:]]
    assert len(table) == int(lines[0])
    columns, start = {}, 0
    for name, kind, count in zip(names, kinds, map(int, counts), strict=True):
        part = np.array([row[start : start + count] for row in table])
        columns[name] = part[:, 0] if kind == "S" else part.astype(float).squeeze()
        start += count
    assert all(len(row) == start for row in table)
    return header, columns


@pytest.mark.parametrize("dimension", [2, 3])
def test_extxyz_reads_back(tmp_path, dimension):
    c = snapshot(dimension)
    f = forecast(c)
    write_forecasts(tmp_path / "f.xyz", [f])
    header, columns = read_extxyz(tmp_path / "f.xyz")
    lattice = np.array(header["Lattice"].split(), float).reshape(3, 3)
    np.testing.assert_array_equal(np.diag(lattice)[:dimension], c.box)
    assert header["pbc"] == ("T T F" if dimension == 2 else "T T T")
    np.testing.assert_array_equal(columns["pos"][:, :dimension], c.positions)
    np.testing.assert_array_equal(columns["type"], np.array(["A", "B", "C"])[c.types])
    np.testing.assert_array_equal(columns["radius"], np.array([0.5, 0.44, 0.47])[c.types])
    for row, label in enumerate(("t0p13", "t4120")):
        written = columns[f"propensity_{label}"].astype(np.float32)
        np.testing.assert_array_equal(written, f.values[row])
        true = columns[f"true_propensity_{label}"].astype(np.float32)
        np.testing.assert_array_equal(true, c.propensity[row])


@pytest.mark.parametrize("dimension", [2, 3])
def test_gsd_reads_back(tmp_path, dimension):
    c = snapshot(dimension)
    f = forecast(c)
    write_forecasts(tmp_path / "f.gsd", [f])
    with gsd.hoomd.open(str(tmp_path / "f.gsd"), "r") as stream:
        (frame,) = stream
    assert frame.configuration.dimensions == dimension
    np.testing.assert_allclose(frame.configuration.box[:dimension], c.box)
    half = frame.configuration.box[:3] / 2
    assert np.all(frame.particles.position >= -half)
    assert np.all(frame.particles.position < half)
    # The same points, up to whole boxes.
    away = frame.particles.position[:, :dimension] - c.positions
    np.testing.assert_allclose(away - c.box * np.round(away / c.box), 0, atol=1e-6)
    assert frame.particles.types == ["A", "B", "C"]  # of the liquid, which has three
    np.testing.assert_array_equal(frame.particles.typeid, c.types)
    np.testing.assert_allclose(frame.particles.diameter, np.array([1, 0.88, 0.94])[c.types])
    np.testing.assert_array_equal(frame.log["particles/propensity_t4120"], f.values[1])
    np.testing.assert_array_equal(frame.log["particles/true_propensity_t0p13"], c.propensity[0])


def test_npz_reads_back_without_pickles(tmp_path):
    c = snapshot()
    c = c.with_fields(ids=np.arange(c.size) + 7)
    bonds = np.array([[0, 1], [1, 2]], dtype=np.int32)
    f = forecast(c, bonds=bonds, bond_change=np.ones((2, 2), np.float32))
    write_forecasts(tmp_path / "f.npz", [f])
    with np.load(tmp_path / "f.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["propensity_t0p13"], f.values[0])
        np.testing.assert_array_equal(stored["positions"], c.positions)
        np.testing.assert_array_equal(stored["bonds"], bonds)
        np.testing.assert_array_equal(stored["bond_change_t4120"], f.bond_change[1])
        np.testing.assert_array_equal(stored["ids"], c.ids)
        assert (str(stored["format"]), int(stored["version"])) == ("glasscast forecast", 2)
        record = json.loads(str(stored["record"]))
        columns = set(stored) - {"format", "version", "name", "record"}
    assert record["model"] == {"name": "lr"}
    assert record["stages"] == {
        "by": "time", "values": [0.13, 4120.0], "labels": ["t0p13", "t4120"],
    }  # fmt: skip
    assert record["targets"] == ["propensity", "bond_change"]
    assert record["state_point"]["liquid"] == "ka2d"
    assert columns == {"positions", "types", "box", "ids", "bonds", "bond_change_t0p13",
                       "bond_change_t4120", *forecast_columns(f)}  # fmt: skip


def test_columns_of_stages_are_named_by_them():
    stages = Stages(by="scattering", values=(0.9, 0.367879))
    c = snapshot()
    c = c.with_fields(metadata=c.metadata.changed(stages=stages))
    f = forecast(c, times=stages.values, stages=stages)
    assert [name for name in forecast_columns(f) if not name.startswith("rank_")] == [
        "propensity_s0p9", "true_propensity_s0p9",
        "propensity_s0p367879", "true_propensity_s0p367879",
    ]  # fmt: skip
    assert f.shared_rows(c) == [(0, 0), (1, 1)]
    assert f.shared_rows(snapshot()) == []


def test_uncertainty_has_its_columns():
    c = snapshot(labels=False)
    f = forecast(c, uncertainty=np.full((2, c.size), 0.1, np.float32))
    assert list(forecast_columns(f)) == [
        "propensity_t0p13",
        "sd_propensity_t0p13",
        "rank_propensity_t0p13",
        "propensity_t4120",
        "sd_propensity_t4120",
        "rank_propensity_t4120",
    ]


def test_times_that_were_not_measured_have_no_true_column():
    columns = forecast_columns(forecast(snapshot(), times=(1.0, 4120.0)))
    assert [name for name in columns if not name.startswith("rank_")] == [
        "propensity_t1",
        "propensity_t4120",
        "true_propensity_t4120",
    ]
    np.testing.assert_array_equal(columns["true_propensity_t4120"], snapshot().propensity[1])


def test_a_file_is_written_without_the_machinery_of_figures():
    code = (
        "import sys; from glasscast.report import forecast_files; "
        "print(sorted({'matplotlib', 'plotly', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_suit_ovito_and_stay_apart():
    times = (0.1 + 0.2, 4120.0, 4120.001, 1.5e6)
    names = list(forecast_columns(forecast(snapshot(labels=False), times=times)))
    assert len(set(names)) == 8  # values and ranks
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in names)
    tidy = list(forecast_columns(forecast(snapshot(labels=False), times=times[::3])))
    assert tidy[::2] == ["propensity_t0p3", "propensity_t1500000"]


def test_hostile_names_cannot_break_the_header(tmp_path):
    c = snapshot(name='x" Lattice="0 0 0\n99\nend')
    write_forecasts(tmp_path / "f.xyz", [forecast(c, model="m\r\n\\")])
    header, columns = read_extxyz(tmp_path / "f.xyz")
    assert header["name"] == "x  Lattice= 0 0 0 99 end"
    assert header["model"] == "m   "
    assert len(columns["pos"]) == c.size


def test_species_that_is_not_predicted_is_nan(tmp_path):
    f = forecast(snapshot())
    f.values[:, 3] = np.nan
    write_forecasts(tmp_path / "f.xyz", [f])
    assert np.isnan(read_extxyz(tmp_path / "f.xyz")[1]["propensity_t4120"][3])


@pytest.mark.parametrize("suffix", FORMATS)
def test_written_whole_over_an_older_file(tmp_path, suffix):
    path = tmp_path / "new" / f"f.{suffix}"
    write_forecasts(path, [forecast(snapshot(), times=(1.0,))])
    write_forecasts(path, [forecast(snapshot())])
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", FORMATS)
def test_failure_leaves_nothing_behind(tmp_path, suffix):
    (tmp_path / f"f.{suffix}").mkdir()  # a folder cannot be replaced by a file
    with pytest.raises(InputError, match="cannot be written"):
        write_forecasts(tmp_path / f"f.{suffix}", [forecast(snapshot())])
    assert [p.name for p in tmp_path.iterdir()] == [f"f.{suffix}"]


def test_unknown_format_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"\.xyz, \.extxyz, \.gsd, \.csv, \.parquet, \.npz"):
        write_forecasts(tmp_path / "f.pdb", [forecast(snapshot())])


def test_ranks_go_from_0_to_1_within_a_species():
    c = snapshot(labels=False)
    columns = forecast_columns(forecast(c))
    for species in np.unique(c.types):
        mine = c.types == species
        ranks, values = columns["rank_propensity_t4120"][mine], columns["propensity_t4120"][mine]
        assert (ranks.min(), ranks.max()) == (0, 1)
        np.testing.assert_array_equal(np.argsort(ranks), np.argsort(values))


@pytest.mark.parametrize("species", [None, ("Ni", "P", "S")])
@pytest.mark.parametrize("dimension", [2, 3])
def test_ase_reads_what_was_written(tmp_path, dimension, species):
    ase_io = pytest.importorskip("ase.io")
    c = snapshot(dimension)
    f = forecast(c)
    write_forecasts(tmp_path / "f.xyz", [f, f], species)
    frames = ase_io.read(tmp_path / "f.xyz", index=":", format="extxyz")
    assert len(frames) == 2
    atoms = frames[1]
    np.testing.assert_allclose(atoms.positions[:, :dimension], c.positions)
    np.testing.assert_allclose(atoms.arrays["propensity_t4120"], f.values[1], rtol=1e-6)
    np.testing.assert_allclose(atoms.arrays["radius"], np.array([0.5, 0.44, 0.47])[c.types])
    names = np.array(species or ("A", "B", "C"))[c.types]
    if species is None:
        assert atoms.arrays["type"].tolist() == names.tolist()
    else:
        assert atoms.get_chemical_symbols() == names.tolist()
    assert atoms.info["name"] == "c"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_read_back_in_pandas(tmp_path, suffix):
    pandas = pytest.importorskip("pandas")
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    f = forecast(snapshot())
    f.values[0, 3] = np.nan
    other = forecast(snapshot(labels=False, name="d"))
    path = tmp_path / f"f.{suffix}"
    write_forecasts(path, [f, other])
    table = pandas.read_csv(path) if suffix == "csv" else pandas.read_parquet(path)
    assert len(table) == 40
    assert table["snapshot"].unique().tolist() == ["c", "d"]
    first = table[table["frame"] == 0]
    np.testing.assert_array_equal(first["propensity_t0p13"].astype(np.float32), f.values[0])
    np.testing.assert_array_equal(first[["x", "y", "z"]], f.configuration.positions)
    assert first["species"].tolist() == np.array(["A", "B", "C"])[snapshot().types].tolist()
    assert table[table["frame"] == 1]["true_propensity_t4120"].isna().all()


def test_several_snapshots_are_frames_of_one_gsd(tmp_path):
    made = [forecast(snapshot(name=name)) for name in "ab"]
    write_forecasts(tmp_path / "f.gsd", made)
    with gsd.hoomd.open(str(tmp_path / "f.gsd"), "r") as stream:
        frames = list(stream)
    assert [frame.configuration.step for frame in frames] == [0, 1]
    with pytest.raises(SettingsError, match="an npz holds one forecast, not 2"):
        write_forecasts(tmp_path / "f.npz", made)


@pytest.mark.parametrize(
    ("species", "says"),
    [(("Ni",), "1 names for the 3 species"), (("a b", "c", "d"), "cannot name")],
)
def test_names_of_species_are_checked(tmp_path, species, says):
    with pytest.raises(SettingsError, match=says):
        write_forecasts(tmp_path / "f.xyz", [forecast(snapshot())], species)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dimension", [2, 3])
def test_chemiscope_gets_what_it_would_write_itself(tmp_path, dimension):
    chemiscope, ase = pytest.importorskip("chemiscope"), pytest.importorskip("ase")
    c = snapshot(dimension)
    f = forecast(c)
    f.values[:, c.types == 2] = np.nan  # a species that is not forecast
    write_forecasts(tmp_path / "f.json", [f, f], ("Ni", "P", "S"))
    written = json.loads((tmp_path / "f.json").read_text())
    mine = np.flatnonzero(c.types != 2)
    positions = np.pad(c.positions, ((0, 0), (0, 3 - dimension)))
    cell = np.append(c.box, 1.0)[:3]
    names = np.array(["Ni", "P", "S"])[c.types]
    atoms = ase.Atoms(list(names), positions=positions, cell=cell, pbc=True)
    theirs = chemiscope.create_input(
        [atoms, atoms],
        properties={
            "propensity_t4120": {"target": "atom", "values": np.tile(f.values[1, mine], 2)}
        },
        environments=[(s, int(k), 1.5) for s in (0, 1) for k in mine],
    )
    assert written["environments"] == theirs["environments"]
    for ours, other in zip(written["structures"], theirs["structures"], strict=True):
        assert ours["names"] == other["names"]
        for key in ("size", "x", "y", "z", "cell"):
            np.testing.assert_allclose(ours[key], other[key])
    values = written["properties"]["propensity_t4120"]
    assert values["target"] == "atom"
    np.testing.assert_allclose(
        values["values"], theirs["properties"]["propensity_t4120"]["values"], rtol=1e-6
    )


@pytest.mark.slow
def test_ovito_finds_columns_and_radii(tmp_path):
    """In an environment of its own, made for the test: the package is large and of other terms."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    made = [uv, "venv", "-q", "-p", sys.executable, str(tmp_path / "env")]
    fetched = [uv, "pip", "install", "-q", "-p", str(tmp_path / "env"), "ovito"]
    try:
        for command in (made, fetched):
            subprocess.run(command, check=True, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"ovito cannot be installed here: {error}")
    c = snapshot()
    f = forecast(c)
    for name in ("f.xyz", "f.gsd"):
        write_forecasts(tmp_path / name, [f])
    code = """
import json, sys
import numpy as np
from ovito.io import import_file
found = {}
for name in sys.argv[1:]:
    data = import_file(name).compute()
    p = data.particles
    radii = p["Radius"][...] if "Radius" in p else None
    if radii is None:
        types = {t.id: t.radius for t in p["Particle Type"].types}
        radii = np.array([types[k] for k in p["Particle Type"][...]])
    found[name] = {
        "radii": np.asarray(radii).tolist(),
        "values": p["propensity_t4120"][...].tolist(),
        "names": [p["Particle Type"].type_by_id(k).name for k in p["Particle Type"][...]],
        "columns": [str(key) for key in p.keys()],
    }
print(json.dumps(found))
"""
    paths = [str(tmp_path / name) for name in ("f.xyz", "f.gsd")]
    ran = subprocess.run(
        [str(tmp_path / "env" / "bin" / "python"), "-c", code, *paths],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if "cannot open shared object" in ran.stderr:
        pytest.skip(f"ovito does not run here: {ran.stderr.strip().splitlines()[-1]}")
    assert ran.returncode == 0, ran.stderr
    for found in json.loads(ran.stdout).values():
        np.testing.assert_allclose(found["radii"], np.array([0.5, 0.44, 0.47])[c.types], rtol=1e-6)
        np.testing.assert_allclose(found["values"], f.values[1], rtol=1e-6)
        assert found["names"] == np.array(["A", "B", "C"])[c.types].tolist()
        assert set(forecast_columns(f)) <= set(found["columns"])
