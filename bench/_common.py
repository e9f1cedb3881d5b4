"""What every script in bench/ does at its end: a table, a JSON line, and summary.json."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a clone that is not installed works too

from voicebench.runs import provenance  # noqa: E402

REPORTS = ROOT / "reports"


def finish(
    bench: str, columns: Sequence[str], rows: Sequence[Sequence[str]], figures: Mapping[str, Any]
) -> None:
    """Prints a table, writes `reports/<bench>/summary.json`, prints the same as the last line.

    Args:
        bench: The script's name without `run_`.
        columns: Headings.
        rows: Cells as text.
        figures: What was measured; the machine, commit and date are added.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    commit, is_dirty = provenance.git_state()
    document = {
        "bench": bench,
        **figures,
        "git_commit": commit,
        "git_dirty": is_dirty,
        "date": provenance.wall_clock(),
        "machine": provenance.machine(),
        "packages": provenance.package_versions(),
        "load_average": provenance.load_average(),
    }
    folder = REPORTS / bench
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, ensure_ascii=False, indent=2)
    (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
    print(json.dumps(document, ensure_ascii=False), flush=True)
