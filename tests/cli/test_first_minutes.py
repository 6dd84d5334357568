"""What a newcomer meets: the start, what comes next, what is missing, what a folder is."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from glasscast.cli import options
from glasscast.workflows.copy_examples import UNTOLD, copy_examples, described, example_folder

HEAVY = ("torch", "scipy", "matplotlib", "plotly", "sklearn", "vesin")


def test_alone_it_is_a_friendly_start(done):
    shown = done()
    for text in ("demo", "predict sample --model ka-T0.64-lr", "examples", "fetch", "--help"):
        assert text in shown
    assert "Usage" not in shown


def test_what_to_type_is_the_name_or_the_path_of_the_program(tmp_path, monkeypatch):
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    script = folder / "glasscast"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setenv("PATH", os.defpath)
    assert options.program() == ".venv/bin/glasscast"
    monkeypatch.setenv("PATH", str(folder))
    assert options.program() == "glasscast"
    monkeypatch.setattr(sys, "argv", [str(Path(options.__file__).parent / "__main__.py")])
    assert options.program() == "python -m glasscast"


def test_the_examples_are_copied_once_and_never_over_others(done, refused, tmp_path):
    shown = done("examples", tmp_path / "e")
    assert "train-linear.yaml" in shown
    assert (tmp_path / "e" / "own-model" / "coordination.py").exists()
    assert (tmp_path / "e" / "liquids" / "soft-spheres.yaml").exists()
    done("examples", tmp_path / "e")
    (tmp_path / "e" / "train-linear.yaml").write_text("mine")
    (tmp_path / "e" / "transfer.yaml").unlink()
    refused("examples", tmp_path / "e", says=["train-linear.yaml is there already"])
    assert not (tmp_path / "e" / "transfer.yaml").exists()


def test_each_example_says_what_it_needs_and_how_long_it_takes(tmp_path):
    found = copy_examples(tmp_path)
    assert len(found) == len([*example_folder().rglob("*.yaml")]) > 25
    for example in found:
        assert len(example.about) > 10, example
        assert UNTOLD not in (example.needs, example.takes), example
    lines = [
        "# A thing.",
        "#   glasscast x",
        "# Needs: T = 0.44, '.[md]'.",
        "# Takes: an hour.",
        "a: 1",
    ]
    text = "\n".join([*lines, "# Needs: no."])
    example = described("n", text)
    assert (example.about, example.needs, example.takes) == (
        "A thing.", "T = 0.44, '.[md]'", "an hour",
    )  # fmt: skip


def test_missing_files_are_found_before_anything_slow_is_loaded(tmp_path):
    """In a process of its own, for here all is loaded."""
    asked = [
        ["import", "absent", "out"],
        ["train", "absent", "-o", "out"],
        ["predict", "absent", "-m", "ka-T0.64-lr"],
        ["evaluate", "absent", "-m", "ka-T0.64-lr"],
        ["benchmark", "absent", "-o", "out"],
        ["analyse", "absent"],
    ]
    code = (
        "import sys; from glasscast.cli import main\n"
        f"for words in {asked!r}:\n"
        "    sys.argv = ['glasscast', *words]\n"
        "    try: main()\n"
        "    except SystemExit as stop: print(stop.code)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert ran.stdout.split("\n") == ["2"] * len(asked) + ["[]", ""]
    assert ran.stderr.count("absent: does not exist") == len(asked)


def test_info_knows_folders_of_experiments_and_of_forecasts(done, tmp_path, liquid, trained):
    shown = done("info", trained)
    for text in ("experiment", "train", "model (lr)", "finished", "lr"):
        assert text in shown
    out = tmp_path / "forecasts"
    done("predict", liquid, "-m", trained, "-o", out, "--format", "npz", "--no-report")
    shown = done("info", out)
    for text in ("glasscast predict", "snapshots", "4 .npz", "model"):
        assert text in shown
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "experiment.yaml").write_text(yaml.safe_dump({"models": {"a": {"name": "lr"}}}))
    shown = done("info", begun)
    for text in ("benchmark", "a (lr)", "not finished"):
        assert text in shown


def test_info_knows_files_of_settings(done):
    shown = done("info", example_folder() / "train-linear.yaml")
    for text in ("train", "nothing else", "half a minute"):
        assert text in shown


def test_another_snapshot_into_the_same_folder_is_told_where_to(
    done, refused, tmp_path, liquid, trained
):
    out = tmp_path / "forecast"
    done("predict", liquid, "-m", trained, "-o", out, "--no-report")
    (tmp_path / "forecast-2").mkdir()
    refused(
        "predict", "sample", "-m", trained, "-o", out,
        says=["snapshots", f"such as {tmp_path / 'forecast-3'}", "(--out)"],
    )  # fmt: skip
