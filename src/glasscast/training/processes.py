"""The processes of one training: one, or several started by ``torchrun``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from glasscast.errors import SettingsError
from glasscast.runtime import check_device


def announced_processes() -> int:
    """Count the processes of this run, as torchrun announces them; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def find_device(device: str) -> torch.device:
    """Turn ``auto``, ``cpu`` or ``cuda`` into a device; of several GPUs that of this process.

    Raises
    ------
    SettingsError : if it is another word, or ``cuda`` and there is no GPU.
    """
    check_device(device)
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise SettingsError("the device is 'cuda', but torch finds no GPU; use 'auto'", "device")
    if not available or device == "cpu":
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


@dataclass(frozen=True)
class Processes:
    """One process among those of the run.

    Parameters
    ----------
    rank, count : number of this process, and of processes.
    device : it works on.
    """

    rank: int
    count: int
    device: torch.device

    @classmethod
    def join(cls, device: str) -> Processes:
        """Join the group that torchrun announces in the environment, if any.

        Raises
        ------
        SettingsError : if ``device`` is ``cuda`` and there is no GPU.
        """
        place = find_device(device)
        count = announced_processes()
        if count > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
        return cls(dist.get_rank() if count > 1 else 0, count, place)

    def share(self, batch: list[int]) -> list[int]:
        """Return the part of a batch that this process works on; may be empty."""
        return batch[self.rank :: self.count]

    def sum_gradients(self, network: nn.Module) -> None:
        """Add up the gradients of all processes, in one message: the networks are small."""
        if self.count == 1:
            return
        parameters = list(network.parameters())
        flat = torch.cat(
            [
                torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten()
                for p in parameters
            ]
        )
        dist.all_reduce(flat)
        for parameter, part in zip(
            parameters, torch.split(flat, [p.numel() for p in parameters]), strict=True
        ):
            parameter.grad = part.view_as(parameter).clone()

    def average_statistics(self, network: nn.Module, share: float) -> None:
        """Average the running statistics of normalisations, weighted by each one's share.

        A process of share 0 has not moved its own, so all end up where one process that works on
        the whole batch would be.
        """
        if self.count == 1:
            return
        buffers = [b for name, b in network.named_buffers() if "running_" in name]
        if buffers:
            flat = torch.cat([b.flatten() for b in buffers]) * share
            dist.all_reduce(flat)
            for buffer, part in zip(
                buffers, torch.split(flat, [b.numel() for b in buffers]), strict=True
            ):
                buffer.copy_(part.view_as(buffer))

    def sum(self, values: Iterable[float]) -> list[float]:
        """Add up numbers over all processes, in float64."""
        tensor = torch.tensor(list(values), dtype=torch.float64)
        if self.count > 1:
            moved: Tensor = tensor.to(self.device)
            dist.all_reduce(moved)
            tensor = moved.cpu()
        return [float(v) for v in tensor]

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            dist.barrier()
