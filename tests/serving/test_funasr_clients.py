"""FunASR's clients as they are, against a service: every sentence is shown once.

See `funasr_clients` for where they come from; `pytest -rs` prints why one was skipped.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.scripted import CodedRecognizer, coded
from tests.serving.funasr_clients import COMMITS, SCRIPT, install, page_files, show
from tests.serving.served import Served, make_settings, serving, wav

pytestmark = pytest.mark.usefixtures("loudness_vad")
SENTENCES = ("明天下午三点在北京人民", "二楼会议室开请带上", "和电脑不要迟到")
CHROMIUM = shutil.which("chromium") or ""


@pytest.fixture(scope="module")
def coded_served(loudness_vad: None) -> Iterator[Served]:
    with serving(recognizer=CodedRecognizer()) as running:
        yield running


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "talk.wav"
    path.write_bytes(wav(coded("    " + "      ".join(SENTENCES) + "  ")))
    return path


def run_client(command: list[str], folder: Path, packages: str = "") -> str:
    env = {**os.environ, "NO_PROXY": "*", "PYTHONPATH": packages, "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True,
        check=False, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def assert_each_once(text: str) -> None:
    places = [[match.start() for match in re.finditer(said, text)] for said in SENTENCES]
    assert [len(each) for each in places] == [1, 1, 1], text
    assert places == sorted(places)


@pytest.mark.parametrize("mode", ["offline", "2pass", "online"])
@pytest.mark.parametrize("version", COMMITS)
def test_funasrs_script(
    version: str, mode: str, coded_served: Served, recording: Path, tmp_path: Path
) -> None:
    (tmp_path / "client.py").write_bytes(show(SCRIPT, COMMITS[version]))
    port = coded_served.url.rpartition(":")[2]
    out = run_client(
        ["client.py", "--host", "127.0.0.1", "--port", port, "--ssl", "0", "--mode", mode,
         "--audio_in", str(recording)],
        tmp_path,
    )  # fmt: skip
    shown = re.findall(r"^\s*pid\S+: (.*)$", out, flags=re.MULTILINE)
    assert_each_once(shown[-1].partition(" timestamp: ")[0])
    for line in shown:  # on the way, too, nothing stands there twice
        text = line.partition(" timestamp: ")[0]
        assert all(text.count(said) <= 1 for said in SENTENCES), text
        assert text.replace("demo: ", "") == "".join(SENTENCES)[: len(text.replace("demo: ", ""))]


CLIENT = """
import asyncio, json, sys
from funasr_client.file_asr import async_file_asr, async_file_asr_stream
uri, path = sys.argv[1:3]

async def run():  # the synchronous one of this version waits for its own lock when it closes
    merged = await async_file_asr(path, uri, mode="2pass")
    offline = [message async for message in async_file_asr_stream(path, uri, mode="offline")]
    times = len(merged["timestamp"])
    print(json.dumps({"merged": merged["text"], "times": times, "offline": offline}))

asyncio.run(run())
"""


def test_funasr_client_of_pypi(coded_served: Served, recording: Path, tmp_path: Path) -> None:
    packages = install(tmp_path, "funasr-client==0.1.6")
    (tmp_path / "run.py").write_text(CLIENT)
    uri = coded_served.url.replace("http", "ws")
    got = json.loads(run_client(["run.py", uri, str(recording)], tmp_path, str(packages)))
    assert got["merged"] == "".join(SENTENCES)
    assert got["times"] == len(got["merged"])
    (message,) = got["offline"]
    assert message["text"] == "".join(SENTENCES)
    assert message["is_final"] is True


PYTHON_CLIENT = """
import asyncio, json, sys
from funasr_client import AsyncFunASRClient
from funasr_client.callbacks import SimpleCallback
uri, path, mode = sys.argv[1:4]
partial, errors = [], []
callback = SimpleCallback(
    on_partial=lambda result: partial.append(result.text),
    on_error=lambda error: errors.append(str(error)),
)

async def run():  # the synchronous one of this version drops what callbacks are given
    client = AsyncFunASRClient(uri, mode=mode, timeout=20, log_level="ERROR")
    final = await client.recognize_file(path, callback)
    await client.close()
    print(json.dumps({"partial": partial, "final": final.text, "errors": errors}))

asyncio.run(run())
"""


@pytest.mark.parametrize("mode", ["offline", "2pass"])
def test_funasr_python_of_pypi(
    mode: str, coded_served: Served, recording: Path, tmp_path: Path
) -> None:
    packages = install(tmp_path, "funasr-python==0.1.5", "aiofiles")
    pytest.importorskip("librosa")
    (tmp_path / "run.py").write_text(PYTHON_CLIENT)
    uri = coded_served.url.replace("http", "ws")
    got = json.loads(
        run_client(["run.py", uri, str(recording), mode], tmp_path, str(packages)).splitlines()[-1]
    )
    assert got["errors"] == []
    if mode == "offline":
        assert (got["final"], got["partial"]) == ("".join(SENTENCES), [])
        return
    # it has no place for a sentence that is final before the recording is: those are partial
    assert got["final"] == SENTENCES[-1]
    assert [each for each in got["partial"] if each in SENTENCES] == list(SENTENCES[:-1])


@pytest.fixture
def page_url(tmp_path: Path) -> Iterator[str]:
    """FunASR's page from a web server of its own."""
    folder = tmp_path / "page"
    folder.mkdir()
    for path in page_files():
        (folder / Path(path).name).write_bytes(show(path))
    handler = functools.partial(_QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


def test_funasrs_page_with_a_file(page_url: str, recording: Path) -> None:
    if not CHROMIUM:
        pytest.skip("needs Chromium: there is no `chromium` on the PATH")
    sync_api = pytest.importorskip("playwright.sync_api")
    with (
        serving(make_settings(cors_origins=(page_url,)), recognizer=CodedRecognizer()) as served,
        sync_api.sync_playwright() as started,
    ):
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--no-proxy-server"]
        )
        page = browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{page_url}/index.html")
        page.fill("#wssip", served.url.replace("http", "ws") + "/")
        page.check("input[name=recoder_mode][value=file]")
        page.set_input_files("#upfile", str(recording))
        page.wait_for_function("file_data_array && file_data_array.byteLength > 0")
        page.evaluate("document.getElementById('btnConnect').disabled = false")
        page.click("#btnConnect")
        page.wait_for_function("document.getElementById('varArea').value != ''", timeout=30_000)
        assert_each_once(page.input_value("#varArea"))
        assert page.inner_text("#info_div") == "请点击连接"  # the page has closed its connection
        assert errors == []
        browser.close()
