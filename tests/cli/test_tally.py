"""Work that nobody watches tells now and then how far it is."""

import re
import time
from threading import Event

from glasscast.cli.tally import Tally, told
from glasscast.datasets.locks import at_work, locked, tell


def test_a_line_says_what_is_done_the_rate_and_the_time_left():
    tally = Tally()
    tally.start("benchmark", 4)
    tally.advance("botan")
    tally.start("simulate", 8_000_000)
    time.sleep(0.01)
    tally.advance(steps=2_000_000)
    line = (
        r"benchmark 1/4, [\d.]+/s, 0:00:00 left, botan; simulate 25.0 %, [\d.]+ M/s, 0:00:00 left"
    )
    assert re.fullmatch(line, tally.text())
    tally.done()
    tally.done()
    assert tally.text() == ""


def test_a_line_comes_when_something_is_done_or_after_long_silence():
    lines, more = [], Event()
    tally = Tally()

    def note(line: str) -> None:
        lines.append(line)
        more.set()

    with told(tally, note, every=0.01, quiet=1000):
        tally.start("import", None)
        assert more.wait(10)
        time.sleep(0.1)
        assert lines == ["import 0"]  # nothing new since
        more.clear()
        tally.advance()
        assert more.wait(10)
    assert lines[1].startswith("import 1, ")
    more.clear()
    with told(tally, note, every=0.01, quiet=0.02):
        assert more.wait(10)
        more.clear()
        assert more.wait(10)


def test_who_looks_at_the_folder_sees_how_far_it_is(done, tmp_path):
    tell(tmp_path, "nobody works here")
    with locked(tmp_path, "simulate"):
        tell(tmp_path, "simulate 1/4, 2/h, 1:30:00 left")
        (line,) = at_work(tmp_path)
        assert re.fullmatch(
            r"'glasscast simulate', process \d+ on .*, since 20.*: simulate 1/4, 2/h, 1:30:00 left",
            line,
        )
        assert "1:30:00 left" in " ".join(done("info", tmp_path).split())
    assert at_work(tmp_path) == []
