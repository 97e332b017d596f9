"""Which faces are found, in which order, and which are refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from standin import picture_with_faces
from vivant.runtime.errors import FaceError
from vivant.runtime.faces import Face, choose_faces, find_faces
from vivant.runtime.images import load_photo
from vivant.runtime.session import Bundle

LEFT, RIGHT = (20, 60, 50), (200, 50, 100)


def chosen_boxes(bundle: Bundle, picture: np.ndarray, which: int | None = None) -> list[list[float]]:
    faces, _ = choose_faces(find_faces(bundle, picture), which, bundle.manifest.thresholds, "it")
    return [face.box.round().tolist() for face in faces]


def refusal(bundle: Bundle, picture: np.ndarray, which: int | None = None) -> str:
    with pytest.raises(FaceError) as caught:
        chosen_boxes(bundle, picture, which)
    return str(caught.value)


def test_faces_of_both_detectors_are_numbered_from_left_to_right(standin: Bundle) -> None:
    for picture in (picture_with_faces(LEFT, RIGHT), picture_with_faces(RIGHT, LEFT)):
        assert [face.box[0].round() for face in find_faces(standin, picture)] == [20, 200]
        assert chosen_boxes(standin, picture, 1) == [[20, 60, 70, 110]]
        assert chosen_boxes(standin, picture, 2) == [[200, 50, 300, 150]]


def test_the_largest_face_is_taken_and_said(standin: Bundle) -> None:
    faces = find_faces(standin, picture_with_faces(LEFT, RIGHT))
    chosen, notes = choose_faces(faces, None, standin.manifest.thresholds, "group.jpg")
    assert [face.size.__round__() for face in chosen] == [100]
    assert notes == ["group.jpg shows 2 faces; number 2 from the left is animated."]


def test_all_leaves_out_those_that_do_not_fit_and_says_so(standin: Bundle) -> None:
    faces = find_faces(standin, picture_with_faces((20, 60, 30), RIGHT))
    chosen, notes = choose_faces(faces, "all", standin.manifest.thresholds, "group.jpg")
    assert len(chosen) == 1
    assert notes == ["Face 1 of group.jpg is left out: it is only 30 pixels large; at least 40 are needed."]


def test_refusals(standin: Bundle) -> None:
    assert refusal(standin, picture_with_faces()) == "No face was found in it."
    assert "scores 0.40, at least 0.50" in refusal(standin, picture_with_faces(RIGHT, presence=0.4))
    assert "only 39 pixels large; at least 40" in refusal(standin, picture_with_faces((50, 50, 39)))
    assert "turned 65° to a side; up to 60°" in refusal(standin, picture_with_faces(RIGHT, yaw=65))
    assert "no face number 3" in refusal(standin, picture_with_faces(LEFT, RIGHT), which=3)
    assert "only 30 pixels" in refusal(standin, picture_with_faces((20, 60, 30), RIGHT), which=1)


def test_faces_just_within_the_limits_are_taken(standin: Bundle) -> None:
    assert chosen_boxes(standin, picture_with_faces((50, 50, 40)))
    assert chosen_boxes(standin, picture_with_faces(RIGHT, presence=0.51))
    assert chosen_boxes(standin, picture_with_faces(RIGHT, yaw=59))


def test_yaw_does_not_depend_on_how_the_head_is_tilted() -> None:
    points = np.zeros((478, 3), np.float32)
    points[33], points[263] = (-1, 0, -np.tan(np.radians(30))), (1, 0, np.tan(np.radians(30)))
    for angle in np.radians([0, 45, 90, 180]):
        c, s = np.cos(angle), np.sin(angle)
        turned = points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32)
        assert Face(turned, 1.0, np.zeros(4)).yaw == pytest.approx(30, abs=0.01)


def test_the_real_tracker_finds_the_sample_once_at_every_size(bundle: Bundle, astronaut: Path) -> None:
    photo = load_photo(astronaut).pixels
    for scale in (0.5, 1, 2):
        size = round(512 * scale)
        picture = np.asarray(Image.fromarray(photo).resize((size, size)))
        (face,) = find_faces(bundle, picture)
        assert face.presence > 0.9
        assert face.box / scale == pytest.approx([178, 68, 272, 178], abs=8)
        assert abs(face.yaw) < 15


def test_the_real_tracker_finds_faces_side_by_side(bundle: Bundle, astronaut: Path) -> None:
    photo = load_photo(astronaut).pixels
    faces = find_faces(bundle, np.concatenate([photo, photo], axis=1))
    assert [round(float(face.box[0]), -1) for face in faces] == [180, 690]


def test_a_real_face_that_is_too_small_is_refused(bundle: Bundle, astronaut: Path) -> None:
    small = np.asarray(Image.fromarray(load_photo(astronaut).pixels).resize((150, 150)))
    with pytest.raises(FaceError, match=r"pixels large|No face"):
        choose_faces(find_faces(bundle, small), None, bundle.manifest.thresholds, "it")


def test_noise_is_no_face(bundle: Bundle) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    with pytest.raises(FaceError):
        choose_faces(find_faces(bundle, noise), None, bundle.manifest.thresholds, "it")
