"""How trainings went: figure 3, and supplementary figures S4, S6 and S7 of the letter."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter

from glasscast.liquid.box import FloatArray
from glasscast.recipes.curves import legend, panels
from glasscast.recipes.material import Material
from glasscast.recipes.sheet import Sheet
from glasscast.report.style import series_style, styled
from glasscast.training.history import Epoch

_LOSSES = {"training": "loss", "test": "test_loss"}
_WHEN = (
    "The loss of training is the mean while an epoch runs, that of the test set is of its end, by "
    "averaged weights, so that it may lie below."
)
_SCORES = {"propensity": "test_pearson", "pair-distance change": "test_pair_pearson"}


@styled
def draw_losses(material: Material, sheet: Sheet) -> Figure:
    """Figure 3."""
    history = material.trained("BOTAN p = 0", material.point).history
    figure, (axes,) = panels(1, height=2.8)
    for k, (series, column) in enumerate(_LOSSES.items()):
        values = _column(history, column)
        looks = series_style(k) | {"ms": 3, "lw": 1.3}
        axes.plot(_epochs(history), values, label=series, **looks)
        sheet.add("main", series, x=_epochs(history), y=values)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss of standardised targets")
    axes.set_yscale("log")
    for formatted in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        formatted(FormatStrFormatter("%.2g"))
    sheet.remark(_WHEN)
    legend(figure, [axes])
    _judge_convergence(sheet, history, "test_loss")
    return figure


@styled
def draw_losses_and_scores(material: Material, sheet: Sheet) -> Figure:
    """Supplementary figures S4, S6 and S7."""
    wanted = sheet.entry.panels["main"]
    history = material.trained(sheet.entry.recipe.trainings[0], material.point).history
    figure, (axes,) = panels(1, height=2.9)
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    x = _epochs(history)
    for k, series in enumerate(wanted):
        is_loss = series in _LOSSES
        values = _column(history, (_LOSSES if is_loss else _SCORES)[series])
        looks = series_style(k) | {"ms": 3, "lw": 1.3}
        (axes if is_loss else right).plot(x, values, label=series, **looks)
        sheet.add("main", series, x=x, y=values)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss of standardised targets")
    right.set_ylabel("Pearson r of the test set")
    right.set_ylim(0, 1)
    axes.set_ylim(bottom=0)
    sheet.remark(_WHEN)
    legend(figure, [axes, right])
    column = "test_pair_pearson"
    if sheet.entry.figure == "supp-s4":
        sheet.leave(
            1,
            f"it takes thousands of epochs; after {len(history)} r of pairs is "
            f"{_column(history, column)[-1]:.3f} and still changes by "
            f"{_last_change(history, column):.3f} an epoch",
        )
    else:
        _judge_convergence(sheet, history, column)
    return figure


def _epochs(history: tuple[Epoch, ...]) -> FloatArray:
    return np.array([row.epoch for row in history], dtype=np.float64)


def _column(history: tuple[Epoch, ...], name: str) -> FloatArray:
    return np.array([getattr(row, name) for row in history], dtype=np.float64)


def _last_change(history: tuple[Epoch, ...], column: str) -> float:
    values = _column(history, column)
    return float(abs(values[-1] - values[-2])) if len(values) > 1 else float("nan")


def _judge_convergence(sheet: Sheet, history: tuple[Epoch, ...], column: str) -> None:
    """Converged: over the last tenth of the epochs the test set changes by less than 2 %."""
    values = _column(history, column)
    if len(values) < 2 or not np.isfinite(values).all():
        sheet.leave(1, "the history of the test set was not kept")
        return
    back = max(1, len(values) // 10)
    change = abs(values[-1] / values[-1 - back] - 1)
    told = f"relative change of the test {'loss' if 'loss' in column else 'correlation'} over the "
    told += f"last {back} of {len(values)} epochs: {change:.3f}"
    if len(values) < 100:
        sheet.leave(1, f"{told}; the learning rate falls to 0, that of the paper does not")
    else:
        sheet.decide(1, change < 0.02, told)
