"""Landmarks drawn as dots, to look at what the tracker sees."""

from pathlib import Path
from typing import Final

import numpy as np

from .clips import open_clip
from .driver import Performance, Progress
from .media import VideoReader

MESH_COLOUR: Final = (80, 255, 120)
IRIS_COLOUR: Final = (255, 80, 80)
FIRST_IRIS: Final = 468


def draw_landmarks(image: np.ndarray, landmarks: np.ndarray) -> None:
    """Draws landmarks ([478, 3], pixels) into an image (uint8 [H, W, 3]), dots in proportion to the face."""
    height, width = image.shape[:2]
    radius = max(0, round(float(np.ptp(landmarks[:, 1])) / 250))
    x, y = landmarks[:, 0].astype(int), landmarks[:, 1].astype(int)
    colours = np.where(np.arange(len(landmarks))[:, None] < FIRST_IRIS, MESH_COLOUR, IRIS_COLOUR).astype(np.uint8)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            inside = (x + dx >= 0) & (x + dx < width) & (y + dy >= 0) & (y + dy < height)
            image[(y + dy)[inside], (x + dx)[inside]] = colours[inside]


def write_drawn_video(video: Path, performance: Performance, target: Path, progress: Progress) -> None:
    """Writes a copy of a video with its followed face's landmarks; frames without a face stay as they are."""
    tags = {"title": video.stem, "comment": "landmarks drawn by vivant"}  # a real video, not an AI-made one
    with (
        VideoReader(video) as reader,
        open_clip(target, False, performance.width, performance.height, performance.fps, tags) as clip,
    ):
        frames = zip(reader, performance.landmarks, performance.found, strict=True)
        for i, (image, landmarks, found) in enumerate(frames, 1):
            picture = image.copy()
            if found:
                draw_landmarks(picture, landmarks)
            clip.write(picture)
            progress("drawing", i, len(performance.found))
