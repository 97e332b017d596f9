"""One face of a photo, made ready once, then drawn with any expression and pose."""

from collections.abc import Sequence

import numpy as np

from .errors import BundleError
from .faces import Face
from .session import Bundle, Tensors, return_freed_memory
from .stopwatch import Stopwatch
from .tracks import MotionFrame

MAX_SIZE = 1024
ALL = "all_"  # begins the names of what `refer` gives: its inputs, of one photo more


class Portrait:
    """The animated square of a photo around one face.

    Args:
        bundle: the graphs.
        photo: uint8 RGB [H, W, 3].
        face: the face in it.
        size: pixels on a side of the rendered square; None takes the square's own size in the photo, up to 1024.
        watch: measures the stages.
        others: more photos of the same person with the face in each. Mouth and eyes are taken, frame by frame, from the
            photos that come nearest to it.
        lanes: how many callers are to draw at once; they share the bundle's threads.
    """

    def __init__(
        self,
        bundle: Bundle,
        photo: np.ndarray,
        face: Face,
        size: int | None,
        watch: Stopwatch,
        others: Sequence[tuple[np.ndarray, Face]] = (),
        lanes: int = 1,
    ) -> None:
        self._watch = watch
        self._source = face.landmarks
        with watch("head"):
            region = bundle.graph("head")({"landmarks": face.landmarks})["region"]
        centre_x, centre_y, side, _ = (float(value) for value in region)
        self._side = round(side)
        self._left, self._top = round(centre_x - side / 2), round(centre_y - side / 2)
        if self._side < 1:
            raise BundleError("The bundle's graph 'head' returned an empty region.")
        self.size = size or min(MAX_SIZE, self._side)  # at the square's own size, pixels that rest are copied
        with watch("matte"):
            matte = bundle.graph("matte")({"image": photo, "region": region})["matte"]
        with watch("encode"):
            encoded = bundle.graph("encode")(
                {
                    "image": photo,
                    "landmarks": face.landmarks,
                    "region": region,
                    "matte": matte,
                    "size": np.array(self.size, np.int64),
                }
            )
        if others:
            with watch("refer"):
                encoded |= refer(bundle, encoded, [(other, face.landmarks) for other, face in others])
        return_freed_memory()
        threads = max(1, bundle.threads // lanes)
        render = bundle.graph("render", threads)
        missing = [name for name in render.inputs if name != "target" and name not in encoded]
        if missing:
            raise BundleError(f"The bundle's graph 'render' wants {missing[0]!r}, which 'encode' does not give.")
        self._encoded: Tensors = {name: encoded[name] for name in render.inputs if name != "target"}
        self._render, self._paste, self._retarget = render, bundle.graph("paste", threads), bundle.graph("retarget")

    def target(self, motion: MotionFrame, gains: np.ndarray) -> np.ndarray:
        """The photo's own landmarks [478, 3] after a relative motion; gains as in `animate.Gains`."""
        with self._watch("retarget"):
            return self._retarget(
                {
                    "source": self._source,
                    "rotation": motion.rotation,
                    "translation": motion.translation,
                    "scale": motion.scale,
                    "expression": motion.expression,
                    "gains": gains,
                }
            )["target"]

    def draw(self, canvas: np.ndarray, target: np.ndarray) -> None:
        """Draws the face with its landmarks at `target` [478, 3] into the photo `canvas` (uint8 [H, W, 3])."""
        with self._watch("render"):
            frame = self._render({**self._encoded, "target": np.asarray(target, np.float32)})["frame"]
        with self._watch("paste"):
            height, width = canvas.shape[:2]
            rows = np.clip(np.arange(self._top, self._top + self._side), 0, height - 1)
            columns = np.clip(np.arange(self._left, self._left + self._side), 0, width - 1)
            inside = (
                slice(max(0, -self._top), self._side - max(0, self._top + self._side - height)),
                slice(max(0, -self._left), self._side - max(0, self._left + self._side - width)),
            )
            window = (
                slice(self._top + inside[0].start, self._top + inside[0].stop),
                slice(self._left + inside[1].start, self._left + inside[1].stop),
            )
            # Where the square reaches beyond the photo, the photo's border is repeated behind it.
            complete = inside == (slice(0, self._side), slice(0, self._side))
            backdrop = np.ascontiguousarray(canvas[window]) if complete else canvas[np.ix_(rows, columns)]
            picture = self._paste({"frame": frame, "backdrop": backdrop})["picture"]
            canvas[window] = picture[inside]


def refer(bundle: Bundle, encoded: Tensors, others: Sequence[tuple[np.ndarray, np.ndarray]]) -> Tensors:
    """What `encode` gave for the photo that is animated, with more photos of the person.

    Args:
        encoded: what `encode` gave. others: uint8 RGB [H, W, 3] and the face's landmarks float32 [478, 3] in it.
    """
    graph = bundle.graph("refer")
    for photo, landmarks in others:
        known = {name: encoded[name] for name in graph.inputs if name in encoded}
        more = graph({"image": photo, "landmarks": landmarks, **known})
        encoded = encoded | {name.removeprefix(ALL): value for name, value in more.items()}
    return encoded
