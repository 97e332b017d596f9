"""Teachers small enough for tests, and a run in as many processes as `torchrun` starts.

python tests/tiny_teacher.py CACHE OUTPUT STEPS
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from vivant.models.teacher_config import (
    GUIDES,
    DiscriminatorConfig,
    EmbedderConfig,
    GeneratorConfig,
    TeacherConfig,
    WarpConfig,
)
from vivant.training.clips import FrameCache
from vivant.training.content_loss import Networks
from vivant.training.engine import EngineConfig
from vivant.training.meta_learn import MetaLearner
from vivant.training.recipes import RECIPES, MetaLearning

_EMBEDDER = EmbedderConfig(size=32, base_width=8, max_width=16, embedding=24, attention_at=8)
_JUDGES = DiscriminatorConfig(size=32, base_width=8, max_width=16, attention_at=8, patches=16, patch_width=4)
TINY_FULL = TeacherConfig(
    name="tiny-full",
    size=32,
    embedder=_EMBEDDER,
    generator=GeneratorConfig(
        widths=(8, 16), blocks=1, attention_down=8, attention_up=0, spectral=False, guides=GUIDES, memory=6, skips=True,
        outputs=5,
    ),
    discriminator=_JUDGES,
    warp=WarpConfig(features=6, widths=(4, 6), learn_student=False),
)  # fmt: skip
TINY_PAPER = TeacherConfig(
    name="tiny-paper",
    size=32,
    embedder=_EMBEDDER,
    generator=GeneratorConfig(widths=(8, 16), blocks=1, attention_down=8, attention_up=16),
    discriminator=replace(_JUDGES, patches=0),
)
RECIPE: MetaLearning = replace(
    RECIPES["full-cpu"], steps=6, batch=2, shots=2, adversarial_from=2, evaluate_every=1000, rate=1e-3
)


def tiny_learner(
    cache: Path,
    output: Path,
    config: TeacherConfig = TINY_FULL,
    recipe: MetaLearning = RECIPE,
    precision: str = "no",
    save_every: int = 1000,
    student: Path | None = None,
) -> MetaLearner:
    """A learner that logs every step."""
    engine = EngineConfig(precision, log_every=1, save_every=save_every)
    return MetaLearner(config, recipe, FrameCache(cache), output, Networks(student=student), engine)


if __name__ == "__main__":
    torch.set_num_threads(1)
    tiny_learner(Path(sys.argv[1]), Path(sys.argv[2]), recipe=replace(RECIPE, steps=int(sys.argv[3]))).run()
