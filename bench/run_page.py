"""How soon the page can be used over a slow line: from its address to a typed question and its answer.

    voicebench serve &
    python bench/run_page.py --visits 10
    python bench/run_page.py --latency-ms 0 300 --returning

A visit opens the page in Chromium, types a question as soon as there is a text box, sends it, and waits
for the first message of the answer. Chromium adds the latency to each request and bounds the rate. A
first visit has an empty cache; `--returning` opens the page again in the same browser. Needs
`chromium` and the Python package `playwright`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from typing import Any

from _common import finish
from _service import in_ms

from voicebench.clock import now_s

QUESTION = "几点开会"
STEPS = ("html", "text_box", "sent", "answered")


def visit(context: Any, url: str, latency_ms: float, rate_mbit_s: float) -> dict[str, float]:
    """One visit: seconds from the address to each step, and files loaded over the line."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    bytes_s = rate_mbit_s * 1e6 / 8
    line = {"latency": latency_ms, "downloadThroughput": bytes_s, "uploadThroughput": bytes_s}
    session.send("Network.emulateNetworkConditions", {"offline": False, **line})
    files = []
    page.on("request", lambda request: files.append(request.url))
    started_s = now_s()
    took = {}
    page.goto(url, wait_until="commit")
    took["html"] = now_s() - started_s
    page.wait_for_selector("#vb-composer textarea")
    took["text_box"] = now_s() - started_s
    page.fill("#vb-composer textarea", QUESTION)
    page.press("#vb-composer textarea", "Enter")
    took["sent"] = now_s() - started_s
    page.wait_for_selector("#vb-chat [data-testid=bot]")
    took["answered"] = now_s() - started_s
    took["files"] = sum(file.startswith(url) for file in files)
    page.close()
    return took


def visits(args: argparse.Namespace, latency_ms: float) -> Iterator[tuple[str, dict[str, float]]]:
    """All visits of one latency, each in a profile of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=args.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(args.visits):
            context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
            yield "first", visit(context, args.url, latency_ms, args.rate_mbit_s)
            if args.returning:
                yield "returning", visit(context, args.url, latency_ms, args.rate_mbit_s)
            context.close()
        browser.close()


def main() -> int:
    """Visits the page and prints a row a kind of visit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:7860/", help="of a running page")
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[300.0])
    parser.add_argument("--rate-mbit-s", type=float, default=10.0)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--returning", action="store_true", help="also a second visit each")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    args = parser.parse_args()
    if not args.chromium:
        parser.error("there is no chromium on the PATH; name one with --chromium")
    figures: dict[str, Any] = {"rate_mbit_s": args.rate_mbit_s}
    rows = []
    for latency_ms in args.latency_ms:
        found: dict[str, list[dict[str, float]]] = {}
        for kind, took in visits(args, latency_ms):
            found.setdefault(kind, []).append(took)
        for kind, each in found.items():
            steps = {step: in_ms([took[step] for took in each]) for step in STEPS}
            most = max(took["answered"] for took in each)
            files = max(took["files"] for took in each)
            figures[f"{kind}, {latency_ms:g} ms"] = {
                **steps, "most_s": round(most, 2), "files": files, "n": len(each),
            }  # fmt: skip
            medians = [f"{steps[step]['p50_ms'] / 1000:.2f}" for step in STEPS]
            name = f"{kind}, {latency_ms:g} ms"
            rows.append([name, str(len(each)), *medians, f"{most:.2f}", f"{files:g}"])
    columns = ["visit", "n", *(f"{step} s (p50)" for step in STEPS), "answered, most", "files"]
    finish("page", columns, rows, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
