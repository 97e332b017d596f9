"""The tracks that ship: they close, move faces as they should, and are what their card says."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from made_faces import person, photograph, turn
from vivant.models import landmarks as lm
from vivant.models.face_parts import face_parts, openings
from vivant.models.motion import Retarget, eye_distance
from vivant.runtime.tracks import MotionTrack

FOLDER = Path(__file__).parents[2] / "models" / "presets"
NAMES = [
    "idle", "laugh", "look-around", "nod", "smile", "speaker-calm", "speaker-expressive", "speaker-lively",
    "surprise", "talk", "wink",
]  # fmt: skip
MAX_BYTES = 60_000
RETARGET = Retarget()
SOURCE = photograph(person(11), turn(8, 3, -4), 120.0)


def targets(name: str) -> np.ndarray:
    """The source's landmarks [T, 478, 3] over the track, in outer-eye-corner distances."""
    track = MotionTrack.load(FOLDER / f"{name}.safetensors")
    frames = (track.frame(i) for i in range(len(track)))
    moved = [
        RETARGET(SOURCE, *(torch.tensor(x) for x in (f.rotation, f.translation, f.scale, f.expression)), torch.ones(5))
        for f in frames
    ]
    return (torch.stack(moved) / eye_distance(SOURCE)).numpy()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Motion is thousands of tiny operations, for which threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def played() -> dict[str, np.ndarray]:
    return {name: targets(name) for name in NAMES}


def eye_openings(landmarks: np.ndarray) -> np.ndarray:
    """[T, 2]: of the right and the left eye, over those of the source."""

    def of(points: torch.Tensor) -> torch.Tensor:
        return openings(face_parts().gap, RETARGET.pose(points)[2])[0]

    return torch.stack([of(torch.tensor(frame)) for frame in landmarks]).numpy() / of(SOURCE).numpy()


def test_the_folder_holds_these_presets_and_their_card() -> None:
    assert sorted(p.stem for p in FOLDER.glob("*.safetensors")) == NAMES
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in card for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_small_and_says_what_it_is(name: str) -> None:
    path = FOLDER / f"{name}.safetensors"
    track = MotionTrack.load(path)
    assert path.stat().st_size <= MAX_BYTES
    assert track.info.name == name
    assert all((track.info.title, track.info.description, track.info.licence, track.info.source))
    assert track.loop
    assert track.fps == 25
    assert 3.0 <= track.seconds <= 6.0


@pytest.mark.parametrize("name", NAMES)
def test_the_loop_closes(played: dict[str, np.ndarray], name: str) -> None:
    points = played[name][..., :2]
    steps = np.linalg.norm(points - np.roll(points, 1, axis=0), axis=2).mean(1)
    inner = steps[1:]
    assert steps[0] <= max(np.percentile(inner, 75), 0.002)
    # Nor is there a jump anywhere else, such as where the stretch was cross-faded: blinks are the fastest.
    assert inner.max() < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_loop_begins_near_the_photo(played: dict[str, np.ndarray], name: str) -> None:
    first = played[name][0, :, :2] - (SOURCE / eye_distance(SOURCE)).numpy()[:, :2]
    assert np.linalg.norm(first, axis=1).mean() < 0.06


@pytest.mark.parametrize("name", ["idle", "smile", "look-around", "surprise", "talk", "speaker-calm"])
def test_blinks_close_the_eyes(played: dict[str, np.ndarray], name: str) -> None:
    share = eye_openings(played[name])
    assert share.min(0).max() < 0.3
    assert np.median(share) > 0.75


def test_a_wink_closes_the_right_eye_alone(played: dict[str, np.ndarray]) -> None:
    share = eye_openings(played["wink"])
    winking = share[:, 0] < 0.3
    assert (share[winking, 1] > 0.6).any()
    assert not ((share[:, 1] < 0.3) & (share[:, 0] > 0.6)).any()


def test_the_presets_do_what_they_are_called(played: dict[str, np.ndarray]) -> None:
    rest = (SOURCE / eye_distance(SOURCE)).numpy()

    def width(points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points[..., lm.LIPS_OUTER[0], :] - points[..., lm.LIPS_OUTER[10], :], axis=-1)

    def open_lips(points: np.ndarray) -> np.ndarray:
        return points[..., 14, 1] - points[..., 13, 1]

    assert width(played["smile"]).max() > 1.15 * width(rest)
    assert width(played["laugh"]).max() > 1.15 * width(rest)
    assert open_lips(played["surprise"]).max() > open_lips(rest) + 0.1
    assert open_lips(played["talk"]).std() > 0.02
    nose = played["look-around"][:, 4, 0] - played["look-around"][:, [33, 263], 0].mean(1)
    assert np.ptp(nose) > 0.2, "the nose passes from one side of the eyes to the other"
    dip = played["nod"][:, 4, 1] - played["nod"][:, [33, 263], 1].mean(1)
    turns = np.diff(np.sign(np.diff(dip)))
    assert (turns[np.abs(turns) > 0] < 0).sum() >= 4, "several nods"


def test_the_speakers_differ_clearly() -> None:
    turning, mouths = {}, {}
    for name in ("speaker-calm", "speaker-lively", "speaker-expressive"):
        track = MotionTrack.load(FOLDER / f"{name}.safetensors")
        steps = np.einsum("tij,tkj->tik", track.rotation[1:], track.rotation[:-1])
        turning[name] = np.degrees(np.arccos(np.clip((np.trace(steps, axis1=1, axis2=2) - 1) / 2, -1, 1))).mean()
        displacements = np.tensordot(track.expression, track.basis, axes=1)
        mouths[name] = displacements[:, lm.LIPS_OUTER].std(0).mean()
    assert turning["speaker-lively"] > 2 * turning["speaker-calm"]
    assert turning["speaker-expressive"] > 2 * turning["speaker-calm"]
    assert mouths["speaker-expressive"] > 1.3 * mouths["speaker-calm"]
