from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from glasscast.config import checked, read
from glasscast.datasets.dataset import Dataset
from glasscast.errors import GlasscastError, InputError, SettingsError, SimulationError
from glasscast.liquid.definition import load_liquid
from glasscast.simulation.campaign import run as run_module
from glasscast.simulation.campaign.inputs import write_rerun
from glasscast.simulation.campaign.plan import RUN, Plan
from glasscast.simulation.executors import InlineExecutor, Scheduler
from glasscast.simulation.lammps.engine import Lammps
from glasscast.simulation.lammps.input_files import data_file
from glasscast.simulation.settings import RunsCage, SimulationSettings
from glasscast.workflows.demo import load_sample
from glasscast.workflows.simulate import simulate
from tests.steps import Steps

TINY = {
    "name": "tiny",
    "temperature": 1.0,
    "particles": 300,
    "configurations": 3,
    "runs": 2,
    "times": [0.05, 0.2],
    "seed": 5,
    "equilibration": {
        "hot_time": 0.5,
        "quench_time": 0.5,
        "time": 0.5,
        "between": 0.5,
        "chains": 2,
    },
    "inherent": {"force_tolerance": 1e-3},
    "cage": {"radius": 0.2, "burn_in": 5, "cycles": 10},
}


def contents(folder: Path) -> dict[str, bytes]:
    files = [*sorted(folder.glob("*.npz")), folder / "dataset.json"]
    return {file.name: file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    simulate(settings_of(TINY), folder)
    return folder


@pytest.mark.lammps
def test_a_dataset_with_all_its_fields(reference):
    dataset = Dataset.open(reference)
    assert dataset.names == ["tiny-0000", "tiny-0001", "tiny-0002"]
    for configuration in dataset:
        assert configuration.size == 300
        assert configuration.types.tolist() == [0] * 240 + [1] * 60
        assert configuration.inherent is not None
        assert configuration.cage is not None
        assert configuration.propensity.shape == (2, 300)
        records = configuration.metadata.records
        assert len(records["production"]["energy_drift"]) == 2
        assert records["inherent"]["converged"]
    first, third = dataset[0], dataset[2]
    assert first.metadata.records["chain"] == [0, 0]
    assert third.metadata.records["chain"] == [0, 1]
    assert not np.array_equal(first.positions, dataset[1].positions)


@pytest.mark.lammps
def test_nothing_is_computed_again(reference, monkeypatch):
    before = {file: file.stat().st_mtime_ns for file in reference.rglob("*.npz")}
    monkeypatch.setattr(Scheduler, "open", None)  # would fail if a task were left
    simulate(settings_of(TINY), reference)
    assert {file: file.stat().st_mtime_ns for file in reference.rglob("*.npz")} == before


@pytest.mark.lammps
def test_only_what_a_changed_setting_touches_is_computed_again(tmp_path):
    small = TINY | {"configurations": 1}
    simulate(settings_of(small), tmp_path)
    before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "parts").iterdir()}
    simulate(settings_of(small | {"cage": small["cage"] | {"cycles": 12}}), tmp_path)
    after = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "parts").iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"tiny-0000.cage.npz"}


@pytest.mark.lammps
def test_a_finished_generation_is_rewritten_compact_and_split(reference, tmp_path):
    shutil.copytree(reference, tmp_path / "data")
    parts = {f: f.stat().st_mtime_ns for f in (tmp_path / "data" / "parts").iterdir()}
    settings = checked(
        SimulationSettings, TINY | {"compact": True, "splits": {"train": 2, "test": 1}}
    )
    dataset = simulate(settings, tmp_path / "data")
    assert {f: f.stat().st_mtime_ns for f in parts} == parts
    # chain 0 holds the snapshots 0 and 2
    assert dataset.splits == {"train": ("tiny-0000", "tiny-0002"), "test": ("tiny-0001",)}
    for small, whole in zip(dataset, Dataset.open(reference), strict=True):
        np.testing.assert_array_equal(small.positions, whole.positions)
        assert not np.array_equal(small.bond_change, whole.bond_change)
    sizes = [sum(e.size for e in d.entries) for d in (dataset, Dataset.open(reference))]
    assert sizes[0] < 0.6 * sizes[1]
    assert simulate(settings_of(TINY), tmp_path / "data").splits == {}
    assert contents(tmp_path / "data") == contents(reference)


@pytest.mark.lammps
def test_shards_together_make_the_same_bytes(reference, tmp_path):
    settings = settings_of(TINY)
    assert simulate(settings, tmp_path, shard=(1, 2)) is None
    assert simulate(settings, tmp_path, shard=(0, 2)) is not None
    assert contents(tmp_path) == contents(reference)


@pytest.mark.lammps
@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 4])
def test_workers_make_the_same_bytes(reference, tmp_path, workers):
    simulate(settings_of(TINY), tmp_path, Scheduler(workers=workers))
    assert contents(tmp_path) == contents(reference)


#: One configuration whose runs take all the time.
ONE = TINY | {"configurations": 1, "runs": 4, "cage": None, "inherent": None}


class Reordered(Executor):
    """Does nothing before the last task of a batch is there, then all of them, last first."""

    def __init__(self, batch: int) -> None:
        self.batch, self.waiting = batch, []

    def submit(self, call, /, *arguments):
        future = Future()
        self.waiting.append((future, call, arguments))
        if len(self.waiting) >= self.batch or arguments[1].kind != "runs":
            while self.waiting:
                done, made, given = self.waiting.pop()
                done.set_result(made(*given))
        return future


@pytest.mark.lammps
def test_the_order_of_runs_does_not_matter(tmp_path, monkeypatch):
    simulate(settings_of(ONE), tmp_path / "in order")
    monkeypatch.setattr(Scheduler, "open", lambda self: nullcontext(Reordered(ONE["runs"])))
    simulate(settings_of(ONE), tmp_path / "reversed")
    assert contents(tmp_path / "in order") == contents(tmp_path / "reversed")
    left = {file.name for file in (tmp_path / "reversed" / "parts").iterdir()}
    assert left == {"tiny-0000.production.npz"}


@pytest.mark.lammps
def test_a_kill_loses_at_most_one_stretch_of_one_run(tmp_path, monkeypatch, rng):
    """Each stretch opens one system: as many in all as without the kills."""
    made, opened = Lammps.open, []

    def counted(self, *arguments):
        if opened and len(opened) in stops:
            stops.remove(len(opened))
            raise KeyboardInterrupt
        opened.append(1)
        return made(self, *arguments)

    stops: list[int] = []
    monkeypatch.setattr(Lammps, "open", counted)
    simulate(settings_of(ONE), tmp_path / "whole")
    total = len(opened)
    assert total == 4 + 4 * 2  # minimum and three phases; four runs to two label times
    opened.clear()
    stops += sorted(rng.choice(np.arange(2, total), 5, replace=False).tolist())
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            simulate(settings_of(ONE), tmp_path / "killed")
    steps = Steps()
    simulate(settings_of(ONE), tmp_path / "killed", progress=steps)
    assert len(opened) == total
    assert sum(steps.taken) == steps.total  # what was done before is not counted
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


@pytest.mark.lammps
@pytest.mark.slow
def test_dask_workers_make_the_same_bytes(reference, tmp_path):
    pytest.importorskip("distributed")
    simulate(settings_of(TINY), tmp_path, Scheduler("dask", workers=2))
    assert contents(tmp_path) == contents(reference)


@pytest.mark.parametrize(
    ("options", "message", "parameter"),
    [
        ({"kind": "pbs"}, "unknown scheduler 'pbs'; known: inline", "scheduler"),
        ({"workers": 0}, "workers must be at least 1, got 0", "workers"),
        ({"address": "host:1"}, "for the scheduler 'dask' only", "address"),
        ({"cluster": {"cores": "1"}}, "for the scheduler 'slurm' only", "cluster"),
        ({"kind": "slurm", "cluster": {"core": "1"}}, "no option 'core'; known: queue", "cluster"),
    ],
)
def test_scheduler_options_are_checked_at_once(options, message, parameter):
    with pytest.raises(SettingsError, match=message) as error:
        Scheduler(**options)
    assert error.value.parameter == parameter


def settings_of(content: dict[str, object]) -> SimulationSettings:
    return checked(SimulationSettings, content)


def lasting(file: Path) -> bool:
    """Whether a file stays: what runs and snapshots go on from goes when they are there."""
    return RUN not in file.name and ".state" not in file.name


def start_run(folder: Path, settings: Path, workers: int = 1) -> subprocess.Popen[bytes]:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from glasscast.workflows.simulate import simulate\n"
        "from glasscast.config import read\n"
        "from glasscast.simulation.executors import Scheduler\n"
        "from glasscast.simulation.settings import SimulationSettings\n"
        "if __name__ == '__main__':\n"
        f"    settings = read(SimulationSettings, Path({str(settings)!r}))\n"
        f"    simulate(settings, Path({str(folder)!r}), Scheduler(workers={workers}))\n"
    )
    script = settings.with_name("run.py")
    script.write_text(code)
    return subprocess.Popen([sys.executable, str(script)], start_new_session=True)


def kill_when(process, ready, pause=0.0) -> bool:
    """Kill the whole tree once a condition holds; False if it ended before."""
    while process.poll() is None:
        if ready():
            time.sleep(pause)
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait() == -signal.SIGKILL
        time.sleep(0.005)
    return False


@pytest.mark.lammps
def test_a_killed_run_resumes_to_the_same_bytes(reference, tmp_path):
    settings, folder = tmp_path / "settings.yaml", tmp_path / "out"
    settings.write_text(json.dumps(TINY))
    process = start_run(folder, settings)
    parts = folder / "parts"
    assert kill_when(process, lambda: parts.is_dir() and len(list(parts.glob("*.npz"))) >= 2)
    finished = {f: f.stat().st_mtime_ns for f in folder.rglob("*.npz") if lasting(f)}
    simulate(read(SimulationSettings, settings), folder)
    assert contents(folder) == contents(reference)
    assert all(f.stat().st_mtime_ns == when for f, when in finished.items())


@pytest.mark.lammps
@pytest.mark.slow
def test_kills_at_random_moments_leave_no_trace(reference, tmp_path, rng):
    """Each a moment after two more files are there; twelve are to be made."""
    settings, folder = tmp_path / "settings.yaml", tmp_path / "out"
    settings.write_text(json.dumps(TINY))
    finished: dict[Path, int] = {}

    def made() -> list[Path]:
        files = [*folder.glob("snapshots/*.npz"), *folder.glob("parts/*.npz")]
        return [file for file in files if lasting(file)]

    kills = 0
    while len(made()) < 8:
        process, before = start_run(folder, settings, 2), len(made())
        pause = rng.uniform(0, 0.05)
        assert kill_when(process, lambda before=before: len(made()) > before + 1, pause)
        assert all(f.stat().st_mtime_ns == when for f, when in finished.items())
        finished = {f: f.stat().st_mtime_ns for f in made()}
        kills += 1
    assert kills >= 2
    simulate(settings_of(TINY), folder)
    assert contents(folder) == contents(reference)


@pytest.mark.lammps
def test_imported_starts_take_the_place_of_equilibration(reference, tmp_path):
    starts = [str(reference / "tiny-0000.npz"), str(tmp_path / "glassbench.npz")]
    first = Dataset.open(reference)[0]
    # the way public files have it: species from 1, no box, around the origin
    np.savez(
        starts[1],
        initial_positions=first.positions - first.box / 2,
        types=first.types.astype(int) + 1,
    )
    content = {k: v for k, v in TINY.items() if k not in ("equilibration", "particles", "cage")}
    dataset = simulate(
        settings_of(content | {"starts": starts, "inherent": None}), tmp_path / "out"
    )
    assert dataset.names == ["tiny-0000", "glassbench"]
    np.testing.assert_allclose(dataset[0].positions, first.positions)
    assert dataset[1].types.tolist() == first.types.tolist()
    np.testing.assert_allclose(dataset[1].box, first.box)
    # the same seed and start give the same runs
    np.testing.assert_array_equal(dataset[0].propensity, first.propensity)


@pytest.mark.lammps
def test_starts_of_every_kind_give_the_same_runs(reference, tmp_path):
    """A dataset, a LAMMPS data file and two frames of a trajectory, all holding the same."""
    dataset = Dataset.open(reference)
    box, types = dataset[0].box, dataset[0].types
    data = tmp_path / "first.data"
    data.write_text(data_file(load_liquid("ka"), dataset[0].positions, 0 * dataset[0].positions,
                              types, box))  # fmt: skip
    frames = tmp_path / "frames" / "two.xyz"
    frames.parent.mkdir()
    lattice = " ".join(f"{row:.17g}" for row in np.diag(box).ravel())
    with frames.open("w") as stream:
        for c in (dataset[1], dataset[2]):
            stream.write(f'300\nLattice="{lattice}" Properties=species:S:1:pos:R:3\n')
            stream.writelines(
                f"{'AB'[s]} {x:.17g} {y:.17g} {z:.17g}\n"
                for s, (x, y, z) in zip(c.types, c.positions, strict=True)
            )
    content = {k: v for k, v in TINY.items() if k not in ("equilibration", "particles", "cage")}
    content |= {"inherent": None, "runs": 2, "times": [0.05]}
    whole = simulate(settings_of(content | {"starts": [str(reference)]}), tmp_path / "a")
    parts = simulate(settings_of(content | {"starts": [str(data), str(frames.parent)]}),
                     tmp_path / "b")  # fmt: skip
    assert len(whole) == len(parts) == 3
    for k, (one, two) in enumerate(zip(whole, parts, strict=True)):
        np.testing.assert_allclose(one.positions, dataset[k].positions, atol=1e-12)
        np.testing.assert_allclose(one.positions, two.positions, atol=1e-12)
        np.testing.assert_allclose(one.propensity, two.propensity, rtol=1e-4)
    assert parts[2].metadata.records["equilibration"]["source"] == f"{frames.name}, frame 1"
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "b").rglob("*.npz")}
    simulate(
        settings_of(content | {"starts": [str(data), str(frames.parent)]}),
        tmp_path / "b",
    )
    assert {file: file.stat().st_mtime_ns for file in files} == files


def test_starts_are_fingerprinted_by_content_and_frame(tmp_path):
    """The tags of one published configuration are one start."""
    first = load_sample()[0]
    start = {"types": first.types, "initial_positions": first.positions}
    for tag in (1, 2):
        path = tmp_path / f"isoconfig_N2000T0.64_1_tc0{tag}.npz"
        np.savez(path, **start, positions=first.positions[None] + tag)
    content = {k: v for k, v in TINY.items() if k not in ("equilibration", "particles", "cage")}
    plan = Plan.make(settings_of(content | {"starts": [str(tmp_path)]}), tmp_path / "out")
    assert plan.configurations == 1
    assert plan.starts[0].only
    assert plan.starts[0].path.name == "isoconfig_N2000T0.64_1_tc01.npz"


@pytest.mark.lammps
def test_the_inputs_of_any_run_can_be_written_again(reference, tmp_path):
    folder = write_rerun(reference, configuration=1, run=1, folder=tmp_path / "rerun")
    text = (folder / "start.data").read_text()
    assert "300 atoms" in text
    positions = np.array([line.split()[2:] for line in text.splitlines()[11:311]], float)
    np.testing.assert_array_equal(positions, Dataset.open(reference)[1].positions)
    script = (folder / "production.in").read_text()
    assert script == (reference / "inputs" / "production.in").read_text()
    assert "pair_style lj/smooth/linear" in script
    with pytest.raises(InputError, match="is not a generated data set"):
        write_rerun(tmp_path, 0, 0, tmp_path)
    old = tmp_path / "old" / "inputs"
    shutil.copytree(reference / "inputs", old)
    settings = json.loads((old / "settings.json").read_text())
    (old / "settings.json").write_text(json.dumps(settings | {"preset": None}))
    with pytest.raises(InputError, match=r"settings\.json: 'preset' is called 'times' now; run"):
        write_rerun(tmp_path / "old", 0, 0, tmp_path)


@pytest.mark.lammps
def test_progress_counts_every_particle_step(tmp_path):
    steps = Steps()
    simulate(settings_of(TINY | {"cage": None, "inherent": None}), tmp_path, progress=steps)
    # two quenches of 300 steps, one step on of 100, three times two runs of 40
    assert sum(steps.taken) == steps.total == 300 * (2 * 300 + 100 + 3 * 2 * 40)
    assert steps.note == "0 configurations left"


@pytest.mark.lammps
def test_a_failing_configuration_is_reported_after_the_others_are_done(tmp_path, monkeypatch):
    settings = settings_of(TINY | {"cage": None, "inherent": None})
    calls = []

    def flaky(plan, task, progress=None):
        calls.append((task.configuration, task.kind, task.runs.start))
        if calls[-1] == (1, "runs", 1):
            raise SimulationError("it broke")
        return work(plan, task, progress)

    work = run_module.work
    monkeypatch.setattr(run_module, "work", flaky)
    with pytest.raises(SimulationError, match="1 of 3 configurations failed; tiny-0001: it broke"):
        simulate(settings, tmp_path)
    assert calls.count((1, "runs", 1)) == 2  # tried again once
    assert calls.count((1, "runs", 0)) == calls.count((0, "production", 0)) == 1
    assert (2, "production", 0) in calls
    monkeypatch.setattr(run_module, "work", work)
    assert len(simulate(settings, tmp_path)) == 3


def test_fingerprints_know_what_matters():
    plan = Plan.make(settings_of(TINY), Path("x"))

    def prints(**changes):
        other = Plan.make(settings_of(TINY | changes), Path("y"))
        return [other.snapshot_print(0), other.result_print(0, "production")]

    mine = [plan.snapshot_print(0), plan.result_print(0, "production")]
    assert prints(configurations=2) == mine
    assert prints(engine={"threads": 4}) == mine
    assert prints(cage=None) == mine
    assert prints(runs=4)[0] == mine[0]
    assert prints(runs=4)[1] != mine[1]
    for changes in ({"seed": 6}, {"temperature": 0.9}, {"engine": {"time_step": 0.004}}):
        assert all(a != b for a, b in zip(prints(**changes), mine, strict=True))
    assert plan.snapshot_print(0) != plan.snapshot_print(1)


def test_an_unwritable_folder_is_an_error_before_anything_is_computed(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        simulate(settings_of(TINY), blocked)


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2)])
def test_shards_are_counted_from_zero(tmp_path, shard):
    with pytest.raises(SettingsError, match=r"0 <= i < n, got"):
        simulate(settings_of(TINY), tmp_path, shard=shard)


def test_one_worker_is_this_process():
    with Scheduler("processes", workers=1).open() as executor:
        assert isinstance(executor, InlineExecutor)
        assert executor.submit(max, 1, 2).result() == 2
        with pytest.raises(TypeError):
            executor.submit(max, 1).result()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": [0.2, 0.1]}, r"times must be positive and increase, got \[0.2, 0.1\]"),
        ({"times": [0, 1]}, "times must be positive"),
        ({"times": None}, "'times': Input should be a valid tuple"),
        ({"times": ["soon"]}, r"'times\.0': Input should be a valid number"),
        ({"times": "mars"}, "'times': there is no table 'mars'; known: glassbench-ka-T0.44,"),
        ({"preset": "glassbench-ka-T0.44"}, "'preset' is called 'times' now"),
        ({"temperature": -1}, "'temperature': Input should be greater than 0"),
        ({"density": 1.2, "pressure": 1.0}, "give either density or pressure"),
        ({"starts": ["a.npz"]}, "give either equilibration or starts"),
        ({"particles": None}, "particles: needed"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"cage": {"radius": 0}}, "'cage.radius': Input should be greater"),
        ({"cage": {"by": "runs", "radius": 0.4}}, "unknown key 'cage.radius'"),
        ({"cage": {"by": "run"}}, "cages are found by monte-carlo or runs, not 'run'"),
        ({"equilibration": {"time": 1, "chains": 1}}, "between must be positive with fewer chains"),
        ({"splits": {"train": 2}}, "splits: 2 configurations are named of 3"),
        ({"splits": {"a": 0.5, "b": 0.4}}, "splits: fractions must add up to 1, got 0.9"),
        ({"splits": {"a": 0.9, "b": 0.1}}, "leave a split empty"),
        ({"splits": {"a": 3, "b": 0}}, "splits.b"),
        ({"temperature": float("inf")}, "'temperature': Input should be a finite number"),
        ({"temperature": float("nan")}, "'temperature': Input should be a finite number"),
        ({"temperature": "hot"}, "'temperature': Input should be a valid number"),
        ({"name": "a/b"}, "'name': String should match"),
    ],
)
def test_wrong_settings_are_refused_naming_the_key(changes, message):
    with pytest.raises(SettingsError, match=message):
        settings_of(TINY | changes)


def test_the_cage_of_the_best_known_radius_is_the_default():
    cage = settings_of(TINY | {"cage": True}).cage
    assert (cage.radius, cage.cycles) == (0.45, 12000)


def test_cages_are_found_by_one_of_two_ways(tmp_path):
    assert settings_of(TINY | {"cage": "runs"}).cage == RunsCage(runs=8, time=4.0)
    path = tmp_path / "a.yaml"
    path.write_text(json.dumps(TINY | {"cage": "runs"}))
    assert read(SimulationSettings, path, ["cage.time=2"]).cage == RunsCage(time=2.0)
    plain, named = (
        Plan.make(settings_of(TINY | {"cage": cage}), tmp_path)
        for cage in (TINY["cage"], TINY["cage"] | {"by": "monte-carlo"})
    )
    assert plain.result_print(0, "cage") == named.result_print(0, "cage")
    runs = Plan.make(settings_of(TINY | {"cage": "runs"}), tmp_path)
    assert runs.result_print(0, "cage") != plain.result_print(0, "cage")


def test_settings_files(tmp_path):
    path = tmp_path / "a.yaml"
    with pytest.raises(InputError, match="does not exist"):
        read(SimulationSettings, path)
    path.write_text("temperature: [")
    with pytest.raises(InputError, match="is not valid YAML"):
        read(SimulationSettings, path)
    path.write_text("3")
    with pytest.raises(InputError, match="must hold keys and values"):
        read(SimulationSettings, path)
    path.write_text("temperature: 0.5\nruns: 1")
    with pytest.raises(SettingsError, match=r"a\.yaml: 'runs': Input should be greater"):
        read(SimulationSettings, path)
    # PyYAML reads 1e-3 as text
    path.write_text(
        "temperature: 5e-1\ntimes: glassbench-ka-T0.44\nparticles: 300\n"
        "equilibration: {time: 1e+2}\ninherent: true\ncage: false\n"
    )
    settings = read(SimulationSettings, path)
    assert isinstance(settings, SimulationSettings)
    assert settings.temperature == 0.5
    assert settings.equilibration.time == 100
    assert settings.times[-1] == 130000
    assert settings.inherent is not None
    assert settings.cage is None


def test_paths_of_a_settings_file_are_seen_from_the_file(tmp_path, monkeypatch):
    (tmp_path / "settings").mkdir()
    file = tmp_path / "settings" / "run.yaml"
    file.write_text(
        "temperature: 0.5\ntimes: [1.0]\nliquid: own.yaml\nstarts: [../data, /absolute]\n"
    )
    monkeypatch.chdir(tmp_path)
    settings = read(SimulationSettings, Path("settings/run.yaml"))
    assert settings.liquid == str(file.with_name("own.yaml"))
    assert [Path(start).resolve() for start in settings.starts] == [
        (tmp_path / "data").resolve(),
        Path("/absolute"),
    ]


def test_missing_starts_and_small_systems_are_refused(tmp_path):
    content = {k: v for k, v in TINY.items() if k not in ("equilibration", "particles")}
    with pytest.raises(InputError, match=r"no\.npz: does not exist"):
        simulate(
            settings_of(content | {"starts": [str(tmp_path / "no.npz")]}),
            tmp_path / "o",
        )
    with pytest.raises(GlasscastError, match="smaller than twice the cutoff"):
        simulate(settings_of(TINY | {"particles": 50}), tmp_path / "p")


def test_starts_with_an_unknown_species_or_shape_are_refused(tmp_path):
    content = {k: v for k, v in TINY.items() if k not in ("equilibration", "particles")}
    content["cage"] = {"radius": 0.31}
    positions, many = np.random.default_rng(1).uniform(0, 6, (300, 3)), np.arange(300) % 2
    sites = np.stack(np.meshgrid(*[np.arange(7)] * 3, indexing="ij"), -1).reshape(-1, 3)[:300] * 0.9
    for arrays, message in [
        ({"types": np.zeros(300, int)}, "is of no known format from its keys types"),
        ({"types": np.arange(300) % 3, "initial_positions": positions}, "species 2 is unknown"),
        ({"types": many[:7], "initial_positions": positions}, r"shape \(300,\), got \(7,\)"),
        ({"types": many, "positions": positions, "box": 4.0}, "smaller than twice the cutoff 2.5"),
        ({"types": many, "positions": positions[:, :2], "box": 9.0}, "has 2 dimensions, ka 3"),
        ({"types": many, "positions": positions}, r"particles \d+ and \d+ overlap: they are 0\."),
        ({"types": many, "positions": sites, "box": 6.2}, r"cage: box side 6\.2 is smaller than"),
    ]:
        path = tmp_path / "start.npz"
        np.savez(path, **arrays)
        with pytest.raises(GlasscastError, match=message):
            simulate(settings_of(content | {"starts": [str(path)]}), tmp_path / "out")
