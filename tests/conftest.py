from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasscast.errors import MissingExtraError


def _lammps_problem() -> str:
    from glasscast.simulation.lammps_library import start_lammps

    try:
        start_lammps([]).close()
    except MissingExtraError as error:
        return str(error)
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("lammps")]
    problem = _lammps_problem() if marked else ""
    if problem:
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=problem))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real configurations, beside the repository or its worktrees."""
    for parent in list(Path(__file__).resolve().parents)[1:4]:
        folder = parent.parent / "shared" / "data"
        if folder.is_dir():
            return folder
    pytest.skip("no ../shared/data")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)
