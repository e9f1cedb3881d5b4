"""HTML of pages and notebooks: one style, one template of a table, one script that sorts it.

A fragment carries the style with it, so that it can stand anywhere in a notebook. Nothing is fetched.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from voicebench.report.fonts import subset_font
from voicebench.words import catalogue, current_language, translate

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from voicebench.report.figures import Figure
    from voicebench.report.tables import Table


@dataclass(frozen=True)
class Note:
    """A sentence in the place of what cannot be shown, with the way out."""

    text: str
    is_bad: bool = False

    def _repr_html_(self) -> str:
        return fragment(note_html(self.text, is_bad=self.is_bad))

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Several:
    """Several things shown one below the other."""

    parts: tuple[object, ...]

    def _repr_html_(self) -> str:
        return "".join(part._repr_html_() for part in self.parts)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.parts))


@dataclass(frozen=True)
class Findings:
    """Sentences that answer a question, the most important first."""

    lines: tuple[str, ...]

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(line)}</li>" for line in self.lines)
        return fragment(f'<ul class="findings">{items}</ul>')

    def __repr__(self) -> str:
        return "\n".join(f"- {line}" for line in self.lines)


def render_page(name: str, **content: object) -> str:
    """A whole page of a template beside this module, with a font for its Chinese characters."""
    page = _templates().get_template(name)
    content |= {"language": catalogue(current_language()).language}
    text = page.render(**content, font="")
    return page.render(**content, font=embedded_font(text))


def table_html(table: Table) -> Markup:
    """A table; its script is in the page, or in the notebook since `%load_ext voicebench.report`."""
    from markupsafe import Markup

    return Markup(_templates().get_template("table.html").render(table=table))


@functools.cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("voicebench.report", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {"tr": translate, "draw_table": table_html}
    environment.filters["unbroken"] = unbroken
    return environment


_WHOLE = re.compile(
    r"\[[^\]\n]*\]|\bp99 [\d.]+,|\bn = [\d,]+|\d+×: [\d.]+|\([^)\n]{,20}\)|[\d,.]+ %"
)


def unbroken(text: str) -> str:
    """A text whose intervals and numbers are not broken over two lines.

    >>> unbroken("[0.1, 0.2] n = 3").count("\u00a0")
    3
    """
    return _WHOLE.sub(lambda found: found[0].replace(" ", "\u00a0"), text)


def folded(title: str, content: str) -> str:
    """Content that is opened by a click."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


@functools.cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def script_html() -> str:
    """The script that sorts, filters and saves tables; once in a page is enough."""
    return f"<script>{_file('tables.js')}</script>"


def fragment(*pieces: str) -> str:
    """Pieces of HTML with the style that they need."""
    return f'<style>{_file("style.css")}</style><div class="vb">{"".join(pieces)}</div>'


def note_html(text: str, *, is_bad: bool = False) -> str:
    """One sentence in a box."""
    return f'<p class="note{" bad" if is_bad else ""}">{escape(text)}</p>'


def list_html(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values; the values are HTML."""
    rows = "".join(f"<dt>{escape(translate(name))}</dt><dd>{value}</dd>" for name, value in pairs)
    return f"<dl>{rows}</dl>"


def image_html(figure: Figure) -> str:
    """A figure with its caption."""
    caption = escape(figure.caption, quote=True)
    kind = ' class="wide"' if figure.is_wide else ""
    return (
        f'<figure{kind}><img src="{figure.uri}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def embedded_font(text: str) -> str:
    """A font with the text's Chinese characters, for readers whose system has none."""
    content = subset_font(char for char in text if ord(char) >= 0x2E80)
    return f"data:font/woff;base64,{base64.b64encode(content).decode()}" if content else ""
