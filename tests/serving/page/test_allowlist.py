"""What the page's port answers without a browser: the key, the routes, foreign requests and files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving.page.paged import Paged, paged
from tests.serving.served import KEY, make_settings, wav

pytestmark = pytest.mark.usefixtures("loudness_vad")
JOIN = "/zh/gradio_api/queue/join"
SESSION = "abcdefg"


@pytest.fixture(scope="module")
def page(loudness_vad: None) -> Iterator[Paged]:
    pytest.importorskip("gradio")
    with paged(make_settings(api_key=KEY, limits={"max_body_mib": 1.0})) as running:
        yield running


@pytest.fixture
def client(page: Paged) -> Iterator[httpx.Client]:
    with page.client(auth=("anyone", KEY)) as made:
        yield made


def test_the_key_is_asked_for_on_every_route(page: Paged) -> None:
    paths = [
        "/",
        "/zh/",
        "/en/config",
        "/zh/theme.css",
        "/favicon.ico",
        "/zh/gradio_api/queue/data",
    ]
    with page.client() as stranger:
        for path in paths:
            refused = stranger.get(path)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Basic ")
        assert stranger.post(JOIN, json={}).status_code == 401
        assert stranger.get("/zh/", auth=("anyone", "wrong")).status_code == 401
        assert stranger.get("/zh/", headers={"Authorization": "Basic ???"}).status_code == 401
        bearer = {"Authorization": f"Bearer {KEY}"}
        assert stranger.get("/zh/config", headers=bearer).status_code == 200


@pytest.mark.parametrize(
    ("asked", "path"),
    [("en-GB,en;q=0.9,zh;q=0.5", "/en/"), ("zh-CN", "/zh/"), ("fr, en", "/en/"), ("", "/zh/")],
)
def test_the_page_comes_in_the_browsers_language(
    client: httpx.Client, asked: str, path: str
) -> None:
    for address in ("/", path):
        page = client.get(address, headers={"Accept-Language": asked}).text
        assert f'lang="{"en" if path == "/en/" else "zh-CN"}"' in page
        assert f'<base href="{path}">' in page
        assert "const voicebench" in page.split("</head>")[0]
    moved = client.get(path.rstrip("/"))
    assert (moved.status_code, moved.headers["location"]) == (307, path)


def test_one_file_holds_what_the_page_loads_at_first(client: httpx.Client) -> None:
    page = client.get("/zh/").text
    (name,) = re.findall(r'src="\./assets/(page-\w+\.js)"', page)
    assert page.index("window.gradio_config") < page.index(name)
    assert page.index('<link rel="stylesheet"') < page.index(
        name
    )  # rules of equal weight: last wins
    script = client.get(f"/zh/assets/{name}")
    assert "immutable" in script.headers["cache-control"]
    for part in ("index-", "core-", "Blocks-", "zh-CN-", "markdown-code-", "MinimalAudioPlayer-"):
        assert re.search(rf'"{part}[\w-]+\.js": "', script.text), part
    assert client.get("/zh/assets/page-0000.js").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/zh/gradio_api/file=/etc/passwd",
        "/zh/gradio_api/file=/etc/../etc/passwd",
        f"/zh/gradio_api/file={Path(__file__).resolve()}",
        "/zh/gradio_api/file=http://example.com/",
        "/zh/static/../../../../etc/passwd",
        "/zh/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/zh/assets/..%2f..%2f..%2fconfig.json",
    ],
)
def test_no_path_reaches_the_file_system(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code in (403, 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/zh/gradio_api/proxy=http://127.0.0.1/"),
        ("GET", "/zh/custom_component/1/client/component/x"),
        ("GET", "/zh/monitoring"),
        ("POST", "/zh/gradio_api/process_recording"),
        ("POST", "/zh/gradio_api/vibe-edit"),
        ("POST", "/zh/gradio_api/run/on_typed"),
        ("POST", "/zh/gradio_api/call/on_typed"),
        ("PUT", "/zh/"),
        ("OPTIONS", "/zh/"),
        ("GET", "/docs"),
    ],
)
def test_what_the_page_does_not_use_is_not_there(
    client: httpx.Client, method: str, path: str
) -> None:
    assert client.request(method, path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "http://example.com/a.wav", "../x", "", "relative.wav", 7, None]
)
def test_only_files_of_its_own_uploads_are_taken(client: httpx.Client, path: object) -> None:
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    body = {"data": [{"deep": [file]}], "fn_index": 0, "session_hash": SESSION}
    refused = client.post(JOIN, json=body)
    assert (refused.status_code, refused.text) == (
        400,
        "only files of this page's uploads are taken",
    )


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff"])
def test_bodies_that_are_no_json_are_refused(client: httpx.Client, body: bytes) -> None:
    assert client.post(JOIN, content=body).status_code == 400


def test_what_was_uploaded_is_in_the_cache_and_nowhere_else(
    page: Paged, client: httpx.Client
) -> None:
    files = {"files": ("../../question.wav", wav(), "audio/wav")}
    (path,) = client.post("/zh/gradio_api/upload", files=files).json()
    assert Path(path).resolve().is_relative_to(page.cache.resolve())
    assert client.get(f"/zh/gradio_api/file={path}").content == wav()
    body = {"data": [{"path": path}], "fn_index": 0, "session_hash": SESSION}
    assert client.post(JOIN, json=body).status_code != 400


def test_bodies_are_bounded(client: httpx.Client) -> None:
    large = json.dumps({"data": ["x" * 2**20]}).encode()
    assert client.post(JOIN, content=large).status_code == 413
    assert client.post("/zh/gradio_api/upload", content=large).status_code == 413
    assert client.post(JOIN, content=iter([b"{}"])).status_code == 411  # in chunks, of any length


def test_pages_of_other_sites_cannot_call(page: Paged, client: httpx.Client) -> None:
    body = {"data": [], "fn_index": 0, "session_hash": SESSION}
    for origin in ("https://example.com", "null", "http://127.0.0.1:1"):
        assert client.post(JOIN, json=body, headers={"Origin": origin}).status_code == 403
    own = client.post(JOIN, json=body, headers={"Origin": page.url})
    assert own.status_code not in (400, 403)
