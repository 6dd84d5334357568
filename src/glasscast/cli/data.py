"""Commands that make data and look at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from glasscast.cli.options import (
    MAKE_ONE,
    Address,
    Cluster,
    Engine,
    Liquid,
    Out,
    Overrides,
    SchedulerKind,
    Temperature,
    Threads,
    Workers,
    console,
    refuse_absent,
    scheduler_for,
    shard_of,
    typed_options,
    workspace_for,
)
from glasscast.errors import SettingsError

if TYPE_CHECKING:
    from glasscast.datasets.scattering import AskedWave


def import_(
    source: Annotated[Path, typer.Argument(help="file or folder to read")],
    out: Annotated[Path, typer.Argument(help="dataset folder to write")],
    reading: Annotated[
        Literal["ensemble", "reversed", "chain"],
        typer.Option(
            "--as",
            help="ensemble: runs from one configuration, averaged; reversed: the end of each run "
            "is a configuration with the label of that run read backwards; chain: a file is one "
            "long run in equilibrium, each frame a configuration, labelled at --times",
        ),
    ] = "ensemble",
    stride: Annotated[
        int, typer.Option(help="frames of a chain from one configuration to the next", min=1)
    ] = 1,
    times: Annotated[
        str | None,
        typer.Option(
            help="times to keep, as 0.5,5,50, or how many logarithmically spaced ones, as 20; "
            "default: all, but 20 of more than 64 at equal spacing"
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="recognised when not given: lammps (dumps), gsd, extxyz, dcd, npz, botan, "
            "deepmind, glassbench-trajectories, glassbench-models",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="of the dataset")] = None,
    liquid: Annotated[
        str | None, typer.Option(help="where the files do not tell: a name or a YAML file")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(help="where the files do not tell; in LJ units, or in those that are scaled"),
    ] = None,
    wave_number: Annotated[
        str,
        typer.Option(
            "--wave-number",
            help="q of the scattering function: diameter (2 pi / sigma_AA), peak (first of S(q)), "
            "or a number",
        ),
    ] = "diameter",
    keep_runs: Annotated[
        bool, typer.Option("--keep-runs", help="keep the runs beside their means, for 'analyse'")
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            help="KEY=VALUE, what the files do not tell, repeatable: timestep=0.005 (of a step), "
            "wrapped=true (coordinates are folded), dimension=2, density=1.2 (BOTAN), "
            "tags={7: 4120} (times of published files); sigma=3.405, epsilon, mass and units=metal "
            "(scale files in other units to reduced ones, timestep is then in theirs)",
        ),
    ] = None,
    threads: Threads = 0,
) -> None:
    """Turn files of any known format into a dataset with all dynamic targets."""
    refuse_absent(source)
    import glasscast

    with workspace_for(threads, out) as workspace:
        dataset = glasscast.import_data(
            source,
            out,
            reading=reading,
            stride=stride,
            format_name=format_,
            options=typed_options(option, "option") | _times_of(times),
            name=name,
            liquid=liquid,
            temperature=temperature,
            wave_number=_wave_number(wave_number),
            keep_runs=keep_runs,
            workspace=workspace,
        )
    console.print(f"{len(dataset)} configurations in {out}", highlight=False, soft_wrap=True)


def _times_of(text: str | None) -> dict[str, object]:
    """Read what was said of times: a number of them, or the times, which have commas or points."""
    if text is None:
        return {}
    if text.strip().isdecimal():
        return {"times": int(text)}
    try:
        return {"times": tuple(float(time) for time in text.replace(",", " ").split())}
    except ValueError:
        raise SettingsError(f"'{text}' are no times and no number of them", "times") from None


def _wave_number(text: str) -> AskedWave:
    if text in ("diameter", "peak"):
        return "diameter" if text == "diameter" else "peak"
    try:
        return float(text)
    except ValueError:
        raise SettingsError(
            f"'{text}' is none of diameter, peak, or a number", "wave_number"
        ) from None


def join(
    dataset: Annotated[Path, typer.Argument(help="dataset folder that has the snapshots")],
    labels: Annotated[
        list[Path],
        typer.Argument(help="further dataset folders, or npz files or folders of labels alone"),
    ],
    out: Out,
    runs: Annotated[
        int | None,
        typer.Option(help="trajectories behind labels that do not tell their number", min=1),
    ] = None,
    prefer: Annotated[
        Literal["runs", "labels"],
        typer.Option(help="which source gives a time: that of more 'runs' or 'labels'"),
    ] = "runs",
    compact: Annotated[
        bool, typer.Option("--compact", help="round labels far below their error")
    ] = False,
    name: Annotated[str | None, typer.Option(help="of the dataset")] = None,
) -> None:
    """Put labels of the same snapshots at other times, from several sources, into one dataset."""
    refuse_absent(dataset, *labels, remedy=MAKE_ONE)
    import glasscast

    with workspace_for(1, out) as workspace:
        joined = glasscast.join_labels(
            dataset,
            labels,
            out,
            runs=runs,
            prefer=prefer,
            compact=compact,
            name=name,
            workspace=workspace,
        )
    console.print(f"{len(joined)} configurations in {out}", highlight=False, soft_wrap=True)


def fetch(
    name: Annotated[
        str | None, typer.Argument(help="of a collection; without it: list all there are")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="folder; default: downloads/NAME")
    ] = None,
    members: Annotated[
        list[str] | None,
        typer.Option("--member", help="only these paths, by * and **, repeatable"),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="address of a mirror, a folder, or the archive itself"),
    ] = None,
) -> None:
    """Fetch published data or weights: checked, resumed when cut, only the members asked for."""
    from glasscast.workflows import fetch as workflow

    if name is None:
        _show_rows(workflow.overview(), unbroken=("name", "size", "goes to"))
        return
    with workspace_for(1, out) as workspace:
        found = workflow.fetch(
            name, out, members=members or (), source=source, progress=workspace.progress
        )
    files = "1 file" if len(found.files) == 1 else f"{len(found.files)} files"
    console.print(f"{files} in {found.folder}", highlight=False, soft_wrap=True)
    console.print(f"next: {found.then}", highlight=False, soft_wrap=True)


def simulate(
    simulation: Annotated[Path, typer.Argument(help="YAML file of the simulation")],
    out: Out,
    overrides: Overrides = None,
    workers: Workers = 1,
    scheduler: SchedulerKind = "processes",
    shard: Annotated[
        str, typer.Option(help="i/n: only this share, counted from 0, for job arrays")
    ] = "0/1",
    address: Address = None,
    cluster: Cluster = None,
) -> None:
    """Make a dataset: equilibrate, isoconfigurational ensembles, inherent and cage states."""
    refuse_absent(simulation)
    import glasscast

    with workspace_for(1, out) as workspace:
        dataset = glasscast.simulate(
            simulation,
            out,
            scheduler_for(scheduler, workers, address, cluster),
            shard_of(shard),
            overrides=overrides or (),
            progress=workspace.progress,
        )
    state = "other shards are unfinished" if dataset is None else f"{len(dataset)} configurations"
    console.print(f"{state}; results in {out}", highlight=False)


def equilibrium(
    dataset: Annotated[Path, typer.Argument(help="dataset folder, changed in place")],
    inherent: Annotated[bool, typer.Option("--inherent", help="add inherent structures")] = False,
    cage: Annotated[bool, typer.Option("--cage", help="add cage states")] = False,
    liquid: Liquid = None,
    temperature: Temperature = None,
    radius: Annotated[
        float | None, typer.Option(help="R_cage in sigma of species A", show_default="0.45")
    ] = None,
    cycles: Annotated[
        int | None, typer.Option(help="Monte Carlo cycles averaged over", show_default="12000")
    ] = None,
    cage_by: Annotated[
        str | None,
        typer.Option(help="monte-carlo, or runs: cheaper and noisier", show_default="monte-carlo"),
    ] = None,
    cage_runs: Annotated[
        int | None, typer.Option(help="short runs averaged over", show_default="8")
    ] = None,
    cage_time: Annotated[
        float | None, typer.Option(help="of a short run, in LJ units", show_default="4")
    ] = None,
    force_tolerance: Annotated[
        float | None,
        typer.Option(help="largest force in an inherent structure", show_default="1e-08"),
    ] = None,
    seed: Annotated[int, typer.Option(help="of the cage states", min=0)] = 1,
    engine: Engine = None,
    workers: Workers = 1,
    scheduler: SchedulerKind = "processes",
    address: Address = None,
    cluster: Cluster = None,
) -> None:
    """Add equilibrium positions to a dataset: inherent structures, cage states, or both."""
    refuse_absent(dataset, remedy=MAKE_ONE)
    import glasscast

    tolerance = {} if force_tolerance is None else {"force_tolerance": force_tolerance}
    given = {
        "--cage-by": cage_by,
        "--cage-runs": cage_runs,
        "--cage-time": cage_time,
        "--radius": radius,
        "--cycles": cycles,
    }
    given = {option: value for option, value in given.items() if value is not None}
    if given and not cage:
        raise SettingsError(f"{' and '.join(given)} need --cage")
    if tolerance and not inherent:
        raise SettingsError("--force-tolerance needs --inherent")
    sampling = {option.removeprefix("--").removeprefix("cage-"): v for option, v in given.items()}
    with workspace_for(1, dataset) as workspace:
        changed = glasscast.add_equilibrium(
            dataset,
            tolerance if inherent else None,
            sampling if cage else None,
            liquid=liquid,
            temperature=temperature,
            seed=seed,
            engine=engine,
            scheduler=scheduler_for(scheduler, workers, address, cluster),
            progress=workspace.progress,
        )
    fields = " and ".join(key for key, asked in (("inherent", inherent), ("cage", cage)) if asked)
    console.print(
        f"{fields} positions in {len(changed)} configurations of {dataset}",
        highlight=False,
        soft_wrap=True,
    )


def thermal_copies(
    dataset: Annotated[Path, typer.Argument(help="dataset folder")],
    out: Annotated[Path, typer.Argument(help="dataset folder to write")],
    copies: Annotated[int, typer.Option(help="of each configuration", min=1)] = 10,
    time: Annotated[
        float, typer.Option(help="between a snapshot and its copies; long against vibrations")
    ] = 5.0,
    liquid: Liquid = None,
    temperature: Temperature = None,
    seed: Annotated[int, typer.Option(help="of the velocities", min=0)] = 1,
    engine: Engine = None,
    workers: Workers = 1,
    scheduler: SchedulerKind = "processes",
    address: Address = None,
    cluster: Cluster = None,
) -> None:
    """Make more snapshots of the same structures to train on, by short runs from each."""
    refuse_absent(dataset, remedy=MAKE_ONE)
    import glasscast

    with workspace_for(1, out) as workspace:
        made = glasscast.make_copies(
            dataset,
            out,
            copies=copies,
            time=time,
            liquid=liquid,
            temperature=temperature,
            seed=seed,
            engine=engine,
            scheduler=scheduler_for(scheduler, workers, address, cluster),
            progress=workspace.progress,
        )
    console.print(f"{len(made)} copies in {out}", highlight=False, soft_wrap=True)


def analyse(
    dataset: Annotated[Path, typer.Argument(help="dataset folder")],
    out: Out = Path("analysis"),
    wave_number: Annotated[
        str | None,
        typer.Option(
            "--wave-number",
            help="measure the scattering function anew from kept runs, at q = diameter, peak or a "
            "number",
        ),
    ] = None,
    threads: Threads = 0,
) -> None:
    """Look at data: equilibration, relaxation, noise ceiling, directions of motion; one report."""
    refuse_absent(dataset, remedy=MAKE_ONE)
    import glasscast

    with workspace_for(threads, out) as workspace:
        asked = None if wave_number is None else _wave_number(wave_number)
        glasscast.analyse(dataset, out, wave_number=asked, workspace=workspace)
    console.print(f"report in {out / 'report.html'}", highlight=False, soft_wrap=True)


def info(
    path: Annotated[
        str | None,
        typer.Argument(
            help="dataset, model, training, snapshots or ready model; without it: list the latter",
        ),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="check all checksums")] = False,
) -> None:
    """Say what a file or folder holds; list the ready models, or show the card of one."""
    from glasscast.workflows import describe as workflow

    if path is None:
        _show_ready(workflow.list_models())
        return
    card = workflow.card_of(path)
    if card is not None:
        if console.is_terminal:
            console.print(Markdown(card))
        else:
            console.print(card, end="", markup=False, highlight=False, soft_wrap=True)
        return
    table = Table(show_header=False, box=None)
    for heading, value in workflow.describe(Path(path), verify):
        table.add_row(f"[bold]{heading}[/]", value)
    console.print(table, highlight=False)


def examples(
    out: Annotated[Path, typer.Argument(help="folder to copy them to")] = Path("examples"),
) -> None:
    """Copy the example files, and say what each needs and how long it takes."""
    import glasscast

    rows = [
        {"file": e.name, "what": e.about, "needs": e.needs, "takes": e.takes}
        for e in glasscast.copy_examples(out)
    ]
    _show_rows(rows, unbroken=("file",))
    console.print(f"{len(rows)} examples in {out}", highlight=False, soft_wrap=True)


def _show_ready(models: list[dict[str, str]]) -> None:
    if not models:
        console.print("this installation has no ready models")
        return
    _show_rows(models, unbroken=("name", "score"))
    console.print(
        "score: Pearson correlation on test data, lowest to highest; info NAME shows the card"
    )


def _show_rows(rows: list[dict[str, str]], unbroken: tuple[str, ...]) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in rows[0]:
        table.add_column(heading, no_wrap=heading in unbroken)
    for row in rows:
        table.add_row(*row.values())
    # A file or a pipe has no width of its own: there nothing is cut.
    wide = console if console.is_terminal else Console(width=240)
    wide.print(table, highlight=False)
