"""BOTAN files: ``isoconfig_N4096T0.44_1_tc07.npz``, one a configuration and time.

Keys: ``types`` (N,) 0 = A, 1 = B; ``initial_positions`` (N, 3); ``positions`` (R, N, 3) absolute,
followed across the faces. Mostly there is no ``box``: then it is cubic with the density of the
Kob-Andersen liquid, 1.2. Files that differ only in the tag ``tcNN`` are the times of one ensemble,
wherever below the folder they lie. Shiba et al., J. Chem. Phys. 158, 084503 (2023).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from glasscast.datasets.formats.checks import assemble, checked_frame
from glasscast.datasets.formats.format import Format, ReadOptions
from glasscast.datasets.formats.npz import read_npz_snapshot
from glasscast.datasets.formats.tagged import FrameStream, read_snapshot_arrays, tagged_files
from glasscast.datasets.frames import Ensemble
from glasscast.datasets.published import KA_DENSITY


def read_botan(path: Path, options: ReadOptions) -> Iterator[Ensemble]:
    """Read BOTAN files, one ensemble a configuration.

    Parameters
    ----------
    path : a file, or a folder searched to its depth.
    options : ``density`` fixes a cubic box, whatever the files say; ``tags`` and ``wrapped`` as in
        all formats.

    Yields
    ------
    Ensemble, in the order of the configurations' numbers.

    Raises
    ------
    InputError : naming file, key and mend.
    """
    density = options.density or KA_DENSITY
    for name, temperature, by_time in tagged_files(path, "ka", options.tags):
        sources = list(by_time.values())
        snapshot = read_snapshot_arrays(sources, optional=("box",))
        size = len(snapshot["types"])
        cubic = np.full(3, (size / density) ** (1 / 3))
        box = snapshot.get("box", cubic) if options.density is None else cubic
        parent = checked_frame(
            sources[0],
            snapshot["initial_positions"],
            snapshot["types"],
            box,
        )
        yield assemble(
            name=name,
            sources=sources,
            parent=parent,
            position_key="initial_positions",
            times=list(by_time),
            frames=FrameStream(sources),
            wrapped=bool(options.wrapped),
            metadata={
                "liquid": "ka",
                "temperature": temperature,
                "density": round(float(size / np.prod(parent.box)), 6),
                "format": "botan",
                "source": [file.name for file in sources],
            },
        )


FORMAT = Format(
    name="botan",
    description="BOTAN npz, isoconfig_N4096T0.44_1_tc07.npz",
    suffixes=(".npz",),
    detect=lambda head: {"positions", "initial_positions"} <= head.keys,
    options=("tags", "density", "wrapped"),
    ensembles=read_botan,
    snapshot=read_npz_snapshot,
)
