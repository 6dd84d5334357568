"""Settings files from anywhere: read, or refused in one line, in bounded time and space."""

from __future__ import annotations

import pytest

from glasscast.config import LONGEST_FILE, parse_mapping, parse_pair, read_mapping
from glasscast.errors import InputError, SettingsError

LAUGHS = "\n".join(
    ["a0: &a0 [1, 1]", *(f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]" for k in range(1, 60))]
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: 2020-13-45", "is not valid YAML (month must be in 1..12)"),
        ("seed: " + "7" * 5000, "is not valid YAML (Exceeds the limit"),
        ("a: !!timestamp x", "is not valid YAML"),
        ("a: !!int ''", "is not valid YAML"),
        ("a: !!bool perhaps", "is not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a: " + "[" * 5000, "it is nested too deeply"),
        ("1: 2", "the key 1 is not text; put it in quotes"),
        ("species: {no: {fraction: 1}}", "the key False is not text; put it in quotes"),
        ("seed: 1\nseed: 2", "the key 'seed' stands twice, line 2"),
        ("a: &x [*x]", "holds more than"),
        (LAUGHS, "holds more than"),
        ("- 1", "must hold keys and values"),
        ("", "must hold keys and values"),
        ("a: \0", "is not valid YAML"),
    ],
)
def test_hostile_yaml_is_refused_in_one_line(text, says):
    with pytest.raises(InputError) as refusal:
        parse_mapping(text, "mine.yaml")
    assert str(refusal.value).startswith("mine.yaml: ")
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_merged_keys_and_references_are_read():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}"
    assert parse_mapping(text, "mine.yaml") == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}}


def test_a_value_that_is_no_yaml_is_named():
    assert parse_pair("model.order=1", "overrides") == ("model.order", 1)
    with pytest.raises(SettingsError, match="name: '2020-13-45' is not a YAML value"):
        parse_pair("name=2020-13-45", "overrides")


def test_a_file_is_read_no_further_than_settings_can_be_long(tmp_path):
    path = tmp_path / "long.yaml"
    path.write_text("a: " + "x" * LONGEST_FILE)
    with pytest.raises(InputError, match="is longer than 1 MB"):
        read_mapping(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not a text file"):
        read_mapping(path)
