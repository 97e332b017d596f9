"""Fine-tuning to one person: the second stage of Zakharov et al. 2019 (section 3.3).

The embedding is folded in: ψ' starts as P ê and learns, with the generator's own weights ψ. The discriminator's vector
w' starts as w_0 + ê (equation (8)). The losses are those of meta-learning without the match loss (equations (9), (10)).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.judges import Judges
from ..models.person import Person, learnable
from ..models.warp_branch import Photos
from .content_loss import ContentLoss, Networks
from .engine import TrainingError
from .episodes import Episode
from .photo_sets import moved_photo
from .recipes import RECIPES
from .teacher_files import TrainedTeacher
from .teacher_losses import LossWeights, adversarial_loss, judges_loss, matched_features

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Adaptation:
    """Settings of fine-tuning; epochs over the photos, 40 in the paper.

    moved: share of the targets whose only source is their own photo, moved by the geometry; with one photo all are.
    """

    epochs: int = 10
    batch: int = 4
    rate: float = 6e-4
    judge_rate: float = 4e-4
    moved: float = 0.3
    weights: LossWeights = field(default_factory=lambda: RECIPES["full"].weights)
    seed: int = 0


PAPER: Final = Adaptation(epochs=40, rate=5e-5, judge_rate=2e-4, weights=RECIPES["paper"].weights)


def adaptation_of(name: str, epochs: int | None = None, photos: int | None = None) -> Adaptation:
    """The settings that suit a configuration of that name, and so many photos.

    A teacher with a warp branch keeps a single photo as it is: it could only learn from that photo moved by the
    geometry, which made it worse on held-out people.
    """
    settings = PAPER if name.startswith("paper") else Adaptation(epochs=0 if photos == 1 else Adaptation.epochs)
    return replace(settings, epochs=settings.epochs if epochs is None else epochs)


def fine_tune(
    trained: TrainedTeacher,
    photos: Photos,
    settings: Adaptation,
    networks: Networks,
    progress: Progress = lambda stage, done, total: None,
) -> Person:
    """A person's own teacher, from 1 to 32 photos (leading dimension 1) on one device.

    Raises:
        TrainingError: a loss is not finite.
    """
    started = time.perf_counter()
    tuner = _Tuner(trained, photos, settings, networks)
    losses: dict[str, float] = {}
    for epoch in range(settings.epochs):
        losses = tuner.epoch()
        progress("fine-tuning", epoch + 1, settings.epochs)
    record = {
        "photos": photos.pictures.shape[1],
        "epochs": settings.epochs,
        "seconds": round(time.perf_counter() - started, 1),
        "teacher_step": trained.step,
        "losses": {name: round(value, 5) for name, value in losses.items()},
        "settings": asdict(settings),
    }
    return tuner.person.using(tuner.person.teacher.eval().requires_grad_(False), tuner.coefficients.detach(), record)


class _Tuner:
    """A copy of the teacher and its discriminators, while they learn one person."""

    def __init__(self, trained: TrainedTeacher, photos: Photos, settings: Adaptation, networks: Networks) -> None:
        device = photos.pictures.device
        self.settings, self.device = settings, device
        teacher, judges = copy.deepcopy(trained.teacher).to(device), copy.deepcopy(trained.judges).to(device)
        self.person = Person.of(teacher, photos)
        self.judges: Judges = judges.train()
        with torch.no_grad():
            embedding = teacher.embedder(photos.pictures, photos.drawn)
        self.coefficients = nn.Parameter(self.person.coefficients.clone())  # ψ'
        self.vector = nn.Parameter(embedding.clone())  # w' − w_0
        teacher.generator.requires_grad_(True).train()
        self.content = ContentLoss(settings.weights, networks).to(device)
        self.optimiser = torch.optim.Adam([*learnable(self.person), self.coefficients], settings.rate, (0.5, 0.999))
        learning = [p for name, p in judges.named_parameters() if name not in ("head.people.weight", "head.common")]
        self.judge_optimiser = torch.optim.Adam([*learning, self.vector], settings.judge_rate, (0.5, 0.999))
        self.generator = torch.Generator().manual_seed(settings.seed)

    def epoch(self) -> dict[str, float]:
        """Every photo once as the target; the mean losses."""
        count = self.person.photos.pictures.shape[1]
        order = torch.randperm(count, generator=self.generator).tolist()
        sums: dict[str, float] = {}
        for start in range(0, count, self.settings.batch):
            targets = order[start : start + self.settings.batch]
            for name, value in self._step(targets).items():
                sums[name] = sums.get(name, 0.0) + value * len(targets) / count
        return sums

    def _step(self, targets: list[int]) -> dict[str, float]:
        weights = self.settings.weights
        with torch.autocast(self.device.type, torch.bfloat16):
            episode = self._episode(targets)
            made = torch.cat([self._made(target) for target in targets]).float()
            losses = self.content(made, episode)
            total = self.content.total(losses)
            person = self.vector.detach().expand(len(targets), -1)
            self.judges.requires_grad_(False)
            fake = self.judges(made.clamp(-0.2, 1.2), episode.drawn, episode.points, person)
            with torch.no_grad():
                real = self.judges(episode.target, episode.drawn, episode.points, person)
            self.judges.requires_grad_(True)
        losses |= {"features": matched_features(fake, real), "adversarial": adversarial_loss(fake)}
        total = total + weights.features * losses["features"] + weights.adversarial * losses["adversarial"]
        if not torch.isfinite(total):
            raise TrainingError("The loss of fine-tuning is not finite; the photos' weights were not kept.")
        self._update(self.optimiser, total)
        losses["judges"] = self._train_judges(made.detach(), episode)
        return {name: float(value.detach()) for name, value in losses.items()}

    def _train_judges(self, made: Tensor, episode: Episode) -> Tensor:
        both = torch.cat([made.clamp(-0.2, 1.2), episode.target])
        drawn, points = (torch.cat([x, x]) for x in (episode.drawn, episode.points))
        with torch.autocast(self.device.type, torch.bfloat16):
            verdicts = self.judges(both, drawn, points, self.vector.expand(len(both), -1))
        loss = judges_loss(verdicts)
        self._update(self.judge_optimiser, loss)
        return loss

    def _update(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 10.0)
        optimiser.step()

    def _made(self, target: int) -> Tensor:
        """The target photo made from the other photos, or from itself moved elsewhere: [1, 3, S, S]."""
        photos = self.person.photos
        count = photos.pictures.shape[1]
        sources = photos
        if self.person.teacher.warp is not None:
            if count == 1 or float(torch.rand((), generator=self.generator)) < self.settings.moved:
                sources = moved_photo(photos, target, self.generator)
            else:
                others = [i for i in range(count) if i != target]
                sources = Photos(*(part[:, others] for part in photos))
        drawn, points = photos.drawn[:, target], photos.points[:, target]
        teacher = self.person.teacher
        return teacher.render(teacher.encode(sources), self.coefficients, drawn, points)[0]

    def _episode(self, targets: list[int]) -> Episode:
        """What the losses compare with: every person in the photos is known, all of their pixels count."""
        photos = self.person.photos
        pictures, drawn, points, mattes = (part[0, targets] for part in photos)
        size = pictures.shape[-1]
        matte = F.interpolate(mattes, size=(size, size), mode="bilinear", antialias=True)
        nobody = torch.zeros(len(targets), dtype=torch.long, device=self.device)
        return Episode(photos, pictures, drawn, points, matte, torch.ones_like(matte), nobody)
