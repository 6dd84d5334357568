"""Data of a liquid of one's own hold the content of its file."""

from importlib.resources import files

from glasscast.datasets.writer import DatasetWriter
from glasscast.liquid.definition import LiquidSettings, load_liquid_settings
from tests.conftest import labelled


def test_the_content_of_a_liquid_of_ones_own_is_kept(tmp_path, rng):
    text = (files("glasscast.liquid") / "built_in" / "ka.yaml").read_text()
    (tmp_path / "own.yaml").write_text(text.replace("name: ka\n", "name: own\n"))
    own = load_liquid_settings(tmp_path / "own.yaml")
    for liquid, kept in ((own, True), (load_liquid_settings("ka"), False)):
        writer = DatasetWriter(tmp_path / liquid.name)
        writer.add(labelled(rng, "c", size=27), "")
        dataset = writer.finish(liquid=liquid)
        assert (dataset.liquid is not None) == kept
        if dataset.liquid is not None:
            assert LiquidSettings(**dataset.liquid) == own
