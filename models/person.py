"""One person's own teacher: a generator whose AdaIN coefficients are that person's (section 3.3), with the photos."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .geometry import normalise_points
from .landmark_picture import drawing
from .teacher import Teacher
from .teacher_config import config_from
from .warp_branch import EncodedPhotos, Photos

FORMAT = "vivant-person-1"
_PARTS = ("generator.", "warp.")  # of the teacher; embedder and projection are folded into the coefficients


@dataclass(frozen=True)
class Person:
    """G'(y(t); ψ, ψ').

    Attributes:
        teacher: its generator and warp branch are used.
        coefficients: [1, M], ψ': P ê to begin with, then tuned.
        photos: T photos, leading dimension 1. record: how it was made, JSON-able.
    """

    teacher: Teacher
    coefficients: Tensor
    photos: Photos
    record: Mapping[str, object]

    @classmethod
    @torch.no_grad()
    def of(cls, teacher: Teacher, photos: Photos) -> Person:
        """The person as the meta-learned teacher sees them: ψ' = P ê, ê from equation (7)."""
        embedding = teacher.embedder(photos.pictures, photos.drawn)
        return cls(teacher, teacher.projection(embedding), photos, {"photos": photos.pictures.shape[1], "epochs": 0})

    @torch.no_grad()
    def frame(self, points: Tensor) -> Tensor:
        """The person with landmarks [478, 3] (normalised to the photos' square): [3, S, S] 0..1."""
        size = self.teacher.config.size
        target = points[None].to(self.coefficients.device)
        drawn = drawing(points, size)[None].to(target.device)
        return self.teacher.render(self._encoded, self.coefficients, drawn, target)[0][0].float().clamp(0, 1)

    def picture(self, landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
        """`frame` for landmarks [478, 3] in pixels of the square: uint8 [S, S, 3]."""
        size = float(self.teacher.config.size)
        square = torch.tensor([size / 2, size / 2, size, 0.0])
        made = self.frame(normalise_points(torch.from_numpy(landmarks.copy()), square).float())
        return (made * 255 + 0.5).byte().permute(1, 2, 0).cpu().numpy()

    @cached_property
    def _encoded(self) -> EncodedPhotos | None:
        return self.teacher.encode(self.photos)

    def save(self, path: Path) -> None:
        """Half-precision weights and the photos themselves (uint8) in one safetensors file: it shows the person."""
        state = self.teacher.state_dict()
        tensors = {key: value for key, value in state.items() if key.startswith(_PARTS)}
        tensors = {key: v.half() if v.is_floating_point() else v for key, v in tensors.items()}
        tensors["coefficients"] = self.coefficients.float()
        tensors["photos.pictures"] = (self.photos.pictures * 255 + 0.5).clamp(0, 255).byte()
        tensors["photos.mattes"] = (self.photos.mattes * 255 + 0.5).clamp(0, 255).byte()
        tensors["photos.points"] = self.photos.points.float()
        config = json.dumps(asdict(self.teacher.config))
        metadata = {"format": FORMAT, "teacher": config, "record": json.dumps(dict(self.record))}
        temporary = path.with_suffix(".tmp")
        save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, temporary, metadata)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Person:
        """What `save` wrote.

        Raises:
            ValueError: the file is no person of this version.
        """
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (safe_open is no mapping)
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path} is not a readable person: {error}.") from error
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{path} holds no person made by `vivant adapt`.")
        config = config_from(json.loads(metadata["teacher"]))
        teacher = Teacher(config).eval().requires_grad_(False)
        parts = {key: v.float() if v.dtype == torch.float16 else v for key, v in tensors.items()}
        weights = {key: v for key, v in parts.items() if key.startswith(_PARTS)}
        missing, unexpected = teacher.load_state_dict(weights, strict=False)
        if unexpected or any(key.startswith(_PARTS) for key in missing):
            raise ValueError(f"{path} does not fit its own settings; was it made by another version?")
        pictures, mattes = parts["photos.pictures"].float() / 255, parts["photos.mattes"].float() / 255
        points = parts["photos.points"]
        drawn = torch.stack([drawing(p, config.size) for p in points[0]])[None]
        photos = Photos(pictures, drawn, points, mattes)
        return cls(teacher, parts["coefficients"], photos, json.loads(metadata["record"]))

    def using(self, teacher: Teacher, coefficients: Tensor, record: Mapping[str, object]) -> Person:
        """The same photos with tuned weights."""
        return replace(self, teacher=teacher, coefficients=coefficients, record=record)


def learnable(person: Person) -> list[nn.Parameter]:
    """What fine-tuning changes besides ψ': the generator's weights ψ."""
    return list(person.teacher.generator.parameters())
