"""One HTML file of a run: everything inside, nothing fetched, readable on a phone.

Figures and the font subset for Chinese are embedded. It is made of the records alone, so it can be
made again anywhere, without the models or the suites.
"""

from __future__ import annotations

import base64
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    tables_of_mode,
)
from voicebench.report.worst import worst_cases
from voicebench.runs.provenance import code_of

if TYPE_CHECKING:
    from jinja2 import Environment, Template

__all__ = [
    "Report", "detail_rows", "embed", "embedded_font", "load_report", "metrics_document",
    "page_template", "provenance_rows", "render_html", "variants_table", "write_report",
]  # fmt: skip

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
    ("cut off", "turns committed before the true end of speech"),
    ("false trips", "turns that a threshold sent to text input although all was heard or answered "
     "right, of such turns that can be judged"),
    ("missed trips", "turns without anything to understand (silence, music, another language) that "
     "were answered all the same, of the turns that should fall back to text input"),
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


def write_report(report: Report, path: Path, *, has_png: bool = False) -> Path:
    """Writes the HTML file, and the figures into `figures/` beside it: as SVG, as PNG too if asked.

    Raises:
        StorageError: A file cannot be written.
    """
    figures = draw_figures(report)
    try:
        folder = path.parent / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        for figure in figures:
            for ending in ("svg", "png") if has_png else ("svg",):
                figure.save(folder / f"{figure.name}.{ending}")
        path.write_text(render_html(report, figures), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}",
            f"Make room and repeat: voicebench report {path.parent}",
        ) from error
    return path


def render_html(report: Report, figures: list[Figure]) -> str:
    """The page."""
    from markupsafe import Markup

    def draw_table(table: Table) -> Markup:
        return Markup(page_template("table.html").render(table=table))

    page = page_template("template.html")
    content = {**_content(report, figures), "draw_table": draw_table}
    text = page.render(**content, font="")
    return page.render(**content, font=embedded_font(text))


def page_template(name: str) -> Template:
    """A template that lies beside this module."""
    return _templates().get_template(name)


@functools.cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("voicebench.report", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def _content(report: Report, figures: list[Figure]) -> dict[str, Any]:
    run = report.run
    mode = "Latency" if run.mode == "latency" else "Quality"
    attribution = attribution_table(report)
    sections = [_Section("results", "Results", tables=tables_of_mode(report))]
    if figures:
        embedded = tuple(embed(figure) for figure in figures)
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
        "provenance": provenance_rows(report),
        "variants": variants_table(report),
        "details": detail_rows(report),
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


def provenance_rows(report: Report) -> list[tuple[str, str]]:
    """When, by which code and on which machine."""
    run, machine = report.run, report.run.machine
    gpus = ", ".join(f"{g['name']} (driver {g['driver']})" for g in machine.get("gpus", []))
    return [
        ("mode, pace", f"{run.mode}, {run.pace.replace('_', '-')}"),
        ("turns", f"{len(report.turns)} of {run.num_turns_planned}, repeats {run.repeats}, "
                  f"warm-up turns left out {report.num_warm_up}"),
        ("code", code_of(run, length=40)),
        ("seed", str(run.seed)),
        ("CPU", f"{machine.get('cpu')}, {machine.get('num_cores_usable')} cores, "
                f"{machine.get('memory_gib')} GiB"),
        ("GPU", gpus or "none"),
        *(("GPU in use", text) for text in map(_in_use, run.gpu_use)),
        ("system", f"{machine.get('system')}, Python {machine.get('python')}"),
        ("load average", f"before {run.load_average_before}, after {run.load_average_after}"),
        ("command", " ".join(("voicebench", *run.argv))),
    ]  # fmt: skip


def _in_use(gpu: dict[str, Any]) -> str:
    """What one GPU did during the run; a quantity it does not report is left out."""
    forms = (
        ("memory_used_gib", "at most {max:.1f} GiB"),
        ("power_w", "{mean:.0f} W on average"),
        ("sm_clock_mhz", "clock {min:.0f} to {max:.0f} MHz"),
        ("temperature_c", "at most {max:.0f} °C"),
    )
    said = [form.format(**gpu[name]) for name, form in forms if name in gpu]
    return f"{gpu['name']}: {', '.join(said)} ({gpu['num_samples']} samples)"


def variants_table(report: Report) -> Table:
    """Every switch of every variant."""
    variants = report.run.variants
    every = [variant.switches for variant in variants]
    rows = [(Cell(name), *(Cell(str(one[name]) or ABSENT) for one in every)) for name in every[0]]
    return Table(columns_of(["switch", *(variant.name for variant in variants)]), tuple(rows))


def detail_rows(report: Report) -> list[tuple[str, str]]:
    """Profile, packages and hashes."""
    run = report.run
    models = [(f"model {name}", sha) for name, sha in run.model_sha256.items()]
    suites = [(f"suite {name}", sha) for name, sha in run.suite_sha256.items()]
    profile = [
        (f"profile {part}", ", ".join(f"{k}={_shown(k, v)}" for k, v in settings.items()))
        for part, settings in run.profile.items()
        if isinstance(settings, dict)
    ]
    return [*models, *suites, *profile, *run.packages.items()]


def _shown(name: str, value: Any) -> Any:
    """A setting of a profile; of a model's folder its last two parts: a report is handed on, and
    where one's files lie is nobody's business. The hashes say which model it was."""
    if name == "folder" and value:
        return "/".join(Path(value).parts[-2:])
    return value


def embed(figure: Figure) -> dict[str, Any]:
    """A figure as the templates take it."""
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', figure.svg)
    width, height = (round(float(x) * 4 / 3) for x in size.groups()) if size else (518, 400)
    return {
        "uri": figure.uri,
        "alt": figure.caption,
        "caption": figure.caption,
        "width": width,
        "height": height,
    }


def embedded_font(text: str) -> str:
    """A font with the page's Chinese characters, for readers whose system has none."""
    content = subset_font(char for char in text if ord(char) >= 0x2E80)
    return f"data:font/woff;base64,{base64.b64encode(content).decode()}" if content else ""
