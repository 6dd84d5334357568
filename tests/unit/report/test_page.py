import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.evaluation.comparison import Comparison, compare
from glasscast.evaluation.score_table import ScoreTable, best_model
from glasscast.evaluation.scores import evaluate
from glasscast.evaluation.smoothness_scores import SmoothnessEvaluation
from glasscast.evaluation.susceptibility import SusceptibilityEvaluation
from glasscast.report import html
from glasscast.report.interactive import view_data
from glasscast.report.page import Folded, Page, Section
from glasscast.report.score_figures import score_figures
from glasscast.report.sections import (
    comparison_section,
    data_section,
    headline,
    learning_curve_section,
    limit_section,
    particle_section,
    provenance_section,
    score_section,
    smoothness_section,
    summary_section,
    susceptibility_section,
    view_section,
)

from .material import configuration, forecast

EVIL = "</title></script><script>alert(1)</script><img src=x onerror=\"alert('2')\">"


class Read(HTMLParser):
    """What a browser would make of the page: elements, attributes, scripts, text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.attributes, self.scripts, self.words = [], [], [], []
        self._stack = []
        self.feed(path.read_text(encoding="utf-8") if isinstance(path, Path) else path)
        self.text = " ".join(self.words)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        self._stack.append(tag)
        if tag == "script":
            self.scripts.append((dict(attributes).get("type"), ""))

    def handle_endtag(self, tag):
        while self._stack and self._stack.pop() != tag:
            pass

    def handle_data(self, data):
        inside = self._stack[-1] if self._stack else ""
        if inside == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
        elif inside != "style":
            self.words.append(data)

    def values(self, tag, name):
        return [value for t, n, value in self.attributes if (t, n) == (tag, name)]


def labelled(folder, name="d", model="lr"):
    """Write a page with every section there is, all its texts from outside with a name in them."""
    truths = [configuration(f"{name}{i}", seed=i, liquid="ka", temperature=0.44) for i in range(3)]
    forecasts = [forecast(c, m) for m in (model, "gnn") for c in truths]
    scores = evaluate(forecasts, truths, dataset=name)
    smoothness, susceptibility = SmoothnessEvaluation(), SusceptibilityEvaluation()
    for each in forecasts:
        smoothness.add(each, each.configuration)
        susceptibility.add(each, each.configuration)
    chi4, shown = susceptibility.scores(), forecasts[:3]
    ours = compare(scores, {}, smoothness=smoothness.scores(), susceptibility=chi4).rows
    lab = replace(ours[0], model=f"lab {name}", origin=f"published: {name}")
    compared = Comparison((ours[0], lab, *ours[1:]))
    sections = [
        summary_section(f"In short, {name}.", scores, shown),
        comparison_section(compared, 2.0, chi4[0].threshold),
        data_section({f"training {name}": name}, shown),
        score_section(scores, score_figures(scores, 2.0)),
        learning_curve_section({2: scores, 4: scores}, 2.0),
        particle_section(shown, 2.0),
        view_section(shown),
        smoothness_section(smoothness, model),
        susceptibility_section(chi4),
        limit_section(scores, shown, [f"Only a test of {name}."]),
        provenance_section({"seed": 7, name: [name]}, f"glasscast benchmark {name}.yaml"),
    ]
    page = Page(f"A title {name}", sections, headline(scores, 2.0))
    return Read(page.write(folder)), scores


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return folder, *labelled(folder)


def test_everything_is_inside_the_page(report):
    _, page, _ = report
    for _, name, value in page.attributes:
        if name in ("src", "href", "data", "action"):
            assert value.startswith("data:image/png;base64,")
    assert "link" not in page.tags
    images = [v.split(",", 1)[1] for v in page.values("img", "src")]
    assert all(base64.b64decode(image).startswith(b"\x89PNG") for image in images)
    written = [path for path in (report[0] / "figures").iterdir() if path.suffix == ".png"]
    assert len(images) == len(written) == 10
    assert {base64.b64decode(image) for image in images} == {p.read_bytes() for p in written}
    assert sum("Plotly" in source for kind, source in page.scripts if kind is None) == 2
    assert sum(len(source) > 1_000_000 for _, source in page.scripts) == 1


def test_every_image_has_words_of_its_own(report):
    _, page, _ = report
    words = page.values("img", "alt")
    assert len(set(words)) == len(words) == page.tags.count("figure")
    assert not any(word in page.text for word in words)  # beside the caption, not a copy of it


def test_policy_allows_these_scripts_and_no_others(report):
    _, page, _ = report
    policy = dict.fromkeys(page.values("meta", "content"))
    (policy,) = [value for value in policy if value.startswith("default-src")]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    hashes = {
        "'sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() + "'"
        for kind, source in page.scripts
        if kind is None
    }
    assert set(rules["script-src"].split()) == hashes


def test_scores_are_shown_with_their_ceilings(report):
    _, page, scores = report
    for row in scores:
        assert f"{row.value:.3f}" in page.text
        assert f"{row.ceiling:.3f}" in page.text
        assert f"{row.low:.3f} – {row.high:.3f}" in page.text


def test_headline_is_of_the_best_model_near_tau_alpha(report):
    _, page, scores = report
    (best,) = scores.select(model=best_model(scores), species="A", time=1.0, metric="pearson_mean")
    assert f"At t = 1, {best.model} predicts the propensity of A particles" in page.text
    assert f"correlation of {best.value:.2f} ({best.low:.2f} to {best.high:.2f})" in page.text


def test_headline_is_silent_where_there_is_nothing_to_say():
    c = configuration()
    blind = forecast(c)
    blind.values[:] = 1.0
    assert headline(ScoreTable()) == headline(evaluate([blind], [c])) == ""


def test_headline_names_the_data_set_where_there_are_several():
    c = configuration()
    tables = [evaluate([forecast(c)], [c], dataset=name) for name in ("near", "far")]
    assert " on near with a correlation" in headline(tables[0] + tables[1])
    assert " on near" not in headline(tables[0])


def test_provenance_and_limits(report):
    _, page, _ = report
    assert "glasscast benchmark d.yaml" in page.text
    for expected in ('"seed": 7', "numpy", "Only a test", "training d", "0.44", "60 (48 A, 12 B)"):
        assert expected in page.text
    assert "bootstrap intervals from so few are too narrow" in page.text


def test_names_cannot_become_markup(report, tmp_path):
    _, plain, _ = report
    evil, _ = labelled(tmp_path, EVIL, EVIL)
    # The same elements with the same attributes: no text made a tag, a script or a handler.
    assert evil.tags == plain.tags
    assert [a[:2] for a in evil.attributes] == [a[:2] for a in plain.attributes]
    assert [s for s in evil.scripts if s[0] is None] == [s for s in plain.scripts if s[0] is None]
    assert evil.text.count("alert(1)") >= 12
    assert any("alert(1)" in words for words in evil.values("img", "alt"))


@pytest.mark.parametrize(
    "make",
    [
        html.paragraph,
        html.heading,
        lambda text: html.bullets([text]),
        lambda text: html.facts({text: text, "nested": {text: [text]}}),
        lambda text: html.folded(text, html.paragraph(text), True),
        lambda text: html.join([text, html.paragraph(text)]),
        lambda text: Page(text, [Section(text, [Folded(text, [text])])], text).as_html(),
    ],
)
def test_text_is_escaped_wherever_it_enters(make):
    made, plain = Read(str(make(EVIL))), Read(str(make("word")))
    assert made.tags == plain.tags
    assert made.text.count(EVIL) == plain.text.count("word") > 0


def test_a_section_without_contents_is_left_out():
    page = Page("t", [Section("Empty", [html.facts({})]), Section("Full", [html.paragraph("x")])])
    assert Read(page.as_html()).tags.count("section") == 1


def test_data_block_cannot_end_its_element():
    c = configuration()
    f = forecast(c)
    object.__setattr__(f, "target", EVIL)  # past every check: the data block must hold
    object.__setattr__(c, EVIL, c.propensity)
    page = Read(Page("t", [view_section([f])]).as_html())
    (data,) = [source for kind, source in page.scripts if kind]
    assert not set("<>&") & set(data)
    assert json.loads(data)["label"] == EVIL


@pytest.mark.parametrize("dimension", [2, 3])
def test_data_block_holds_what_is_shown(dimension):
    c = configuration(dimension=dimension)
    f = forecast(c)
    f.values[1, c.types == 1] = np.nan
    data = view_data(f)
    assert data["dimension"] == dimension
    np.testing.assert_allclose(np.array(data["positions"]).T, c.positions, rtol=1e-3)
    fields = {(field["time"], field["kind"]): field for field in data["fields"]}
    assert set(fields) == {(t, k) for t in (0, 1) for k in ("predicted", "true")}
    np.testing.assert_allclose(fields[0, "predicted"]["value"], f.values[0], rtol=1e-3)
    np.testing.assert_allclose(fields[1, "true"]["value"], c.propensity[1], rtol=1e-3)
    fastest = np.argmax(np.where(c.types == 0, f.values[1], -1))
    assert fields[1, "predicted"]["rank"][fastest] == 1.0
    assert [v is None for v in fields[1, "predicted"]["rank"]] == (c.types == 1).tolist()
    members = [m for species in data["species"] for m in species["members"]]
    assert sorted(members) == list(range(c.size))
    # A square has 4 edges, a box 12; two ends and a gap each.
    assert len(data["frame"]["x"]) == {2: 4, 3: 12}[dimension] * 3


@pytest.mark.parametrize("dimension", [2, 3])
def test_forecast_of_an_unlabelled_snapshot(dimension):
    shown = [forecast(configuration(labels=False, dimension=dimension))]
    sections = [particle_section(shown), view_section(shown), limit_section(forecasts=shown)]
    page = Read(Page("Forecast", sections).as_html())
    assert "cannot say how good the forecast is" in page.text
    assert "true" not in page.text.split("Limits")[0].lower().split()
    assert len(page.values("img", "src")) == 2


def test_without_halves_the_missing_ceiling_is_said():
    c = configuration(halves=False)
    scores = evaluate([forecast(c)], [c])
    sections = [score_section(scores, score_figures(scores)), limit_section(scores)]
    page = Read(Page("t", sections).as_html())
    assert "Some scores have no noise ceiling" in page.text
    assert "there is no error bar" in page.text
    assert "of ceiling" not in page.text


def test_scores_alone_need_no_script():
    c = configuration()
    scores = evaluate([forecast(c)], [c])
    page = Read(Page("t", [score_section(scores, []), view_section([])]).as_html())
    assert page.scripts == []
    (policy,) = [v for v in page.values("meta", "content") if v.startswith("default-src")]
    assert "script-src 'none'" in policy


def test_nothing_at_all_is_still_a_page(tmp_path):
    page = Read(Page("Empty", []).write(tmp_path))
    assert "Empty" in page.text


def test_partly_measured_times_offer_only_the_forecast():
    early: Configuration = configuration().at_times([0])
    f = forecast(early)
    assert {field["kind"] for field in view_data(f)["fields"]} == {"predicted"}
    assert "density" in [figure.name for figure in particle_section([f]).contents]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium to open the page with")
def test_a_browser_shows_no_button_that_sends_data_and_asks_no_server(report, tmp_path):
    """The page as a browser builds it; whatever it asked the network for would be in the log."""
    log = tmp_path / "net.json"
    command = [
        "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader", f"--user-data-dir={tmp_path / 'profile'}",
        "--disable-background-networking", "--disable-component-update", "--no-first-run",
        f"--log-net-log={log}", "--virtual-time-budget=15000", "--dump-dom",
        (report[0] / "report.html").as_uri(),
    ]  # fmt: skip
    page = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    titles = re.findall(r'data-title="([^"]*)"', page)
    assert any("Download" in title for title in titles), titles  # the bar of buttons is drawn
    assert not any(re.search(r"share|cloud|upload|edit|studio", t, re.I) for t in titles), titles
    asked = set(re.findall(r'"url":"(https?://[^"/]+)', log.read_text()))
    of_the_browser = re.compile(r"https?://([a-z0-9-]+\.)*(google|googleapis|gvt1)\.com")
    assert not {url for url in asked if not of_the_browser.fullmatch(url)}
