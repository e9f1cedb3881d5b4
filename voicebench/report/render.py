"""One HTML file of a run: everything inside, nothing fetched, readable on a phone.

Figures and the font subset for Chinese are embedded. It is made of the records alone, so it can be
made again anywhere, without the models or the suites.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebench.errors import StorageError
from voicebench.report.comparison import compare_report, comparison_tables
from voicebench.report.data import Report, load_report, metrics_document
from voicebench.report.figures import Figure, draw_figures
from voicebench.report.fonts import subset_font
from voicebench.report.tables import (
    ABSENT,
    Cell,
    Table,
    attribution_table,
    columns_of,
    problems,
    switches,
    tables_of_mode,
)
from voicebench.report.worst import worst_cases

__all__ = ["Report", "load_report", "metrics_document", "render_html", "write_report"]

DEFINITIONS = (
    ("CER", "(substitutions + deletions + insertions) / reference characters, after NFKC and "
     "without spaces, punctuation and case; summed over the suite"),
    ("factual errors", "answers with at least one contradicted fact or one value that nobody said, "
     "of all answers"),
    ("facts missed", "expected facts that the answer does not state, of all expected facts"),
    ("entities heard", "numbers, dates, times, money and names recognised with equal value"),
    ("form kept", "demands on form kept: number of sentences, refusal when unsure"),
    ("RTF", "recogniser compute seconds / audio seconds; lower is better"),
    ("response latency", "first answer token − true end of speech; no speech synthesis in it"),
    ("TTFT", "first answer token − request given to the LLM"),
    ("ASR final", "final transcript − true end of speech"),
    ("endpoint", "turn committed − true end of speech"),
    ("end to end", "last answer token − true end of speech"),
    ("premature", "turns with an answer token before the end of speech, or with an answer kept "
     "although the transcript changed after it was begun"),
    ("saved", "response latency of the same variant without prefill and speculation − with them, "
     "same audio, paired"),
    ("drafted", "turns in which an answer was begun before they were committed / turns"),
    ("drafts kept", "answers begun early that were shown / answers begun early"),
    ("waste", "tokens of dropped drafts / all answer tokens made"),
    ("cached", "prompt tokens computed before the answer was asked for / prompt tokens"),
    ("attribution", "the same LLM answers from the recognised and cleaned, the gold and cleaned, "
     "and the gold transcript; a fact lost only with the first is lost by ASR, only from cleaned "
     "gold on by cleaning, with all by the LLM"),
)  # fmt: skip


@dataclass(frozen=True)
class _Section:
    id: str
    title: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    figures: tuple[dict[str, Any], ...] = ()


def write_report(report: Report, path: Path) -> Path:
    """Writes the HTML file, and the figures into `figures/` beside it.

    Raises:
        StorageError: A file cannot be written.
    """
    figures = draw_figures(report)
    try:
        folder = path.parent / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        for figure in figures:
            (folder / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8")
        path.write_text(render_html(report, figures), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}",
            f"Make room and repeat: voicebench report {path.parent}",
        ) from error
    return path


def render_html(report: Report, figures: list[Figure]) -> str:
    """The page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("voicebench.report", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip

    def draw_table(table: Table) -> Markup:
        return Markup(environment.get_template("table.html").render(table=table))

    page = environment.get_template("template.html")
    content = {**_content(report, figures), "draw_table": draw_table}
    text = page.render(**content, font="")
    return page.render(**content, font=_embedded_font(text))


def _content(report: Report, figures: list[Figure]) -> dict[str, Any]:
    run = report.run
    mode = "Latency" if run.mode == "latency" else "Quality"
    attribution = attribution_table(report)
    sections = [_Section("results", "Results", tables=tables_of_mode(report))]
    if figures:
        embedded = tuple(_embed(figure) for figure in figures)
        sections.append(_Section("figures", "Figures", figures=embedded))
    if compared := compare_report(report):
        text = " ".join(compared.warnings)
        sections.append(
            _Section("comparison", "Comparison", text, tuple(comparison_tables(compared)))
        )
    if run.mode == "quality" and attribution.rows:
        text = "The same LLM answers three transcripts; what it loses tells which stage lost it."
        sections.append(_Section("attribution", "Attribution", text, (attribution,)))
    worst = worst_cases(report)
    return {
        "run": run,
        "heading": f"{mode}: {', '.join(run.suites)}",
        "notes": _notes(report),
        "sections": sections,
        "worst": worst,
        "worst_text": f"The {len(worst)} worst turns: false statements first, then missed facts, "
        "then CER. In the hypothesis, what was said is struck out and what was heard is marked.",
        "troubles": _troubles(report),
        "provenance": _provenance(report),
        "variants": _variants(report),
        "details": _details(report),
        "definitions": DEFINITIONS,
    }


def _notes(report: Report) -> list[dict[str, Any]]:
    notes = [{"text": text, "is_bad": True} for text in problems(report)]
    if report.run.profile.get("name") == "bundled":
        text = (
            "Profile bundled: small models trained by this project, so that everything runs "
            "anywhere. Never quote these figures as the quality of the real models."
        )
        notes.append({"text": text, "is_bad": False})
    return notes


def _troubles(report: Report) -> Table | None:
    rows = []
    for turn in report.turns:
        where = (Cell(f"{turn.suite} / {turn.case_id}"), Cell(str(turn.turn_index + 1)))
        if turn.failure:
            why = Cell(f"{turn.failure.type}: {turn.failure.message}")
            rows.append((*where, Cell(turn.variant), Cell(f"failed in {turn.failure.stage}"), why))
        elif turn.degraded:
            why = Cell(turn.degraded.reason, turn.degraded.hint)
            rows.append((*where, Cell(turn.variant), Cell("degraded"), why))
    columns = columns_of(("case", "turn", "variant", "what", "why"))
    return Table(columns, tuple(rows)) if rows else None


def _provenance(report: Report) -> list[tuple[str, str]]:
    run, machine = report.run, report.run.machine
    gpus = ", ".join(f"{g['name']} (driver {g['driver']})" for g in machine.get("gpus", []))
    dirty = " with changes not committed" if run.git_dirty else ""
    return [
        ("mode, pace", f"{run.mode}, {run.pace.replace('_', '-')}"),
        ("turns", f"{len(report.turns)} of {run.num_turns_planned}, repeats {run.repeats}, "
                  f"warm-up turns left out {report.num_warm_up}"),
        ("code", f"{run.git_commit}{dirty}"),
        ("seed", str(run.seed)),
        ("CPU", f"{machine.get('cpu')}, {machine.get('num_cores_usable')} cores, "
                f"{machine.get('memory_gib')} GiB"),
        ("GPU", gpus or "none"),
        ("system", f"{machine.get('system')}, Python {machine.get('python')}"),
        ("load average", f"before {run.load_average_before}, after {run.load_average_after}"),
        ("command", " ".join(("voicebench", *run.argv))),
    ]  # fmt: skip


def _variants(report: Report) -> Table:
    variants = report.run.variants
    every = [switches(variant) for variant in variants]
    rows = [(Cell(name), *(Cell(str(one[name]) or ABSENT) for one in every)) for name in every[0]]
    return Table(columns_of(["switch", *(variant.name for variant in variants)]), tuple(rows))


def _details(report: Report) -> list[tuple[str, str]]:
    run = report.run
    models = [(f"model {name}", sha) for name, sha in run.model_sha256.items()]
    suites = [(f"suite {name}", sha) for name, sha in run.suite_sha256.items()]
    profile = [
        (f"profile {part}", ", ".join(f"{k}={v}" for k, v in settings.items()))
        for part, settings in run.profile.items()
        if isinstance(settings, dict)
    ]
    return [*models, *suites, *profile, *run.packages.items()]


def _embed(figure: Figure) -> dict[str, Any]:
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', figure.svg)
    width, height = (round(float(x) * 4 / 3) for x in size.groups()) if size else (518, 400)
    content = base64.b64encode(figure.svg.encode()).decode()
    return {
        "uri": f"data:image/svg+xml;base64,{content}",
        "alt": figure.caption,
        "caption": figure.caption,
        "width": width,
        "height": height,
    }


def _embedded_font(text: str) -> str:
    """A font with the page's Chinese characters, for readers whose system has none."""
    content = subset_font(char for char in text if ord(char) >= 0x2E80)
    return f"data:font/woff;base64,{base64.b64encode(content).decode()}" if content else ""
