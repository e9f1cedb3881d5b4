"""The report of the first hour: Markdown to read, JSON to compute with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from _common import COMMIT, IS_DIRTY

from voicebench.runs import provenance

Status = Literal["passed", "failed", "timed out", "not run"]


@dataclass(frozen=True)
class Result:
    """What became of a step."""

    name: str
    status: Status
    found: str
    wall_s: float
    expects: str
    otherwise: str
    command: str
    log: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()


def write_report(folder: Path, profile: str, results: Sequence[Result], num_steps: int) -> None:
    """Writes report.json and report.md."""
    document = {
        "profile": profile,
        "date": provenance.wall_clock(),
        "git_commit": COMMIT,
        "git_dirty": IS_DIRTY,
        "machine": provenance.machine(),
        "packages": provenance.package_versions(),
        "num_steps": num_steps,
        "steps": [asdict(result) for result in results],
    }
    text = json.dumps(document, ensure_ascii=False, indent=2)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.md").write_text(_markdown(document, results), encoding="utf-8")


def _markdown(document: dict[str, Any], results: Sequence[Result]) -> str:
    machine = document["machine"]
    gpus = ", ".join(gpu["name"] for gpu in machine["gpus"]) or "no GPU"
    counts = {
        status: sum(r.status == status for r in results)
        for status in ("passed", "failed", "timed out", "not run")
    }
    lines = [
        f"# First hour: {document['profile']}", "",
        f"{document['date']}; {machine['cpu']}, {machine['num_cores_usable']} cores, "
        f"{machine['memory_gib']} GiB, {gpus}; commit {COMMIT[:12]}{' with changes' if IS_DIRTY else ''}.",
        "", ", ".join(f"{count} {status}" for status, count in counts.items())
        + f", of {document['num_steps']} steps.", "",
        "| step | result | s | found |", "|---|---|---|---|",
        *(f"| {r.name} | {r.status} | {r.wall_s} | {_cell(r.found)} |" for r in results),
    ]  # fmt: skip
    for result in results:
        lines += ["", f"## {result.name}: {result.status}", "", f"Expects {result.expects}."]
        lines += ["", f"Found: {result.found}"]
        if result.status != "passed":
            lines += ["", f"Otherwise: {result.otherwise}."]
        if result.table:
            head = ("threshold", "of", "now", "now, below", "proposed", "then, below", "rule")
            lines += ["", *_table((head, ("---",) * len(head), *result.table))]
        if result.lines:
            lines += ["", "```", *result.lines, "```"]
        lines += ["", f"`{result.command}`" + (f" (output: {result.log})" if result.log else "")]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
