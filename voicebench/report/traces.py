"""Turns as a trace that Perfetto (ui.perfetto.dev) and chrome://tracing open.

The format is Chrome's trace event JSON: a process a turn, a thread or more a lane of `spans`, times in
microseconds from the turn's first audio sample. Turns lie one below the other from 0 on, so that
they can be compared.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from voicebench.errors import ConfigError, StorageError, did_you_mean
from voicebench.report.data import Report
from voicebench.report.spans import LANES, Span, turn_spans
from voicebench.types import Run, Turn

MOST_TURNS = 200
"""More turns than this nobody scrolls through."""
_MARKS = ("turn_committed", "audio_ended", "degraded", "failed", "breaker_opened")


def trace_document(run: Run, turns: Iterable[Turn]) -> dict[str, Any]:
    """A trace of turns, ready for JSON."""
    events = [event for number, turn in enumerate(turns, 1) for event in _turn_events(number, turn)]
    about = {"run_id": run.run_id, "git_commit": run.git_commit, "pace": run.pace}
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": about}


def trace_report(report: Report, path: Path, case: str = "") -> str:
    """Writes the turns of one case, or the first ones, and says which.

    Raises:
        ConfigError: There is no turn of that case.
        StorageError: The file cannot be written.
    """
    chosen = [kept for kept in report.kept if case in ("", kept.turn.case_id)]
    if case and not chosen:
        known = sorted({kept.turn.case_id for kept in report.kept})
        raise ConfigError(
            f"run {report.run.run_id} has no turn of case {case!r}",
            did_you_mean(case, known) or f"There are: {', '.join(known[:12])}",
        )
    shown = chosen[:MOST_TURNS]
    write_trace(report.run, (report.read(kept) for kept in shown), path)
    first = f"the first {len(shown)} of " if len(shown) < len(chosen) else ""
    return f"{path}: {first}{len(chosen)} turns. Open it at ui.perfetto.dev or chrome://tracing"


def write_trace(run: Run, turns: Iterable[Turn], path: Path) -> Path:
    """Writes a trace.

    Raises:
        StorageError: The file cannot be written.
    """
    text = json.dumps(trace_document(run, turns), ensure_ascii=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _turn_events(pid: int, turn: Turn) -> Iterator[dict[str, Any]]:
    name = f"{turn.suite} / {turn.case_id} turn {turn.turn_index + 1}, {turn.variant}"
    if turn.repeat:
        name += f", repeat {turn.repeat + 1}"
    yield _about(pid, 0, "process_name", name=name)
    yield _about(pid, 0, "process_sort_index", sort_index=pid)
    yield from _thread(pid, 0, "marks")
    rows = _rows(turn)
    tids = {row: tid for tid, row in enumerate(rows, start=1)}
    for (lane, number), spans in rows.items():
        tid = tids[lane, number]
        yield from _thread(pid, tid, f"{lane} {number + 1}" if number else lane)
        for span in spans:
            start_us = _us(span.start_s)
            yield {
                "ph": "X", "pid": pid, "tid": tid, "cat": lane, "name": span.name,
                "ts": start_us, "dur": _us(span.end_s) - start_us, "args": span.data,
            }  # fmt: skip
    if turn.t_eos_s is not None:
        yield _mark(pid, "end of speech", turn.t_eos_s, {"source": turn.t_eos_source})
    for event in turn.events:
        if event.kind in _MARKS:
            yield _mark(pid, event.kind, event.t_s, event.data)
    for token in turn.answer_tokens:
        yield {**_mark(pid, token.text or "token", token.t_s, {"id": token.id}),
               "tid": tids["answer", 0]}  # fmt: skip


def _thread(pid: int, tid: int, name: str) -> Iterator[dict[str, Any]]:
    yield _about(pid, tid, "thread_name", name=name)
    yield _about(pid, tid, "thread_sort_index", sort_index=tid)


def _rows(turn: Turn) -> dict[tuple[str, int], list[Span]]:
    """The spans of each lane, in threads in which they follow or hold one another: what overlaps
    otherwise, as windows do, a viewer drops."""
    rows: dict[tuple[str, int], list[Span]] = {(lane, 0): [] for lane in LANES}
    open_until: dict[tuple[str, int], list[int]] = {}
    for span in sorted(turn_spans(turn), key=lambda each: (each.start_s, -each.end_s)):
        start_us, end_us = _us(span.start_s), _us(span.end_s)
        for number in itertools.count():
            ends = open_until.setdefault((span.lane, number), [])
            while ends and ends[-1] <= start_us:
                ends.pop()
            if not ends or end_us <= ends[-1]:
                break
        ends.append(end_us)
        rows.setdefault((span.lane, number), []).append(span)
    return dict(sorted(rows.items(), key=lambda row: (LANES.index(row[0][0]), row[0][1])))


def _about(pid: int, tid: int, what: str, **args: Any) -> dict[str, Any]:
    return {"ph": "M", "pid": pid, "tid": tid, "name": what, "args": args}


def _mark(pid: int, name: str, t_s: float, data: dict[str, Any]) -> dict[str, Any]:
    return {"ph": "i", "s": "t", "pid": pid, "tid": 0, "name": name, "ts": _us(t_s), "args": data}


def _us(seconds: float) -> int:
    return round(1e6 * seconds)
