"""Distillation: who says what is true, that a run goes on exactly, and the command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from conftest import Command
from made_cache import write_made_cache
from tiny_teacher import RECIPE, TINY_FULL, TINY_PAPER, tiny_learner
from vivant.models.refiner import RefinerConfig
from vivant.models.student import Student, load_student, save_student
from vivant.models.teacher_config import TeacherConfig
from vivant.training.checkpoint import LAST
from vivant.training.clips import FrameCache
from vivant.training.distill import Distillation, Distiller, distil, drawn_by, fewer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`cache/` of three made-up people, one of them held out; `student.safetensors`; teachers `full/` and `paper/`."""
    folder = tmp_path_factory.mktemp("distillation")
    (folder / "cache").mkdir()
    write_made_cache(folder / "cache")
    torch.manual_seed(0)
    student = Student(RefinerConfig(widths=(8, 8, 8, 8))).eval()
    for head in (student.refiner.head, student.mouth.head, student.eye.head):
        torch.nn.init.normal_(head.weight, std=0.05)
    save_student(student, folder / "student.safetensors", '{"refiner": "made up"}')
    for name, config in (("full", TINY_FULL), ("paper", TINY_PAPER)):
        taught(folder, name, config)
    return folder


def taught(folder: Path, name: str, config: TeacherConfig) -> None:
    AcceleratorState._reset_state(reset_partial_state=True)
    tiny_learner(folder / "cache", folder / name, config, replace(RECIPE, steps=1)).run()


def settings(folder: Path, teacher: str = "full", steps: int = 2, imagined: float = 0.5) -> Distillation:
    return Distillation(
        str(folder / "student.safetensors"), str(folder / teacher / LAST), steps, batch=2, photos=2, imagined=imagined,
        evaluate_every=1, evaluation_batches=1,
    )  # fmt: skip


def test_the_teacher_says_what_no_film_shows(folder: Path, tmp_path: Path) -> None:
    """Where the motion is imagined, the teacher's frame of it is the truth; else the film's own frame."""
    cache = FrameCache(folder / "cache")
    for imagined, said in ((0.0, [False, False]), (1.0, [True, True])):
        distiller = Distiller(settings(folder, imagined=imagined), cache, tmp_path / str(imagined))
        lesson = distiller.draw()
        assert lesson.imagined.tolist() == said
        truth, episode = distiller._truth(lesson), lesson.episode
        assert torch.equal(truth, episode.target) != any(said)
        if any(said):
            with torch.autocast("cpu", torch.bfloat16):
                made = distiller.teacher(episode.photos, episode.drawn, episode.points).picture.float().clamp(0, 1)
            torch.testing.assert_close(truth, made)


def test_a_run_that_stopped_goes_on_as_if_it_had_not(folder: Path, tmp_path: Path) -> None:
    cache = FrameCache(folder / "cache")
    whole = Distiller(settings(folder), cache, tmp_path / "whole")
    whole.run()
    Distiller(settings(folder, steps=1), cache, tmp_path / "parts").run()
    again = Distiller(settings(folder), cache, tmp_path / "parts")
    assert again.step == 1
    again.run()
    moved = False
    for name, value in whole.student.state_dict().items():
        # The rate depends on the length of the run, which differed in the first step: hardly.
        torch.testing.assert_close(again.student.state_dict()[name], value, atol=1e-4, rtol=0)
        moved |= not torch.equal(value, load_student_state(folder)[name])
    assert moved
    assert (tmp_path / "whole" / "sheet_000002.png").exists()


def load_student_state(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return {k: v.float() if v.is_floating_point() else v for k, v in load_file(folder / "student.safetensors").items()}


def test_a_teacher_without_discriminators_of_parts_teaches_too(folder: Path, tmp_path: Path) -> None:
    written = distil(settings(folder, "paper", steps=1), folder / "cache", tmp_path)
    student, record = load_student(written)
    told = json.loads(record)
    assert told["refiner"] == "made up" and told["distillation"]["config"]["teacher"] == LAST
    assert told["distillation"]["step"] == 1 and "parts_2" in told["distillation"]["evaluation"]
    assert student.refiner.config.widths == (8, 8, 8, 8)


def test_more_photos_change_the_frame(folder: Path, tmp_path: Path) -> None:
    distiller = Distiller(settings(folder), FrameCache(folder / "cache"), tmp_path)
    episode = distiller.fixed[0]
    with torch.no_grad():
        one, two = (drawn_by(distiller.student, fewer(episode.photos, n), episode.points) for n in (1, 2))
    assert one.shape == two.shape == episode.target.shape and not torch.equal(one, two)


def test_the_command(folder: Path, tmp_path: Path, vivant: Command) -> None:
    given = ("--cache", folder / "cache", "--student", folder / "student.safetensors")
    ran = vivant("distill", *given, "--teacher", folder / "full" / LAST, "--steps", 1, "-o", tmp_path / "run")
    assert ran.code == 0, ran.err
    assert ran.out.replace("\n", "") == str(tmp_path / "run" / "student.safetensors")
    ran = vivant("distill", *given, "--teacher", folder / "student.safetensors", "-o", tmp_path / "other")
    assert ran.code == 1 and "holds no teacher" in " ".join(ran.err.split()) and "Traceback" not in ran.err
