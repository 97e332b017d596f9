"""Live: a visitor's camera drives a portrait, one small JPEG in, one out; nothing of it touches the disk."""

import base64
import binascii
import io
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from ..runtime.animate import Gains
from ..runtime.driver import FaceFollower
from ..runtime.errors import PictureError, VivantError
from ..runtime.faces import Face, choose_faces, find_faces
from ..runtime.label import make_label
from ..runtime.portrait import Portrait
from ..runtime.session import Bundle
from ..runtime.smoothing import OneEuroFilter
from ..runtime.stopwatch import Stopwatch
from ..runtime.tracks import MotionFrame
from .photos import Chosen, faces_of

SEATS: Final = 2  # portraits that two cores can keep alive at once
SEAT_SECONDS: Final = 300  # longest turn
EMPTY_SECONDS: Final = 15  # without a frame for so long, a seat is given to somebody else
PICTURE_SIDE: Final = 512  # of the picture that is sent back, pixels
RENDER_SIZE: Final = 256  # of the square that is rendered; the picture's own pixels keep their detail
FRAME_BYTES: Final = 400_000  # of one camera frame as base64
FRAME_SIDE: Final = 1280
JPEG_PREFIX: Final = "data:image/jpeg;base64,"


class SeatError(VivantError):
    """There is no free seat, or the turn is over."""


@dataclass(frozen=True)
class Shown:
    """One answer: `picture` is a JPEG as a data URL, `face` whether the camera shows one, `milliseconds` it took."""

    picture: str
    face: bool
    milliseconds: float


class Seat:
    """One visitor's turn: a portrait, and what the camera showed so far.

    Args:
        bundle: the graphs.
        chosen: the photo that comes alive; others: more photos of the same person.
    """

    def __init__(self, bundle: Bundle, chosen: Chosen, others: Sequence[Chosen] = ()) -> None:
        self.started = self.seen = time.monotonic()
        self.picture = _head(bundle, chosen)
        faces = find_faces(bundle, self.picture)
        (face,), _ = choose_faces(faces, None, bundle.manifest.thresholds, chosen.name)
        self._portrait = Portrait(bundle, self.picture, face, RENDER_SIZE, Stopwatch(), faces_of(others))
        self._motion = bundle.graph("motion")
        self._follow, self._smooth = FaceFollower(bundle), OneEuroFilter()
        self._neutral: np.ndarray | None = None
        self._wants_neutral = True
        self._label = make_label(self.picture.shape[1], self.picture.shape[0], [face.box])
        self._last = self._encoded(self.picture.copy())
        self._gains = Gains().as_array()
        self._turn = threading.Lock()

    def take_neutral(self) -> None:
        """The next camera frame with a face counts as the calm one that all motion is measured against."""
        self._wants_neutral = True

    def show(self, frame: str) -> Shown:
        """Answers a camera frame (a JPEG as a data URL); without a face in it the portrait stays as it is.

        Raises:
            PictureError: the frame is no small JPEG.
        """
        image = _decode(frame)
        with self._turn:
            start = time.perf_counter()
            self.seen = time.monotonic()
            face, _ = self._follow(image)
            if face is None:
                self._smooth.reset()
            else:
                self._last = self._encoded(self._draw(face))
            return Shown(self._last, face is not None, round(1e3 * (time.perf_counter() - start), 1))

    def _draw(self, face: Face) -> np.ndarray:
        points = self._smooth(face.landmarks, time.monotonic(), face.eye_distance)
        if self._neutral is None or self._wants_neutral:
            self._neutral, self._wants_neutral = points, False
        moment = MotionFrame(**self._motion({"neutral": self._neutral, "driver": points}))
        canvas = self.picture.copy()
        self._portrait.draw(canvas, self._portrait.target(moment, self._gains))
        return canvas

    def _encoded(self, canvas: np.ndarray) -> str:
        """Labels a picture and makes it a data URL."""
        self._label.draw(canvas)
        buffer = io.BytesIO()
        Image.fromarray(canvas).save(buffer, "JPEG", quality=82)
        return JPEG_PREFIX + base64.b64encode(buffer.getvalue()).decode("ascii")


class Seats:
    """All turns that are being taken."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._lock = threading.Lock()
        self._seats: dict[str, Seat] = {}

    def __len__(self) -> int:
        self._clear()
        return len(self._seats)

    def take(self, chosen: Chosen, others: Sequence[Chosen] = (), old: str = "") -> str:
        """Begins a turn and returns the key to it; the visitor's turn before (`old`) ends.

        Raises:
            SeatError: all seats are taken. FaceError: the photo's face cannot be animated.
        """
        self.leave(old)
        self._clear()
        if len(self._seats) >= SEATS:
            raise SeatError(f"All {SEATS} live seats are taken; a turn lasts at most {SEAT_SECONDS // 60} minutes.")
        seat = Seat(self._bundle, chosen, others)
        key = secrets.token_urlsafe(24)
        with self._lock:
            self._seats[key] = seat
        return key

    def seat(self, key: str) -> Seat:
        """The turn of that key; raises SeatError when it is over."""
        self._clear()
        seat = self._seats.get(key)
        if seat is None:
            raise SeatError("This turn is over; start again.")
        return seat

    def leave(self, key: str) -> None:
        """Ends a turn."""
        with self._lock:
            self._seats.pop(key, None)

    def _clear(self) -> None:
        now = time.monotonic()
        with self._lock:
            for key, seat in list(self._seats.items()):
                if now - seat.seen > EMPTY_SECONDS or now - seat.started > SEAT_SECONDS:
                    del self._seats[key]


def _head(bundle: Bundle, chosen: Chosen) -> np.ndarray:
    """The head's square of a photo, as far as the photo reaches, uint8 [h, w, 3] of at most PICTURE_SIDE."""
    x, y, side, _ = (float(v) for v in bundle.graph("head")({"landmarks": chosen.face.landmarks})["region"])
    height, width = chosen.photo.pixels.shape[:2]
    left, top = max(0, round(x - side / 2)), max(0, round(y - side / 2))
    right, bottom = min(width, round(x + side / 2)), min(height, round(y + side / 2))
    square = Image.fromarray(chosen.photo.pixels[top:bottom, left:right])
    square.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(square).copy()


def _decode(frame: str) -> np.ndarray:
    """The pixels of a camera frame, uint8 [H, W, 3]."""
    if not isinstance(frame, str) or len(frame) > FRAME_BYTES or not frame.startswith(JPEG_PREFIX):
        raise PictureError("A camera frame must be a small JPEG.")
    try:
        content = base64.b64decode(frame[len(JPEG_PREFIX) :], validate=True)
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            if max(image.size) > FRAME_SIDE:
                raise PictureError(f"A camera frame may have {FRAME_SIDE} pixels on a side.")
            return np.asarray(image.convert("RGB"))
    except (binascii.Error, OSError, SyntaxError, ValueError):
        raise PictureError("The camera frame is damaged.") from None
