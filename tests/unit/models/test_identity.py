"""What tells one fit from another, and what does not."""

from dataclasses import replace

import pytest

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.entries import Entry
from glasscast.datasets.identity import Identity, inputs_of
from glasscast.errors import InputError
from glasscast.models.botan.settings import BotanSettings
from glasscast.models.eignn.settings import EignnCageSettings
from glasscast.models.identity import files_of, fit_identity
from tests.deep import liquid


def of(settings) -> str:
    return fit_identity(settings, 0, []).fingerprint


def test_files_in_settings_are_known_by_their_content(tmp_path):
    """A copy elsewhere is the same start, another version of the file is not."""

    def identity(name: str) -> str:
        return of(BotanSettings(initial_weights=name).beside(tmp_path))

    (tmp_path / "a.pth").write_bytes(b"one")
    (tmp_path / "b.pth").write_bytes(b"one")
    assert identity("a.pth") == identity("b.pth") != of(BotanSettings())
    before = identity("b.pth")
    (tmp_path / "b.pth").write_bytes(b"two")
    assert identity("b.pth") != before


@pytest.mark.parametrize("changed", ["model.json", "weights.safetensors"])
def test_a_saved_model_to_start_from_is_all_its_files(tmp_path, changed):
    settings = BotanSettings(initial_weights="saved").beside(tmp_path)
    (tmp_path / "saved").mkdir()
    for name in ("model.json", "weights.safetensors"):
        (tmp_path / "saved" / name).write_bytes(b"one")
    before = of(settings)
    (tmp_path / "saved" / changed).write_bytes(b"two")
    assert of(settings) != before
    (tmp_path / "saved" / changed).unlink()
    with pytest.raises(InputError, match=f"{changed}: does not exist; 'initial_weights' names it"):
        of(settings)


def test_a_liquid_in_settings_is_a_name_or_a_file(tmp_path):
    named = EignnCageSettings(liquid="ka")
    assert named.beside(tmp_path) == named
    assert files_of(named) == ()
    assert of(named) != of(EignnCageSettings(liquid="ka2d"))
    filed = EignnCageSettings(liquid="own.yaml").beside(tmp_path)
    assert filed.liquid == str(tmp_path / "own.yaml")
    with pytest.raises(InputError, match="'liquid' names it"):
        of(filed)


def dataset(tmp_path, checksum: str = "one") -> Dataset:
    return Dataset(name="data", entries=(Entry("a", tmp_path / "a.npz", checksum, 1, "a"),))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"settings": BotanSettings(hidden=32)}, "'setting hidden' was 64, is 32"),
        (
            {"settings": BotanSettings(training={"epochs": 3})},
            f"'setting training.epochs' was {BotanSettings().training.epochs}, is 3",
        ),
        ({"seed": 1}, "'seed' was 0, is 1"),
        ({"train": "another file"}, "train 'a' (a.npz) has changed"),
        ({"train": "other times"}, "train 'a' (a.npz) is chosen otherwise"),
        ({"train": "another parent"}, "train 'a' (a.npz) is chosen otherwise"),
        ({"train": "none"}, "train 'a' (a.npz) is gone"),
        ({"validation": [liquid(2)]}, "validation 'liquid-2' is new"),
        ({"settings": BotanSettings(training={"device": "cpu"})}, ""),
        ({"settings": BotanSettings(training={"checkpoint_every": 7})}, ""),
    ],
    ids=str,
)
def test_all_that_changes_a_result_changes_the_identity_and_is_named(tmp_path, changes, says):
    data = dataset(tmp_path)
    entry = data.entries[0]
    changed = {
        "another file": dataset(tmp_path, "two"),
        "other times": replace(data, entries=(replace(entry, kept_times=(1.0,)),)),
        "another parent": replace(data, entries=(replace(entry, parent="b"),)),
        "none": data[:0],
    }
    given = {"settings": BotanSettings(), "seed": 0, "train": data, "validation": ()}
    other = given | changes
    if isinstance(other["train"], str):
        other["train"] = changed[other["train"]]
    before, after = fit_identity(**given), fit_identity(**other)
    assert after.change_since(before.to_json()) == says
    assert (after.fingerprint == before.fingerprint) == (not says)


def test_configurations_in_memory_are_known_by_all_they_hold():
    one = liquid(1)
    moved = one.with_fields(cage=one.inherent)
    hotter = one.with_fields(metadata={"temperature": 1.0})
    without = one.with_fields(bonds=None, bond_change=None)
    marks = {c.checksum() for c in (one, moved, hotter, without, one.at_times([0]))}
    assert len(marks) == 5
    assert liquid(1).with_fields(name="other").checksum() in marks


def test_order_counts_and_many_changes_are_counted():
    data = [liquid(k) for k in range(6)]
    before = Identity({"seed": 0}, inputs_of(data, "train"))
    turned = Identity({"seed": 0}, inputs_of(data[::-1], "train"))
    assert turned.change_since(before.to_json()) == "the order of the inputs has changed"
    others = Identity({"seed": 1}, inputs_of([liquid(9, side=3)], "train"))
    text = others.change_since(before.to_json())
    assert text.startswith("'seed' was 0, is 1; train 'liquid-9' is new; train 'liquid-0' is gone")
    assert text.endswith("and 5 more")


@pytest.mark.parametrize("kept", [None, [], {}, {"values": {}, "inputs": [{"x": 1}]}], ids=str)
def test_what_says_nothing_of_itself_fits_nothing(kept):
    text = Identity({}, ()).change_since(kept)
    assert text == "it is not recorded what it was made from"
