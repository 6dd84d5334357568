"""The alarm on real snapshots of T = 0.44: fifty sound ones, twenty that are foreign."""

from collections.abc import Iterator

import numpy as np
import pytest
from tests.unit.models.test_limits import bare, fcc, shaken, squeezed, strained

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.models.limits import Limits
from glasscast.workflows.demo import load_sample


@pytest.mark.slow
def test_fifty_sound_and_twenty_foreign_snapshots(real_data):
    """Sound are ends of runs, a relaxation time later; foreign ones are told by wrong names."""
    data = Dataset.open(real_data / "ka_T0.44_own")
    limits = Limits.of(list(data)[:8])
    false = {c.name: said for c in ends_of_runs(data, real_data) if (said := told(limits, c))}
    foreign = dict(strangers(data))
    found = {name: told(limits, c) for name, c in foreign.items()}
    for name, said in found.items():
        print(f"{name}: {'; '.join(said) or 'NOT FOUND'}")
    print(f"false alarms: {len(false)} of 50: {false}")
    assert len(foreign) == 20
    assert all(found.values())
    assert len(false) <= 1  # one in a thousand, for each of eight quantities


def told(limits: Limits, snapshot: Configuration) -> list[str]:
    return [str(departure) for departure in limits.departures(snapshot)]


def ends_of_runs(data: Dataset, folder) -> Iterator[Configuration]:
    for number, c in enumerate(data, 1):
        path = folder / "botan_T0.44" / f"isoconfig_N4096T0.44_{number}_tc07.npz"
        with np.load(path) as arrays:
            for run in range(5):
                positions = np.asarray(arrays["positions"][run], dtype=np.float64)
                types = arrays["types"].astype(np.int8)
                yield bare(c.with_fields(types=types), positions, c.box)


def strangers(data: Dataset) -> Iterator[tuple[str, Configuration]]:
    """Twenty snapshots, all said to be of the liquid at T = 0.44 and its density."""
    c = data[8]
    for k in range(6):
        hotter = load_sample()[k]
        yield f"T = 0.64, {k}", hotter.with_fields(metadata=c.metadata)
    for k in range(3):
        other = data[k]
        yield f"inherent structure, {k}", bare(other, other.inherent, other.box)
    for share in (0.9, 1.1):
        yield f"vibrations times {share}", shaken(c, share)
    for strain in (0.015, 0.03, 0.05):
        yield f"strain {strain}", strained(c, strain)
    for density in (1.01, 1.03, 1.1):
        yield f"density times {density}", squeezed(c, density)
    for k in range(3):
        yield f"crystal, {k}", fcc(load_sample()[k]).with_fields(metadata=c.metadata)
