"""`vivant train student` from films to a report, and what ends a part's training early."""

import csv
import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clipmaking import write_video
from conftest import Command
from made_cache import write_made_cache
from PIL import Image
from vivant.cli.student_run import StudentRun, claimed, stages_of
from vivant.models.student import load_student
from vivant.runtime.session import Bundle
from vivant.training.checkpoint import load_checkpoint
from vivant.training.clips import FrameCache
from vivant.training.errors import TrainingError
from vivant.training.frame_data import FrameBatch
from vivant.training.patch_data import PatchBatch
from vivant.training.student_recipe import PARTS, StudentRecipe, is_trained
from vivant.training.train_patches import PatchTrainer, PatchTraining
from vivant.training.train_refiner import RefinerTrainer, RefinerTraining

SHORT = RefinerTraining(steps=3, batch=2, widths=(8, 8, 8, 8), evaluate_every=2, evaluation_batches=1)
STAGES = ("preparation", *PARTS, "student", "bundle", "report")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, astronaut: Path) -> Path:
    """Two films of a drifting photo, one of them held out, and a photo."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "videos").mkdir()
    (folder / "photos").mkdir()
    picture = Image.open(astronaut).convert("RGB").crop((60, 0, 400, 340))
    picture.save(folder / "photos" / "a.jpg", quality=95)
    frames = [np.roll(np.asarray(picture), shift, 1) for shift in range(0, 12, 2)]
    with (folder / "index.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "person", "split"])
        for name, split in (("a.mp4", "train"), ("b.mp4", "heldout")):
            write_video(folder / "videos" / name, frames, fps=8)
            rows.writerow([name, name[0], split])
    return folder


def order(data: Path, run: Path, *more: object) -> tuple[object, ...]:
    widths = ("--widths", 8, 8, 8, 8)
    return ("train", "student", data, "-o", run, "--quick", "--steps-share", 0.0002, *widths, "--workers", 1, *more)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "deep" / "run"


def stages_in(told: str, ending: str) -> list[str]:
    """Names of the stages of which a run told something, in their order."""
    return [line.split(", ")[1].removesuffix(ending) for line in told.splitlines() if line.endswith(ending)]


def test_ctrl_c_ends_the_command(data: Path, run: Path, vivant: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    learn = PatchTrainer.train_step

    def interrupted(trainer: PatchTrainer, batch: PatchBatch) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        return learn(trainer, batch)

    monkeypatch.setattr(PatchTrainer, "train_step", interrupted)
    ran = vivant(*order(data, run))
    assert ran.code == 130, ran.err
    assert "Traceback" not in ran.err
    assert "3 of 7, mouth: not finished; the same command goes on from here" in ran.err
    assert not (run / "student.safetensors").exists()


def test_the_same_command_goes_on_to_student_bundle_and_report(data: Path, run: Path, vivant: Command) -> None:
    ran = vivant(*order(data, run))
    assert ran.code == 0, ran.err
    assert stages_in(ran.err, ": done before") == ["preparation", "refiner", "mouth"]
    assert stages_in(ran.err, " …") == ["eye", "student", "bundle", "report"]
    student, record = load_student(run / "student.safetensors")
    assert student.refiner.config.widths == (8, 8, 8, 8)
    assert [json.loads(record)[part]["step"] for part in PARTS] == [1, 1, 1]
    assert Bundle(run / "bundle").manifest.name == "vivant-student"
    report = json.loads((run / "report" / "report.json").read_text())
    assert [clip["name"] for clip in report["clips"]] == ["b.mp4"]
    assert set(json.loads((run / "seconds.json").read_text())) == set(STAGES)
    for name in ("prepared/arrays", "student.safetensors", "bundle", "report"):
        assert str(run / name) in ran.out


def test_what_is_finished_is_not_done_again(data: Path, run: Path, vivant: Command) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    ran = vivant(*order(data, run))
    assert ran.code == 0, ran.err
    assert stages_in(ran.err, ": done before") == list(STAGES)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    os.utime(run / "eye" / "last.safetensors")
    asked = StudentRun(data, run, StudentRecipe(0.0002, True, (8, 8, 8, 8)))
    assert [stage.name for stage in stages_of(asked) if not stage.finished()] == ["student"]


def test_other_settings_are_refused(data: Path, run: Path, vivant: Command, tmp_path: Path) -> None:
    ran = vivant(*order(data, run, "--fps", 4))
    assert ran.code == 1
    assert "was begun with fps 8.0, not 4.0" in " ".join(ran.err.split())
    (tmp_path / "letter.txt").write_text("mine")
    ran = vivant(*order(data, tmp_path))
    assert ran.code == 1 and "holds something else" in ran.err
    ran = vivant(*order(data, tmp_path / "new", "--teacher", data / "index.csv"))
    assert ran.code == 1 and "is no student" in ran.err
    ran = vivant(*order(data, data / "run"))
    assert ran.code == 1 and "name another folder" in ran.err
    ran = vivant(*order(data / "nowhere", tmp_path / "new"))
    assert ran.code == 1 and "nowhere is not there" in ran.err
    assert not (tmp_path / "new").exists() and not (data / "run").exists()
    with pytest.raises(TrainingError, match=r"trained with widths \[8, 8, 8, 8\], not \[8, 8, 8, 16\]"):
        is_trained("refiner", StudentRecipe(0.0002, True, (8, 8, 8, 16)), run / "refiner")


def test_data_may_be_prepared_beforehand(data: Path, run: Path, vivant: Command, tmp_path: Path) -> None:
    shutil.copytree(run / "prepared", tmp_path / "prepared")
    ran = vivant(*order(data, tmp_path, "--fps", 4))
    assert ran.code == 1
    assert "was prepared with fps 8.0, not 4.0" in " ".join(ran.err.split())
    assert not (tmp_path / "recipe.json").exists()
    asked = StudentRun(data, tmp_path, StudentRecipe())
    with (
        claimed(tmp_path, asked.describe()),
        pytest.raises(TrainingError, match="Another process"),
        claimed(tmp_path, asked.describe()),
    ):
        pass
    assert stages_of(asked)[0].finished()


def test_with_a_teacher_the_student_is_distilled_before_it_is_exported(data: Path, tmp_path: Path) -> None:
    asked = StudentRun(data, tmp_path / "run", StudentRecipe(), teacher="full-cpu")
    names = [stage.name for stage in stages_of(asked)]
    assert names == ["preparation", "teacher", *PARTS, "student", "distillation", "bundle", "report"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> FrameCache:
    folder = tmp_path_factory.mktemp("cache")
    write_made_cache(folder)
    return FrameCache(folder)


class Spoilt(RefinerTrainer):
    """Learns as usual until a step, before which something happens."""

    def __init__(self, config: RefinerTraining, cache: FrameCache, output: Path, happens: Callable[..., None]) -> None:
        super().__init__(config, cache, output)
        self.happens = happens

    def train_step(self, batch: FrameBatch) -> dict[str, float]:
        if self.step == 2:
            self.happens(self, batch)
        return super().train_step(batch)


def spoil_batch(trainer: Spoilt, batch: FrameBatch) -> None:
    batch.target.fill_(float("nan"))


def spoil_weights(trainer: Spoilt, batch: FrameBatch) -> None:
    """As an infinite gradient does: the losses of this step are those from before it."""
    learn = trainer.optimiser.step

    def step(*_: object) -> None:
        learn()
        next(trainer.refiner.parameters()).data.fill_(float("inf"))

    trainer.optimiser.step = step  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("spoil, what", [(spoil_batch, "The loss 'l1'"), (spoil_weights, "The weight '.*' of")])
def test_what_is_not_finite_ends_a_run_and_is_not_saved(
    cache: FrameCache, tmp_path: Path, spoil: Callable[..., None], what: str
) -> None:
    last = tmp_path / "last.safetensors"
    with pytest.raises(TrainingError, match=f"{what}.* is not finite at step 3; the last good checkpoint is {last}"):
        Spoilt(SHORT, cache, tmp_path, spoil).run()
    assert load_checkpoint(last, {})["step"] == 2
    resumed = RefinerTrainer(SHORT, cache, tmp_path)
    resumed.run()
    assert load_checkpoint(last, {})["step"] == 3
    assert all(bool(value.isfinite().all()) for value in resumed.refiner.state_dict().values())


def test_nothing_is_promised_where_nothing_was_saved(cache: FrameCache, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not finite at step 3; no checkpoint was written before"):
        Spoilt(replace(SHORT, evaluate_every=4), cache, tmp_path, spoil_batch).run()
    assert not (tmp_path / "last.safetensors").exists()


def test_ctrl_c_ends_a_run_after_its_step_with_a_checkpoint(cache: FrameCache, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    config = replace(SHORT, steps=4, evaluate_every=4)
    trainer = Spoilt(config, cache, tmp_path, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert signal.getsignal(signal.SIGINT) is before
    assert load_checkpoint(tmp_path / "last.safetensors", {})["step"] == 3
    resumed = RefinerTrainer(config, cache, tmp_path)
    assert resumed.step == 3
    resumed.run()
    assert (tmp_path / "sheet_000004.png").exists()


def test_nobody_held_out_and_nobody_to_learn_from(cache: FrameCache, tmp_path: Path) -> None:
    (tmp_path / "arrays").mkdir()
    write_made_cache(tmp_path / "arrays", people=2)
    index = json.loads((tmp_path / "arrays" / "index.json").read_text())
    everybody = FrameCache(tmp_path / "arrays")
    everybody.index = [entry | {"split": "train"} for entry in index]
    RefinerTrainer(replace(SHORT, steps=1), everybody, tmp_path / "refiner").run()
    assert json.loads((tmp_path / "refiner" / "log.jsonl").read_text()) == {"step": 1}
    everybody.index = [entry | {"split": "heldout"} for entry in index]
    with pytest.raises(TrainingError, match="holds no film of three frames or more"):
        RefinerTrainer(SHORT, everybody, tmp_path / "nobody")
    with pytest.raises(TrainingError, match="holds no film of three frames or more"):
        PatchTrainer(PatchTraining(kind="eye"), everybody, tmp_path / "nobody")
