"""What needs no model: figure 2 and table 1 of the BOTAN paper."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from glasscast.liquid.box import FloatArray
from glasscast.recipes.curves import by_time, legend, panels
from glasscast.recipes.material import Material, Point
from glasscast.recipes.sheet import Sheet
from glasscast.recipes.tables import table_figure
from glasscast.report.style import GREY, series_style, styled

#: Relaxation times as printed.
_RELAXATION: Mapping[float, float] = {0.44: 4120.0, 0.50: 217.0, 0.64: 16.5}
#: Times of the labels as printed.
_TIMES: Mapping[float, tuple[float, ...]] = {
    0.44: (0.13, 1.3, 13, 130, 412, 1300, 4120, 13000, 41200, 130000),
    0.50: (0.108, 0.434, 2.17, 6.86, 21.7, 68.6, 217, 686, 2170, 6860),
    0.64: (0.100, 0.165, 0.52, 1.65, 5.2, 16.5, 52, 165, 520),
}


@styled
def draw_scattering(material: Material, sheet: Sheet) -> Figure:
    """Figure 2, of ensembles and, where it was recorded, of the equilibration before them."""
    figure, (axes,) = panels(1, height=2.9)
    for k, temperature in enumerate((0.44, 0.47, 0.50, 0.56, 0.64)):
        series = f"T = {temperature:.2f}"
        point = material.at_temperature(temperature)
        if point is None:
            sheet.lacks("main", series, f"the data do not hold {series}")
            continue
        axes.plot(
            point.times, point.scattering, label=series, **(series_style(k) | {"ms": 4, "lw": 1.3})
        )
        sheet.add("main", series, x=point.times, y=point.scattering, text="ensembles")
        lags = _before(point)
        if lags is not None:
            axes.plot(*lags, color=series_style(k)["color"], ls=":", lw=1, label="equilibration")
            sheet.add("main", series, x=lags[0], y=lags[1], text="equilibration")
        printed = _RELAXATION.get(temperature)
        if printed is not None:
            axes.axvline(printed, color=GREY, lw=0.8, ls="--")
            sheet.add(
                "main", series, source="printed", x=printed, y=np.exp(-1), text="relaxation time"
            )
            sheet.remark(
                f"{series}: F_s is 1/e at t = {point.crossing:.3g}; printed relaxation time, from "
                f"a fit, {printed:g}."
            )
    axes.axhline(np.exp(-1), color=GREY, lw=0.8, ls=":")
    by_time(axes)
    axes.set_ylabel(r"$F_s(k, t)$, species A, $k = 2\pi$")
    axes.set_ylim(0, 1)
    legend(figure, [axes])
    return figure


def _before(point: Point) -> tuple[FloatArray, FloatArray] | None:
    """Lags and scattering function of the equilibration, mean over configurations."""
    found = []
    for c in [*point.trained, *point.tested]:
        record = c.metadata.records.get("equilibration", {})
        if "lags" in record and "scattering" in record:
            # The second row is measured from the middle of a stretch, where it is equilibrated.
            found.append((record["lags"], record["scattering"][1]))
    lengths = {len(lags) for lags, _ in found}
    if not found or len(lengths) > 1:
        return None
    lags, values = np.array(found, dtype=np.float64).transpose(1, 0, 2)
    return lags.mean(axis=0), values.mean(axis=0)


@styled
def draw_times(material: Material, sheet: Sheet) -> Figure:
    """Table 1."""
    rows = []
    for temperature, printed in _TIMES.items():
        series = f"T = {temperature:.2f}"
        point = material.at_temperature(temperature)
        sheet.add("main", series, source="printed", x=np.arange(1, len(printed) + 1), y=printed)
        rows.append([f"[{series}]", *(f"{t:g}" for t in printed), *[""] * (10 - len(printed))])
        if point is None:
            sheet.lacks("main", series, f"the data do not hold {series}")
            continue
        times = point.times
        sheet.add("main", series, x=np.arange(1, len(times) + 1), y=times)
        cells = ["" if not np.isclose(times, t, rtol=0.02).any() else f"{t:g}" for t in printed]
        rows.append([series, *cells, *[""] * (10 - len(cells))])
    return table_figure(
        ["", *(str(k) for k in range(1, 11))],
        rows,
        widths=[0.14, *[0.086] * 10],
        note="t in LJ units; in brackets: printed; below: those that the data have.",
    )
