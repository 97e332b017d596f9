"""The API as gradio_client sees it, with stand-in graphs: files, refusals, several visitors at once."""

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from folders import files_under
from PIL import Image

gradio_client = pytest.importorskip("gradio_client", reason="the demo needs the extra: pip install 'vivant[demo]'")
from vivant.demo.app import Demo  # noqa: E402
from vivant.runtime.inspection import inspect_file  # noqa: E402
from vivant.runtime.media import VideoReader  # noqa: E402
from vivant.runtime.outputs import sha256_of  # noqa: E402

README = Path(__file__).parents[2] / "demo" / "README.md"
Write = Callable[[Path, int], Path]
Call = Callable[..., tuple[list[str], dict[str, Any]]]


def as_photos(*paths: Path) -> list[dict[str, Any]]:
    return [{"image": gradio_client.handle_file(path), "caption": None} for path in paths]


def connect(demo: Demo, folder: Path) -> Any:
    return gradio_client.Client(demo.url, verbose=False, download_files=folder, analytics_enabled=False)


@pytest.fixture
def client(demo: Demo, tmp_path: Path) -> Iterator[Any]:
    made = connect(demo, tmp_path / "downloads")
    yield made
    made.close()


@pytest.fixture
def call(client: Any, photo: Path) -> Call:
    """Animates a photo with the preset `shift`; named arguments change what they name."""

    def run(**changes: Any) -> tuple[list[str], dict[str, Any]]:
        return client.predict(
            **{"photos": as_photos(photo), "preset": "shift", "consent": True} | changes, api_name="/animate"
        )

    return run


def test_the_readmes_example_runs(demo: Demo, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    code = code.replace("http://127.0.0.1:7860/", demo.url).replace("anna.jpg", str(photo)).replace("smile", "shift")
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out.strip().splitlines()
    assert printed[-2] == "['long', 'shift']"
    assert re.search(r"anna-shift\.mp4 [\d.]+$", printed[-1])
    shutil.rmtree(Path(printed[-1].split(" ")[0]).parent)


def test_what_cannot_be_exported_is_told_before_any_work(client: Any) -> None:
    pytest.importorskip("torch", reason="exporting needs the extra: pip install 'vivant[export]'")
    with pytest.raises(gradio_client.exceptions.AppError, match="fp16 for wasm is not exported"):
        client.predict(precisions=["fp16"], target="wasm", api_name="/export")
    with pytest.raises(gradio_client.exceptions.AppError, match="A precision is one of fp32, fp16, int8"):
        client.predict(precisions=[], target="all", api_name="/export")


def test_endpoints_are_named_and_documented(client: Any) -> None:
    described = client.view_api(return_format="dict")["named_endpoints"]
    assert {"/animate", "/compare", "/presets"} <= set(described) <= {"/animate", "/compare", "/presets", "/export"}
    names = [parameter["parameter_name"] for parameter in described["/animate"]["parameters"]]
    assert names[:2] == ["photos", "motion"] and names[-1] == "consent"
    assert all(parameter["parameter_has_default"] for parameter in described["/animate"]["parameters"][1:])


def test_the_clip_arrives_as_the_runtime_wrote_it_labelled_and_signed(call: Call) -> None:
    (file,), summary = call()
    assert sha256_of(Path(file)) == summary["sha256"]
    assert Path(file).name == summary["file"] == "anna-shift.mp4"
    assert summary["label"] == "AI-animated"
    assert inspect_file(Path(file)).claims.label == "AI-animated"
    with VideoReader(Path(file)) as reader:
        assert len(list(reader)) == summary["frames"] == 6
    assert "photo" not in summary


@pytest.mark.parametrize(("form", "endings"), [("webm", [".webm", ".c2pa"]), ("gif", [".gif"])])
def test_other_kinds_bring_their_manifest(call: Call, form: str, endings: list[str]) -> None:
    files, _ = call(form=form)
    assert [Path(file).suffix for file in files] == endings


def test_a_video_or_a_track_drives_the_photo(demo: Demo, call: Call, driver: Path) -> None:
    _, summary = call(motion="video", video=gradio_client.handle_file(driver), times=2)
    assert (summary["motion"], summary["frames"]) == ("driver", 12)
    track = demo.bundle.preset("shift")
    _, summary = call(motion="track", track=gradio_client.handle_file(track), transfer="absolute")
    assert summary["motion"] == "shift"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"consent": False}, "confirm first"),
        ({"photos": []}, "Add a photo first"),
        ({"preset": "long", "times": 2}, "would last 48 s; play it 1 times"),
        ({"motion": "video"}, "Add a video of a face first"),
        ({"motion": "track"}, "Add a motion track first"),
    ],
)
def test_what_is_missing_or_too_much_is_said(call: Call, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(gradio_client.exceptions.AppError, match=message):
        call(**changes)


@pytest.mark.parametrize("field", ["preset", "size", "form", "face", "transfer", "motion"])
def test_values_that_the_page_does_not_offer_are_refused(call: Call, field: str) -> None:
    with pytest.raises((gradio_client.exceptions.AppError, ValueError)):
        call(**{field: "../../etc/passwd"})


def test_hostile_files_are_refused_with_a_sentence(
    call: Call, tmp_path: Path, photo: Path, write_bomb: Write, write_long_video: Write
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    for path, message in ((write_bomb(tmp_path / "bomb.png", 40_000), "megapixels"), (text, "not a photo")):
        with pytest.raises(gradio_client.exceptions.AppError, match=message):
            call(photos=as_photos(path))
    with pytest.raises(gradio_client.exceptions.AppError, match="photos are too many"):
        call(photos=as_photos(*[photo] * 5))
    film = write_long_video(tmp_path / "film.mp4", 7200)
    with pytest.raises(gradio_client.exceptions.AppError, match=r"lasts 2\.0 h"):
        call(motion="video", video=gradio_client.handle_file(film))
    call()  # the demo goes on


def test_hostile_names_become_harmless(call: Call, photo: Path, tmp_path: Path) -> None:
    for name in ("..;rm -rf ~;.png", "<img src=x onerror=alert(1)>.png", "'\"`$(id)`.png", "日本.png", "-rf.png"):
        hostile = tmp_path / name
        shutil.copyfile(photo, hostile)
        (file,), summary = call(photos=as_photos(hostile))
        assert re.fullmatch(r"[\w][\w-]*-shift\.mp4", Path(file).name, re.ASCII), name
        assert "<" not in str(summary)


def test_uploads_beyond_the_limit_do_not_reach_the_disk(demo: Demo, call: Call, tmp_path: Path) -> None:
    before = set(files_under(demo.folder))
    huge = tmp_path / "huge.png"
    with huge.open("wb") as stream:
        stream.truncate(demo.studio.limits.upload_bytes + 1)
    with pytest.raises(Exception, match=r"[Tt]oo [Ll]arge|exceed|413|maximum"):
        call(photos=as_photos(huge))
    assert not [path for path in files_under(demo.folder) if path not in before and path.stat().st_size > 10_000_000]


def test_five_visitors_at_once_are_all_served_with_their_own_picture(demo: Demo, photo: Path, tmp_path: Path) -> None:
    def visit(number: int) -> tuple[str, tuple[int, int]]:
        mine = tmp_path / f"visitor{number}.png"
        with Image.open(photo) as image:
            image.resize((320 + 2 * number, 240)).save(mine)
        client = connect(demo, tmp_path / f"downloads{number}")
        try:
            _, summary = client.predict(
                photos=as_photos(mine), preset="shift", consent=True, times=4, api_name="/animate"
            )
            return summary["file"], (summary["width"], summary["height"])
        finally:
            client.close()

    with ThreadPoolExecutor(5) as pool:
        served = list(pool.map(visit, range(5)))
    assert served == [(f"visitor{i}-shift.mp4", (320 + 2 * i, 240)) for i in range(5)]


def test_nothing_of_a_visitor_stays_after_the_visit(demo: Demo, photo: Path, tmp_path: Path) -> None:
    unique = tmp_path / "farewell.png"
    shutil.copyfile(photo, unique)
    client = connect(demo, tmp_path / "downloads")
    client.predict(photos=as_photos(unique), preset="shift", consent=True, api_name="/animate")
    assert [path for path in files_under(demo.folder) if path.name.startswith("farewell")]
    client.close()
    assert _soon(lambda: not [path for path in files_under(demo.folder) if path.name.startswith("farewell")])


def test_who_leaves_in_the_middle_ends_the_job(demo: Demo, photo: Path, tmp_path: Path) -> None:
    client = connect(demo, tmp_path / "downloads")
    client.submit(photos=as_photos(photo), preset="long", form="gif", consent=True, api_name="/animate")
    assert _soon(lambda: demo.studio.sessions.busy)
    client.close()
    assert _soon(lambda: not demo.studio.sessions.busy)
    assert _soon(lambda: not [path for path in files_under(demo.folder) if "long" in path.name])


def test_files_of_the_server_are_not_served(demo: Demo, astronaut: Path) -> None:
    import httpx

    for path in ("/etc/passwd", str(astronaut), f"{demo.folder}/../x", str(README)):
        assert httpx.get(f"{demo.url}gradio_api/file={path}").status_code in (403, 404), path


def _soon(happens: Callable[[], bool], seconds: float = 15.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if happens():
            return True
        threading.Event().wait(0.05)
    return False
