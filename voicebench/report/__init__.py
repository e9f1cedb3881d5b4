"""Reports: records of a run in, tables, figures and one HTML file out; no torch, funasr or vllm.

In a notebook:

    %load_ext voicebench.report
    from voicebench.report import open_run, waterfall
    run = open_run("latest")
"""

from __future__ import annotations

from typing import Any

from voicebench.report.views import (
    attribution,
    changed,
    compare,
    conditions,
    differences,
    early_work,
    facts_by_type,
    gpu_budget,
    gpu_memory,
    latency_by_suite,
    listen,
    lost_facts,
    machine,
    model_speed,
    open_run,
    provenance,
    rates,
    response_latency,
    summary,
    trace,
    trade,
    turn_table,
    waterfall,
    worst_turns,
)
from voicebench.words import choose_language

__all__ = [
    "attribution",
    "changed",
    "choose_language",
    "compare",
    "conditions",
    "differences",
    "early_work",
    "facts_by_type",
    "gpu_budget",
    "gpu_memory",
    "latency_by_suite",
    "listen",
    "lost_facts",
    "machine",
    "model_speed",
    "open_run",
    "provenance",
    "rates",
    "response_latency",
    "summary",
    "trace",
    "trade",
    "turn_table",
    "waterfall",
    "worst_turns",
]


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext voicebench.report`."""
    from voicebench.report.notebook import load

    load(ipython)
