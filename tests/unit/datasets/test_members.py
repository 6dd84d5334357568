"""Patterns of members, and names that would leave their folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasscast.datasets.members import fixed_start, matches, may_match_below, safe_name
from glasscast.errors import InputError

NAME = "KA_models/T0.44/test/N4096T0.44_401.npz"


@pytest.mark.parametrize(
    "pattern",
    [
        NAME,
        "KA_models/T0.44",
        "KA_models/T0.44/",
        "./KA_models",
        "KA_models/*/test/*_40?.npz",
        "**/N4096T0.44_401.npz",
        "**/test",
        "**",
        "KA_models/**/*_401.npz",
        "KA_models/T0.[45]*",
    ],
)
def test_patterns_that_match(pattern):
    assert matches(NAME, [pattern])
    assert may_match_below("KA_models/T0.44", [pattern])


@pytest.mark.parametrize(
    "pattern",
    ["N4096T0.44_401.npz", "*.npz", "KA_models/T0.5*", "KA_models/*.npz", "**/train", "ka_models"],
)
def test_patterns_that_do_not(pattern):
    assert not matches(NAME, [pattern])


def test_a_folder_that_cannot_hold_what_is_asked_for_is_left_alone():
    assert not may_match_below("KA_models/T0.50", ["KA_models/T0.44", "KA2D_models/T0.50"])
    assert may_match_below("KA_models/T0.50", ["KA_models/*/train/N4096T0.50_1.npz"])


_PARTS = st.lists(st.sampled_from(["a", "b", "T0.44"]), min_size=1, max_size=4)


@given(_PARTS, st.lists(st.sampled_from(["a", "*", "**", "T?.*"]), min_size=1, max_size=4))
def test_what_matches_may_match_below_each_of_its_folders(parts, pattern):
    name, patterns = "/".join(parts), ["/".join(pattern)]
    if matches(name, patterns):
        for depth in range(1, len(parts)):
            assert may_match_below("/".join(parts[:depth]), patterns)
        assert name.startswith(fixed_start(patterns))


@pytest.mark.parametrize(
    ("name", "safe"), [("a/b.npz", "a/b.npz"), ("./a//b", "a/b"), ("a/./b/", "a/b")]
)
def test_names_are_made_plain(name, safe):
    assert safe_name(name, "x.tar") == safe


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "a\\..\\x", "C:x", "a\nb", "a\0b", "a/.."]
)
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(InputError, match=r"x\.tar: holds the member .*nothing"):
        safe_name(name, "x.tar")
