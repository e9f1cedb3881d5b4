"""The page on the bundled models, in a real browser: uploaded, spoken, typed, in both languages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.serving.page.paged import Paged, paged
from tests.serving.served import make_settings, wav
from voicebench.asr.batcher import BatchingRecognizer
from voicebench.suites.speech import synthesize
from voicebench.types import SAMPLE_RATE_HZ, Segment

pytestmark = pytest.mark.models
CHROMIUM = shutil.which("chromium") or ""
SAID = "明天下午三点在二楼会议室开会请问几点开会"
HOSTILE = "<img src=x onerror=\"document.title='x'\"> ${1+1} {{value}} 几点开会"
WAIT_MS = 120_000


@pytest.fixture(scope="module")
def page_url(bundled_recognizer: Any, bundled_generator: Any) -> Iterator[Paged]:
    pytest.importorskip("gradio")
    settings = make_settings(variant={"prefill": True, "speculation": True})
    recognizer = BatchingRecognizer(bundled_recognizer)
    with paged(settings, bundled_generator, recognizer) as running:
        yield running


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question with a pause after it, as a file: for the upload, and for the fake microphone."""
    pytest.importorskip("espeakng_loader")
    spoken = synthesize(Segment(voice="cmn+f3", spoken=SAID, rate_wpm=160, pitch=35))
    quiet = np.zeros(3 * SAMPLE_RATE_HZ, np.float32)
    path = tmp_path_factory.mktemp("speech") / "question.wav"
    path.write_bytes(wav(np.concatenate([quiet[: SAMPLE_RATE_HZ // 2], spoken, quiet])))
    return path


@pytest.fixture(scope="module")
def browser(question: Path) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("needs Chromium: there is no `chromium` on the PATH")
    arguments = [
        "--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={question}%noloop",
    ]  # fmt: skip
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield running
        running.close()


class Tab:
    """A tab, what it asked for and what its console said."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.page = browser.new_context(
            viewport={"width": 1280, "height": 900}, **options
        ).new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)
        self.page.goto(url)
        self.page.wait_for_selector("#vb-turn .vb-turn")

    def _note(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def wait_answered(self) -> str:
        self.page.wait_for_selector("#vb-turn .vb-state.vb-done")
        return self.text("#vb-turn .vb-answer span")


def test_a_person_speaks_uploads_and_types(
    page_url: Paged, browser: Any, question: Path, tmp_path: Path
) -> None:
    tab = Tab(browser, page_url.url, locale="zh-CN")
    page = tab.page
    assert page.url.endswith("/zh/")

    # typed, by keyboard alone; what it says stays text
    page.focus("#vb-typed textarea")
    page.keyboard.type(HOSTILE)
    page.keyboard.press("Enter")
    assert tab.wait_answered()
    assert tab.text("#vb-turn .vb-typed span") == HOSTILE
    assert page.title() == "语音助手"
    assert not page.query_selector("#vb-turn img")
    assert page.input_value("#vb-typed textarea") == ""

    # uploaded
    page.set_input_files("#vb-recording input[type=file]", str(question))
    page.wait_for_selector(
        "#vb-recording .waveform-container, #vb-recording audio", state="attached"
    )
    page.click("#vb-answer")
    page.wait_for_selector("#vb-turn .vb-heard")
    assert tab.wait_answered()
    assert "会议室" in tab.text("#vb-turn .vb-heard span")
    assert HOSTILE in tab.text("#vb-past")
    _assert_stages_add_up(page)

    # spoken: the transcript is there before the question is over, and a pause ends it
    page.click("#vb-microphone button")
    page.wait_for_selector("#vb-turn .vb-state.vb-listening ~ .vb-heard")
    early = tab.text("#vb-turn .vb-heard span")
    assert tab.wait_answered()
    assert 0 < len(early) < len(tab.text("#vb-turn .vb-heard span"))
    assert "会议室" in tab.text("#vb-turn .vb-heard span")
    _assert_stages_add_up(page)
    page.wait_for_selector("#vb-microphone button[aria-pressed='false']")

    # in the other language the conversation is still there
    page.click("#vb-language")
    page.wait_for_url("**/en/")
    page.wait_for_selector("#vb-past .vb-history li:nth-child(3)")
    assert "Conversation" in tab.text("#vb-past h2")
    assert "Drop Audio Here" in tab.text("#vb-recording")
    assert page.get_attribute("html", "lang") == "en"

    # silence: the hint, and the text box has the focus
    silence = tmp_path / "silence.wav"
    silence.write_bytes(wav(np.zeros(SAMPLE_RATE_HZ, np.float32)))
    page.set_input_files("#vb-recording input[type=file]", str(silence))
    page.wait_for_selector(
        "#vb-recording .waveform-container, #vb-recording audio", state="attached"
    )
    page.click("#vb-answer")
    assert "请再说一遍，或者输入文字" in page.wait_for_selector("#vb-turn .vb-hint").inner_text()
    page.wait_for_function("document.activeElement.matches('#vb-typed textarea')")

    _assert_it_fits(page)
    assert tab.errors == []
    foreign = [url for url in tab.asked if not url.startswith((page_url.url, "data:", "blob:"))]
    assert foreign == []


def _assert_stages_add_up(page: Any) -> None:
    cells = page.locator("#vb-turn .vb-waterfall :is(tbody, tfoot) td:last-child").all_inner_texts()
    *stages, total = (round(10 * float(cell)) for cell in cells)
    assert stages
    assert sum(stages) == total > 0


def _assert_it_fits(page: Any) -> None:
    """No width needs to be scrolled to, at a phone's width and in large type too."""
    too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    for width, percent in ((1280, 100), (390, 100), (640, 200), (390, 200)):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(f"document.documentElement.style.fontSize = '{percent}%'")
        assert not page.evaluate(too_wide), (width, percent)
