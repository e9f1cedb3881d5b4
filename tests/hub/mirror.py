"""A small hub on the loopback: as much of both hubs' file interfaces as their own clients ask for.

Files are served with ranges. Faults are injected by file name: each request of it takes the next one.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Mirror:
    """What a mirror holds and what happened to it.

    Attributes:
        repos: Files by repository and name.
        faults: By file name, one a request of it: `cut:N` ends the connection after N bytes,
            `wrong` serves other bytes of the same length, a number is an HTTP status.
        log: (method, path, range) of every request of a file.
        num_sent: Bytes of each file that were sent.
    """

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.faults: dict[str, deque[str]] = defaultdict(deque)
        self.log: list[tuple[str, str, str]] = []
        self.num_sent: dict[str, int] = defaultdict(int)
        self.url = ""

    def ranges(self, file: str) -> list[str]:
        """Ranges asked for in downloads of a file; empty for the whole."""
        return [r for method, path, r in self.log if method == "GET" and path == file]


@contextmanager
def serve(mirror: Mirror) -> Iterator[Mirror]:
    """Serves a mirror on a free port until the block ends."""
    handler = type("Handler", (_Handler,), {"mirror": mirror})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    mirror.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    mirror: Mirror
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None: ...

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_GET(self) -> None:
        self._answer("GET")

    def _answer(self, method: str) -> None:
        url = urlparse(self.path)
        path, query = unquote(url.path), parse_qs(url.query)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            return self._json(self._hf_info(match[1], match[2]))
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/[^/]+", path):
            return self._json(self._hf_tree(match[1]))
        if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            return self._file(method, match[1], match[2])
        if match := re.fullmatch(r"/api/v1/models/([^/]+/[^/]+)/repo/files", path):
            return self._json(self._ms_files(match[1], query["Revision"][0]))
        if match := re.fullmatch(r"/api/v1/models/([^/]+/[^/]+)/repo", path):
            return self._file(method, match[1], query["FilePath"][0])
        return self._json(None)

    def _hf_info(self, repo: str, revision: str | None) -> Any:
        if repo not in self.mirror.repos or revision not in (None, "main", COMMIT):
            return None
        names = [{"rfilename": name} for name in self.mirror.repos[repo]]
        card = {"license": "apache-2.0"}
        return {"id": repo, "sha": COMMIT, "cardData": card, "siblings": names, "tags": []}

    def _hf_tree(self, repo: str) -> Any:
        return [_hf_entry(name, content) for name, content in self.mirror.repos[repo].items()]

    def _ms_files(self, repo: str, revision: str) -> Any:
        if repo not in self.mirror.repos or revision not in ("master", "v2.0.9"):
            return None
        files = [
            {
                "Path": name,
                "Name": name,
                "Type": "blob",
                "Size": len(content),
                "Sha256": sha256(content),
            }
            for name, content in self.mirror.repos[repo].items()
        ]
        return {"Code": 200, "Data": {"Files": files}, "Success": True}

    def _json(self, content: Any) -> None:
        body = json.dumps(content if content is not None else {"error": "not found"}).encode()
        self.send_response(200 if content is not None else 404)
        if content is None:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, method: str, repo: str, name: str) -> None:
        content = self.mirror.repos.get(repo, {}).get(name)
        asked = self.headers.get("Range", "")
        self.mirror.log.append((method, name, asked))
        if content is None:
            return self._json(None)
        faults = self.mirror.faults[name]
        fault = faults.popleft() if method == "GET" and faults else ""
        if fault.isdigit():
            self.send_response(int(fault))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        served = bytes(byte ^ 1 for byte in content) if fault == "wrong" else content
        start = int(match[1]) if (match := re.match(r"bytes=(\d+)-", asked)) else 0
        body = served[start:]
        self.send_response(206 if start else 200)
        if start:
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{sha256(content)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if method == "HEAD":
            return None
        if fault.startswith("cut:"):
            body = body[: int(fault[4:])]
            self.close_connection = True
        self.wfile.write(body)
        self.mirror.num_sent[name] += len(body)
        return None


def _hf_entry(name: str, content: bytes) -> dict[str, Any]:
    header = f"blob {len(content)}\0".encode()
    entry: dict[str, Any] = {
        "type": "file",
        "path": name,
        "size": len(content),
        "oid": hashlib.sha1(header + content, usedforsecurity=False).hexdigest(),
    }
    if not name.endswith((".json", ".txt", ".md", ".yaml", ".jinja")):
        pointer = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
        entry |= {"oid": "0" * 40, "lfs": pointer}
    return entry
