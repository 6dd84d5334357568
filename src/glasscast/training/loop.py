"""The one training loop."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from glasscast.datasets.identity import Identity
from glasscast.errors import ModelError, SettingsError
from glasscast.liquid.box import FloatArray
from glasscast.networks.batch import MovableInput, box_symmetries
from glasscast.progress import Progress, Silent
from glasscast.training.checkpoint import read_checkpoint, write_checkpoint
from glasscast.training.examples import Example, ExampleCache, join_examples
from glasscast.training.history import Epoch, write_history
from glasscast.training.objectives import Objective, Outputs
from glasscast.training.processes import Processes
from glasscast.training.settings import TrainingSettings


class Trainer:
    """Adam on one network until the epochs are over or validation stops improving.

    Everything random is drawn anew from (seed, epoch), so a run that is taken up at an epoch is
    bit for bit the run that was never interrupted. With validation examples the weights of the
    best epoch are kept, else the last ones; with ``average`` these are running means of the
    weights over the last steps (Polyak averaging), which forecast better than the last step's.

    Parameters
    ----------
    network : in place; graph -> (node outputs (N, T), edge outputs (E, T) or None).
    objective : the loss.
    settings : of training.
    seed : of everything random.
    processes : of the run.
    identity : what the fit depends on; a checkpoint of another is not taken up.
    checkpoint : file of the state, which the caller deletes; the curve grows beside it as
        ``.csv``.
    progress : advanced by the first process, after each step and by those of earlier sessions.
    chances : (C,) weights of the training configurations, at most 1. An epoch then draws each as
        often as it weighs, on average, and divides its loss by that; so many draws as the weights
        add up to. None: an epoch visits each once.

    Attributes
    ----------
    history : epochs done.
    best_epoch : whose weights the network has in the end.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        settings: TrainingSettings,
        *,
        seed: int,
        processes: Processes,
        identity: Identity,
        checkpoint: Path | None = None,
        progress: Progress | None = None,
        chances: FloatArray | None = None,
    ) -> None:
        if settings.precision != "float32" and processes.device.type != "cuda":
            raise SettingsError(f"training.precision '{settings.precision}' needs a GPU")
        self.network = network.to(processes.device)
        self.objective, self.settings, self.seed = objective, settings, seed
        self.processes, self.identity = processes, identity
        self.checkpoint, self.progress = checkpoint, progress or Silent()
        self.chances = chances
        self.optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=settings.learning_rate,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
        )
        self._average: AveragedModel | None = None
        if settings.average > 0:
            rule = get_ema_multi_avg_fn(settings.average)  # type: ignore[no-untyped-call]
            self._average = AveragedModel(self.network, multi_avg_fn=rule)
        self.history: list[Epoch] = []
        self.best_epoch = 0
        self._best_score = -math.inf
        self._best: dict[str, Tensor] | None = None
        self._earlier = 0.0  # seconds spent in sessions before this one

    def run(
        self, train: ExampleCache, validation: ExampleCache, watched: ExampleCache | None = None
    ) -> None:
        """Train to the end; the network then holds the chosen weights.

        Parameters
        ----------
        validation : by which the best epoch is chosen.
        watched : whose loss and correlations are noted, and decide nothing.
        """
        self._resume()
        if self.history:
            draws = draws_of(len(train), self.chances)
            self._advance(len(self.history) * ceil(draws / self.settings.batch_size))
        began = time.monotonic()
        while len(self.history) < self.settings.epochs and not self._exhausted():
            number = len(self.history) + 1
            row = self._train_epoch(number, train)
            if number % self.settings.validate_every == 0:
                row = self._validate(row, validation, watched)
            self.history.append(replace(row, seconds=self._earlier + time.monotonic() - began))
            self._record(number)
        if self.settings.keep == "last":
            self._best = None
        if self._best is None:
            self.best_epoch = len(self.history)
        self.network.load_state_dict(self._best or self._candidate().state_dict())

    def _advance(self, steps: int) -> None:
        if self.processes.rank == 0:
            self.progress.advance(f"epoch {len(self.history)}" if self.history else "", steps)

    def _candidate(self) -> nn.Module:
        """Return what would be kept were training over now: the averaged network, if any."""
        return self.network if self._average is None else self._average.module

    def _exhausted(self) -> bool:
        """Whether validation has not improved for longer than the patience."""
        patience = self.settings.patience
        return (
            patience is not None
            and self._best is not None
            and len(self.history) - self.best_epoch >= patience
        )

    def _train_epoch(self, number: int, train: ExampleCache) -> Epoch:
        rng = np.random.default_rng([self.seed, number])
        order = drawn(rng, len(train), self.chances)
        size = self.settings.batch_size
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        steps, largest = [], 0.0
        self.network.train()
        with self._seeded(number):
            for step, batch in enumerate(batches):
                turns = dict(zip(batch, rng.integers(2**31, size=len(batch)), strict=True))
                done = (number - 1) * len(batches) + step
                self._set_rate(done, self.settings.epochs * len(batches))
                measured, norm = self._step(train, batch, turns)
                steps.append(measured)
                largest = max(largest, norm)
                self._advance(1)
        means = np.mean(steps, axis=0) if steps else np.zeros(3)
        mean, *correlations = self.processes.sum(means.tolist())
        if not math.isfinite(mean):
            raise ModelError(
                f"the loss is {mean} in epoch {number}; lower training.learning_rate or "
                "training.clip_norm"
            )
        rate = self.optimizer.param_groups[0]["lr"]
        return Epoch(number, 0.0, mean, rate, largest, *correlations)

    def _step(
        self, train: ExampleCache, batch: list[int], turns: dict[int, int]
    ) -> tuple[tuple[float, float, float], float]:
        """One step: this process's part of loss and correlations, and the norm of the gradient."""
        self.optimizer.zero_grad(set_to_none=True)
        mine = self.processes.share(batch)
        measured, share = (0.0, 0.0, 0.0), len(mine) / len(batch)
        if mine:
            example = join_examples([self._visited(train, i, turns[i]) for i in mine])
            with self._precision():
                outputs = self.network(example.inputs)
            loss = self.objective(outputs, example) * share
            loss.backward()  # type: ignore[no-untyped-call]
            particles, pairs = self.objective.correlations(_detached(outputs), example)
            measured = float(loss.detach()), share * particles, share * pairs
        self.processes.sum_gradients(self.network)
        self.processes.average_statistics(self.network, share)
        limit = self.settings.clip_norm or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.network.parameters(), limit))
        self.optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self.network)
        return measured, norm

    def _visited(self, train: ExampleCache, number: int, turn: int) -> Example:
        example = self._augmented(train[number], turn)
        return example if self.chances is None else example.weighed(1 / self.chances[number])

    def _augmented(self, example: Example, turn: int) -> Example:
        inputs = example.inputs
        if self.settings.augment:
            symmetries = box_symmetries(inputs.dimension)
            inputs = inputs.transformed(symmetries[turn % len(symmetries)])
        if self.settings.jitter > 0:
            if not isinstance(inputs, MovableInput):
                raise SettingsError("training.jitter needs a network that reads a graph")
            shape = (sum(inputs.counts), inputs.dimension)
            shifts = np.random.default_rng(turn).normal(scale=self.settings.jitter, size=shape)
            inputs = inputs.jittered(torch.from_numpy(shifts))
        return replace(example, inputs=inputs)

    def _validate(
        self, row: Epoch, validation: ExampleCache, watched: ExampleCache | None
    ) -> Epoch:
        """Measure what was not trained on, and keep the weights if they are the best so far."""
        network = self._candidate().eval()
        if watched:
            loss, particles, pairs = self._measure(network, watched)
            row = replace(row, test_loss=loss, test_pearson=particles, test_pair_pearson=pairs)
        if not len(validation):
            return row
        loss, particles, pairs = self._measure(network, validation)
        score = pairs if math.isnan(particles) else particles
        merit = -loss if self.objective.chooses_by_loss else score
        if merit > self._best_score:
            self._best_score, self.best_epoch = merit, row.epoch
            self._best = copy.deepcopy(network.state_dict())
        return replace(
            row,
            validation_loss=loss,
            validation_pearson=particles,
            validation_pair_pearson=pairs,
        )

    def _measure(self, network: nn.Module, examples: ExampleCache) -> list[float]:
        """Loss and correlations of particles and pairs, means over configurations."""
        total = np.zeros(3)
        with torch.no_grad(), self._precision():
            for i in self.processes.share(list(range(len(examples)))):
                outputs = network(examples[i].inputs)
                loss = float(self.objective(outputs, examples[i]))
                total += loss, *self.objective.correlations(outputs, examples[i])
        return [value / len(examples) for value in self.processes.sum(total.tolist())]

    def _set_rate(self, done: int, total: int) -> None:
        """Learning rate as a function of the step alone, so that nothing needs restoring."""
        settings, progress = self.settings, done / total
        factor = 1.0
        if settings.schedule == "cosine":
            half = 0.5 * (1 + math.cos(math.pi * progress))
            factor = settings.final_rate + (1 - settings.final_rate) * half
        elif settings.schedule == "exponential":
            factor = settings.final_rate**progress
        elif settings.schedule == "steps":
            epoch = done * settings.epochs // total
            factor = settings.step_factor ** (epoch // settings.step_epochs)
        if done < settings.warmup:
            factor *= (done + 1) / settings.warmup
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor

    def _seeded(self, number: int) -> AbstractContextManager[None]:
        """Random state of dropout for one epoch, the caller's put back afterwards."""
        devices = [self.processes.device] if self.processes.device.type == "cuda" else []
        return seeded([self.seed, number, self.processes.rank], devices)

    def _precision(self) -> AbstractContextManager[None]:
        if self.settings.precision == "bfloat16":
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()

    def _record(self, number: int) -> None:
        """Write curve and checkpoint; only the first process does."""
        due = number % self.settings.checkpoint_every == 0 or number == self.settings.epochs
        if self.checkpoint is None or self.processes.rank != 0 or not due:
            return
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "best": self._best,
            "best_epoch": self.best_epoch,
            "best_score": self._best_score,
            "history": [asdict(row) for row in self.history],
        }
        write_checkpoint(self.checkpoint, self.identity, state)
        write_history(self.checkpoint.with_suffix(".csv"), self.history)

    def _resume(self) -> None:
        if self.checkpoint is None:
            return
        state = read_checkpoint(self.checkpoint, self.identity)
        self.processes.wait()
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._best, self.best_epoch = state["best"], state["best_epoch"]
        self._best_score = state["best_score"]
        self.history = [Epoch(**row) for row in state["history"]]
        self._earlier = self.history[-1].seconds


def draws_of(size: int, chances: FloatArray | None) -> int:
    """Return how many configurations an epoch of so many visits."""
    return size if chances is None else max(1, round(float(chances.sum())))


def drawn(rng: np.random.Generator, size: int, chances: FloatArray | None) -> list[int]:
    """Return the configurations of an epoch in random order: all, or by systematic sampling.

    Parameters
    ----------
    chances : (size,) of which the numbers of visits are multiples, on average.
    """
    order = rng.permutation(size)
    if chances is not None:
        draws, reach = draws_of(size, chances), np.cumsum(chances[order])
        marks = (rng.random() + np.arange(draws)) * (reach[-1] / draws)
        order = order[np.searchsorted(reach, marks, side="right")]
    return [int(number) for number in order]


def _detached(outputs: Outputs) -> Outputs:
    nodes, edges = outputs
    return nodes.detach(), None if edges is None else edges.detach()


class seeded(AbstractContextManager[None]):  # noqa: N801  used like a function
    """Torch's global random state drawn from some integers, restored on leaving."""

    def __init__(self, entropy: Sequence[int], devices: Sequence[torch.device] = ()) -> None:
        self._seed = int(np.random.SeedSequence(list(entropy)).generate_state(1)[0])
        self._fork: Any = torch.random.fork_rng(devices=list(devices))

    def __enter__(self) -> None:
        self._fork.__enter__()
        torch.manual_seed(self._seed)

    def __exit__(self, *error: Any) -> None:
        self._fork.__exit__(*error)
