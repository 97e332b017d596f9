"""Meta-learning: episodes, losses, resuming, many processes, and what stops a run."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from accelerate.state import AcceleratorState
from made_cache import write_made_cache
from tiny_teacher import RECIPE, TINY_FULL, TINY_PAPER, tiny_learner
from vivant.models.judges import Verdict
from vivant.models.patch import MOUTH
from vivant.models.refiner import RefinerConfig
from vivant.models.student import Student, save_student
from vivant.models.teacher_config import TeacherConfig
from vivant.runtime.session import BUNDLED
from vivant.training.checkpoint import LAST, CheckpointError
from vivant.training.clips import FrameCache
from vivant.training.content_loss import ContentLoss, Networks
from vivant.training.engine import TrainingError
from vivant.training.episodes import Episode, Episodes, collate
from vivant.training.recipes import recipe_of
from vivant.training.teacher_files import load_teacher
from vivant.training.teacher_losses import LossWeights, judges_loss, pixel_l1
from vivant.training.tracker_features import TrackerFeatures
from vivant.training.vgg import VGG19_LAYERS, VggFeatures, WeightsError

TESTS = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of three made-up people, one of them held out."""
    folder = tmp_path_factory.mktemp("made")
    write_made_cache(folder)
    return folder


@pytest.fixture(autouse=True)
def other_precision() -> None:
    """Accelerate keeps the precision of a process for good; a test may choose its own."""
    AcceleratorState._reset_state(reset_partial_state=True)


def lines(output: Path) -> dict[int, dict[str, float]]:
    """The log's losses by step; times differ from run to run and are left out."""
    timed = ("samples_per_second", "waited_for_data", "gflop_per_second", "share_of_peak")
    read = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    return {line["step"]: {k: v for k, v in line.items() if k not in timed} for line in read if "total" in line}


def test_an_episode_follows_from_its_number(folder: Path) -> None:
    first, second = (Episodes(FrameCache(folder), "train", 2, 32, seed=5) for _ in range(2))
    first[3]
    for number in (7, 0):
        one, other = first[number], second[number]
        assert torch.equal(one.target, other.target) and torch.equal(one.photos.pictures, other.photos.pictures)
    assert not torch.equal(first[0].target, first[1].target)


def test_held_out_people_are_never_drawn(folder: Path) -> None:
    data = Episodes(FrameCache(folder), "train", 2, 32)
    assert sorted(data.videos) == [0, 1]
    assert {int(data[number].video) for number in range(20)} == {0, 1}
    drawn: list[int] = []
    data.cut = lambda photos, target, rng: drawn.extend([*photos, target])  # type: ignore[method-assign]
    for number in range(40):
        data[number]
    assert {data.cache.index[row]["split"] for row in drawn} == {"train"}


def test_landmarks_lie_on_the_picture(folder: Path) -> None:
    """The made frames show their landmarks as lines: drawn anew from the episode's points they fall on the same pixels,
    whatever was shifted, scaled or mirrored."""
    data = Episodes(FrameCache(folder), "train", 1, 64)
    for number in range(4):
        episode = data[number]
        smooth = torch.nn.functional.avg_pool2d(episode.target[None], 5, 1, 2)[0]
        detail = (episode.target - smooth).abs().amax(0)
        drawn, head = episode.drawn.amax(0), episode.matte[0] > 0.95
        assert detail[head & (drawn > 0.3)].mean() > 2 * detail[head & (drawn < 0.02)].mean()


def test_a_split_without_films_is_named(folder: Path) -> None:
    with pytest.raises(ValueError, match="no film of the split 'other'"):
        Episodes(FrameCache(folder), "other", 1, 32)


@pytest.mark.parametrize("config", [TINY_FULL, TINY_PAPER], ids=["full", "paper"])
def test_training_learns(folder: Path, tmp_path: Path, config: TeacherConfig) -> None:
    learner = tiny_learner(folder, tmp_path, config, replace(RECIPE, adversarial_from=1000, rate=3e-3))
    learner.engine.step = 200  # past the warm-up
    episode = collate([learner.data[i] for i in range(2)])
    # The full model's warp draws these frames nearly right at once: it takes some steps to become better than that.
    losses = [float(learner.train_step(episode)["pixels"]) for _ in range(50)]
    assert losses[-1] < 0.85 * losses[0]


def test_embedder_and_person_vectors_approach_each_other(folder: Path, tmp_path: Path) -> None:
    weights = LossWeights(pixels=1e-6, match=80.0, features=0.0, adversarial=0.0)
    recipe = replace(RECIPE, weights=weights, adversarial_from=0, judge_rate=0.0, rate=3e-3)
    learner = tiny_learner(folder, tmp_path, TINY_PAPER, recipe)
    learner.engine.step = 200
    episode = collate([learner.data[i] for i in range(2)])
    matches = [float(learner.train_step(episode)["match"]) for _ in range(25)]
    assert matches[-1] < 0.8 * matches[0]


def test_a_killed_run_goes_on_with_the_same_losses(folder: Path, tmp_path: Path) -> None:
    whole = tiny_learner(folder, tmp_path / "whole", precision="bf16")
    whole.run()
    killed = tiny_learner(folder, tmp_path / "killed", precision="bf16", save_every=3)
    step = killed.train_step
    killed.engine._clock.total = 100.0  # it ran a while before

    def dies(episode: Episode) -> dict[str, torch.Tensor]:
        if killed.engine.step == 4:
            raise KeyboardInterrupt
        return step(episode)

    killed.train_step = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        killed.run()
    again = tiny_learner(folder, tmp_path / "killed", precision="bf16")
    assert again.engine.step == 3 and again.engine.seconds >= 100.0
    again.run()
    expected, got = lines(tmp_path / "whole"), lines(tmp_path / "killed")
    assert [got[n] for n in (4, 5, 6)] == [expected[n] for n in (4, 5, 6)]
    for name, value in whole.average.module.state_dict().items():
        assert torch.equal(again.average.module.state_dict()[name], value)


def test_two_processes_learn_what_one_learns(folder: Path, tmp_path: Path) -> None:
    script = str(TESTS / "tiny_teacher.py")
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script]
    jobs = [
        subprocess.Popen([*command, str(folder), str(tmp_path / name), "4"], env=environment, stderr=subprocess.PIPE)
        for name, command in (("one", [sys.executable, script]), ("two", two))
    ]
    for job in jobs:
        _, error = job.communicate(timeout=300)
        assert job.returncode == 0, error.decode()
    one, two_lines = lines(tmp_path / "one"), lines(tmp_path / "two")
    assert list(one) == [1, 2, 3, 4]
    for step, losses in one.items():
        assert two_lines[step] == pytest.approx(losses, rel=2e-3), step


def test_a_loss_that_is_not_finite_ends_the_run(folder: Path, tmp_path: Path) -> None:
    learner = tiny_learner(folder, tmp_path, save_every=1)
    step = learner.train_step

    def poisoned(episode: Episode) -> dict[str, torch.Tensor]:
        if learner.engine.step == 1:
            episode = episode._replace(target=episode.target * torch.nan)
        return step(episode)

    learner.train_step = poisoned  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"not finite at step 2.*last good state"):
        learner.run()
    again = tiny_learner(folder, tmp_path)
    assert again.engine.step == 1
    assert all(torch.isfinite(p).all() for p in again.average.module.parameters())


def test_a_checkpoint_of_other_settings_is_refused(folder: Path, tmp_path: Path) -> None:
    tiny_learner(folder, tmp_path, recipe=replace(RECIPE, steps=1)).run()
    with pytest.raises(CheckpointError, match="another configuration"):
        tiny_learner(folder, tmp_path, TINY_PAPER)
    with pytest.raises(CheckpointError, match="other settings"):
        tiny_learner(folder, tmp_path, recipe=replace(RECIPE, rate=1e-2))
    (tmp_path / LAST).write_bytes(b"half a file")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        tiny_learner(folder, tmp_path)


def test_a_run_writes_logs_boards_and_sheets(folder: Path, tmp_path: Path) -> None:
    tiny_learner(folder, tmp_path, recipe=replace(RECIPE, steps=3, evaluate_every=3)).run()
    read = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    steps = [line for line in read if "total" in line]
    assert all(line["samples_per_second"] > 0 and 0 < line["share_of_peak"] < 1.5 for line in steps)
    assert all(0 < line["waited_for_data"] < 1 for line in steps)
    assert {"heldout_made_1", "heldout_made_2", "heldout_geometry_1"} <= set(read[-1])
    assert (tmp_path / "sheet_0000003.png").is_file()
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_photos_are_moved_by_the_student_that_is_named(folder: Path, tmp_path: Path) -> None:
    named = Student(RefinerConfig(widths=(8, 12, 16, 20)), replace(MOUTH, widths=(4, 6, 8)))
    save_student(named, tmp_path / "student.safetensors", "{}")
    learner = tiny_learner(folder, tmp_path / "run", student=tmp_path / "student.safetensors")
    warp = learner.config.warp
    assert warp and (warp.refiner, warp.mouth, warp.eye) == ((8, 12, 16, 20), (4, 6, 8), (24, 48, 64))
    learner.run()
    loaded = load_teacher(tmp_path / "run" / LAST).teacher.warp
    assert loaded
    for name, value in named.state_dict().items():  # it does not learn here
        torch.testing.assert_close(loaded.student.state_dict()[name].float(), value.half().float())
    (tmp_path / "other.safetensors").write_bytes(b"nothing")
    with pytest.raises(TrainingError, match=r"other\.safetensors is no student"):
        tiny_learner(folder, tmp_path / "other", student=tmp_path / "other.safetensors")


def test_steps_take_more_or_fewer_photos() -> None:
    recipe = replace(RECIPE, shots=4, fewest_shots=1)
    counts = [recipe.shots_at(step) for step in range(200)]
    assert set(counts) == {1, 2, 3, 4} and counts == [recipe.shots_at(step) for step in range(200)]
    assert {replace(recipe, fewest_shots=None).shots_at(step) for step in range(20)} == {4}


def test_recipes_have_names() -> None:
    config, recipe = recipe_of("full-cpu", steps=5)
    assert config.name == "full-cpu" and recipe.steps == 5
    with pytest.raises(TrainingError, match="no teacher 'huge'"):
        recipe_of("huge")


def test_a_cache_without_held_out_people_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    index = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps([entry | {"split": "train"} for entry in index]))
    with pytest.raises(TrainingError, match="holds nobody out"):
        tiny_learner(tmp_path, tmp_path / "run")


def test_pixels_are_weighed_by_sample() -> None:
    """The mean of two halves' losses is the loss of the whole, whatever the weights: processes may share a batch."""
    made, true, weight = torch.rand(4, 3, 16, 16), torch.rand(4, 3, 16, 16), torch.rand(4, 1, 16, 16) ** 4
    halves = [pixel_l1(made[i : i + 2], true[i : i + 2], weight[i : i + 2]) for i in (0, 2)]
    torch.testing.assert_close(pixel_l1(made, true, weight), torch.stack(halves).mean())


def test_hinge_loss_of_the_judges() -> None:
    """Equation (6): nothing to gain beyond −1 for made and +1 for real pictures."""
    assert float(judges_loss([Verdict(torch.tensor([-2.0, 3.0]), [])])) == 0.0
    assert float(judges_loss([Verdict(torch.tensor([0.5, -1.0]), [])])) == pytest.approx(1.5 + 2.0)


def test_tracker_features_are_those_of_the_graph(folder: Path, tmp_path: Path) -> None:
    """Torch computes what ONNX Runtime computes, at the rasters 96, 48, 24 and 12."""
    features = TrackerFeatures(BUNDLED / "track.onnx")
    assert features.taken
    episode = collate([Episodes(FrameCache(folder), "train", 1, 64)[0]])
    made = features(episode.target, episode.points)
    assert [f.shape[-1] for f in made] == [96, 48, 24, 12]
    trunk = tmp_path / "trunk.onnx"
    onnx.utils.extract_model(str(BUNDLED / "track.onnx"), str(trunk), [features.start], features.taken, False)
    face = torch.rand(1, 3, 192, 192) * 255
    expected = ort.InferenceSession(str(trunk)).run(None, {features.start: face.numpy()})
    for name, there in zip(features.taken, expected, strict=True):
        np.testing.assert_allclose(features.run(face)[name].numpy(), np.asarray(there), atol=1e-3)


def test_tracker_features_lead_to_the_true_picture(folder: Path) -> None:
    episode = collate([Episodes(FrameCache(folder), "train", 1, 32)[0]])
    loss = ContentLoss(LossWeights(tracker=1.0), Networks(tracker=BUNDLED / "track.onnx"))
    blurred = torch.nn.functional.avg_pool2d(episode.target, 5, 1, 2)
    near, far = (loss(x, episode)["tracker"] for x in (0.8 * episode.target + 0.2 * blurred, blurred))
    assert float(loss(episode.target, episode)["tracker"]) == 0.0
    assert 0 < float(near) < float(far)


def test_there_must_be_a_content_loss() -> None:
    with pytest.raises(TrainingError, match="no content loss"):
        ContentLoss(LossWeights(tracker=1.0), Networks())


def test_vgg_weights_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "vgg.pth"
    with pytest.raises(WeightsError, match="There is no file"):
        VggFeatures(path, "0" * 64, VGG19_LAYERS)
    torch.save({"features.0.weight": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="SHA-256 differs"):
        VggFeatures(path, "0" * 64, VGG19_LAYERS)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(WeightsError, match="holds no VGG"):
        VggFeatures(path, digest, VGG19_LAYERS)
