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

    def __init__(self, browser: Any, url: str, width: int = 1280, **options: Any) -> None:
        self.page = browser.new_context(
            viewport={"width": width, "height": 900}, **options
        ).new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)
        self.page.goto(url)
        self.page.wait_for_selector("#vb-composer textarea")

    def _note(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def texts(self, role: str) -> list[str]:
        return [
            str(text)
            for text in self.page.locator(f"#vb-chat [data-testid={role}]").all_inner_texts()
        ]

    def wait_answered(self, num_spoken: int) -> None:
        """Waits until nothing goes on, and so many spoken questions have their time shown."""
        script = """num => {
            const bots = [...document.querySelectorAll("#vb-chat [data-testid=bot]")];
            const spoken = bots.filter((bot) => bot.innerText.includes("后开始回答")).length;
            return spoken >= num && !document.querySelector("#vb-chat .loading-spinner");
        }"""
        self.page.wait_for_function(script, arg=num_spoken)


def test_a_person_types_uploads_tries_an_example_and_speaks(
    page_url: Paged, browser: Any, question: Path, tmp_path: Path
) -> None:
    tab = Tab(browser, page_url.url, locale="zh-CN")
    page = tab.page
    assert page.get_attribute("html", "lang") == "zh-CN"
    loaded = [url for url in tab.asked if "/assets/" in url and not url.startswith("blob:")]
    assert len(loaded) == 2, loaded  # the bundle, and the styles that Gradio's page names itself
    box = "getComputedStyle(document.querySelector('#vb-composer textarea'))"
    assert page.evaluate(f"{box}.backgroundColor") == "rgba(0, 0, 0, 0)"  # dark on dark otherwise
    assert "合成语音" in page.inner_text("#vb-chat")
    assert page.locator("#vb-chat .example").count() == 6

    # an example recording: played, recognized and answered, with its time in one line
    page.locator("#vb-chat .example").first.click()
    tab.wait_answered(1)
    assert "取件码" in " ".join(tab.texts("user"))

    # typed, by keyboard alone; what it says stays text
    page.focus("#vb-composer textarea")
    page.keyboard.type(HOSTILE)
    num_bots = len(tab.texts("bot"))
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#vb-composer textarea').value === ''")
    page.wait_for_function(
        "num => document.querySelectorAll('#vb-chat [data-testid=bot]').length > num", arg=num_bots
    )
    assert tab.texts("user")[-1] == HOSTILE
    assert page.title() == "语音助手"
    assert not page.query_selector("#vb-chat [data-testid=user] img")

    # uploaded
    page.set_input_files("#vb-composer input[type=file]", str(question))
    page.wait_for_selector("#vb-composer .thumbnails, #vb-composer .thumbnail-item")
    page.locator("#vb-composer .submit-button").click()
    tab.wait_answered(2)
    assert "会议室" in tab.texts("user")[-1]

    # spoken: the transcript is there before the question is over, a pause ends it, the microphone
    # opens again for the next question, and a second press ends the conversation
    page.click("#vb-microphone button")
    tab.wait_answered(3)
    assert "会议室" in tab.texts("user")[-1]
    assert page.get_attribute("#vb-microphone button", "aria-pressed") == "true"
    page.click("#vb-microphone button")
    page.wait_for_selector("#vb-microphone button[aria-pressed='false']")

    # in the other language the conversation is still there
    page.click("#vb-language")
    page.wait_for_url("**/en/")
    page.wait_for_selector("#vb-chat [data-testid=user]")
    assert any("会议室" in text for text in tab.texts("user"))
    assert page.get_attribute("html", "lang") == "en"

    # silence: the hint, and the text box has the focus
    silence = tmp_path / "silence.wav"
    silence.write_bytes(wav(np.zeros(SAMPLE_RATE_HZ, np.float32)))
    page.set_input_files("#vb-composer input[type=file]", str(silence))
    page.wait_for_selector("#vb-composer .thumbnails, #vb-composer .thumbnail-item")
    page.locator("#vb-composer .submit-button").click()
    page.wait_for_selector("#vb-chat [data-testid=bot]:has-text('请再说一遍，或者输入文字')")
    page.wait_for_function("document.activeElement.matches('#vb-composer textarea')")

    _assert_it_fits(page)
    assert tab.errors == []
    foreign = [url for url in tab.asked if not url.startswith((page_url.url, "data:", "blob:"))]
    assert foreign == []


def test_on_a_phone_the_answer_is_above_the_fold(page_url: Paged, browser: Any) -> None:
    tab = Tab(browser, page_url.url, width=390, locale="zh-CN")
    tab.page.fill("#vb-composer textarea", SAID)
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("#vb-chat [data-testid=bot]")
    box = tab.page.locator("#vb-chat [data-testid=bot]").last.bounding_box()
    assert 0 < box["y"] + box["height"] < 900


def _assert_it_fits(page: Any) -> None:
    """No width needs to be scrolled to, at a phone's width and in large type too."""
    too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    for width, percent in ((1280, 100), (390, 100), (640, 200), (390, 200)):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(f"document.documentElement.style.fontSize = '{percent}%'")
        assert not page.evaluate(too_wide), (width, percent)
