"""One HTML file of a run: everything inside, nothing fetched, readable on a phone.

Figures and the font subset for Chinese are embedded. It is made of the records alone, so it can be
made again anywhere, without the models or the suites. The answer comes first, long tables are folded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebench.errors import StorageError
from voicebench.metrics.registry import METRICS
from voicebench.report.comparison import compare_report, comparison_tables
from voicebench.report.data import Report, load_report, metrics_document
from voicebench.report.digest import digest_table
from voicebench.report.figures import Figure, draw_figures
from voicebench.report.findings import findings, matrix
from voicebench.report.formatting import ABSENT
from voicebench.report.html import render_page
from voicebench.report.tables import (
    Cell,
    Column,
    Table,
    attribution_table,
    columns_of,
    problems,
    tables_of_mode,
)
from voicebench.report.worst import WorstCase, worst_cases
from voicebench.runs.provenance import code_of
from voicebench.words import translate

__all__ = [
    "Report", "detail_rows", "load_report", "metrics_document", "provenance_rows", "render_html",
    "variants_table", "write_report",
]  # fmt: skip


@dataclass(frozen=True)
class _Section:
    id: str
    title: str
    text: str = ""
    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    cases: tuple[WorstCase, ...] = ()
    warnings: tuple[str, ...] = ()


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
            f"Make room, or name another place: voicebench report {report.folder} --out FILE",
        ) from error
    return path


def render_html(report: Report, figures: list[Figure]) -> str:
    """The page, in the current language."""
    run = report.run
    mode = translate("Latency" if run.mode == "latency" else "Quality")
    return render_page(
        "report.html",
        run=run,
        heading=f"{mode}: {', '.join(run.suites)}",
        begun=_begun(report),
        notes=_notes(report),
        digest=digest_table(report),
        sections=[each for each in _sections(report, figures) if each],
        provenance=provenance_rows(report),
        variants=variants_table(report),
        details=detail_rows(report),
        definitions=definitions(report),
    )


def definitions(report: Report) -> dict[str, str]:
    """What each figure of the report means, by its title: of every metric that the run has."""
    found = {name for group in report.summary["groups"] for name in group["metrics"]}
    defined = {m.title: m.definition for m in METRICS.values() if m.name in found}
    return {title: translate(text) for title, text in (defined | _MORE_DEFINITIONS).items()}


_MORE_DEFINITIONS = {
    "saved": "Response latency of the same variant without prefill and speculation − with them, "
    "same audio, paired.",
    "attribution": "The same LLM answers the recognised and cleaned, the gold and cleaned, and the "
    "gold transcript. A fact lost only with the first is lost by ASR, from the second on by cleaning, "
    "with all by the LLM.",
}


def _begun(report: Report) -> str:
    run = report.run
    begun = translate("Run {run}, begun {time}", run=run.run_id, time=run.created_at)
    if not run.finished_at:
        return begun
    return begun + translate(", finished {time}", time=run.finished_at)


def _sections(report: Report, figures: list[Figure]) -> list[_Section | None]:
    compared = compare_report(report)
    answer = _Section(
        "comparison", "Comparison", lines=tuple(findings(compared)),
        tables=tuple(table for table in (matrix(compared),) if table), warnings=compared.warnings,
    ) if compared else None  # fmt: skip
    details = (
        _Section("differences", "Differences in detail", tables=tuple(comparison_tables(compared)))
        if compared
        else None
    )
    return [
        answer,
        _Section("results", "Results", tables=tables_of_mode(report)),
        _Section("figures", "Figures", figures=tuple(figures)) if figures else None,
        _attribution(report),
        details,
        _worst(report),
        _troubles(report),
    ]


def _attribution(report: Report) -> _Section | None:
    table = attribution_table(report)
    if report.run.mode != "quality" or not table.rows:
        return None
    text = "The same LLM answers three transcripts; what it loses tells which stage lost it."
    return _Section("attribution", "Attribution", translate(text), tables=(table,))


def _worst(report: Report) -> _Section | None:
    worst = worst_cases(report)
    text = translate(
        "The {num} worst turns: false statements first, then missed facts, then CER. In the "
        "hypothesis, what was said is struck out and what was heard is marked.", num=len(worst),
    )  # fmt: skip
    return _Section("worst", "Worst cases", text, cases=tuple(worst)) if worst else None


def _notes(report: Report) -> list[dict[str, Any]]:
    notes = [{"text": text, "is_bad": True} for text in problems(report)]
    if report.run.profile.get("name") == "bundled":
        text = (
            "Profile bundled: small models trained by this project, so that everything runs "
            "anywhere. Never quote these figures as the quality of the real models."
        )
        notes.append({"text": translate(text), "is_bad": False})
    return notes


def _troubles(report: Report) -> _Section | None:
    rows = []
    for turn in report.turns:
        where = (Cell(f"{turn.suite} / {turn.case_id}"), Cell(str(turn.turn_index + 1)))
        if turn.failure:
            what = translate("failed in {stage}", stage=turn.failure.stage)
            why = Cell(f"{turn.failure.type}: {turn.failure.message}")
            rows.append((*where, Cell(turn.variant), Cell(what), why))
        elif turn.degraded:
            why = Cell(turn.degraded.reason, turn.degraded.hint)
            rows.append((*where, Cell(turn.variant), Cell(translate("fell back")), why))
    columns = columns_of(("case", "turn", "variant", "what", "why"))
    title = "Failed and degraded turns"
    return _Section("troubles", title, tables=(Table(columns, tuple(rows)),)) if rows else None


def provenance_rows(report: Report) -> list[tuple[str, str]]:
    """When, by which code and on which machine."""
    run, machine = report.run, report.run.machine
    gpus = ", ".join(f"{g['name']} (driver {g['driver']})" for g in machine.get("gpus", []))
    return [
        ("mode, pace", f"{translate(run.mode)}, {translate(run.pace.replace('_', '-'))}"),
        ("turns", translate(
            "{num} of {planned}, repeats {repeats}, warm-up turns left out {warm_up}",
            num=len(report.turns), planned=run.num_turns_planned, repeats=run.repeats,
            warm_up=report.num_warm_up)),
        ("code", code_of(run, length=40)),
        ("seed", str(run.seed)),
        ("CPU", f"{machine.get('cpu')}, "
                + translate("{num} cores", num=machine.get("num_cores_usable"))
                + f", {machine.get('memory_gib')} GiB"),
        ("GPU", gpus or translate("none")),
        *(("GPU in use", text) for text in map(_in_use, run.gpu_use)),
        ("system", f"{machine.get('system')}, Python {machine.get('python')}"),
        ("load average", f"{run.load_average_before} → {run.load_average_after}"),
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
    columns = (
        *columns_of(("switch",)),
        *(Column(variant.name, is_number=False, is_name=True) for variant in variants),
    )
    return Table(columns, tuple(rows), title="Variants, every switch")


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
