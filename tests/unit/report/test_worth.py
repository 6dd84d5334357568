"""What a page says of the worth of a forecast, from what is known of it."""

from dataclasses import replace

import numpy as np

from glasscast.datasets.state_points import StatePoint
from glasscast.evaluation.coverage import Coverage
from glasscast.evaluation.score_table import ScoreTable
from glasscast.report.page import Page
from glasscast.report.worth_section import coverage_section, worth_section
from glasscast.workflows.demo import load_sample
from glasscast.workflows.forecast_folder import ForecastFiles
from glasscast.workflows.predict import known_scores, predict
from tests.unit.report.material import configuration, forecast

POINT = StatePoint("ka", 0.44, (1.2, 1.2))


def text(**known) -> str:
    told = {"alarms": {}, "points": [POINT], "scores": ScoreTable(), **known}
    made = told.pop("forecasts", [forecast(configuration())])
    return Page("p", [worth_section(made, **told)]).as_html()


def test_what_is_not_known_is_said_not_to_be():
    page = text(alarms=None, points=[])
    for said in ("does not record it", "not recorded", "does not know", "No score is recorded"):
        assert said in page
    assert 'class="alarm"' not in page


def test_an_alarm_is_the_first_thing_that_is_said():
    page = text(alarms={"box <1>": ["pressure 9 (trained on 1 to 2)"]})
    assert page.index('class="alarm"') < page.index("model trained at") < page.index("How sure")
    assert "box &lt;1&gt;: pressure 9 (trained on 1 to 2)" in page
    many = text(alarms={f"c{k}": ["x"] for k in range(30)})
    assert "c19: x" in many
    assert "c20: x" not in many
    assert "and 10 more snapshots" in many


def test_uncertainties_are_shown_by_species_and_time():
    made = forecast(configuration())
    stated = np.full(made.values.shape, 0.125, dtype=np.float32)
    page = text(forecasts=[replace(made, uncertainty=stated)])
    assert "0.12" in page
    assert "T = 0.44" in page


def test_what_uncertainties_cover_is_shown_for_each_model_at_the_relaxation_time_first():
    rows = [
        Coverage(
            model=model, species="A", time=time, within_68=(0.6, 0.64, 0.68, 0.7, 0.78),
            within_95=(0.94, 0.95, 0.95, 0.95, 0.96), deviation=(0.1,) * 5,
            rank_correlation=0.25, rank_expected=0.31, noise_share=0.42,
            n_configurations=6, n_particles=100,
        )
        for model in ("lr", "gnn") for time in (1.0, 10.0)
    ]  # fmt: skip
    page = Page("p", [coverage_section(rows, 9.0)]).as_html()
    for said in ("lr, A", "gnn, A", "68%", "60% – 78%", "0.25", "0.31", "42%"):
        assert said in page
    assert page.index("<details open><summary>t = 10<") < page.index("<summary>t = 1<")
    assert "How sure" not in Page("p", [coverage_section([])]).as_html()


def test_the_page_of_a_ready_model_tells_its_scores(tmp_path):
    predict("ka-T0.64-lr", load_sample()[3], out=tmp_path, files=ForecastFiles(report=True))
    page = (tmp_path / "report.html").read_text()
    (best,) = known_scores("ka-T0.64-lr").select(species="A", time=5.2)
    assert f"{best.value:.3f}" in page
    assert "What it is worth" in page
    assert "trained at" in page
