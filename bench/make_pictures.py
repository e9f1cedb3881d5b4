"""Takes the pictures of the READMEs: the top of a report, and the page with an answer, zh and en.

    python bench/make_pictures.py --report reports/RUN
    python bench/make_pictures.py --page http://127.0.0.1:7860     # while `voicebench serve` runs

Chromium is looked for on the PATH (Debian: apt-get install chromium). Each picture is a PNG of 64
colors in docs/pictures/, below 150 KB.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from _common import ROOT

from voicebench.errors import MissingPackageError, VoicebenchError
from voicebench.report.data import load_report
from voicebench.report.render import write_report
from voicebench.words import LANGUAGES, use_language

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
REPORT_SIZE, PAGE_SIZE = (1280, 1180), (1280, 900)
NUM_COLORS, MAX_BYTES = 64, 150_000
QUESTION = "明天下午三点在二楼开会，请问几点开会？"  # the assistant knows Chinese alone
TRIES, SETTLED_AFTER_MS, OPEN_WITHIN_MS = 20, 3_000, 120_000


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--report", metavar="RUN", help="the folder of a run")
    parser.add_argument("--page", metavar="URL", help="where the page of a running service is")
    parser.add_argument("--out", metavar="DIR", default=str(ROOT / "docs" / "pictures"))
    args = parser.parse_args()
    if not args.report and not args.page:
        parser.error("name --report RUN or --page URL, or both")
    try:
        return take_pictures(args)
    except VoicebenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def take_pictures(args: argparse.Namespace) -> int:
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        if args.report:
            with use_language(language), tempfile.TemporaryDirectory() as folder:
                path = write_report(load_report(Path(args.report)), Path(folder) / "report.html")
                with open_browser(path.as_uri(), REPORT_SIZE) as page:
                    save(page, out / f"report_{language}.png")
        if args.page:
            with open_browser(f"{args.page.rstrip('/')}/{language}/", PAGE_SIZE) as page:
                ask(page, QUESTION)
                save(page, out / f"page_{language}.png")
    return 0


@contextmanager
def open_browser(url: str, size: tuple[int, int]) -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise MissingPackageError("pictures need Chromium", "On Debian: apt-get install chromium")
    with sync_playwright() as started:
        running = started.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
        )
        page = running.new_page(viewport={"width": size[0], "height": size[1]})
        page.set_default_timeout(OPEN_WITHIN_MS)  # a service that has just begun is slow
        page.goto(url)
        yield page
        running.close()


def ask(page: Page, question: str) -> None:
    """Types a question until the page has taken it, and waits until what it shows rests."""
    box = page.locator("textarea:visible").first
    for _ in range(TRIES):  # before its scripts are there, a page takes nothing
        box.fill(question)
        box.press("Enter")
        page.wait_for_timeout(SETTLED_AFTER_MS)
        if question in page.inner_text("body"):
            break
    else:
        raise VoicebenchError(f"{page.url} did not take the question", "Look at it in a browser")
    shown = ""
    while shown != (shown := page.inner_text("body")):
        page.wait_for_timeout(SETTLED_AFTER_MS)


def save(page: Page, path: Path) -> None:
    """What the window shows, in few colors."""
    from PIL import Image

    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(NUM_COLORS).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path}: {size / 1000:.0f} KB")
    if size > MAX_BYTES:
        raise VoicebenchError(
            f"{path} has {size} bytes, more than {MAX_BYTES}", "Take fewer colors"
        )


if __name__ == "__main__":
    sys.exit(main())
