"""What a step costs: counted and timed on tiny teachers."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState
from made_cache import write_made_cache
from tiny_teacher import RECIPE, TINY_FULL, TINY_PAPER
from vivant.models.teacher import Teacher
from vivant.training import step_cost as module
from vivant.training.clips import FrameCache
from vivant.training.content_loss import Networks
from vivant.training.step_cost import main, step_cost, table


@pytest.fixture(autouse=True)
def other_precision() -> None:
    """Accelerate keeps the precision of a process for good; a test may choose its own."""
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up cache; `full` and `paper` are tiny."""
    write_made_cache(tmp_path)
    teachers = {"full": TINY_FULL, "paper": TINY_PAPER}
    monkeypatch.setattr(
        module, "recipe_of", lambda name, steps, batch: (teachers[name], replace(RECIPE, steps=steps, batch=batch))
    )
    return tmp_path


def test_a_step_is_counted_whole_and_timed(tiny: Path) -> None:
    one, two = (step_cost("full", FrameCache(tiny), Networks(), batch, 2) for batch in (1, 2))
    assert one.flop == pytest.approx(two.flop, rel=0.2)  # a sample's, whatever the batch
    assert one.rate == one.flop / one.seconds
    assert two.workers == 2 * two.data_seconds / two.seconds
    assert 0 < one.rate < 1.5 * one.peak
    assert one.parameters == sum(p.numel() for p in Teacher(TINY_FULL).parameters())


def test_the_table_has_a_row_for_each_teacher(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    command = ["step_cost", "--cache", str(tiny), "--teacher", "paper", "full", "--steps", "1"]
    monkeypatch.setattr(sys, "argv", command)
    main()
    rows = capsys.readouterr().out.splitlines()
    assert [row.split(" | ")[0] for row in rows] == ["| teacher", "| ---", "| paper", "| full"]
    assert all(row.count("|") == rows[0].count("|") for row in rows)
    assert all("%" in row for row in rows[2:])


def test_a_cache_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["step_cost", "--cache", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match=r"error: .*none"):
        main()


def test_nonsense_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys, "argv", ["step_cost", "--cache", str(tiny), "--steps", "0"])
    with pytest.raises(SystemExit):
        main()
    assert "--batch and --steps must be 1 or more" in capsys.readouterr().err
    assert table([]).count("\n") == 1
