"""The sections of a report on data, each from its own numbers; without them it is empty."""

from __future__ import annotations

import math

from glasscast.evaluation.analysis import (
    Dynamics,
    Equilibration,
    Labels,
    Tendency,
)
from glasscast.evaluation.bonds import JointDistribution
from glasscast.evaluation.runs import RunStatistics
from glasscast.evaluation.structure import Structure, first_peak
from glasscast.evaluation.true_fields import GraphSizes, TrueSmoothness
from glasscast.report import html
from glasscast.report.analysis_figures import (
    alignment_figure,
    arrow_figure,
    equilibration_figure,
    label_figure,
    relaxation_figure,
    structure_figure,
)
from glasscast.report.bond_figures import joint_figure
from glasscast.report.page import Content, Section
from glasscast.report.run_figures import direction_figure, overlap_figure
from glasscast.report.truth_figures import graph_figure, true_smoothness_figure


def structure_section(found: Structure | None) -> Section:
    """Show distances and wavenumbers at which particles of each pair of species are ordered."""
    contents: list[Content] = []
    if found is not None:
        peaks = {
            f"first peak of {name}, {pair}": f"{first_peak(curve):.4g} {unit}"
            for name, curves, unit in (("g(r)", found.radial, "σ"), ("S(k)", found.static, "1/σ"))
            for pair, curve in curves.items()
            if not math.isnan(first_peak(curve))
        }
        contents = [html.facts(peaks), structure_figure(found)]
    return Section("How it is built", contents)


def equilibration_section(found: Equilibration | None) -> Section:
    """Compare the halves of the longest stretch recorded, and two waiting times."""
    contents: list[Content] = []
    if found is not None:
        rows = {
            key: f"{mean.mean:.4f}, second half minus first "
            f"{found.shifts[key].mean:+.4f} ± {found.shifts[key].error:.4f}"
            for key, mean in found.means.items()
        }
        rows["bond order, largest"] = f"{found.largest_bond_order:.3f} (a crystal has 0.4 to 0.6)"
        if found.inherent_energy is not None:
            energy, error = found.inherent_energy
            rows["energy of inherent structures"] = f"{energy:.4f} ± {error:.4f}"
        contents = [html.facts(rows), equilibration_figure(found)]
    return Section("Is it equilibrated?", contents)


def relaxation_section(found: Dynamics | None) -> Section:
    """Show scattering function and mean-square displacement of the production runs."""
    contents: list[Content] = []
    if found is not None:
        rows = {}
        if found.energy_drift is not None:
            drift, error = found.energy_drift
            rows["drift of the energy in a run, per particle"] = f"{drift:.1e} ± {error:.1e}"
        if found.q is not None:
            rows["wave number q (1/σ)"] = f"{found.q:.4g}, {found.q_from}"
        if not math.isnan(found.crossing):
            rows["relaxation time by 1/e"] = f"{found.crossing:.4g}"
        if found.fit is not None:
            rows["relaxation time by the fit"] = (
                f"{found.fit.tau_alpha:.4g}, stretching exponent {found.fit.beta:.2f}"
            )
        contents = [html.facts(rows), relaxation_figure(found)]
    return Section("How it relaxes", contents)


def label_section(found: Labels | None) -> Section:
    """Show mean propensity and noise ceiling."""
    return Section("What can be forecast", [] if found is None else [label_figure(found)])


def neighbour_section(found: JointDistribution | None) -> Section:
    """Show how the change of the distance of neighbours goes with the distance."""
    return Section("How neighbours part", [] if found is None else [joint_figure(found)])


def smoothness_truth_section(found: TrueSmoothness | None) -> Section:
    """Show how smooth the measured propensity is, globally and around each particle."""
    return Section("How smooth it is", [] if found is None else [true_smoothness_figure(found)])


def graph_section(found: GraphSizes | None) -> Section:
    """Show how large graphs of the particles are, by their threshold."""
    return Section("How large graphs are", [] if found is None else [graph_figure(found)])


def tendency_section(found: Tendency | None) -> Section:
    """Show how directed the motion is, and whether equilibrium positions know the way."""
    contents: list[Content] = []
    if found is not None:
        shares = {
            f"|tendency| / propensity at t = {time:g}": f"{share:.3f}"
            for time, share in zip(found.times, found.directedness, strict=True)
        }
        contents = [html.facts(shares)]
        if found.cosines:
            contents.append(alignment_figure(found))
        rows = sorted({0, len(found.times) // 2})
        contents.append(arrow_figure(found.example, rows))
    return Section("Where particles tend to", contents)


def run_section(found: RunStatistics | None) -> Section:
    """Show what single runs tell: overlap, susceptibility, directions of one particle."""
    contents: list[Content] = []
    if found is not None:
        cosines = {
            f"cosine between two runs at t = {time:g}": f"{cosine:.3f}"
            for time, cosine in zip(found.times, found.cosine, strict=True)
            if not math.isnan(cosine)
        }
        contents = [html.facts(cosines), overlap_figure(found), direction_figure(found)]
    return Section("What single runs tell", contents)
