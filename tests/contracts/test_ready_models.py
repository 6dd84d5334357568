"""What every model that comes with the package promises."""

import numpy as np
import pytest

from glasscast.errors import MissingExtraError
from glasscast.models.files import CARD, read_record, ready_models
from glasscast.models.registry import load_model
from glasscast.runtime import Workspace
from glasscast.workflows.demo import load_sample
from glasscast.workflows.describe import list_models, size_of

READY = ready_models()


@pytest.fixture(params=READY)
def name(request):
    return request.param


def test_it_is_small(name):
    assert size_of(READY[name]) < 1e6


def test_it_has_a_state_point_and_a_card_with_scores(name):
    record = read_record(READY[name])
    assert record["state_points"]
    assert record["card"]["scores"]
    card = (READY[name] / CARD).read_text(encoding="utf-8")
    for text in (f"# {name}\n", "Valid for: ", "## Scores", "## Limits"):
        assert text in card
    for row in record["card"]["scores"]:
        assert f"| {row['species']} | {row['time']:g} | {row['value']:.3f} |" in card


def test_it_is_listed(name):
    assert name in [row["name"] for row in list_models()]


def test_it_forecasts_the_bundled_sample(name):
    model, snapshot = load_model(READY[name], Workspace(1)), load_sample()[3]
    if model.dimension_ != snapshot.dimension or set(snapshot.species) != set(model.species_):
        pytest.skip("the sample is another mixture")
    try:
        values = model.predict(snapshot).values
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert values.shape == (len(model.times_), snapshot.size)
    finite = np.isfinite(values)
    predicted = [s for s in snapshot.species if finite[:, snapshot.types == s].any()]
    assert predicted
    assert finite[:, np.isin(snapshot.types, predicted)].all()
    assert all(np.ptp(row[finite[0]]) > 0 for row in values)
