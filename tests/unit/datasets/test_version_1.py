"""What version 0.1.0 wrote opens, and says the same; see tests/data/v1/make.py."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from glasscast.datasets.dataset import Dataset
from glasscast.models.registry import load_model

V1 = Path(__file__).parents[2] / "data" / "v1"
SUMS = json.loads((V1 / "arrays.json").read_text())


@pytest.mark.parametrize("folder", ["old", "old-copies"])
def test_a_dataset_opens_with_the_same_arrays(folder):
    dataset = Dataset.open(V1 / folder)
    dataset.verify()
    for configuration in dataset:
        arrays = dict(configuration.arrays())
        for key, checksum in SUMS[configuration.name].items():
            assert sha256(arrays[key].tobytes()).hexdigest() == checksum, key


def test_a_model_opens_and_forecasts_the_same():
    model = load_model(V1 / "model")
    with np.load(V1 / "forecast.npz") as stored:
        for configuration in Dataset.open(V1 / "old"):
            forecast = model.predict(configuration)
            np.testing.assert_allclose(
                forecast.values, stored[configuration.name], rtol=1e-6, atol=1e-7
            )
