"""Two photos with the real graphs, through the API: the second lends its mouth, and is accounted for.

The two samples show different people, which no visitor should do; for the graphs it makes no difference.
"""

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

gradio_client = pytest.importorskip("gradio_client", reason="the demo needs the extra: pip install 'vivant[demo]'")
from vivant.demo.limits import Limits  # noqa: E402
from vivant.demo.live import JPEG_PREFIX, Seat  # noqa: E402
from vivant.demo.photos import PhotoReader  # noqa: E402
from vivant.runtime.animate import Gains  # noqa: E402
from vivant.runtime.faces import choose_faces, find_faces  # noqa: E402
from vivant.runtime.images import load_photo  # noqa: E402
from vivant.runtime.inspection import inspect_file  # noqa: E402
from vivant.runtime.media import VideoReader  # noqa: E402
from vivant.runtime.portrait import Portrait  # noqa: E402
from vivant.runtime.session import BUNDLED, Bundle  # noqa: E402
from vivant.runtime.stopwatch import Stopwatch  # noqa: E402
from vivant.runtime.tracks import MotionTrack  # noqa: E402

SAMPLES = BUNDLED.parent / "samples"
SMILE, CLOSED = SAMPLES / "astronaut.jpg", SAMPLES / "grace_hopper.jpg"
INNER_LIPS = [13, 14, 78, 308]  # top, bottom, corners
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask(site: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Calls an endpoint with photos."""
    folder = tmp_path_factory.mktemp("downloads")
    client = gradio_client.Client(site.url, verbose=False, download_files=folder, analytics_enabled=False)

    def call(endpoint: str, *photos: Path, **changes: Any) -> Any:
        sent = [{"image": gradio_client.handle_file(photo), "caption": None} for photo in photos]
        return client.predict(**{"photos": sent, "preset": "laugh", "consent": True} | changes, api_name=endpoint)

    yield call
    client.close()


def frames_of(clip: str) -> np.ndarray:
    with VideoReader(Path(clip)) as reader:
        return np.stack([frame[..., :3] for frame in reader]).astype(np.float32)


def as_camera_frame(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return JPEG_PREFIX + base64.b64encode(buffer.getvalue()).decode("ascii")


def pixels_of(picture: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(picture.removeprefix(JPEG_PREFIX)))) as image:
        return np.asarray(image, np.float32)


def inner_lips(bundle: Bundle, frame: np.ndarray) -> np.ndarray:
    (face,), _ = choose_faces(
        find_faces(bundle, frame.astype(np.uint8)), None, bundle.manifest.thresholds, "a frame of the clip"
    )
    return face.landmarks[INNER_LIPS, :2]


def test_a_second_photo_changes_the_inside_of_the_mouth_and_little_else(ask: Ask, bundle: Bundle) -> None:
    (alone,), _ = ask("/animate", CLOSED, size="256")
    (clip,), summary = ask("/animate", CLOSED, SMILE, size="256")
    expected = "grace_hopper.jpg moves; mouth and eyes come from whichever of the 2 photos fits the moment."
    assert summary["notes"][0] == expected and "refer" in summary["milliseconds"]
    assert [ingredient.title for ingredient in inspect_file(Path(clip)).claims.ingredients] == [
        "grace_hopper.png",
        "astronaut.png",
    ]
    without, with_teeth = frames_of(alone), frames_of(clip)
    assert without.shape == with_teeth.shape
    lips = {i: inner_lips(bundle, with_teeth[i]) for i in range(0, len(with_teeth), 8)}
    widest = max(lips, key=lambda i: float(lips[i][1, 1] - lips[i][0, 1]))
    top, bottom, right, left = lips[widest].round().astype(int)
    difference = np.abs(without[widest] - with_teeth[widest]).mean(axis=-1)
    inside = np.zeros(difference.shape, bool)
    third = (left[0] - right[0]) // 3
    inside[top[1] : bottom[1], right[0] + third : left[0] - third] = True
    assert difference[inside].mean() > 10
    assert difference[~inside].mean() < 4  # each clip carries an invisible watermark of its own


def test_the_comparison_takes_them_too(ask: Ask) -> None:
    clip, told = ask("/compare", CLOSED, SMILE)
    assert told["notes"][0].startswith("grace_hopper.jpg moves")
    clip = clip["video"] if isinstance(clip, dict) else clip
    assert len(inspect_file(Path(clip)).claims.ingredients) == 2


def test_photos_that_do_not_go_together_are_told(ask: Ask, tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    Image.new("RGB", (300, 300), "grey").save(wall)
    with pytest.raises(gradio_client.exceptions.AppError, match=r"No face was found in wall\.png\."):
        ask("/animate", CLOSED, wall)
    pair = tmp_path / "pair.png"
    Image.fromarray(np.concatenate([load_photo(SMILE).pixels] * 2, axis=1)).save(pair)
    with pytest.raises(gradio_client.exceptions.AppError, match="More photos of one person go with one face"):
        ask("/animate", pair, CLOSED, face="all")


def test_a_live_portrait_takes_them_too(bundle: Bundle) -> None:
    reader = PhotoReader(bundle, Limits())
    first, others = reader.first([CLOSED, SMILE]), list(reader.others([CLOSED, SMILE]))
    laughing = first.photo.pixels.copy()
    portrait = Portrait(bundle, laughing, first.face, 256, Stopwatch())
    moment = MotionTrack.load(bundle.preset("laugh")).frame(72)
    portrait.draw(laughing, portrait.target(moment, Gains().as_array()))
    shown = []
    for seat in (Seat(bundle, first), Seat(bundle, first, others)):
        for frame in (first.photo.pixels, *[laughing] * 5):  # the calm face, then more than the filter smooths away
            answer = seat.show(as_camera_frame(frame))
        shown.append(answer.picture)
    alone, with_teeth = (pixels_of(picture) for picture in shown)
    difference = np.abs(alone - with_teeth).mean(axis=-1)
    assert difference.max() > 40
    assert np.mean(difference > 8) < 0.02  # of the picture


def test_the_page_takes_as_many_photos_as_the_bundle_allows() -> None:
    manifest = json.loads((BUNDLED / "manifest.json").read_text(encoding="utf-8"))
    assert Limits().photos == manifest["host"]["photo"]["max_count"]
