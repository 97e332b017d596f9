"""Checkpoints without pickle: every tensor of modules and optimisers in one safetensors file, written atomically."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

LAST = "last.safetensors"  # in the folder of a run
LOG = "log.jsonl"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used, and why."""


def save_checkpoint(
    path: Path,
    modules: Mapping[str, nn.Module],
    optimisers: Mapping[str, torch.optim.Optimizer],
    metadata: Mapping[str, object],
) -> None:
    """Write modules, optimisers and JSON metadata (step, configuration) to `path`."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
    for name, optimiser in optimisers.items():
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}/{index}/{key}": torch.as_tensor(value) for key, value in state.items()}
    temporary = path.with_suffix(".tmp")
    save_file({key: value.contiguous() for key, value in tensors.items()}, temporary, {"vivant": json.dumps(metadata)})
    os.replace(temporary, path)


def load_checkpoint(
    path: Path,
    modules: Mapping[str, nn.Module],
    optimisers: Mapping[str, torch.optim.Optimizer] | None = None,
) -> dict[str, object]:
    """Load what `save_checkpoint` wrote into the given modules (and optimisers), and return the metadata.

    Raises:
        CheckpointError: the file is no checkpoint, or its tensors do not fit the modules.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get("vivant", "null"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (safe_open is no mapping)
    except Exception as error:
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}.") from error
    if metadata is None:
        raise CheckpointError(f"{path} carries no vivant metadata.")
    for name, module in modules.items():
        part = {key[len(name) + 1 :]: value for key, value in tensors.items() if key.startswith(f"{name}/")}
        try:
            module.load_state_dict(part)
        except RuntimeError as error:
            raise CheckpointError(f"{path} belongs to another configuration of '{name}'.") from error
    for name, optimiser in (optimisers or {}).items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(f"{name}/"):
                _, index, field = key.split("/")
                state.setdefault(int(index), {})[field] = value
        optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    return metadata


class MovingAverage:
    """Exponential moving average of a module's weights and buffers (the copy that is evaluated and shipped)."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Blend in the module's present state; early steps count more, so that the start is soon forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, value in zip(self.module.state_dict().values(), module.state_dict().values(), strict=True):
            if average.dtype.is_floating_point:
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)
