"""The real page with the real graphs, in Chromium: what a visitor sees, on a desk and on a phone."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from vivant.demo.methods import SIDE, has_geometry, has_teacher

sync_api = pytest.importorskip("playwright.sync_api", reason="pages are driven by playwright")
expect = sync_api.expect
Page = Any
Open = Callable[..., Page]
JOB = 60_000  # milliseconds that a clip may take on a busy machine
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium(browser: Any, camera: Path, chromium_path: str) -> Iterator[Any]:
    """A browser whose camera shows a talking face."""
    arguments = [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    ]
    launched = browser.launch(executable_path=chromium_path, args=arguments)
    yield launched
    launched.close()


@pytest.fixture
def visit(chromium: Any, site: Any) -> Iterator[Open]:
    """Opens the page as a new visitor; fails on errors of scripts and on requests to anybody else."""
    contexts, wrong = [], []

    def go(viewport: dict[str, int] = DESK) -> Page:
        context = chromium.new_context(viewport=viewport, permissions=["camera"])
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((site.url, "data:", "blob:")) else wrong.append(r.url))
        page.goto(site.url)
        expect(page.get_by_role("button", name="Bring to life")).to_be_visible(timeout=JOB)
        return page

    yield go
    for context in contexts:
        context.close()
    assert wrong == []


def add_photo(page: Page, *photos: Path, consent: bool = True) -> None:
    page.locator("#photos input[type=file]").first.set_input_files(photos)
    expect(page.locator("#photos img").first).to_be_visible(timeout=JOB)
    if consent:
        page.locator("#consent input").check()


def choose(page: Page, preset: str) -> None:
    page.locator("#preset label", has_text=preset).click()


def choose_smallest(page: Page) -> None:
    page.get_by_label("Detail", exact=True).click()
    page.get_by_role("option", name="256 px").click()


def wait_for_clip(page: Page) -> dict[str, float]:
    """What the browser says about the clip on display, once it plays."""
    page.locator("#clip video").wait_for(timeout=JOB)
    page.wait_for_function("document.querySelector('#clip video')?.currentTime > 0", timeout=JOB)
    script = "(v => ({width: v.videoWidth, height: v.videoHeight, seconds: v.duration}))"
    return page.evaluate(f"{script}(document.querySelector('#clip video'))")


def soon(happens: Callable[[], bool], seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def pictures_in(files: list[Path]) -> list[Path]:
    """Without empty files: Gradio leaves one where an upload is broken off, which the sweep deletes minutes later."""
    return [path for path in files if path.exists() and path.stat().st_size > 0]


def test_a_photo_comes_to_life_after_consent(visit: Open, astronaut: Path, site: Any) -> None:
    page = visit()
    add_photo(page, astronaut, consent=False)
    choose(page, "Wink")
    choose_smallest(page)
    page.get_by_role("button", name="Bring to life").click()
    expect(page.get_by_text("Please confirm first")).to_be_visible(timeout=JOB)
    page.locator("#consent input").check()
    page.get_by_role("button", name="Bring to life").click()
    shown = wait_for_clip(page)
    assert (shown["width"], shown["height"]) == (512, 512)
    assert shown["seconds"] == pytest.approx(3.6, abs=0.1)
    expect(page.locator("#facts")).to_contain_text(re.compile(r"\d+ ms"))
    expect(page.locator("#download")).to_contain_text(re.compile(r"astronaut-wink\s*\.mp4"))
    with page.expect_download() as download:
        page.locator("#download a").first.click()
    assert download.value.suggested_filename == "astronaut-wink.mp4"
    page.context.close()
    assert soon(lambda: not pictures_in(site.files())), "the visitor left, the files did not"


def test_an_example_plays_with_one_click_on_a_phone(visit: Open) -> None:
    page = visit(PHONE)
    page.locator("#examples button.thumbnail-item, #examples .thumbnail-lg").nth(1).click()
    shown = wait_for_clip(page)
    assert shown["height"] == 600
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_of_several_photos_the_one_that_was_clicked_moves(visit: Open, astronaut: Path) -> None:
    page = visit()
    expect(page.get_by_text("whichever fits the moment")).to_be_visible()
    add_photo(page, astronaut, astronaut.with_name("grace_hopper.jpg"))
    hint = page.locator("#hint")
    expect(hint).to_contain_text("Photo 1 of 2 moves", timeout=JOB)
    page.locator("#photos button.thumbnail-item").nth(1).click()
    expect(hint).to_contain_text("Photo 2 of 2 moves", timeout=JOB)
    choose(page, "Wink")
    choose_smallest(page)
    page.get_by_role("button", name="Bring to life").click()
    assert wait_for_clip(page)["height"] == 600
    expect(page.locator("#facts")).to_contain_text("grace_hopper.jpg moves")


def test_stop_ends_a_job(visit: Open, astronaut: Path, site: Any) -> None:
    page = visit()
    add_photo(page, astronaut)
    page.get_by_role("button", name="Bring to life").click()
    expect(page.get_by_text("Drawing")).to_be_visible(timeout=JOB)
    page.get_by_role("button", name="Stop", exact=True).first.click()
    expect(page.get_by_text("Stopped; nothing was kept.")).to_be_visible(timeout=JOB)
    assert not [path for path in site.files() if path.suffix == ".mp4"]


def test_the_camera_moves_the_portrait(visit: Open, astronaut: Path, site: Any) -> None:
    page = visit()
    add_photo(page, astronaut)
    page.get_by_role("tab", name="Live").click()
    page.locator("#live-start").click()
    portrait = page.locator(".live-portrait")
    expect(portrait).to_be_visible(timeout=JOB)
    expect(page.locator(".live-fps")).to_have_text(re.compile(r"[\d.]+ fps"), timeout=JOB)
    seen = set()
    assert soon(lambda: seen.add(portrait.get_attribute("src")) or len(seen) > 5)
    page.locator("#live-neutral").click()
    expect(page.locator(".live-fps")).to_have_text(re.compile(r"[\d.]+ fps"))
    assert not [path for path in site.files() if path.suffix in (".webp", ".jpeg")], "frames touched the disk"
    page.locator("#live-stop").click()
    expect(portrait).to_be_hidden()
    expect(page.locator(".live-camera")).to_be_hidden()


def test_methods_are_compared_side_by_side(visit: Open, astronaut: Path) -> None:
    page = visit()
    add_photo(page, astronaut)
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare").click()
    video = page.locator("#compared video")
    video.wait_for(timeout=JOB)
    page.wait_for_function("document.querySelector('#compared video').videoWidth > 0", timeout=JOB)
    width = page.evaluate("document.querySelector('#compared video').videoWidth")
    assert width == SIDE * (3 + has_geometry() + has_teacher())


def test_the_page_explains_itself_and_says_how_to_export(visit: Open) -> None:
    page = visit()
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#how img")).to_have_count(5, timeout=JOB)
    for words in ("What it cannot do", "what this server keeps", "Responsible use", "CC BY-NC 4.0"):
        expect(page.get_by_text(words).first).to_be_visible()
    page.get_by_role("tab", name="Export").click()
    expect(page.locator("#export, #export-how").first).to_be_visible()
