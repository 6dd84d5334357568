"""Pictures of a slab: figures 4, 6 and 7 of the BOTAN paper."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from glasscast.datasets.configuration import Configuration
from glasscast.evaluation.bonds import (
    JudgedPairs,
    bond_lengths,
    forecast_of,
    joint_distribution,
    locally_averaged_displacement,
)
from glasscast.evaluation.correlation import pearson
from glasscast.liquid.box import FloatArray
from glasscast.liquid.neighbours import find_neighbours
from glasscast.recipes.curves import panels
from glasscast.recipes.maps import (
    SIGNED_MAP,
    arrows,
    bonds,
    colour_bar,
    field,
    frame,
    limits_of,
    slab,
)
from glasscast.recipes.material import Material, Moment, Point
from glasscast.recipes.scoring import correlations, pair_correlations, truth_of
from glasscast.recipes.sheet import Sheet
from glasscast.report.style import MOBILITY_MAP, PALETTE, styled

_RELAXATION = 4120.0
_NONE = "no time of the data is near this one"
_TRAININGS = {"BOTAN": "BOTAN", "NT-GNN": "NT-GNN"}
_RADIUS = 0.5  # of an A particle, in sigma
_NEAREST = JudgedPairs().closer_than


@styled
def draw_bond_maps(material: Material, sheet: Sheet) -> Figure:
    """Figures 4a and 4b."""
    point, time = material.point, float(sheet.entry.parameters["time"])
    moment = point.at(time, _RELAXATION)
    (number,) = sheet.entry.claims
    figure, axes = panels(2, columns=2, height=3.1)
    if moment is None:
        for panel in ("forecast", "truth"):
            sheet.lacks(panel, "bonds", _NONE)
        sheet.leave(number, _NONE)
        return figure
    shown, forecast = point.tested[0], material.forecasts("BOTAN p = 0")[0]
    inside = slab(shown, 11.1, 11.9, sheet)
    assert shown.bonds is not None
    assert shown.bond_change is not None
    (near,) = JudgedPairs().among(shown).values()
    chosen = near & inside[shown.bonds].all(axis=0)
    pairs = shown.bonds[:, chosen]
    true = shown.bond_change[moment.row, chosen].astype(np.float64)
    made = forecast_of(forecast, pairs)[moment.row]
    reach = float(np.quantile(np.abs(true), 0.98))
    for each, (panel, values) in zip(axes, {"forecast": made, "truth": true}.items(), strict=True):
        span = float(np.quantile(np.abs(values), 0.98))
        image = bonds(sheet, each, panel, "bonds", shown, pairs, values, (-span, span))
        frame(each, shown)
        each.set_title(f"{panel}, {moment.words}")
        colour_bar(figure, image, [each], r"$\mathcal{E}_{ij}$ (σ)")
    sheet.remark(f"{pairs.shape[1]} pairs; truth up to {reach:.3f}; each panel has its range.")
    score = pair_correlations(material.forecasts("BOTAN p = 0"), point).each[moment.row]
    if number == 1:
        sheet.judge(1, score - 0.3, f"r of pair-distance changes at {moment.words}, less 0.3")
    else:
        made_all = material.forecasts("BOTAN p = 0")
        contrast = [
            _contrast(c, forecast_of(f, c.bonds)[moment.row], moment)
            for c, f in zip(point.tested, made_all, strict=True)
            if c.bonds is not None
        ]
        sheet.judge(
            2,
            contrast,
            "r over particles of forecast and true mean |change| of their pairs "
            f"(pairs themselves: {score.mean():.3f})",
        )
    return figure


def _contrast(configuration: Configuration, made: FloatArray, moment: Moment) -> float:
    """Correlate forecast and true mobility of pairs, particle by particle."""
    (near,) = JudgedPairs().among(configuration).values()
    true = pair_mobility(configuration, moment)
    forecast = pair_mobility(configuration, moment, made[near])
    known = np.isfinite(true)
    return pearson(forecast[known], true[known])


@styled
def draw_joint(material: Material, sheet: Sheet) -> Figure:
    """Figures 6a to 6f."""
    point, time = material.point, float(sheet.entry.parameters["time"])
    moment = point.at(time, _RELAXATION)
    figure, (axes,) = panels(1, height=2.9)
    if moment is None:
        sheet.lacks("main", "density", _NONE)
        for number in sheet.entry.claims:
            sheet.leave(number, _NONE)
        return figure
    found = joint_distribution(point.trained)
    if found is None:
        sheet.lacks("main", "density", "the data hold no pair-distance changes")
        for number in sheet.entry.claims:
            sheet.leave(number, "the data hold no pair-distance changes")
        return figure
    row = int(np.argmin(np.abs(found.times - moment.time)))
    density, change = found.density[row], found.change[row]
    image = axes.pcolormesh(
        found.r,
        change,
        np.ma.masked_equal(density.T, 0),
        norm=LogNorm(),
        cmap=MOBILITY_MAP,
        rasterized=True,
    )
    middle_r, middle_e = ((e[1:] + e[:-1]) / 2 for e in (found.r, change))
    x, y = np.meshgrid(middle_r, middle_e, indexing="ij")
    sheet.add("main", "density", x=x.ravel(), y=y.ravel(), colour=density.ravel())
    share = density * np.diff(found.r)[:, None] * np.diff(change)
    known = share.sum(axis=1) > 1e-3
    mean = (share * middle_e).sum(axis=1)[known] / share.sum(axis=1)[known]
    axes.plot(middle_r[known], mean, color=PALETTE[1], lw=1.5)
    figure.colorbar(image, ax=axes, label="probability density (σ⁻²)")
    axes.set_xlabel(r"$r_{ij}(0)$ (σ)")
    axes.set_ylabel(r"$\mathcal{E}_{ij}$ (σ)")
    axes.set_title(moment.words)
    sheet.remark(f"{moment.words}; line: mean change at a distance.")
    each = [_joint_r(c, moment) for c in point.trained]
    for number in sheet.entry.claims:
        if number == 1:
            sheet.judge(1, -np.array(each) - 0.1, "minus r of distance and change, less 0.1")
        elif number == 2:
            small = np.array([_small(c, moment) for c in point.trained])
            sheet.judge(
                2, small - 0.5, f"share of pairs with |change| below {_RADIUS / 5:g}, less a half"
            )
        else:
            _judge_fading(sheet, number, point, moment, np.array(each))
    return figure


def _near_changes(configuration: Configuration, moment: Moment) -> tuple[FloatArray, FloatArray]:
    """Distances and changes of the nearest A-A pairs."""
    assert configuration.bonds is not None
    assert configuration.bond_change is not None
    (near,) = JudgedPairs().among(configuration).values()
    change = configuration.bond_change[moment.row, near].astype(np.float64)
    return bond_lengths(configuration)[near], change


def _joint_r(configuration: Configuration, moment: Moment) -> float:
    return pearson(*_near_changes(configuration, moment))


def _small(configuration: Configuration, moment: Moment) -> float:
    return float(np.mean(np.abs(_near_changes(configuration, moment)[1]) < _RADIUS / 5))


def _judge_fading(
    sheet: Sheet, number: int, point: Point, moment: Moment, here: FloatArray
) -> None:
    """Weaker than early and, up to the relaxation time, still there."""
    early = point.at(130.0, _RELAXATION)
    if early is None or early.row == moment.row:
        sheet.leave(number, "it takes an early time and a later one")
        return
    first = np.array([_joint_r(c, early) for c in point.trained])
    parts = {"weaker than early": here - first}
    if number == 3:
        parts["minus r"] = -here
    sheet.judge_all(number, parts, f"r of distance and change at {moment.words}")


def _two_moments(sheet: Sheet, point: Point, series: str) -> dict[str, Moment]:
    found = {}
    for time in (130.0, 4120.0):
        moment, panel = point.at(time, _RELAXATION), f"t = {time:g}"
        if moment is None:
            sheet.lacks(panel, series, _NONE)
        else:
            found[panel] = moment
    return found


@styled
def draw_fields(material: Material, sheet: Sheet) -> Figure:
    """Figures 7a to 7c."""
    point, of = material.point, str(sheet.entry.parameters["of"])
    shown = point.tested[0]
    inside = slab(shown, 11.1, 11.9, sheet)
    moments = _two_moments(sheet, point, of)
    figure, axes = panels(2, columns=2, height=3.1)
    truth = truth_of("propensity")(shown)
    made = None if of == "truth" else material.forecasts(_TRAININGS[of])[0].values
    for each, (panel, moment) in zip(axes, moments.items(), strict=False):
        values = truth[moment.row] if made is None else made[moment.row].astype(np.float64)
        limits = limits_of([truth[moment.row, inside]])
        image = field(sheet, each, panel, of, shown, inside, values, limits)
        frame(each, shown)
        each.set_title(f"{of}, {moment.words}")
        colour_bar(figure, image, [each], "propensity (σ)")
    sheet.remark("Colours have the range of the truth; points are particles.")
    for number in sheet.entry.claims:
        _judge_field(material, sheet, number, moments)
    return figure


def _judge_field(material: Material, sheet: Sheet, number: int, moments: dict[str, Moment]) -> None:
    point = material.point
    if number == 1:
        scores = {k: correlations(material.forecasts(t), point).each for k, t in _TRAININGS.items()}
        parts = {
            panel: scores["BOTAN"][m.row] - scores["NT-GNN"][m.row] for panel, m in moments.items()
        }
        if parts:
            sheet.judge_all(1, parts, "r of the propensity, BOTAN less NT-GNN")
        else:
            sheet.leave(1, _NONE)
        return
    early = moments.get("t = 130")
    if early is None:
        sheet.leave(2, _NONE)
        return
    fields = [(c, truth_of("propensity")(c)[early.row]) for c in point.everything]
    if sheet.entry.parameters["of"] == "BOTAN":
        made = zip(point.tested, material.forecasts("BOTAN"), strict=True)
        fields = [(c, f.values[early.row].astype(np.float64)) for c, f in made]
    each = [_follows(c, values, early) for c, values in fields]
    sheet.judge(2, each, "r over A of propensity and mean |change| of pairs")


def _follows(configuration: Configuration, values: FloatArray, moment: Moment) -> float:
    mobility = pair_mobility(configuration, moment)
    chosen = (configuration.types == 0) & np.isfinite(mobility)
    return pearson(values[chosen], mobility[chosen])


def pair_mobility(
    configuration: Configuration, moment: Moment, changes: FloatArray | None = None
) -> FloatArray:
    """Mean absolute change of the nearest A-A pairs of each particle: (N,); NaN without a pair.

    Parameters
    ----------
    changes : (n,) of those pairs; as measured by default.
    """
    assert configuration.bonds is not None
    assert configuration.bond_change is not None
    (near,) = JudgedPairs().among(configuration).values()
    values = configuration.bond_change[moment.row, near] if changes is None else changes
    ends = configuration.bonds[:, near].ravel()
    total = np.bincount(ends, np.tile(np.abs(values), 2), configuration.size)
    count = np.bincount(ends, minlength=configuration.size)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


@styled
def draw_collective(material: Material, sheet: Sheet) -> Figure:
    """Figure 7d."""
    point = material.point
    moments = _two_moments(sheet, point, "arrows")
    shown = point.tested[0]
    inside = slab(shown, 10.9, 12.1, sheet)
    figure, axes = panels(2, columns=2, height=3.0)
    averaged = locally_averaged_displacement(shown)
    for each, (panel, moment) in zip(axes, moments.items(), strict=False):
        arrows(sheet, each, panel, "arrows", shown, inside, averaged[moment.row])
        frame(each, shown)
        each.set_title(moment.words)
    sheet.remark("Arrows are scaled to a mean length of 0.8.")
    rows = [m.row for m in moments.values()]
    cosines = np.array([_alignment(c, rows) for c in point.everything])
    order = dict(zip(moments, cosines.T, strict=True))
    if order:
        sheet.judge_all(
            1,
            order,
            "mean cosine of averaged displacements of A particles 3 to 3.5 apart",
        )
    else:
        sheet.leave(1, _NONE)
    if len(order) == 2:
        sheet.judge(2, order["t = 130"] - order["t = 4120"], "the same cosine, t = 130 less 4120")
    else:
        sheet.leave(2, "it takes both times")
    return figure


def _alignment(configuration: Configuration, rows: list[int]) -> FloatArray:
    """Mean cosine of locally averaged displacements of pairs that share no neighbour: (rows,)."""
    averaged = locally_averaged_displacement(configuration)[rows]
    length = np.linalg.norm(averaged, axis=2)
    unit = averaged / np.where(length > 0, length, 1.0)[:, :, None]
    far = find_neighbours(configuration.positions, configuration.box, 3.5)
    mine = configuration.types == 0
    chosen = (far.distances > 3.0) & mine[far.receivers] & mine[far.senders]
    one, other = far.receivers[chosen], far.senders[chosen]
    cosine = np.sum(unit[:, one] * unit[:, other], axis=2)
    # Displacements are kept in steps, so that a few are 0 and have no direction.
    defined = (length[:, one] > 0) & (length[:, other] > 0)
    return np.asarray(cosine.sum(axis=1) / defined.sum(axis=1))


@styled
def draw_errors(material: Material, sheet: Sheet) -> Figure:
    """Figures 7e and 7f."""
    point, of = material.point, str(sheet.entry.parameters["of"])
    shown = point.tested[0]
    inside = slab(shown, 11.1, 11.9, sheet)
    moments = _two_moments(sheet, point, of)
    forecasts = material.forecasts(_TRAININGS[of])
    figure, axes = panels(2, columns=2, height=3.1)
    for each, (panel, moment) in zip(axes, moments.items(), strict=False):
        error = _error(shown, forecasts[0].values[moment.row], moment)
        reach = float(np.nanquantile(np.abs(error[inside]), 0.98))
        image = field(
            sheet, each, panel, of, shown, inside, error, (-reach, reach), colours=SIGNED_MAP
        )
        frame(each, shown)
        each.set_title(f"{of}, {moment.words}")
        colour_bar(figure, image, [each], "forecast − truth (σ)")
    for number in sheet.entry.claims:
        if not moments:
            sheet.leave(number, _NONE)
        elif number == 1:
            parts = {
                panel: np.array(
                    [
                        _patchiness(c, _error(c, f.values[m.row], m))
                        for c, f in zip(point.tested, forecasts, strict=True)
                    ]
                )
                for panel, m in moments.items()
            }
            sheet.judge_all(1, parts, "correlation of the errors of A neighbours closer than 1.35")
        else:
            _judge_contours(material, sheet, moments)
    return figure


def _error(configuration: Configuration, made: FloatArray, moment: Moment) -> FloatArray:
    true = truth_of("propensity")(configuration)[moment.row]
    return np.asarray(np.asarray(made, dtype=np.float64) - true)


def _patchiness(configuration: Configuration, error: FloatArray) -> float:
    mine = configuration.types == 0
    near = find_neighbours(configuration.positions[mine], configuration.box, _NEAREST)
    values = error[mine]
    return pearson(values[near.receivers], values[near.senders])


def _judge_contours(material: Material, sheet: Sheet, moments: dict[str, Moment]) -> None:
    """Arrows along contours: |cosine| of arrow and error gradient is below that of chance, 1/2."""
    point = material.point
    if "t = 130" not in moments:
        sheet.leave(2, _NONE)
        return
    moment, found = moments["t = 130"], []
    for c, forecast in zip(point.tested, material.forecasts(_TRAININGS["NT-GNN"]), strict=True):
        error = _error(c, forecast.values[moment.row], moment)
        near = find_neighbours(c.positions, c.box, 2.0)
        known = np.isfinite(error[near.senders]) & np.isfinite(error[near.receivers])
        one, other = near.receivers[known], near.senders[known]
        step = (error[other] - error[one])[:, None] * near.vectors[known]
        step /= (near.distances[known] ** 2)[:, None]
        gradient = np.stack(
            [np.bincount(one, step[:, axis], c.size) for axis in range(c.dimension)],
            axis=1,
        )
        averaged = locally_averaged_displacement(c)[moment.row]
        size = np.linalg.norm(averaged, axis=1)
        strong = (c.types == 0) & (size > np.median(size))
        cosine = np.sum(gradient * averaged, axis=1) / np.maximum(
            size * np.linalg.norm(gradient, axis=1), 1e-12
        )
        found.append(0.5 - float(np.abs(cosine[strong]).mean()))
    sheet.judge(2, found, "1/2, as by chance, less |cosine| of arrow and gradient of the error")
