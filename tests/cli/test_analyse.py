"""What a report about data says is what was put into them."""

import json
from html import unescape

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.writer import DatasetWriter

TIMES = np.geomspace(0.05, 300, 12)
TAU = 20.0


def scattering(times):
    return 0.2 * np.exp(-((times / 0.2) ** 1.5)) + 0.8 * np.exp(-((times / TAU) ** 0.8))


def write(folder, count=3, **kept):
    """Write configurations that relax in TAU and move straight to their cage centres at first."""
    writer = DatasetWriter(folder)
    for k in range(count):
        rng = np.random.default_rng(k)
        box, size = np.full(3, 6.0), 200
        positions = rng.uniform(0, 6, (size, 3))
        pull = 0.1 * rng.normal(size=(size, 3))
        tendency = 0.05 * rng.normal(size=(len(TIMES), size, 3))
        tendency[0] = 0.5 * pull
        truth = rng.gamma(3.0, 0.1, (len(TIMES), size))
        halves = truth + 0.05 * rng.normal(size=(2, *truth.shape))
        lags = TIMES.tolist()
        decay = (scattering(TIMES) + 0.002 * rng.normal(size=12)).tolist()
        steady = [[1.0 + 0.01 * rng.normal(), 0.01], [1.0 + 0.01 * rng.normal(), 0.01]]
        records = {
            "production": {
                "scattering": decay,
                "squared_displacement": (0.01 * TIMES).tolist(),
                "energy_drift": (1e-6 * rng.normal(size=8)).tolist(),
            },
            "inherent": {"energy": -6.9},
        }
        equilibration = {
            "time": 100.0, "energy": steady, "pressure": steady, "temperature": steady,
            "lags": lags, "scattering": [decay, decay], "bond_order": 0.01,
        }  # fmt: skip
        fields = {
            "cage": (positions + pull) % 6,
            "tendency": tendency,
            "propensity": halves.mean(axis=0),
            "propensity_halves": halves,
        }
        writer.add(
            Configuration(
                name=f"c{k}",
                positions=positions,
                types=(np.arange(size) % 5 == 4).astype(np.int8),
                box=box,
                times=TIMES,
                metadata={"records": records, "equilibration": equilibration} | kept,
                **{key: value for key, value in fields.items() if key not in kept.get("less", ())},
            ),
            "",
        )
    writer.finish()
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write(tmp_path_factory.mktemp("analyse") / "data")


def test_analyse_finds_what_was_put_in(done, data, tmp_path):
    assert "report.html" in done("analyse", data, "-o", tmp_path)
    found = json.loads((tmp_path / "analysis.json").read_text())
    assert found["relaxation"]["tau_alpha"] == pytest.approx(TAU, rel=0.05)
    assert found["relaxation"]["beta"] == pytest.approx(0.8, rel=0.1)
    assert found["inherent_energy"] == pytest.approx([-6.9, 0.0], abs=1e-12)
    assert abs(found["energy_shift"][0]) < 5 * max(found["energy_shift"][1], 0.005)
    assert found["alignment"]["cage"][0] == pytest.approx(1.0, abs=1e-5)
    assert np.abs(found["alignment"]["cage"][1:]).max() < 0.1
    # Variances: 0.03 of the truth, 0.0025 / 2 of the noise of the mean.
    assert np.mean(found["noise_ceiling"]["A"]) == pytest.approx((0.03 / 0.03125) ** 0.5, abs=0.01)
    figures = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    drawn = {
        "structure", "equilibration", "relaxation", "labels", "alignment", "arrows",
        "true_smoothness", "graph_sizes",
    }  # fmt: skip
    assert figures == drawn
    page = (tmp_path / "report.html").read_text()
    assert page.count("<figure>") == len(drawn)
    assert "script-src 'none'" in unescape(page)
    # Particles thrown into the box at random: an ideal gas, but for the last bins of its own box.
    assert found["structure"]["configurations"] == 3
    for pair, like in (("A-A", 1), ("A-B", 0), ("B-B", 1)):
        g, s = (
            found["structure"][key][pair] for key in ("radial_distribution", "structure_factor")
        )
        assert max(g["r"]) < 3.0  # half the box
        assert np.mean(g["g"][50:]) == pytest.approx(1.0, abs=0.05)
        assert np.mean(s["S"]) == pytest.approx(like, abs=0.05)
    for text in ("How it is built", "first peak of g(r), A-A", "first peak of S(k), B-B"):
        assert text in page


def test_data_with_little_in_them_give_a_shorter_report(done, tmp_path):
    bare = write(
        tmp_path / "bare", 1, less=["tendency", "cage", "propensity_halves"],
        records={}, equilibration=None,
    )  # fmt: skip
    done("analyse", bare, "-o", tmp_path / "out")
    found = json.loads((tmp_path / "out" / "analysis.json").read_text())
    assert set(found) == {
        "dataset", "configurations", "structure", "propensity", "noise_ceiling", "smoothness",
        "graph",
    }  # fmt: skip
    assert found["noise_ceiling"] == {}
    drawn = {path.name for path in (tmp_path / "out" / "figures").glob("*.png")}
    assert drawn == {"structure.png", "labels.png", "true_smoothness.png", "graph_sizes.png"}
