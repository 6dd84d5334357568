"""No command replaces or deletes what it did not make for the same work."""

import shutil

import pytest

from tests.cli.material import botan_folder, contents, experiment


@pytest.fixture
def taken(tmp_path):
    """A folder of somebody's own."""
    folder = tmp_path / "taken"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    return folder


@pytest.mark.parametrize("command", ["train", "benchmark"])
def test_an_experiment_begins_in_no_folder_of_other_things(
    refused, tmp_path, liquid, taken, command
):
    path = experiment(tmp_path / "e.yaml", liquid)
    if command == "benchmark":
        path.write_text(f"data: {{datasets: [{liquid}]}}\nfolds: 2\nmodels: {{lr: {{name: lr}}}}\n")
    refused(
        command, path, "-o", taken, says=[taken, "holds 'thesis.tex', which is of no experiment"]
    )
    assert list(contents(taken)) == ["thesis.tex"]


@pytest.mark.parametrize(
    "command", ["import", "analyse", "evaluate", "predict", "demo", "copies", "reproduce"]
)
def test_no_command_writes_beside_other_things(refused, tmp_path, liquid, trained, taken, command):
    calls = {
        "import": ("import", botan_folder(tmp_path / "in"), taken),
        "analyse": ("analyse", liquid, "-o", taken),
        "evaluate": ("evaluate", liquid, "-m", trained, "-o", taken),
        "predict": ("predict", liquid, "-m", trained, "-o", taken),
        "demo": ("demo", "-o", taken),
        "copies": ("thermal-copies", liquid, taken, "--time", "0.01"),
        "reproduce": ("reproduce", "geo-gnn/supptable1", "-o", taken),
    }
    refused(*calls[command], says=[taken, "holds 'thesis.tex', "])
    assert list(contents(taken)) == ["thesis.tex"]


def test_one_dataset_does_not_take_the_place_of_another(done, refused, tmp_path, liquid):
    one, other = botan_folder(tmp_path / "one"), botan_folder(tmp_path / "other", 3)
    data = tmp_path / "data"
    done("import", one, data)
    before = contents(data)
    says = [data, "made by the same command for other work, source", "choose another folder"]
    refused("import", other, data, says=says)
    says = [data, "was made by 'glasscast import'"]
    refused("thermal-copies", liquid, data, "--time", "0.01", says=says)
    assert contents(data) == before
    assert "2 configurations" in done("import", one, data)  # its own, still
    assert contents(data) == before
    copy = shutil.copytree(liquid, tmp_path / "copy")  # of nobody knows whom
    before = contents(copy)
    refused("import", one, copy, says=[copy, "which this command did not make"])
    assert contents(copy) == before


def test_equilibrium_positions_leave_a_folder_of_that_name_alone(refused, tmp_path, liquid):
    data = shutil.copytree(liquid, tmp_path / "data")
    mine = data / "equilibrium"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    before = contents(data)
    refused("equilibrium", data, "--inherent", says=[mine, "holds 'notes.txt'"])
    assert contents(data) == before
