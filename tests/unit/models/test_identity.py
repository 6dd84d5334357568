"""What tells one fit from another, and what does not."""

from dataclasses import replace

import pytest

from glasscast.datasets.dataset import Dataset, Entry
from glasscast.errors import InputError
from glasscast.models.botan.settings import BotanSettings
from glasscast.models.eignn.settings import EignnCageSettings
from glasscast.models.identity import by_content, fit_identity
from tests.deep import liquid


def test_files_in_settings_are_known_by_their_content(tmp_path):
    """A copy elsewhere is the same start, another version of the file is not."""

    def settings(name: str) -> BotanSettings:
        return by_content(BotanSettings(initial_weights=name).beside(tmp_path))

    (tmp_path / "a.pth").write_bytes(b"one")
    (tmp_path / "b.pth").write_bytes(b"one")
    assert settings("a.pth") == settings("b.pth")
    before = settings("b.pth")
    (tmp_path / "b.pth").write_bytes(b"two")
    assert settings("b.pth") != before
    saved = tmp_path / "model"
    saved.mkdir()
    (saved / "weights.safetensors").write_bytes(b"one")
    assert settings("model") == settings("a.pth")
    (saved / "weights.safetensors").unlink()
    with pytest.raises(InputError, match=r"weights\.safetensors: does not exist"):
        settings("model")
    plain = BotanSettings()
    assert plain.beside(tmp_path) == by_content(plain) == plain


def test_a_liquid_in_settings_is_a_name_or_a_file(tmp_path):
    named = EignnCageSettings(liquid="ka")
    assert named.beside(tmp_path) == by_content(named) == named
    filed = EignnCageSettings(liquid="own.yaml").beside(tmp_path)
    assert filed.liquid == str(tmp_path / "own.yaml")
    with pytest.raises(InputError, match="'liquid' names it"):
        by_content(filed)


def dataset(tmp_path, checksum: str = "one") -> Dataset:
    return Dataset("data", (Entry("a", tmp_path / "a.npz", checksum, 1, "a"),), {})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"settings": BotanSettings(hidden=32)}, "setting hidden"),
        ({"settings": BotanSettings(training={"epochs": 3})}, "setting training.epochs"),
        ({"seed": 1}, "seed"),
        ({"train": "another file"}, "training set"),
        ({"train": "other times"}, "training set"),
        ({"validation": [liquid(2)]}, "validation set"),
        ({"settings": BotanSettings(training={"device": "cpu"})}, None),
        ({"settings": BotanSettings(training={"checkpoint_every": 7})}, None),
    ],
    ids=str,
)
def test_all_that_changes_a_result_changes_the_identity_and_is_named(tmp_path, changes, what):
    data = dataset(tmp_path)
    changed = {
        "another file": dataset(tmp_path, "two"),
        "other times": replace(data, entries=(replace(data.entries[0], kept_times=(1.0,)),)),
    }
    given = {"settings": BotanSettings(), "seed": 0, "train": data, "validation": ()}
    other = given | changes
    if isinstance(other["train"], str):
        other["train"] = changed[other["train"]]
    before, after = fit_identity(**given), fit_identity(**other)
    assert {key for key in before if before[key] != after[key]} == ({what} if what else set())
