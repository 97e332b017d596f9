"""What may be sent, and the sentences about what may not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the demo needs the extra: pip install 'vivant[demo]'")
from clipmaking import write_sound
from vivant.demo.limits import Limits, bounded, check_length, check_photo, check_track, check_video
from vivant.runtime.errors import MotionError, PictureError, VideoError

LIMITS = Limits()
Write = Callable[[Path, int], Path]


@pytest.mark.parametrize("side", [6_000, 30_000, 200_000])
def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_header(
    tmp_path: Path, write_bomb: Write, side: int
) -> None:
    with pytest.raises(PictureError, match="megapixels"):
        check_photo(write_bomb(tmp_path / "bomb.png", side), "bomb.png", LIMITS)


def test_a_photo_is_refused_by_its_size_or_kind(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (64, 64)).save(path)
    check_photo(path, "photo.png", LIMITS)
    with pytest.raises(PictureError, match=r"^photo.png has 0 MB; a photo may have 0 MB\.$"):
        check_photo(path, "photo.png", Limits(photo_bytes=10))
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(PictureError, match="not a photo"):
        check_photo(path, "photo.png", LIMITS)


def test_large_jpegs_pass_because_they_are_reduced_while_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.new("RGB", (8_000, 6_000)).save(path, quality=20)
    check_photo(path, "large.jpg", LIMITS)
    Image.new("RGB", (8_000, 6_000)).save(path, quality=20, progressive=True)
    with pytest.raises(PictureError, match="48 megapixels; up to 24"):
        check_photo(path, "large.jpg", LIMITS)


def test_a_video_of_two_hours_is_refused_by_its_header(tmp_path: Path, write_long_video: Write) -> None:
    path = write_long_video(tmp_path / "film.mp4", 7200)
    with pytest.raises(VideoError, match=r"film.mp4 lasts 2\.0 h; a driving video may last 20 s"):
        check_video(path, "film.mp4", LIMITS)
    check_video(write_long_video(tmp_path / "short.mp4", 3), "short.mp4", LIMITS)


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<?xml version='1.0'?><MPD></MPD>",
        b"",
    ],
)
def test_playlists_never_reach_the_decoder(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match="known kind"):
        check_video(path, "list.mp4", LIMITS)


def test_sound_and_damage_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no pictures"):
        check_video(write_sound(tmp_path / "song.mp4"), "song.mp4", LIMITS)
    path = tmp_path / "cut.mp4"
    path.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(100))
    with pytest.raises(VideoError, match="damaged"):
        check_video(path, "cut.mp4", LIMITS)


def test_a_video_longer_than_its_header_ends_while_it_is_followed() -> None:
    count = bounded(lambda *_: None, "endless.mp4", Limits(video_frames=10))
    for done in range(1, 11):
        count("tracking", done, 5)
    with pytest.raises(VideoError, match="more than 10 frames"):
        count("tracking", 11, 5)


def test_a_track_is_looked_at_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(MotionError, match="no motion track"):
        check_track(path, "a.safetensors", LIMITS)
    with pytest.raises(MotionError, match="0 MB"):
        check_track(path, "a.safetensors", Limits(track_bytes=50))


def test_a_clip_is_bounded_in_seconds_and_frames() -> None:
    check_length(125, 25.0, 6, LIMITS)
    with pytest.raises(MotionError, match="would last 40 s; play it 6 times at most"):
        check_length(125, 25.0, 8, LIMITS)
    with pytest.raises(MotionError, match="a motion may last 30 s"):
        check_length(4000, 25.0, 1, LIMITS)
    with pytest.raises(MotionError, match="1 times at most"):
        check_length(1200, 120.0, 3, Limits())
