"""voicebench: a voice assistant on one GPU, and the bench that measures it.

The pipeline (FunASR -> cleaning -> vLLM, one process) lives in `asr`, `cleaning`, `llm` and
`pipeline`; the measuring (suites, runs, metrics, reports) in `suites`, `runs`, `metrics` and
`report`. Importing this package has no effects and loads nothing heavy. Try it:

    voicebench doctor
    voicebench ask question.wav

The names of `__all__` are imported when used:

    import voicebench as vb
    vb.cer("今天下午三点开会", "今天下午三点开回").rate
    assistant = vb.load("bundled")
    vb.ask(assistant, "daily_qa-001")
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_EXPORTS = {
    "ask": "voicebench.live:ask",
    "load": "voicebench.live:load",
    "run": "voicebench.live:run_suites",
    "open_run": "voicebench.report.opened:open_run",
    "load_arms": "voicebench.runs.compare:load_arms",
    "compare": "voicebench.runs.compare:compare_arms",
    "cer": "voicebench.metrics.error_rate:cer",
    "load_profile": "voicebench.profiles.loader:load_profile",
    "load_suite": "voicebench.suites.load:load_suite",
    "Case": "voicebench.types:Case",
    "CaseTurn": "voicebench.types:CaseTurn",
    "Fact": "voicebench.types:Fact",
    "Turn": "voicebench.types:Turn",
    "Variant": "voicebench.types:Variant",
}
"""`module:name` by exported name."""

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'voicebench' has no attribute {name!r}")
    module, _, attribute = _EXPORTS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_EXPORTS})
