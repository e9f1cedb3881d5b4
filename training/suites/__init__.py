"""How the shipped suites' cases are made: seeded, from held-out templates and hand-written lines.

    python -m training.suites

writes `datasets/<suite>/cases.jsonl` again, the same bytes every time. `build` turns a marked-up
line into a turn, `sense` draws values that make sense together, and each suite has its module.
Cases keep their ids: what is added later comes after, from a generator of its own.
"""

from __future__ import annotations

import importlib
from pathlib import Path

SUITES = (
    "daily_qa", "degraded", "dialect_mix", "entities", "long_meeting", "multi_turn", "noise", "pauses",
    "self_correction", "tools",
)  # fmt: skip


def cases_bytes(suite: str) -> bytes:
    """The bytes of a shipped suite's `cases.jsonl`.

    Raises:
        MissingPackageError: The speech synthesiser is not installed.
    """
    from training.suites.build import jsonl

    module = importlib.import_module(f"{__name__}.{suite}")
    return jsonl(module.cases())


def write_all(datasets: Path) -> None:
    """Writes every shipped suite's cases below `datasets`, and the terms of `dialect_mix`."""
    from training.suites.dialect_mix import SUITE, cases, terms_tsv

    for suite in SUITES:
        (datasets / suite / "cases.jsonl").write_bytes(cases_bytes(suite))
    (datasets / SUITE / "terms.tsv").write_bytes(terms_tsv(cases()))
