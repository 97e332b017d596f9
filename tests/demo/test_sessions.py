"""Visitors' files: nobody gets another's, and all of them go."""

from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="the demo needs the extra: pip install 'vivant[demo]'")
from vivant.demo.sessions import KEPT_RESULTS, Cancelled, Job, Sessions, plain_name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder.resolve()


def upload(root: Path, name: str) -> Path:
    """A file as Gradio stores it: in a folder named after its content."""
    path = root / f"hash-of-{name}" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(name)
    return path


def files(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_everything_of_a_visitor_goes_with_the_visitor(root: Path) -> None:
    sessions = Sessions(root)
    with Job(sessions, "anna", [upload(root, "a.jpg")]) as job:
        (job.folder / "clip.mp4").touch()
    sessions.note_uploads("anna", [upload(root, "never-used.jpg")])
    with Job(sessions, "ben", [upload(root, "b.jpg")]) as job:
        (job.folder / "other.mp4").touch()
    sessions.leave("anna")
    assert files(root) == ["b.jpg", "other.mp4"]
    sessions.close()
    assert list(root.iterdir()) == []


def test_the_same_photo_of_two_visitors_stays_until_both_left(root: Path) -> None:
    sessions = Sessions(root)
    for key in ("anna", "ben"):
        with Job(sessions, key, [upload(root, "same.jpg")]):
            pass
    sessions.leave("anna")
    assert files(root) == ["same.jpg"]
    sessions.leave("ben")
    assert files(root) == []


def test_a_photo_that_was_sent_anew_is_not_deleted_with_its_first_sender(root: Path) -> None:
    """Between an upload and the job that uses it nobody is registered for the file."""
    sessions = Sessions(root)
    with Job(sessions, "anna", [upload(root, "same.jpg")]):
        pass
    sent = root / "sent"  # Gradio renames what it received
    sent.write_text("same.jpg")
    sent.replace(root / "hash-of-same.jpg" / "same.jpg")
    sessions.leave("anna")
    assert files(root) == ["same.jpg"]
    with Job(sessions, "ben", [root / "hash-of-same.jpg" / "same.jpg"]):
        pass
    sessions.leave("ben")
    assert files(root) == []


def test_who_leaves_while_a_job_runs_ends_it_and_leaves_nothing(root: Path) -> None:
    sessions = Sessions(root)
    with pytest.raises(Cancelled), Job(sessions, "anna", [upload(root, "a.jpg")]) as job:
        (job.folder / "half.mp4").touch()
        sessions.leave("anna")
        job.session.watched(lambda *_: None)("rendering", 1, 2)
    assert list(root.iterdir()) == []


def test_a_job_that_finishes_after_its_visitor_left_leaves_nothing(root: Path) -> None:
    sessions = Sessions(root)
    with Job(sessions, "anna", []) as job:
        sessions.leave("anna")
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "late.mp4").touch()
    assert files(root) == []


def test_stop_ends_only_what_runs_now(root: Path) -> None:
    sessions = Sessions(root)
    with Job(sessions, "anna", []) as job:
        sessions.cancel("anna")
        with pytest.raises(Cancelled):
            job.session.watched(lambda *_: None)("rendering", 1, 2)
    with Job(sessions, "anna", []) as job:
        job.session.watched(lambda *_: None)("rendering", 1, 2)


def test_a_failed_job_leaves_nothing_and_only_the_latest_results_stay(root: Path) -> None:
    sessions = Sessions(root)
    with pytest.raises(ZeroDivisionError), Job(sessions, "anna", []) as job:
        (job.folder / "half.mp4").touch()
        raise ZeroDivisionError
    assert files(root) == []
    for i in range(KEPT_RESULTS + 2):
        with Job(sessions, "anna", []) as job:
            (job.folder / f"{i}.mp4").touch()
    assert files(root) == [f"{i}.mp4" for i in range(2, KEPT_RESULTS + 2)]


def test_uploads_that_were_broken_off_are_swept_away(root: Path) -> None:
    sessions = Sessions(root)
    (root / "tmpabc").touch()
    upload(root, "whole.jpg")
    sessions.remove_strays(60)
    assert files(root) == ["tmpabc", "whole.jpg"]
    sessions.remove_strays(-1)
    assert files(root) == ["whole.jpg"]


def test_visitors_without_a_key_share_nothing(root: Path) -> None:
    sessions = Sessions(root)
    with Job(sessions, None, []) as first, Job(sessions, None, []) as second:
        assert first.session is not second.session
    assert len(sessions) == 2


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("anna.jpg", "anna"),
        ("../../etc/passwd", "passwd"),
        ("a b<script>alert(1)</script>.png", "script"),
        ('"; rm -rf ~ #.jpg', "rm--rf"),
        ("日本.jpg", "photo"),
        ("\u202egpj.exe.png", "gpj-exe"),
        ("x" * 300 + ".png", "x" * 40),
    ],
)
def test_names_lose_whatever_could_do_harm(name: str, plain: str) -> None:
    assert plain_name(name, "photo") == plain
