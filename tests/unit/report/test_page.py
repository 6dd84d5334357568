import base64
import hashlib
import json
from html.parser import HTMLParser

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.evaluation.comparison import compare
from glasscast.evaluation.score_table import ScoreTable, read_scores
from glasscast.evaluation.scores import evaluate
from glasscast.evaluation.susceptibility import SusceptibilityEvaluation
from glasscast.report.interactive import view_data
from glasscast.report.page import write_report
from glasscast.report.score_figures import SelectionCurve

from .material import configuration, forecast

EVIL = "</title></script><script>alert(1)</script><img src=x onerror=\"alert('2')\">"


class Page(HTMLParser):
    """What a browser would make of the page: elements, attributes, scripts, text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.attributes, self.scripts, self.words = [], [], [], []
        self._stack = []
        self.feed(path.read_text(encoding="utf-8"))
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


def labelled(folder, name="d", model="lr", **fields):
    truths = [configuration(f"{name}{i}", seed=i, liquid="ka", temperature=0.44) for i in range(3)]
    forecasts = [forecast(c, m) for m in (model, "gnn") for c in truths]
    scores = evaluate(forecasts, truths, dataset=name)
    examples = list(zip(forecasts[:3], truths, strict=True))
    susceptibility = SusceptibilityEvaluation()
    for each in forecasts:
        susceptibility.add(each, each.configuration)
    given = {
        "title": "A title",
        "scores": scores,
        "examples": examples,
        "settings": {"seed": 7},
        "comparison": compare(scores, {}, susceptibility=susceptibility.scores()),
        "susceptibility": susceptibility.scores(),
        "command": "glasscast benchmark some.yaml -o out",
    }
    return Page(write_report(folder, **given | fields)), scores


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    page, scores = labelled(
        folder,
        tau_alpha=2.0,
        summary="In short.",
        notes=["Only a test."],
        data={"training": "none"},
        selection=[SelectionCurve([1, 2], [0.1, 0.2], "A", names=["q6"])],
    )
    return folder, page, scores


def test_everything_is_inside_the_page(report):
    _, page, _ = report
    for _, name, value in page.attributes:
        if name in ("src", "href", "data", "action"):
            assert value.startswith("data:image/png;base64,")
    assert "link" not in page.tags
    images = [v.split(",", 1)[1] for v in page.values("img", "src")]
    assert all(base64.b64decode(image).startswith(b"\x89PNG") for image in images)
    assert len(images) == 8
    assert sum("Plotly" in source for kind, source in page.scripts if kind is None) == 2
    assert sum(len(source) > 1_000_000 for _, source in page.scripts) == 1


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
    folder, page, scores = report
    for row in scores:
        assert f"{row.value:.3f}" in page.text
        assert f"{row.ceiling:.3f}" in page.text
        assert f"{row.low:.3f} – {row.high:.3f}" in page.text
    stored = read_scores(folder / "scores.json")
    assert stored.to_csv() == scores.to_csv() == (folder / "scores.csv").read_text()


def test_headline_is_the_best_model_near_tau_alpha(report):
    _, page, scores = report
    rows = scores.select(species="A", time=1.0, metric="pearson_mean")
    best = max(rows, key=lambda row: row.value)
    assert f"At t = 1, {best.model} predicts the propensity of A particles" in page.text
    assert f"correlation of {best.value:.2f} ({best.low:.2f} to {best.high:.2f})" in page.text


def test_provenance_and_limits(report):
    _, page, _ = report
    assert "glasscast benchmark some.yaml -o out" in page.text
    for expected in ('"seed": 7', "numpy", "Only a test.", "training", "0.44", "60 (48 A, 12 B)"):
        assert expected in page.text
    assert "bootstrap intervals from so few are too narrow" in page.text


def test_names_cannot_become_markup(report, tmp_path):
    _, plain, _ = report
    evil, _ = labelled(
        tmp_path,
        tau_alpha=2.0,
        name=EVIL,
        model=EVIL,
        title=EVIL,
        summary=EVIL,
        notes=[EVIL],
        data={EVIL: EVIL},
        settings={EVIL: [EVIL]},
        command=EVIL,
        selection=[SelectionCurve([1, 2], [0.1, 0.2], EVIL, names=[EVIL])],
    )
    # The same elements with the same attributes: no text made a tag, a script or a handler.
    assert evil.tags == plain.tags
    assert [a[:2] for a in evil.attributes] == [a[:2] for a in plain.attributes]
    assert [s for s in evil.scripts if s[0] is None] == [s for s in plain.scripts if s[0] is None]
    assert evil.text.count("alert(1)") >= 8


def test_data_block_cannot_end_its_element():
    c = configuration()
    f = forecast(c)
    object.__setattr__(f, "target", EVIL)  # past every check: the data block must hold
    object.__setattr__(c, EVIL, c.propensity)
    text = view_data(f, c)
    assert not set("<>&") & set(text)
    assert json.loads(text)["label"] == EVIL


@pytest.mark.parametrize("dimension", [2, 3])
def test_data_block_holds_what_is_shown(dimension):
    c = configuration(dimension=dimension)
    f = forecast(c)
    f.values[1, c.types == 1] = np.nan
    data = json.loads(view_data(f, c))
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
def test_forecast_of_an_unlabelled_snapshot(tmp_path, dimension):
    c = configuration(labels=False, dimension=dimension)
    page = Page(write_report(tmp_path, title="Forecast", examples=[(forecast(c), c)]))
    assert "cannot say how good the forecast is" in page.text
    assert "true" not in page.text.split("Limits")[0].lower().split()
    assert len(page.values("img", "src")) == 2
    assert not (tmp_path / "scores.json").exists()


def test_without_halves_the_missing_ceiling_is_said(tmp_path):
    c = configuration(halves=False)
    scores = evaluate([forecast(c)], [c])
    page = Page(write_report(tmp_path, title="t", scores=scores, examples=[(forecast(c), c)]))
    assert "Some scores have no noise ceiling" in page.text
    assert "there is no error bar" in page.text
    assert "of ceiling" not in page.text


def test_scores_alone_need_no_plotly(tmp_path):
    c = configuration()
    page = Page(write_report(tmp_path, title="t", scores=evaluate([forecast(c)], [c])))
    assert page.scripts == []
    assert "Turn it around" not in page.text


def test_nothing_at_all_is_still_a_page(tmp_path):
    page = Page(write_report(tmp_path, title="Empty", scores=ScoreTable()))
    assert "Empty" in page.text


def test_partly_measured_times_offer_only_the_forecast(tmp_path):
    c = configuration()
    early: Configuration = c.at_times([0])
    page = Page(write_report(tmp_path, title="t", examples=[(forecast(early), early)]))
    (data,) = [json.loads(source) for kind, source in page.scripts if kind]
    assert {field["kind"] for field in data["fields"]} == {"predicted"}
    assert (tmp_path / "figures" / "density.png").exists()
