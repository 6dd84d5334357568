from __future__ import annotations

import numpy as np
import pytest
import yaml

from glasscast.errors import InputError, SettingsError
from glasscast.liquid.definition import BUILT_IN, load_liquid, load_liquid_settings

MINE = {
    "name": "mine",
    "density": 0.8,
    "potential": {"form": "mie", "repulsive": 12, "attractive": 6},
    "species": {"big": {"fraction": 0.5}, "small": {"fraction": 0.5, "mass": 2}},
    "pairs": {
        "big-big": {"epsilon": 1, "sigma": 1, "cutoff": 2.5},
        "big-small": {"epsilon": "1e0", "sigma": 0.9, "cutoff": 2.25},
        "small-small": {"epsilon": 1, "sigma": 0.8, "cutoff": 2},
    },
}


def write(tmp_path, **changes):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(MINE | changes))
    return path


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_liquids_load_and_say_where_they_come_from(name):
    settings = load_liquid_settings(name)
    assert settings.name == name
    assert "Phys" in settings.notes


def test_own_liquid_from_a_table_of_pairs(tmp_path):
    liquid = load_liquid(write(tmp_path))
    assert liquid.species == ("big", "small")
    assert liquid.masses.tolist() == [1, 2]
    assert liquid.sigma.tolist() == [[1, 0.9], [0.9, 0.8]]
    r = np.array([1.2])
    shift = 4 * (2.5**-12 - 2.5**-6)
    # Mie 12-6 is Lennard-Jones
    assert liquid.pair_energy(r)[0] == pytest.approx(4 * (1.2**-12 - 1.2**-6) - shift)


def test_numbers_that_yaml_reads_as_text_are_numbers(tmp_path):
    assert load_liquid(write(tmp_path)).epsilon[0, 1] == 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        (
            {"pairs": MINE["pairs"] | {"x": MINE["pairs"]["big-big"]}},
            "the pair 'x' names a species",
        ),
        (
            {"pairs": {k: v for k, v in MINE["pairs"].items() if k != "big-small"}},
            "big-small is mi",
        ),
        ({"pairs": MINE["pairs"] | {"small-big": MINE["pairs"]["big-big"]}}, "is given twice"),
        (
            {"species": {"big": {"fraction": 0.5}, "small": {"fraction": 0.4}}},
            "add up to 1, got 0.9",
        ),
        (
            {"pairs": {"big-huge": MINE["pairs"]["big-big"]} | MINE["pairs"]},
            "the pair 'big-huge' names a species",
        ),
        ({"name": "ka\n\nshell touch pwned\n# x"}, r"'name': a name is up to 64 letters.*'ka\\n"),
        ({"name": "x" * 65}, "'name': a name is up to 64"),
        ({"name": "-rf"}, "'name': a name is up to 64"),
        ({"species": {"a b": {"fraction": 1}}}, "'species.a b.*': a name is up to 64"),
        ({"species": {f"s{k}": {"fraction": 1} for k in range(129)}}, "at most 128 items"),
        ({"density": -1}, "'density': Input should be greater than 0"),
        ({"potential": {"form": "morse"}}, "'potential': Input tag 'morse'"),
        ({"potential": {"form": "mie", "repulsive": 6, "attractive": 6}}, "must exceed"),
    ],
)
def test_a_wrong_table_is_refused_naming_the_key(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        load_liquid(write(tmp_path, **changes))


def test_hard_spheres_are_hard_at_one_temperature_only(tmp_path):
    liquid = load_liquid("hard-spheres")
    liquid.check_temperature(1.5)
    with pytest.raises(SettingsError, match=r"stands for at temperature 1\.5 only, got 0\.5"):
        liquid.check_temperature(0.5)
    load_liquid("ka").check_temperature(0.5)
    with pytest.raises(SettingsError, match="must be positive, got -1"):
        load_liquid("ka").check_temperature(-1)
    assert load_liquid(write(tmp_path, temperature=0.7)).temperature == 0.7


def test_what_decides_energies_is_as_in_kept_results():
    """A name, notes, a density or a temperature change none of them."""
    kept = {
        "dimension": 3,
        "potential": {"form": "lj-force-shifted"},
        "species": {"A": {"fraction": 0.8, "mass": 1.0}, "B": {"fraction": 0.2, "mass": 1.0}},
        "pairs": {
            "AA": {"epsilon": 1.0, "sigma": 1.0, "cutoff": 2.5},
            "AB": {"epsilon": 1.5, "sigma": 0.8, "cutoff": 2.0},
            "BB": {"epsilon": 0.5, "sigma": 0.88, "cutoff": 2.2},
        },
    }
    assert load_liquid_settings("ka").interactions() == kept


def test_a_key_that_could_mean_two_pairs_is_refused(tmp_path):
    species = {name: {"fraction": 0.25} for name in ("A", "AB", "B", "BB")}
    names = list(species)
    keys = [f"{a}-{b}" for k, a in enumerate(names) for b in names[k:]]
    pairs = dict.fromkeys(keys, MINE["pairs"]["big-big"])
    assert load_liquid(write(tmp_path, species=species, pairs=pairs)).sigma.shape == (4, 4)
    pairs["ABB"] = pairs.pop("A-BB")
    with pytest.raises(InputError, match="the pair 'ABB' could be A-BB or AB-B"):
        load_liquid(write(tmp_path, species=species, pairs=pairs))


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(SettingsError, match="unknown liquid 'argon'; built in: ka, ka-cut"):
        load_liquid("argon")


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_liquid(tmp_path / "no.yaml")
    path = tmp_path / "bad.yaml"
    path.write_text("a: [")
    with pytest.raises(InputError, match="is not valid YAML"):
        load_liquid(path)
    path.write_text("- 1")
    with pytest.raises(InputError, match="must hold keys and values"):
        load_liquid(path)
