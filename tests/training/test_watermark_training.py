"""What happens to marked clips, and that the watermark's training runs, resumes and writes weights."""

import csv
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image
from vivant.models.watermark import Watermark, fold, load_watermark
from vivant.models.watermark_raster import CANVAS, RASTER, blue, enlarged
from vivant.runtime.clips import open_clip
from vivant.runtime.provenance import container_tags
from vivant.training.attacks import Attack, apply_attack, encode_and_decode, random_attack
from vivant.training.evaluate_watermark import survivors
from vivant.training.train_watermark import WatermarkTrainer, WatermarkTraining, in_place, on_raster, shifted
from vivant.training.watermark_data import ClipSource, films_of, photos_of

MESSAGE = torch.tensor([[1, 2, 3, 250]])


@pytest.fixture(scope="module")
def watermark() -> Watermark:
    return Watermark().eval()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, astronaut: Path) -> Path:
    """Two films (one held out) and eleven photos, of which one is held out."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "videos").mkdir()
    (folder / "photos").mkdir()
    photo = np.asarray(Image.open(astronaut).convert("RGB").resize((160, 160)))
    rows = [("a.mp4", "train"), ("b.mp4", "heldout")]
    for name, _ in rows:
        with open_clip(folder / "videos" / name, False, 160, 160, 25, container_tags("test")) as clip:
            for i in range(8):
                clip.write(np.roll(photo, i, axis=1))
    for i in range(11):
        Image.fromarray(np.roll(photo, 9 * i, axis=0)).save(folder / "photos" / f"{i:02d}.jpg", quality=95)
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("file", "split"), *rows])
    return folder


@pytest.mark.parametrize(
    "attack",
    [
        Attack(),
        Attack(size=0.5),
        Attack(crop=0.3, where=(0.2, 0.9)),
        Attack(size=0.8, crop=0.4, where=(1.0, 0.0), codec="h264", quality=20),
    ],
)
def test_the_window_tells_where_the_rest_of_a_picture_was(watermark: Watermark, attack: Attack) -> None:
    pattern = watermark.embedder.tile(MESSAGE).detach()[0, 0] * 40.0
    picture = enlarged(pattern, 360, 480, blue(3)).reshape(360, 480, 3) + 128.0
    clip = picture.clamp(0, 255).byte().numpy()[None]
    treated, window = apply_attack(clip, attack, np.random.default_rng(0))
    small, covered = on_raster(treated[0], CANVAS, window.scale * RASTER)
    cells = in_place(fold(small[:, 1:2] * covered)[0, 0], window)
    decoded = watermark.reader.code.decode(cells[None, None])
    assert decoded.valid and torch.equal(decoded.message, MESSAGE[0])
    assert decoded.confidence > 0.5


def test_shifting_there_and_back_changes_little() -> None:
    plane = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(shifted(plane, 3.0, -70.0), torch.roll(plane, (3, -70), (0, 1)))
    smooth = torch.nn.functional.avg_pool2d(plane[None].repeat(1, 3, 3), 9, 1, 4)[0, 64:128, 64:128]
    back = shifted(shifted(smooth, 0.4, 1.7), -0.4, -1.7)
    torch.testing.assert_close(back[8:-8, 8:-8], smooth[8:-8, 8:-8], atol=0.1, rtol=0)


@pytest.mark.parametrize("codec", ["h264", "vp9"])
def test_codecs_are_real(codec: Literal["h264", "vp9"], astronaut: Path) -> None:
    photo = np.asarray(Image.open(astronaut).convert("RGB").resize((161, 121)))
    clip = np.stack([photo, np.roll(photo, 2, axis=0)])
    fine, coarse = (encode_and_decode(clip, codec, crf) for crf in (12, 45))
    assert fine.shape == coarse.shape == clip.shape
    errors = [np.mean((out.astype(float) - clip) ** 2) for out in (fine, coarse)]
    assert 0 < errors[0] < 60 < errors[1]


def test_random_attacks_can_be_repeated() -> None:
    first, second = ([random_attack(np.random.default_rng(seed)) for seed in range(20)] for _ in range(2))
    assert first == second and len(set(first)) == 20


def test_held_out_people_stay_out(data: Path) -> None:
    assert [path.name for path in films_of(data, "train")] == ["a.mp4"]
    assert [path.name for path in photos_of(data, "heldout")] == ["09.jpg"]
    assert len(photos_of(data, "train")) == 10
    source = ClipSource(data, "train", a_film=2, photos=5)
    assert {clip.shape[0] for clip in source.clips} == {1, 3}


def test_a_run_learns_resumes_and_writes_weights(data: Path, tmp_path: Path) -> None:
    settings = WatermarkTraining(steps=2, batch=2, evaluate_every=1, evaluation_clips=2)
    trainer = WatermarkTrainer(settings, data, tmp_path)
    before = {name: value.clone() for name, value in trainer.watermark.state_dict().items()}
    trainer.run()
    changed = [name for name, value in trainer.watermark.state_dict().items() if not torch.equal(value, before[name])]
    assert set(changed) == set(before)  # gradients reach the embedder past the codecs
    assert (tmp_path / "sheet_000002.png").is_file()
    again = WatermarkTrainer(settings, data, tmp_path)
    assert again.step == 2
    again.save()
    loaded, record = load_watermark(tmp_path / "watermark.safetensors")
    assert "held_out_exact" in record
    assert loaded.config == again.watermark.config


def test_survivors_are_counted() -> None:
    def embed(frame: np.ndarray, message: bytes) -> np.ndarray:
        marked = frame.copy()
        marked[0, :4, 0] = np.frombuffer(message, np.uint8)
        return marked

    clips = [np.full((3, 64, 64, 3), level, np.uint8) for level in (40, 200)]
    treatments = {"nothing": Attack(), "noise": Attack(noise=20.0)}
    read = survivors(clips, embed, lambda frames: frames[-1][0, :4, 0].tobytes().hex(), treatments)
    assert read == {"nothing": (2, 2), "noise": (0, 2)}
