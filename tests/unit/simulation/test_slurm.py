"""Slurm: what describes its jobs; and with a real one (`make test-slurm`) what becomes of them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from threading import Thread

import pytest

from glasscast.errors import SettingsError
from glasscast.simulation.executors import Scheduler
from glasscast.simulation.slurm import job_options
from glasscast.workflows.simulate import simulate
from tests.unit.simulation.test_run import ONE, TINY, contents, settings_of

#: A test cluster of one node on the loopback knows no memory.
JOBS = {
    "cores": "1",
    "memory": "1GB",
    "walltime": "00:10:00",
    "processes": "1",
    "interface": "lo",
    "job_directives_skip": "--mem",
}
#: Some ten seconds of one worker.
LONGER = ONE | {"runs": 8, "times": [2.0, 10.0, 20.0]}


def test_jobs_must_be_described():
    pytest.importorskip("dask_jobqueue")
    with (
        pytest.raises(SettingsError, match=r"Slurm jobs are not described: they need cores=1"),
        Scheduler("slurm").open(),
    ):
        pass


def test_jobs_are_described_by_text():
    described = {"cores": "2", "walltime": "12:00:00", "job_extra_directives": "--gres=gpu:1 -x"}
    assert job_options(described) == {
        "cores": 2,
        "walltime": "12:00:00",
        "job_extra_directives": ["--gres=gpu:1", "-x"],
    }
    for key, texts in {
        "walltime": ["00:30", "1-12", "2-00:30", "10-12:00:00", "120:00:00"],
        "memory": ["2GB", "1.5 GiB", "500mb"],
    }.items():
        for text in texts:
            assert job_options({key: text}) == {key: text}


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("core", "1", "no option 'core'; known: queue"),
        ("cores", "x", "cores: 'x' is no whole number from 1"),
        ("cores", "0", "is no whole number from 1"),
        ("processes", "1.5", "is no whole number from 1"),
        ("walltime", "43200", "'43200' is no time like 12:00:00 or 1-12:00:00"),
        ("walltime", "12h", "is no time like"),
        ("walltime", "12:99:00", "is no time like"),
        ("memory", "2", "memory: '2' is no memory like 2GB"),
        ("memory", "2 apples", "is no memory like 2GB"),
        ("job_directives_skip", "'", "is not understood"),
    ],
)
def test_options_are_checked_at_once(key, text, message):
    with pytest.raises(SettingsError, match=message) as error:
        Scheduler("slurm", cluster={key: text})
    assert error.value.parameter == "cluster"


@pytest.fixture
def jobs():
    """Options of jobs of a real Slurm."""
    if shutil.which("sbatch") is None:
        pytest.skip("no Slurm on this machine: sbatch is not found")
    pytest.importorskip("dask_jobqueue")
    if subprocess.run(["scontrol", "ping"], stdout=subprocess.DEVNULL).returncode:
        pytest.skip("the Slurm controller does not answer")
    return JOBS


def real(test):
    for mark in (pytest.mark.lammps, pytest.mark.slow, pytest.mark.slurm):
        test = mark(test)
    return test


@real
@pytest.mark.parametrize("settings", [TINY, ONE], ids=["three", "one"])
def test_jobs_make_the_same_bytes(jobs, tmp_path, settings):
    simulate(settings_of(settings), tmp_path / "here")
    simulate(settings_of(settings), tmp_path / "jobs", Scheduler("slurm", 2, cluster=jobs))
    assert contents(tmp_path / "jobs") == contents(tmp_path / "here")


def running() -> list[str]:
    """Ids of the jobs that run."""
    command = ["squeue", "--noheader", "--states=RUNNING", "--format=%i"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def workers_of(job: str) -> list[int]:
    """Processes of a job that do its tasks: the nanny beside them starts them anew."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mine = f"SLURM_JOB_ID={job}\0".encode() in (folder / "environ").read_bytes()
            if mine and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended
    return found


@real
@pytest.mark.parametrize("fate", ["worker killed", "job cancelled"])
def test_what_is_lost_is_replaced(jobs, tmp_path, fate):
    simulate(settings_of(LONGER), tmp_path / "here", Scheduler(workers=2))
    fates = []

    def strike() -> None:
        while not list((tmp_path / "jobs").glob("parts/*.run-*.npz")):
            time.sleep(0.05)
        job = running()[0]
        if fate == "job cancelled":
            subprocess.run(["scancel", job], check=True)
            fates.append(job)
        for worker in workers_of(job) if fate == "worker killed" else ():
            os.kill(worker, signal.SIGKILL)
            fates.append(worker)

    striker = Thread(target=strike)
    striker.start()
    simulate(settings_of(LONGER), tmp_path / "jobs", Scheduler("slurm", 2, cluster=jobs))
    striker.join()
    print(f"{fate}: {fates}")
    assert fates
    assert contents(tmp_path / "jobs") == contents(tmp_path / "here")


@real
def test_jobs_that_are_refused_are_refused_in_the_words_of_slurm(jobs):
    message = "Slurm refuses the jobs: .*invalid partition specified: nowhere"
    with (
        pytest.raises(SettingsError, match=message) as error,
        Scheduler("slurm", cluster=jobs | {"queue": "nowhere"}).open(),
    ):
        pass
    print(error.value)
    assert error.value.parameter == "cluster"


def queued() -> list[str]:
    """Ids of all jobs."""
    command = ["squeue", "--noheader", "--format=%i"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@real
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"queue": "closed"}, "PartitionDown"), ({"cores": "100000"}, "PartitionConfig")],
)
def test_what_jobs_wait_for_is_said(jobs, caplog, wrong, reason):
    """And another takes the place of one that is cancelled meanwhile."""
    caplog.set_level("INFO", logger="glasscast")
    with Scheduler("slurm", cluster=jobs | wrong).open():
        until = time.monotonic() + 60
        while "says the scheduler" not in caplog.text:
            assert time.monotonic() < until
            time.sleep(0.2)
        (job,) = queued()
        subprocess.run(["scancel", job], check=True)
        while queued() in ([], [job]):
            assert time.monotonic() < until
            time.sleep(0.2)
    told = [record.getMessage() for record in caplog.records if record.name == "glasscast"]
    print(*told, sep="\n")
    assert re.fullmatch(f"1 Slurm job waits, says the scheduler: {reason}", told[0])
    assert f"Slurm job {job} is gone before its worker had come; another takes over" in told
