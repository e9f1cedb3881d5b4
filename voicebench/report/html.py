"""Pieces of HTML for notebooks: each carries its own style, so that it can stand anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicebench.report.figures import Figure
    from voicebench.report.tables import Table

STYLE = """<style>
.vb { color: #1c2126; background: #fff; font-size: 14px; line-height: 1.5; max-width: 1120px; padding: 2px 4px; overflow-x: auto; overflow-wrap: anywhere; }
.vb th, .vb td { overflow-wrap: normal; }
.vb h4 { margin: 12px 0 4px; font-size: 1rem; }
.vb .soft, .vb figcaption, .vb .caption, .vb small { color: #5b6570; }
.vb figcaption, .vb .caption { font-size: .875rem; max-width: 75ch; margin: 2px 0 6px; }
.vb figure { margin: 0; }
.vb figure img { display: block; width: 100%; max-width: 620px; height: auto; background: #fff; }
.vb figure.wide img { max-width: 980px; }
.vb .note { border-left: 4px solid #0072b2; background: #f5f7f9; padding: 8px 12px; margin: 6px 0; max-width: 75ch; }
.vb .note.bad { border-color: #b3400b; background: #fdf0e9; }
.vb .scroll { overflow-x: auto; }
.vb table.plain { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
.vb table.plain th, .vb table.plain td { text-align: left; padding: 4px 10px; border-bottom: 1px solid #dfe3e8; vertical-align: top; }
.vb table.plain th { background: #f5f7f9; }
.vb table.plain .num { text-align: right; white-space: nowrap; }
.vb td small, .vb th small { display: block; font-weight: 400; }
.vb .dt-container td:not(.dt-right), .vb .dt-container th:not(.dt-right) { text-align: left; }
.vb td.dt-right, .vb td.dt-type-numeric { white-space: nowrap; }
.vb dl { display: grid; grid-template-columns: minmax(7em, max-content) 1fr; gap: 3px 14px; margin: 6px 0; }
.vb dl dt { color: #5b6570; font-weight: 400; float: none; width: auto; }
.vb dl dd { margin: 0; overflow-wrap: anywhere; }
.vb .was { color: #b3400b; text-decoration: line-through; }
.vb .became { background: #fdf0e9; color: #b3400b; }
.vb mark { padding: 0 2px; border-radius: 3px; color: inherit; background: #f5f7f9; }
.vb .correct { background: #e8f5f0; color: #00694c; }
.vb .contradicted, .vb .unsupported { background: #fdf0e9; color: #b3400b; text-decoration: underline wavy; }
.vb .missing { background: #fdf6dc; color: #7a5c00; }
.vb ul.facts { list-style: none; display: flex; flex-wrap: wrap; gap: 6px; padding: 0; margin: 4px 0; }
.vb ul.facts li { padding: 1px 8px; border-radius: 4px; text-decoration: none; }
.vb .tokens span { border-radius: 3px; padding: 1px 2px; margin-right: 1px; }
.vb audio { width: 100%; max-width: 620px; display: block; margin: 6px 0; }
@media (max-width: 560px) { .vb dl { grid-template-columns: 1fr; } .vb dl dd { margin-bottom: 5px; } }
</style>"""


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


def fragment(*pieces: str) -> str:
    """Pieces of HTML with the style that they need."""
    return f'{STYLE}<div class="vb">{"".join(pieces)}</div>'


def note_html(text: str, *, is_bad: bool = False) -> str:
    """One sentence in a box."""
    return f'<p class="note{" bad" if is_bad else ""}">{escape(text)}</p>'


def list_html(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values; the values are HTML."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in pairs)
    return f"<dl>{rows}</dl>"


def image_html(figure: Figure, *, is_wide: bool = False) -> str:
    """A figure with its caption."""
    caption = escape(figure.caption, quote=True)
    kind = ' class="wide"' if is_wide else ""
    return (
        f'<figure{kind}><img src="{figure.uri}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def figure_html(figure: Figure) -> str:
    """A figure that stands alone."""
    return fragment(image_html(figure))


def plain_table_html(table: Table) -> str:
    """A table as it is; `interactive.table_html` sorts and filters."""
    titles = "".join(
        f"<th{_kind(column.is_number)}>{escape(column.title)}"
        f"{f'<small>{escape(column.unit)}</small>' if column.unit else ''}</th>"
        for column in table.columns
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_kind(column.is_number)}>{cell_html(cell.text, cell.detail)}</td>"
            for column, cell in zip(table.columns, row, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    title = f"<h4>{escape(table.title)}</h4>" if table.title else ""
    caption = f'<p class="caption">{escape(table.caption)}</p>' if table.caption else ""
    return (
        f'{title}<div class="scroll"><table class="plain"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{caption}"
    )


def cell_html(text: str, detail: str) -> str:
    """What a cell says, and smaller below it what that stands on."""
    small = escape(detail).replace("\n", "<br>")
    return f"{escape(text)}<small>{small}</small>" if detail else escape(text)


def _kind(is_number: bool) -> str:
    return ' class="num"' if is_number else ""
