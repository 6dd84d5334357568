"""What single runs tell, against plain sums over particles, runs and pairs of runs."""

from itertools import combinations

import numpy as np
import pytest

from glasscast.datasets.frames import Ensemble, Frame, RunFrame
from glasscast.datasets.scattering import Wave
from glasscast.errors import ShapeError
from glasscast.evaluation.runs import RunEvaluation, evaluate_runs
from glasscast.report.analysis_sections import run_section

WAVE = Wave(7.1, "given")
SIZE, RUNS, TIMES = 60, 5, np.array([1.0, 3.0, 9.0])


def moves(number):
    """Displacements (R, T, N, 3), every particle with a direction of its own in all runs."""
    rng = np.random.default_rng(number)
    own = rng.normal(size=(SIZE, 3)) * 0.2
    return (own + 0.1 * rng.normal(size=(RUNS, len(TIMES), SIZE, 3))) * TIMES[:, None, None] ** 0.5


def ensemble(tmp_path, number, displacements):
    rng = np.random.default_rng(100 + number)
    start = rng.random((SIZE, 3)) * 5
    return Ensemble(
        name=f"c{number}",
        sources=(tmp_path / f"c{number}.npz",),
        parent=Frame(
            positions=start,
            types=(np.arange(SIZE) % 3 == 2).astype(np.int8),
            box=np.full(3, 5.0),
            absolute=True,
        ),
        times=TIMES,
        frames=lambda: (
            RunFrame(row, run, start + displacements[run, row], tmp_path)
            for row in range(len(TIMES))
            for run in range(RUNS)
        ),
        metadata={"liquid": "ka"},
    )


def test_overlap_scattering_and_directions_are_plain_sums(tmp_path):
    every = [moves(k) for k in range(2)]
    measured, found = evaluate_runs(
        [ensemble(tmp_path, k, moved) for k, moved in enumerate(every)], WAVE, 0.5
    )
    mine = np.arange(SIZE) % 3 != 2
    inside = np.array([np.linalg.norm(u[:, :, mine], axis=-1) < 0.5 for u in every])
    overlap = inside.mean(axis=-1).reshape(-1, len(TIMES))  # a row a run of any configuration
    np.testing.assert_allclose(found.overlap, overlap.mean(axis=0))
    variance = overlap.var(axis=0, ddof=1) * mine.sum()
    np.testing.assert_allclose(found.susceptibility, variance, rtol=1e-9)
    for number, moved in enumerate(every):
        waves = np.cos(WAVE.q * moved[:, :, mine]).mean(axis=(0, 2, 3))
        np.testing.assert_allclose(measured[number].scattering, waves, rtol=1e-6)
        assert (measured[number].q, measured[number].species) == (7.1, "A")
    expected = []
    for row in range(len(TIMES)):
        cosines = []
        for moved in every:
            unit = moved[:, row, mine] / np.linalg.norm(moved[:, row, mine], axis=-1)[..., None]
            cosines += [np.mean(np.sum(a * b, axis=-1)) for a, b in combinations(unit, 2)]
        expected.append(np.mean(cosines))
    np.testing.assert_allclose(found.cosine, expected)
    np.testing.assert_allclose((found.histogram * np.diff(found.edges)).sum(axis=1), 1.0)
    shown = found.particle
    u = every[0][:, :, shown.index]
    np.testing.assert_allclose(
        shown.directions, np.moveaxis(u / np.linalg.norm(u, axis=-1)[..., None], 0, 1)
    )
    assert found.record()["runs"] == RUNS
    section = run_section(found)  # it can be drawn
    assert [figure.name for figure in section.contents[1:]] == ["overlap", "directions"]
    assert f"particle {shown.index} of c0" in section.contents[2].caption


def test_runs_of_independent_directions_have_no_cosine_and_others_are_refused(tmp_path):
    rng = np.random.default_rng(5)
    free = rng.normal(size=(RUNS, len(TIMES), SIZE, 3))
    _, found = evaluate_runs([ensemble(tmp_path, 0, free)], WAVE)
    assert np.abs(found.cosine).max() < 0.1
    evaluation = RunEvaluation(WAVE)
    with pytest.raises(ShapeError, match="no runs"):
        evaluation.result()
