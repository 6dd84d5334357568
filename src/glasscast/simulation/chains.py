"""One long run from each start: every piece of it labels a configuration, forward and backward.

Frames lie in blocks of logarithmic times: around each configuration on the way, the lags of the
labels before and after it. What comes after the quench is not spent on a single snapshot then.
"""

from __future__ import annotations

from collections.abc import Sequence

from glasscast.errors import SettingsError
from glasscast.simulation.engine import steps_of
from glasscast.simulation.settings import ChainSettings


def origins(chain: ChainSettings, step: float) -> list[int]:
    """Return the steps of the configurations on a run, the first at 0; ``step`` is a time."""
    (every,), (length,) = steps_of([chain.every], step), steps_of([chain.length], step)
    return list(range(0, length + 1, every))


def frames(chain: ChainSettings, times: Sequence[float], step: float) -> list[int]:
    """Return the steps of a run that are looked at: configurations, and the frames around.

    Parameters
    ----------
    times : of the labels.
    step : the time step.

    Raises
    ------
    SettingsError : for times that a step cannot tell apart, or longer than the run.
    """
    lags, places = steps_of(times, step), origins(chain, step)
    if lags[-1] > places[-1]:
        raise SettingsError(
            f"a chain of {chain.length:g} has no two configurations {times[-1]:g} apart"
        )
    last = round(chain.length / step)
    around = {place + side * lag for place in places for lag in lags for side in (-1, 1)}
    return sorted(found for found in {*places, *around} if 0 < found <= last)
