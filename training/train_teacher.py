"""Train a teacher: see `meta_learn`.

    python -m vivant.training.train_teacher --cache CACHE --output runs/teacher --teacher full-cpu
    torchrun --nproc-per-node 8 -m vivant.training.train_teacher --cache CACHE --output runs/teacher --teacher full

The run resumes from OUTPUT/last.safetensors if it is there; Ctrl-C and SIGTERM end it with a checkpoint.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from ..models.released import STUDENT
from ..models.teacher_config import CONFIGURATIONS, config_from, with_student
from ..runtime.session import BUNDLED
from .checkpoint import LAST, CheckpointError, load_checkpoint
from .clips import FrameCache
from .content_loss import Networks
from .engine import EngineConfig
from .errors import TrainingError
from .meta_learn import MetaLearner
from .recipes import recipe_of
from .stopping import StopRequest
from .vgg import WeightsError


def train_teacher(
    cache: Path,
    output: Path,
    name: str,
    engine: EngineConfig,
    networks: Networks,
    steps: int | None = None,
    batch: int | None = None,
) -> StopRequest:
    """Train, or go on training, a named configuration.

    Returns:
        whether the run was asked to end before its last step.

    Raises:
        TrainingError, CheckpointError, WeightsError: see there. FileNotFoundError: the cache lacks a file.
    """
    config, recipe = recipe_of(name, steps, batch)
    learner = MetaLearner(config, recipe, FrameCache(cache), output, networks, engine)
    learner.run()
    return learner.engine.stop


def teacher_is_trained(output: Path, name: str, steps: int) -> bool:
    """Whether a run has reached that step.

    Raises:
        TrainingError: it is the run of another teacher. CheckpointError: its checkpoint is damaged.
    """
    last = output / LAST
    if not last.exists():
        return False
    metadata = load_checkpoint(last, {})
    described = metadata.get("describe")
    before = described.get("teacher") if isinstance(described, dict) else None
    expected = recipe_of(name)[0]
    try:
        found = config_from(before or {})
    except ValueError:  # of another version
        found = None
    if found and found.warp:  # whose student may be any
        expected = with_student(expected, found.warp.refiner, found.warp.mouth, found.warp.eye)
    if found != expected:
        raise TrainingError(f"{last} holds another teacher than {name!r}; choose another output folder.")
    return int(str(metadata["step"])) >= steps


def hashed(text: str) -> tuple[Path, str]:
    """PATH:SHA256 as its two parts; argparse reports the ValueError of anything else."""
    path, _, digest = text.rpartition(":")
    if not path or len(digest) != 64:
        raise ValueError
    return Path(path), digest


def arguments_of(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="what vivant prepare --arrays wrote")
    parser.add_argument("--output", type=Path, required=True, help="folder of the run")
    parser.add_argument("--teacher", choices=tuple(CONFIGURATIONS), default="full-cpu")
    parser.add_argument("--steps", type=int, help="of the whole run; default: the recipe's")
    parser.add_argument("--batch", type=int, help="samples a step, of all processes together; default: the recipe's")
    parser.add_argument("--precision", choices=("bf16", "no"), default="bf16")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches, for each GPU")
    parser.add_argument("--save-every", type=int, default=EngineConfig.save_every)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--student", type=Path, default=STUDENT, help="moves the photos in the warp branch; default: the shipped one"
    )
    parser.add_argument("--vgg19", type=hashed, metavar="PATH:SHA256", help="VGG19 weights for the content loss")
    parser.add_argument("--vggface", type=hashed, metavar="PATH:SHA256", help="VGGFace weights for the content loss")
    return parser.parse_args(arguments)


def main() -> None:
    """Command line."""
    given = arguments_of()
    torch.set_num_threads(given.threads)
    engine = EngineConfig(given.precision, workers=given.workers, save_every=given.save_every, seed=given.seed)
    networks = Networks(BUNDLED / "track.onnx", given.student, given.vgg19, given.vggface)
    try:
        train_teacher(given.cache, given.output, given.teacher, engine, networks, given.steps, given.batch)
    except (TrainingError, CheckpointError, WeightsError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
