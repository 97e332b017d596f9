"""A prepared cache of made-up people: no photographs, no tracking, a second to write."""

import json
from pathlib import Path

import numpy as np
from made_faces import person, photograph, turn, with_mouth
from PIL import Image
from vivant.models.landmark_picture import draw_landmarks
from vivant.training.clips import FRAME_SIDE

FILM = 240.0  # side of the film, pixels
UNIT = 40.0  # distance between the outer eye corners, pixels
FRAME = 152  # side of the prepared frames; real ones are twice as large


def write_made_cache(folder: Path, people: int = 3, frames: int = 6) -> None:
    """`people` films of `frames` frames, the last person held out; a head is a coloured disc with drawn contours."""
    pictures, landmarks, index = [], [], []
    for clip in range(people):
        rng = np.random.default_rng(clip)
        background, skin = rng.uniform(40, 220, (2, 3))
        for frame in range(frames):
            face = with_mouth(person(clip), 0.02 + 0.05 * (frame % 3))
            points = photograph(face, turn(yaw=4.0 * frame - 10.0), UNIT, FILM / 2 + 3 * frame, FILM / 2).numpy()
            pictures.append(_picture(points, background, skin))
            landmarks.append(points)
            split = "heldout" if clip == people - 1 else "train"
            entry = {"clip": clip, "file": f"{clip}.mp4", "person": f"p{clip}", "split": split, "kind": "video"}
            index.append(entry | {"seg": 0, "t": frame / 8, "width": FILM, "height": FILM})
    count = len(index)
    np.save(folder / "frames.npy", np.stack([picture for picture, _ in pictures]))
    np.save(folder / "matte.npy", np.stack([matte for _, matte in pictures]))
    np.save(folder / "mouth.npy", np.zeros((count, 2, 2, 3), np.uint8))
    np.save(folder / "eyes.npy", np.zeros((count, 2, 2, 2, 3), np.uint8))
    np.save(folder / "lm.npy", np.stack(landmarks).astype(np.float32))
    np.save(folder / "region.npy", np.tile(np.array([FILM / 2, FILM / 2, FRAME_SIDE * UNIT], np.float32), (count, 1)))
    (folder / "index.json").write_text(json.dumps(index))


def _picture(points: np.ndarray, background: np.ndarray, skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frame [n, n, 3] and matte [n / 2, n / 2] of the square that is prepared."""
    normalised = (points[:, :2] - FILM / 2) / (FRAME_SIDE * UNIT / 2)
    axis = (np.arange(FRAME) + 0.5) * 2 / FRAME - 1
    offset = np.stack(np.meshgrid(axis, axis), -1) - normalised.mean(0)
    head = np.clip((0.5 - np.linalg.norm(offset, axis=-1)) * 20, 0, 1)[..., None]
    drawn = draw_landmarks(normalised, FRAME)
    picture = np.where(drawn.max(-1, keepdims=True) > 40, drawn, background * (1 - head) + skin * head)
    matte = Image.fromarray((head[..., 0] * 255).astype(np.uint8)).reduce(2)
    return picture.astype(np.uint8), np.asarray(matte)
