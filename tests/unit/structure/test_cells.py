"""Cells found by worker processes are those found without, and few are under way at a time."""

import subprocess
import sys

import numpy as np
import pytest

from glasscast.errors import SettingsError, ShapeError
from glasscast.models.glass_mlp.model import GlassMlp
from glasscast.models.glass_mlp.settings import GlassMlpSettings
from glasscast.runtime import Workspace
from glasscast.structure import cells
from glasscast.structure.cells import cell_surfaces, find_cells
from tests.relaxed import relaxed

pytest.importorskip("pyvoro2")


@pytest.fixture
def always(monkeypatch):
    """Workers are worth it however few the particles, two configurations a worker."""
    monkeypatch.setattr(cells, "_WORTH", 1)
    monkeypatch.setattr(cells, "_AHEAD", 2)


def own(configuration):
    return configuration.state_point.liquid


def ordinary(configuration):
    return None


def inline(chunk, workers):
    return iter([cells._surfaces(*arguments) for _, arguments in chunk])


def refuse(chunk, workers):
    raise AssertionError("workers started")


@pytest.mark.parametrize("radical", [True, False])
def test_workers_do_not_change_a_bit(radical, always, monkeypatch):
    """In three chunks of two workers, the last one not full, in both dimensions."""
    mixed = [relaxed(seed, 2 + seed % 2) for seed in range(9)]
    alone, several = Workspace(threads=1), Workspace(threads=2)
    find_cells(iter(mixed), "inherent", own if radical else ordinary, several, 2)
    monkeypatch.setattr(cells, "_surfaces", refuse)  # all is remembered
    liquids = [own(c) if radical else None for c in mixed]
    pairs = list(zip(mixed, liquids, strict=True))
    found = [cell_surfaces(c, "inherent", liquid, several) for c, liquid in pairs]
    monkeypatch.undo()
    for (configuration, liquid), surfaces in zip(pairs, found, strict=True):
        expected = cell_surfaces(configuration, "inherent", liquid, alone)
        np.testing.assert_array_equal(surfaces, expected)


def test_descriptors_of_a_fit_do_not_depend_on_the_workers(always):
    """Statistics over the training set and tables of the validation set, bit for bit."""
    train, validation = [relaxed(s) for s in range(4)], [relaxed(s) for s in (5, 6)]
    phases = [{"loss": "error", "learning_rate": 1e-3, "epochs": 1}]
    one, several = (
        GlassMlp(GlassMlpSettings(phases=phases), Workspace(threads=n)).fit(train, validation)
        for n in (1, 2)
    )
    for name in ("mean", "scale"):
        first, second = (model.network_.get_buffer(name).numpy() for model in (one, several))
        np.testing.assert_array_equal(first, second)
    for configuration in (*train, *validation):
        np.testing.assert_array_equal(one.features(configuration), several.features(configuration))


def test_few_configurations_are_held_at_a_time(always, monkeypatch):
    """At most two chunks: the one that is worked on and the one that is read meanwhile."""
    monkeypatch.setattr(cells, "_side_by_side", inline)
    workspace, held = Workspace(), []

    def reading():
        for number in range(40):
            held.append(number - len(workspace._kept))
            yield relaxed(number, 2)

    find_cells(reading(), "positions", own, workspace, 2)
    assert len(workspace._kept) == 40
    assert max(held) < 8


def test_few_particles_start_no_workers(monkeypatch):
    monkeypatch.setattr(cells, "_side_by_side", refuse)
    workspace = Workspace()
    few = [relaxed(seed) for seed in range(3)]
    find_cells(few, "inherent", own, workspace, 8)
    monkeypatch.setattr(cells, "_WORTH", 1)
    find_cells(few, "inherent", own, workspace, 1)
    assert not workspace._kept
    for configuration in few:
        cell_surfaces(configuration, "inherent", "ka", workspace)
    find_cells(few, "inherent", own, workspace, 8)  # nothing is left to be found


def test_radical_cells_have_the_sizes_of_the_liquid():
    snapshot, workspace = relaxed(1), Workspace()
    b = snapshot.types == 1
    kob_andersen, hard = (
        cell_surfaces(snapshot, "inherent", name, workspace)[b].mean()
        for name in ("ka", "hard-spheres")  # B: 0.88 and 0.85
    )
    assert hard < kob_andersen < cell_surfaces(snapshot, "inherent", None, workspace)[b].mean()
    with pytest.raises(SettingsError, match="has 2 species"):
        cell_surfaces(snapshot.with_fields(types=2 * snapshot.types), "inherent", "ka", workspace)


def test_a_missing_structure_is_named(always):
    bare = [relaxed(seed).with_fields(inherent=None) for seed in range(4)]
    with pytest.raises(ShapeError, match="has no 'inherent' positions"):
        find_cells(bare, "inherent", own, Workspace(), 2)


SCRIPT = """
import sys
sys.path[:0] = {paths!r}
from glasscast.structure import cells
from glasscast.runtime import Workspace
from tests.relaxed import relaxed
cells._WORTH = cells._AHEAD = 1
workspace = Workspace()
cells.find_cells([relaxed(s) for s in range(3)], "inherent", lambda _: "ka", workspace, 2)
print(len(workspace._kept))
"""


def test_a_script_without_a_guard_may_use_workers(tmp_path):
    """Nothing but the standard library's ``if __name__ == "__main__"`` would let it spawn."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(paths=sys.path))
    result = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=120, check=True
    )
    assert result.stdout.split() == ["3"]
