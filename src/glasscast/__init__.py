"""Forecast how a glass-forming liquid will move from one snapshot of its structure.

>>> import glasscast as gc
>>> forecast = gc.predict("ka-T0.64-lr", gc.load_sample()[0])
>>> forecast.values.shape  # (times, particles)
(6, 2000)

Every command of the program is one call of what stands here. A name is loaded when it is first
used, so that the import itself takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glasscast.datasets.configuration import Configuration as Configuration
    from glasscast.datasets.dataset import Dataset as Dataset
    from glasscast.errors import GlasscastError as GlasscastError
    from glasscast.models.base import Model as Model
    from glasscast.models.registry import load_model as load_model
    from glasscast.models.registry import new_model as new_model
    from glasscast.runtime import __version__ as __version__
    from glasscast.workflows.add_equilibrium import add_equilibrium as add_equilibrium
    from glasscast.workflows.analyse import analyse as analyse
    from glasscast.workflows.benchmark import benchmark as benchmark
    from glasscast.workflows.calibrate import calibrate as calibrate
    from glasscast.workflows.copy_examples import copy_examples as copy_examples
    from glasscast.workflows.demo import demo as demo
    from glasscast.workflows.demo import load_sample as load_sample
    from glasscast.workflows.describe import describe as describe
    from glasscast.workflows.describe import list_models as list_models
    from glasscast.workflows.evaluate import evaluate as evaluate
    from glasscast.workflows.export import export as export
    from glasscast.workflows.fetch import fetch as fetch
    from glasscast.workflows.forecast import Forecast as Forecast
    from glasscast.workflows.forecast import Forecasts as Forecasts
    from glasscast.workflows.forecast_folder import ForecastFiles as ForecastFiles
    from glasscast.workflows.import_data import import_data as import_data
    from glasscast.workflows.import_weights import import_weights as import_weights
    from glasscast.workflows.join_labels import join_labels as join_labels
    from glasscast.workflows.make_copies import make_copies as make_copies
    from glasscast.workflows.predict import predict as predict
    from glasscast.workflows.predict import read as read
    from glasscast.workflows.reproduce import list_figures as list_figures
    from glasscast.workflows.reproduce import reproduce as reproduce
    from glasscast.workflows.simulate import simulate as simulate
    from glasscast.workflows.train import train as train
    from glasscast.workflows.transfer import transfer as transfer

#: Name -> the module below this package that it lies in; the block above says the same to types.
_HOME = {
    "__version__": "runtime",
    "add_equilibrium": "workflows.add_equilibrium",
    "analyse": "workflows.analyse",
    "benchmark": "workflows.benchmark",
    "calibrate": "workflows.calibrate",
    "Configuration": "datasets.configuration",
    "copy_examples": "workflows.copy_examples",
    "Dataset": "datasets.dataset",
    "demo": "workflows.demo",
    "describe": "workflows.describe",
    "evaluate": "workflows.evaluate",
    "export": "workflows.export",
    "fetch": "workflows.fetch",
    "Forecast": "workflows.forecast",
    "ForecastFiles": "workflows.forecast_folder",
    "Forecasts": "workflows.forecast",
    "GlasscastError": "errors",
    "import_data": "workflows.import_data",
    "import_weights": "workflows.import_weights",
    "join_labels": "workflows.join_labels",
    "list_figures": "workflows.reproduce",
    "list_models": "workflows.describe",
    "load_model": "models.registry",
    "load_sample": "workflows.demo",
    "make_copies": "workflows.make_copies",
    "Model": "models.base",
    "new_model": "models.registry",
    "predict": "workflows.predict",
    "read": "workflows.predict",
    "reproduce": "workflows.reproduce",
    "simulate": "workflows.simulate",
    "train": "workflows.train",
    "transfer": "workflows.transfer",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'glasscast' has no attribute '{name}'")
    found = getattr(import_module(f"glasscast.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
