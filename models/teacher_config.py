"""Sizes of the teacher's networks, and the named configurations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final


@dataclass(frozen=True)
class EmbedderConfig:
    """`size`: side of the pictures it sees; `embedding`: N, the length of ê; self-attention at `attention_at`²."""

    size: int = 256
    base_width: int = 64
    max_width: int = 512
    embedding: int = 512
    attention_at: int = 32


@dataclass(frozen=True)
class GeneratorConfig:
    """The generator G.

    widths: channels after each halving; the first level's raster is half of the folded picture's.
    blocks: residual blocks at the lowest raster. fold: side of the squares of pixels that become one (1: none).
    attention_down, attention_up: rasters of self-attention on the way down and up (0: none).
    guides: channels given beside the drawn landmarks. memory: channels of the sources' warped features, added at the
    level whose raster is theirs (0: none). skips: add the encoder's features on the way up, as a U-Net does.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: int = 5
    fold: int = 1
    attention_down: int = 32
    attention_up: int = 64
    spectral: bool = True
    guides: int = 0
    memory: int = 0
    skips: bool = False
    outputs: int = 3


@dataclass(frozen=True)
class WarpConfig:
    """The warp branch. features: channels of the source features. learn_student: whether the student that moves the
    photos is trained too. refiner, mouth, eye: the widths of that student's networks.
    """

    features: int = 64
    widths: tuple[int, int] = (32, 64)
    learn_student: bool = True
    refiner: tuple[int, int, int, int] = (24, 40, 64, 96)
    mouth: tuple[int, int, int] = (32, 64, 96)
    eye: tuple[int, int, int] = (24, 48, 64)


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The projection discriminator, at `size`², and the patch discriminators (`patches`: their side, 0: none)."""

    size: int = 256
    base_width: int = 64
    max_width: int = 512
    attention_at: int = 32
    patches: int = 0
    patch_width: int = 32


@dataclass(frozen=True)
class TeacherConfig:
    """One teacher. `size`: side of the pictures it makes; `warp`: None for landmarks alone, as in the paper."""

    name: str = "paper"
    size: int = 256
    embedder: EmbedderConfig = field(default_factory=EmbedderConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    warp: WarpConfig | None = None

    def __post_init__(self) -> None:
        lowest = self.generator.fold * 2 ** len(self.generator.widths)
        if self.size % lowest or self.size % self.embedder.size or self.size % self.discriminator.size:
            raise ValueError(f"A teacher's picture of {self.size} px does not suit its networks' rasters.")


GUIDES: Final = 5  # the warped picture, the person's matte, and how far the sources' expression is from the target's

PAPER: Final = TeacherConfig()
PAPER_CPU: Final = TeacherConfig(
    name="paper-cpu",
    size=256,
    embedder=EmbedderConfig(size=64, base_width=16, max_width=128, embedding=128),
    generator=GeneratorConfig(widths=(32, 64, 128), blocks=3, fold=2, attention_up=0),
    discriminator=DiscriminatorConfig(size=128, base_width=16, max_width=128),
)
FULL: Final = TeacherConfig(
    name="full",
    size=512,
    embedder=EmbedderConfig(),
    generator=GeneratorConfig(
        widths=(96, 192, 384, 512), fold=2, spectral=False, guides=GUIDES, memory=64, skips=True, outputs=5
    ),
    discriminator=DiscriminatorConfig(patches=128),
    warp=WarpConfig(),
)
FULL_CPU: Final = TeacherConfig(
    name="full-cpu",
    size=256,
    embedder=EmbedderConfig(size=64, base_width=16, max_width=128, embedding=128),
    generator=GeneratorConfig(
        widths=(32, 64, 128),
        blocks=3,
        fold=2,
        attention_up=0,
        spectral=False,
        guides=GUIDES,
        memory=24,
        skips=True,
        outputs=5,
    ),
    discriminator=DiscriminatorConfig(size=128, base_width=16, max_width=128, patches=64),
    warp=WarpConfig(features=24, widths=(16, 24), learn_student=False),
)
CONFIGURATIONS: Final = {config.name: config for config in (PAPER, PAPER_CPU, FULL, FULL_CPU)}


def with_student(
    config: TeacherConfig, refiner: tuple[int, int, int, int], mouth: tuple[int, int, int], eye: tuple[int, int, int]
) -> TeacherConfig:
    """The configuration with a student of these widths in its warp branch, if it has one."""
    if config.warp is None:
        return config
    return replace(config, warp=replace(config.warp, refiner=refiner, mouth=mouth, eye=eye))


def config_from(values: Mapping[str, Any]) -> TeacherConfig:
    """The configuration that `dataclasses.asdict` turned into plain values (lists for tuples are fine).

    Raises:
        ValueError: the values are no configuration of this version.
    """
    try:
        parts = {
            "embedder": EmbedderConfig(**values["embedder"]),
            "generator": GeneratorConfig(**{**values["generator"], "widths": tuple(values["generator"]["widths"])}),
            "discriminator": DiscriminatorConfig(**values["discriminator"]),
            "warp": None,
        }
        if values["warp"] is not None:
            widths = {key: tuple(values["warp"][key]) for key in ("widths", "refiner", "mouth", "eye")}
            parts["warp"] = WarpConfig(**{**values["warp"], **widths})
        return TeacherConfig(**{**values, **parts})
    except (KeyError, TypeError) as error:
        raise ValueError(f"These are no settings of a teacher: {error}.") from error
