import dataclasses
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from vivant.runtime.errors import MotionError, OutputError
from vivant.runtime.tracks import FORMAT, MotionTrack, TrackInfo, blend_rotations, factorise

INFO = TrackInfo("sway", "Sway", "Sways.", "CC0", "made up")


def yaw(degrees: np.ndarray) -> np.ndarray:
    c, s, o = np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), np.zeros(len(degrees))
    rows = [[c, o, s], [o, o + 1, o], [-s, o, c]]
    return np.moveaxis(np.array(rows), 2, 0).astype(np.float32)


def track(frames: int = 50, fps: float = 25.0, loop: bool = True, drift: float = 0.0) -> MotionTrack:
    """A head that swings once in the track's time, whose mouth has two shapes; a drift keeps it from closing."""
    phase = 2 * np.pi * np.arange(frames) / frames
    swing = np.sin(phase) + drift * np.arange(frames) / frames
    basis = np.random.default_rng(0).normal(0, 0.1, (2, 478, 3)).astype(np.float32)
    return MotionTrack(
        rotation=yaw(10 * swing),
        translation=np.stack([0.1 * swing, 0 * swing, 0 * swing], 1).astype(np.float32),
        scale=(0.02 * np.cos(phase)).astype(np.float32),
        expression=np.stack([swing, np.cos(phase)], 1).astype(np.float32),
        basis=basis,
        fps=fps,
        loop=loop,
        info=INFO,
    )


def angles(of: MotionTrack) -> np.ndarray:
    return np.degrees(np.arctan2(of.rotation[:, 0, 2], of.rotation[:, 0, 0]))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    made, path = track(fps=23.976), tmp_path / "sway.safetensors"
    made.save(path)
    back = MotionTrack.load(path)
    assert (back.info, back.fps, back.loop) == (made.info, made.fps, made.loop)
    for name in ("rotation", "translation", "scale", "expression", "basis"):
        np.testing.assert_array_equal(getattr(back, name), getattr(made, name))
    assert [p.name for p in tmp_path.iterdir()] == ["sway.safetensors"], "no temporary file stays"


def test_the_file_is_what_the_architecture_says(tmp_path: Path) -> None:
    path = tmp_path / "sway.safetensors"
    track(frames=7).save(path)
    shapes = {name: array.shape for name, array in load_file(path).items()}
    assert shapes == {
        "rotation": (7, 3, 3), "translation": (7, 3), "scale": (7,), "expression": (7, 2), "basis": (2, 478, 3),
    }  # fmt: skip
    raw = path.read_bytes()
    metadata = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])["__metadata__"]
    assert metadata == {"format": FORMAT, "fps": "25.0", "loop": "true", **dataclasses.asdict(INFO)}


def test_frames_hold_the_displacements() -> None:
    made = track()
    frame = made.frame(13)
    np.testing.assert_allclose(frame.expression, np.einsum("b,bij->ij", made.expression[13], made.basis), atol=1e-6)
    np.testing.assert_array_equal(frame.rotation, made.rotation[13])
    assert frame.scale.shape == ()
    assert {a.dtype for a in vars(frame).values()} == {np.dtype(np.float32)}


def test_loops_go_on_and_others_stay_at_their_ends() -> None:
    loop, once = track(), track(loop=False)
    np.testing.assert_array_equal(loop.frame(53).rotation, loop.rotation[3])
    np.testing.assert_array_equal(loop.frame(-1).rotation, loop.rotation[49])
    np.testing.assert_array_equal(once.frame(99).rotation, once.rotation[49])
    np.testing.assert_array_equal(once.frame(-5).rotation, once.rotation[0])


@pytest.mark.parametrize("fps", [10.0, 24.0, 29.97, 30.0, 60.0])
@pytest.mark.parametrize("loop", [True, False])
def test_another_frame_rate_is_the_same_motion(fps: float, loop: bool) -> None:
    made = track(loop=loop)
    other = made.resample(fps)
    assert other.fps == fps
    assert abs(other.seconds - made.seconds) <= 0.5 / fps + 1e-9
    phase = 2 * np.pi * np.arange(len(other)) / (len(other) if loop else 2.0 * fps)
    inside = np.ones(len(other), bool) if loop else np.arange(len(other)) / fps <= 49 / 25
    np.testing.assert_allclose(angles(other)[inside], 10 * np.sin(phase)[inside], atol=0.12)
    np.testing.assert_allclose(other.expression[inside, 0], np.sin(phase)[inside], atol=0.012)


def test_the_same_frame_rate_changes_nothing() -> None:
    made = track()
    same = made.resample(25.0)
    np.testing.assert_allclose(same.rotation, made.rotation, atol=1e-6)
    np.testing.assert_array_equal(same.expression, made.expression)


def test_resampled_loops_stay_seamless() -> None:
    other = track().resample(60.0)
    steps = np.abs(np.diff(angles(other), append=angles(other)[0]))
    assert steps[-1] <= 1.05 * steps.max()
    assert steps.max() < 10 * 2 * np.pi / len(other) * 1.1


def test_seamless_closes_an_open_track() -> None:
    drifting = track(drift=1.0, loop=False)
    closed = drifting.seamless(12)
    assert closed.loop
    assert len(closed) == 38

    def steps(of: MotionTrack) -> np.ndarray:
        return np.abs(np.diff(of.expression[:, 0], append=of.expression[0, 0]))

    assert steps(drifting)[-1] > 4 * np.median(steps(drifting))
    assert steps(closed)[-1] <= np.percentile(steps(drifting)[:-1], 95)
    assert steps(closed).max() < 0.4
    np.testing.assert_array_equal(closed.rotation[12:], drifting.rotation[12:38])
    np.testing.assert_allclose(np.linalg.det(closed.rotation), 1.0, atol=1e-5)


@pytest.mark.parametrize("overlap", [0, -1, 26])
def test_an_overlap_that_does_not_fit_is_refused(overlap: int) -> None:
    with pytest.raises(MotionError, match="overlap"):
        track().seamless(overlap)


def test_a_loop_can_begin_elsewhere() -> None:
    made = track()
    moved = made.beginning_at(7)
    np.testing.assert_array_equal(moved.frame(0).expression, made.frame(7).expression)
    np.testing.assert_array_equal(moved.frame(45).rotation, made.frame(2).rotation)
    with pytest.raises(MotionError, match="loop"):
        track(loop=False).beginning_at(3)


def test_factorise_keeps_what_matters() -> None:
    rng = np.random.default_rng(2)
    weights, shapes = rng.normal(size=(30, 3)), rng.normal(0, 0.1, (3, 478, 3))
    displacements = np.einsum("tb,bij->tij", weights, shapes).astype(np.float32)
    expression, basis = factorise(displacements, rank=8)
    assert basis.shape == (3, 478, 3), "three shapes are all there is"
    np.testing.assert_allclose(np.einsum("tb,bij->tij", expression, basis), displacements, atol=1e-5)
    importance = np.ones(478, np.float32)
    importance[:40] = 100.0
    plain = _error(displacements, *factorise(displacements, 1))
    weighted = _error(displacements, *factorise(displacements, 1, importance))
    assert weighted[:40].mean() <= plain[:40].mean()


def _error(displacements: np.ndarray, expression: np.ndarray, basis: np.ndarray) -> np.ndarray:
    return ((np.einsum("tb,bij->tij", expression, basis) - displacements) ** 2).mean((0, 2))


def test_rotations_blend_to_rotations() -> None:
    half = blend_rotations(yaw(np.array([0.0])), yaw(np.array([80.0])), np.array([0.5]))
    np.testing.assert_allclose(half, yaw(np.array([40.0])), atol=1e-5)


def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    track().save(good)
    raw, tensors = good.read_bytes(), load_file(good)
    metadata = {"format": FORMAT, "fps": "25", "loop": "true", **dataclasses.asdict(INFO)}
    cases: dict[str, bytes | tuple[dict[str, np.ndarray], dict[str, str]]] = {
        "empty": b"",
        "cut": raw[:-40],
        "no safetensors": b"GIF89a" + bytes(300),
        "no format": (tensors, {}),
        "other format": (tensors, {**metadata, "format": "vivant-motion-9"}),
        "no tensor": ({k: v for k, v in tensors.items() if k != "basis"}, metadata),
        "no fps": (tensors, {k: v for k, v in metadata.items() if k != "fps"}),
        "absurd fps": (tensors, {**metadata, "fps": "0"}),
        "nan fps": (tensors, {**metadata, "fps": "nan"}),
        "no loop": (tensors, {k: v for k, v in metadata.items() if k != "loop"}),
        "no licence": (tensors, {k: v for k, v in metadata.items() if k != "licence"}),
        "double": ({**tensors, "scale": tensors["scale"].astype(np.float64)}, metadata),
        "shape": ({**tensors, "basis": tensors["basis"][:, :468].copy()}, metadata),
        "lengths": ({**tensors, "scale": tensors["scale"][:-1].copy()}, metadata),
        "ranks": ({**tensors, "basis": tensors["basis"][:1].copy()}, metadata),
        "nan": ({**tensors, "translation": tensors["translation"] * np.float32(np.nan)}, metadata),
        "no rotation": ({**tensors, "rotation": tensors["rotation"] * np.float32(1.1)}, metadata),
        "mirror": ({**tensors, "rotation": -tensors["rotation"]}, metadata),
        "no frames": ({**{k: v[:0].copy() for k, v in tensors.items()}, "basis": tensors["basis"]}, metadata),
    }
    for name, content in cases.items():
        path = tmp_path / f"{name}.safetensors"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            save_file(content[0], path, content[1])
        with pytest.raises(MotionError) as caught:
            MotionTrack.load(path)
        text = str(caught.value)
        assert str(path) in text, name
        assert text.endswith("."), name
        assert "\n" not in text, name
    with pytest.raises(MotionError, match="no motion track"):
        MotionTrack.load(tmp_path / "missing.safetensors")


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        track().save(tmp_path / "file" / "sway.safetensors")
