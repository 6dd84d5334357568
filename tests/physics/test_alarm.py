"""The alarm on fifty sound snapshots and twenty foreign ones, at T = 0.44 and at T = 0.64."""

from collections.abc import Iterator

import numpy as np
import pytest
from tests.unit.models.test_limits import bare, fcc, shaken, squeezed, strained

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.models.limits import Limits
from glasscast.models.registry import load_model
from glasscast.simulation.copies import copies_of
from glasscast.simulation.registry import load_engine
from glasscast.workflows.demo import load_sample


@pytest.mark.slow
def test_fifty_sound_and_twenty_foreign_snapshots(real_data):
    """Sound are ends of runs, a relaxation time later; foreign ones are told by wrong names."""
    data = Dataset.open(real_data / "ka_T0.44_own")
    sound, foreign = list(ends_of_runs(data, real_data)), dict(strangers(data))
    for limits in (Limits.of(list(data)[:8]), load_model("ka-T0.44-glass-mlp").limits_):
        check(limits, sound, foreign)


@pytest.mark.slow
@pytest.mark.lammps
def test_the_ready_models_of_the_higher_temperature_tell_them_apart():
    """Sound are the six test configurations, five time units later with new velocities."""
    tested = list(load_sample().split("test"))
    later = [moved(c, 9, 0.64) for c in tested]
    sound = [c for of in zip(*later, strict=True) for c in of][:50]
    foreign = dict(warm_strangers(tested))
    for name in ("ka-T0.64-lr", "ka-T0.64-eignn-cage"):
        check(load_model(name).limits_, sound, foreign)


def check(limits: Limits, sound: list[Configuration], foreign: dict[str, Configuration]) -> None:
    """All foreign snapshots are told and hardly any sound one; which, is printed."""
    false = [said for c in sound if (said := told(limits, c))]
    found = {name: told(limits, c) for name, c in foreign.items()}
    for name, said in found.items():
        print(f"{name}: {'; '.join(said) or 'NOT FOUND'}")
    print(f"false alarms: {len(false)} of {len(sound)}: {false}")
    assert (len(sound), len(foreign)) == (50, 20)
    assert all(found.values())
    assert len(false) <= 1  # one in a thousand, for each of eight quantities


def moved(snapshot: Configuration, copies: int, temperature: float) -> list[Configuration]:
    """Return where runs from a snapshot are after five time units, begun at any temperature."""
    untold = snapshot.with_fields(metadata={"liquid": "ka"})
    made = copies_of(untold, copies, 5.0, load_engine(None), temperature=temperature)
    return [bare(snapshot, c.positions, c.box) for c in made]


def warm_strangers(tested: list[Configuration]) -> Iterator[tuple[str, Configuration]]:
    """Twenty snapshots, all said to be of the liquid at T = 0.64 and its density."""
    for temperature in (0.5, 0.8):
        for k in range(3):
            (other,) = moved(tested[k], 1, temperature)
            yield f"velocities of T = {temperature}, {k}", other
    for k in range(3):
        yield f"inherent structure, {k}", bare(tested[k], tested[k].inherent, tested[k].box)
    yield from spoiled(tested[3])
    for k in range(3):
        yield f"crystal, {k}", fcc(tested[k])


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
    yield from spoiled(c)
    for k in range(3):
        yield f"crystal, {k}", fcc(load_sample()[k]).with_fields(metadata=c.metadata)


def spoiled(c: Configuration) -> Iterator[tuple[str, Configuration]]:
    """Eight changes of a sound snapshot."""
    for share in (0.9, 1.1):
        yield f"vibrations times {share}", shaken(c, share)
    for strain in (0.015, 0.03, 0.05):
        yield f"strain {strain}", strained(c, strain)
    for density in (1.01, 1.03, 1.1):
        yield f"density times {density}", squeezed(c, density)
