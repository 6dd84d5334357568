"""How the one training loop runs. No torch here: checking a settings file is instant."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from glasscast.config import Settings

#: k: a label that is the mean of R runs weighs 1 / (1 + k / R).
LabelNoise = Annotated[float, Field(ge=0)] | Literal["estimated"]


class TrainingSettings(Settings):
    """How the one training loop runs; the same for every deep model."""

    epochs: int = Field(default=200, ge=1, description="passes over the training configurations")
    learning_rate: float = Field(
        default=1e-3, gt=0, description="of Adam, at the start of the schedule"
    )
    schedule: Literal["constant", "cosine", "exponential", "steps"] = Field(
        default="constant",
        description="of the learning rate, to `final_rate` of its start; `steps`: by `step_factor` "
        "every `step_epochs`",
    )
    step_epochs: int = Field(default=20, ge=1, description="epochs between steps of the rate")
    step_factor: float = Field(default=0.5, gt=0, le=1, description="rate after over before a step")
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = Field(
        default=(0.9, 0.999), description="memories of Adam"
    )
    final_rate: float = Field(default=0.01, gt=0, le=1, description="last rate over first")
    warmup: int = Field(default=0, ge=0, description="steps of linear rise of the learning rate")
    weight_decay: float = Field(
        default=0.0, ge=0, description="decoupled, as in AdamW; 0 is plain Adam"
    )
    average: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="keep running means of the weights with this memory a step; 0: the last ones",
    )
    batch_size: int = Field(
        default=1, ge=1, description="configurations a step, over all processes"
    )
    clip_norm: float | None = Field(default=1.0, gt=0, description="largest norm of the gradient")
    augment: bool = Field(default=False, description="random symmetry of the box at each step")
    jitter: float = Field(
        default=0.0,
        ge=0,
        le=0.2,
        description="standard deviation, in sigma, of random shifts of the particles at each step; "
        "not in the papers: with few configurations it keeps a network from learning vibrations",
    )
    normalisation: Literal["dataset", "configuration", "none"] = Field(
        default="dataset",
        description="targets are standardised per time and species over all training "
        "configurations, within each configuration, or not",
    )
    label_noise: LabelNoise = Field(
        default="estimated",
        description="k: a label that is the mean of R runs weighs 1 / (1 + k / R); 0: all alike; "
        "'estimated': from the variances of labels of different R",
    )
    draw: Literal["all", "by_weight"] = Field(
        default="all",
        description="configurations of an epoch: all, each with the weight of its labels in the "
        "loss, or as often as its labels weigh, so that no step is spent on what weighs little",
    )
    species_loss: Literal["pooled", "separate"] = Field(
        default="pooled",
        description="mean over all learned particles, or the sum of the means of each species",
    )
    learn_species: tuple[int, ...] | None = Field(
        default=None, min_length=1, description="species in the loss; null means all"
    )
    validation_fraction: float = Field(
        default=0.1, ge=0, lt=1, description="training configurations set aside when none are given"
    )
    patience: int | None = Field(
        default=None, ge=1, description="epochs without a better validation score before stopping"
    )
    keep: Literal["best", "last"] = Field(
        default="best",
        description="weights of the epoch with the best validation score, or of the last one",
    )
    validate_every: int = Field(default=1, ge=1, description="epochs between validations")
    checkpoint_every: int = Field(default=1, ge=1, description="epochs between checkpoints")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="bfloat16: mixed precision, on a GPU"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    graph_memory: int = Field(
        default=2048, ge=0, description="megabytes of graphs kept between epochs"
    )
