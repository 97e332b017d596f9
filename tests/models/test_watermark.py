"""The watermark's code and geometry, without what is learnt."""

import numpy as np
import pytest
import torch
from vivant.models.released import WATERMARK
from vivant.models.watermark import (
    Watermark,
    WatermarkConfig,
    fold,
    held,
    load_watermark,
    sampled,
    save_watermark,
    unnoticed,
)
from vivant.models.watermark_code import LENGTH, SYMBOLS, TILE, WatermarkCode, codebook, crc8
from vivant.models.watermark_raster import CANVAS, PERIOD, PLANES, RASTER, blue, enlarged, reduced

MESSAGE = torch.tensor([[0x5A, 0x17, 0xC3, 0x88]])


@pytest.fixture(scope="module")
def code() -> WatermarkCode:
    return WatermarkCode()


@pytest.fixture(scope="module")
def watermark() -> Watermark:
    torch.manual_seed(0)
    return Watermark(WatermarkConfig()).eval()


def test_crc_is_the_standard_one() -> None:
    """The check value of CRC-8/SMBUS in every catalogue."""
    assert crc8(b"123456789") == 0xF4


def test_checksum_of_the_graph_is_that_of_the_bytes(code: WatermarkCode) -> None:
    messages = torch.randint(0, 256, (50, 4), generator=torch.Generator().manual_seed(1))
    got = code.checksum(messages)[:, 0].tolist()
    assert got == [crc8(bytes(message)) for message in messages.tolist()]


def test_codewords_are_far_from_each_other() -> None:
    product = codebook() @ codebook().T
    np.fill_diagonal(product, -LENGTH)
    assert product.max() == 0  # half of all signs differ


def test_every_message_comes_back(code: WatermarkCode) -> None:
    for message in torch.randint(0, 256, (20, 4), generator=torch.Generator().manual_seed(2)):
        decoded = code.decode(code.encode(message[None]))
        assert decoded.valid and decoded.confidence > 0.999
        assert torch.equal(decoded.message, message)


def test_a_fifth_of_the_cells_may_be_wrong(code: WatermarkCode) -> None:
    random = torch.Generator().manual_seed(3)
    wrong = torch.rand(1, 1, TILE, TILE, generator=random) < 0.2
    cells = code.encode(MESSAGE)
    decoded = code.decode(torch.where(wrong, -cells, cells))
    assert decoded.valid and torch.equal(decoded.message, MESSAGE[0])


def test_noise_is_no_message(code: WatermarkCode) -> None:
    random = torch.Generator().manual_seed(4)
    decoded = [code.decode(torch.randn(1, 1, TILE, TILE, generator=random)) for _ in range(200)]
    assert max(float(one.confidence) for one in decoded) < 0.35
    assert sum(bool(one.valid) for one in decoded) < 8  # one in 256 by chance


def test_signs_fill_the_tile_with_the_pilot(code: WatermarkCode) -> None:
    pilot = code.get_buffer("pilot")
    assert int((pilot != 0).sum()) == TILE * TILE - SYMBOLS * LENGTH
    first, second = (code.encode(torch.tensor([[value, 0, 0, 0]])) for value in (0, 255))
    assert torch.equal(first[0, 0][pilot != 0], second[0, 0][pilot != 0])


@pytest.mark.parametrize(("height", "width"), [(256, 256), (512, 400), (300, 501), (1080, 1920)])
def test_the_pattern_is_read_where_it_was_laid(watermark: Watermark, height: int, width: int) -> None:
    """The pattern alone as a picture, whole and with its corner cut off, without the networks."""
    pattern = watermark.embedder.tile(MESSAGE)[0, 0] * 40.0
    with torch.no_grad():
        picture = enlarged(pattern, height, width, blue(3)).reshape(height, width, 3) + 128.0
        cut = picture[height // 7 :, : width - width // 5]
        for seen, least in ((picture, 0.6), (cut, 0.45)):
            scale = torch.tensor(max(seen.shape[:2]) / max(height, width))
            small, covered = reduced(seen, CANVAS, scale * RASTER)
            estimate = fold((small[1] * covered)[None, None])[0, 0]
            decoded = watermark.reader.decode(estimate)
            assert decoded.valid and torch.equal(decoded.message, MESSAGE[0])
            assert decoded.confidence > least


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (17, 42), (63, 63)])
def test_the_pilot_tells_the_place(watermark: Watermark, shift: tuple[int, int]) -> None:
    tile = watermark.embedder.tile(MESSAGE).detach()[0, 0]
    decoded = watermark.reader.decode(torch.roll(tile, shift, (0, 1)))
    assert decoded.valid and torch.equal(decoded.message, MESSAGE[0])


def test_half_a_raster_pixel_each_way_is_the_middle_of_a_cell(watermark: Watermark) -> None:
    tile = watermark.embedder.tile(MESSAGE).detach()[0, 0]
    assert tile.shape == (PERIOD, PERIOD)
    assert torch.equal(sampled(tile).sign(), watermark.embedder.code.encode(MESSAGE)[0, 0])


def test_the_mark_keeps_below_what_is_allowed(watermark: Watermark) -> None:
    random = torch.Generator().manual_seed(5)
    picture = torch.randint(0, 256, (200, 300, 4), generator=random).float()
    with torch.no_grad():
        change = watermark.embedder(picture, MESSAGE) - picture
    assert change[..., :3].square().mean().sqrt() <= watermark.config.distortion
    assert change[..., 2].abs().max() > 1.0
    assert change[..., [0, 3]].abs().max() == 0
    brightness = change[..., :3] @ torch.tensor(PLANES[0])
    assert brightness.abs().max() < 1e-3


def test_white_is_marked_more(watermark: Watermark) -> None:
    """Its blue can only fall: what is left of the pattern after clipping is to be as strong as on grey."""
    swing = []
    for level in (200.0, 255.0):
        with torch.no_grad():
            marked = watermark.embedder(torch.full((200, 200, 3), level), MESSAGE).clamp(0, 255)
        swing.append(float(marked[..., 2].std()))
    assert 0.75 < swing[1] / swing[0] < 1.2


@pytest.mark.parametrize("paper", [255.0, 246.0, 200.0])
@pytest.mark.parametrize("ink", [0.0, 0.15, 0.5])
def test_no_picture_falls_below_40_db(paper: float, ink: float) -> None:
    """Lines on white, as of an engraving, are where the mark is strongest; the released networks."""
    embedder = load_watermark(WATERMARK)[0].embedder
    random = torch.Generator().manual_seed(6)
    lines = torch.rand(400, 320, 1, generator=random) < ink
    picture = torch.where(lines, 40.0, paper).expand(-1, -1, 3).contiguous()
    with torch.no_grad():
        marked = embedder(picture, MESSAGE).round().clamp(0, 255)
    error = (marked - picture).square().mean()
    assert 40.0 <= 10 * torch.log10(255.0**2 / error) < 46


def test_what_cannot_be_bluer_is_not_counted() -> None:
    white, grey = (torch.tensor([level, 0.0, 0.0]).reshape(1, 3, 1, 1) for level in (255.0, 128.0))
    for sign in (1.0, -1.0):
        assert held(torch.full((1, 1, 1, 1), 3.0 * sign), grey) == 3.0 * sign
    assert held(torch.full((1, 1, 1, 1), 3.0), white).abs() < 1e-4
    assert held(torch.full((1, 1, 1, 1), -3.0), white) == -3.0


def test_plain_parts_are_marked_less() -> None:
    grey = torch.tensor(128.0)
    plain, lively, wild = (unnoticed(torch.tensor(variance), grey) for variance in (0.0, 25.0, 400.0))
    assert plain < lively < wild
    assert unnoticed(torch.tensor(0.0), torch.tensor(0.0)) < plain


def test_weights_come_back_as_they_were(watermark: Watermark, tmp_path) -> None:
    save_watermark(watermark, tmp_path / "w.safetensors", '{"steps": 3}')
    loaded, record = load_watermark(tmp_path / "w.safetensors")
    assert record == '{"steps": 3}' and loaded.config == watermark.config
    for name, value in watermark.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.half().float())


def test_other_files_are_refused(tmp_path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="no vivant watermark"):
        load_watermark(tmp_path / "x.safetensors")
