"""What every script in bench/ does at its end: a table, table.md, summary.json and a JSON line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a clone that is not installed works too

from voicebench.runs import provenance  # noqa: E402

if TYPE_CHECKING:
    from voicebench.report.drawing import Drawing

# Of the code that runs, not of what is committed while it does.
COMMIT, IS_DIRTY = provenance.git_state()
REPORTS = ROOT / "reports"
LOG_WIDTH = 230  # a log has no edge to wrap at


def finish(
    bench: str, columns: Sequence[str], rows: Sequence[Sequence[str]], figures: Mapping[str, Any]
) -> None:
    """Prints a table and writes it to `reports/<bench>/table.md`, writes `summary.json` beside it,
    and prints the same as the last line.

    Args:
        bench: The script's name without `run_`.
        columns: Headings.
        rows: Cells as text.
        figures: What was measured; the machine, commit and date are added.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))  # brackets are no markup
    console = Console()
    (console if console.is_terminal else Console(width=LOG_WIDTH)).print(table)
    document = {
        "bench": bench,
        **figures,
        "git_commit": COMMIT,
        "git_dirty": IS_DIRTY,
        "date": provenance.wall_clock(),
        "machine": provenance.machine(),
        "packages": provenance.package_versions(),
        "load_average": provenance.load_average(),
    }
    folder = REPORTS / bench
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, ensure_ascii=False, indent=2)
    (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
    (folder / "table.md").write_text(_markdown(document, columns, rows), encoding="utf-8")
    print(json.dumps(document, ensure_ascii=False), flush=True)


def write_figure(bench: str, name: str, drawing: Drawing) -> None:
    """Writes a figure as SVG and as PNG."""
    folder = REPORTS / bench
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text(drawing.svg() + "\n", encoding="utf-8")
    (folder / f"{name}.png").write_bytes(drawing.png())


def footer(profile: str) -> str:
    """What stands below a figure: where its numbers come from."""
    return f"profile {profile} · commit {COMMIT[:8]}{' + changes' if IS_DIRTY else ''}"


def _markdown(
    document: Mapping[str, Any], columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    machine, load = document["machine"], document["load_average"]
    lines = [
        f"# {document['bench']}",
        "",
        *("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in (columns, ["---"] * len(columns), *rows)),
        "",
        f"{document['date']}, commit {document['git_commit'][:12]}"
        f"{' with changes' if document['git_dirty'] else ''}; {machine['cpu']}, "
        f"{machine['num_cores_usable']} cores, {machine['memory_gib']} GiB, "
        f"{', '.join(gpu['name'] for gpu in machine['gpus']) or 'no GPU'}; load average at the end "
        f"{load}. More in summary.json.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
