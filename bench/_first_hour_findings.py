"""What the output of each step of the first hour says: whether it passed, and what was found."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

AIM_P50_S, AIM_P95_S = 0.5, 0.8
"""Of the response latency, endpoint wait included; shown beside what was measured, not judged."""
MIN_DRIVER = 580  # of torch's CUDA 13.0


@dataclass(frozen=True)
class Finding:
    """What a step's output says."""

    passed: bool
    found: str
    facts: dict[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()


def read_driver(code: int, output: str) -> Finding:
    """Driver 580 or newer: torch's CUDA 13.0 needs it."""
    fields = [each.strip() for each in output.partition("\n")[0].split(",")]
    major = fields[1].partition(".")[0] if len(fields) > 1 else ""
    is_new = major.isdigit() and int(major) >= MIN_DRIVER
    return Finding(code == 0 and is_new, ", ".join(fields))


def read_lines(code: int, output: str) -> Finding:
    """Passed by the exit code; the last lines say what was found."""
    if code:
        return Finding(False, f"exit code {code}")
    lines = output.strip().splitlines()
    return Finding(True, lines[-1] if lines else "done", lines=lines[-12:])


def read_own(code: int, output: str) -> Finding:
    """A step of `_first_hour.py`: JSON in its last line."""
    return Finding(**_last_json(output)) if code == 0 else _crashed(code)


def read_doctor(code: int, output: str) -> Finding:
    """What is missing, with the command that mends it."""
    findings = json.loads(output)["findings"]
    missing = [each for each in findings if each["status"] == "missing"]
    lines = [f"{each['check']}: {each['detail']} -> {each['fix']}" for each in missing]
    found = f"{len(findings)} checks, {len(missing)} missing"
    return Finding(code == 0, found, {"missing": missing}, lines)


def read_ask(code: int, output: str) -> Finding:
    """One turn, whole."""
    if code:
        return _crashed(code)
    turn = _last_json(output)
    metrics = turn["metrics"]
    latency = metrics.get("response_latency_s")
    shown = f"{1000 * latency:.0f} ms" if latency is not None else "not measured"
    return Finding(
        bool(turn["answer"]),
        f"transcript {turn['transcript']!r}, answer {turn['answer']!r}, response latency {shown}",
        {"metrics": metrics},
    )


def read_budget(code: int, output: str) -> Finding:
    """Whether it fits, and how many tokens the cache holds."""
    if code not in (0, 1):
        return _crashed(code)
    budget = json.loads(output)
    parts = [f"{each['part']}: {each['num_bytes'] / 1e9:.3f} GB" for each in budget["memory"]]
    found = "; ".join(budget["problems"]) or f"fits; the cache holds {budget['kv_tokens']:,} tokens"
    floors = [
        f"{each['step']}: at least {1000 * each['floor_s']:.2f} ms" for each in budget["floors"]
    ]
    return Finding(code == 0, found, budget, [*parts, *floors])


def read_run(code: int, output: str) -> Finding:
    """Latencies of both variants, with n."""
    if code:
        return _crashed(code)
    groups = _last_json(output)["groups"]
    names = ("response_latency_s", "endpoint_delay_s", "asr_final_s", "ttft_s")
    lines = [
        f"{group['variant']} {name}: {_quantiles(found)}"
        for group in groups
        for name in names
        if (found := group["metrics"].get(name)) and found["p50"] is not None
    ]
    failed = sum(group["counts"]["failed"] for group in groups)
    response = [group["metrics"]["response_latency_s"] for group in groups]
    is_met = all(
        each["p50"] <= AIM_P50_S and (each["p95"] or each["p50"]) <= AIM_P95_S for each in response
    )
    aims = f"aims of {AIM_P50_S} and {AIM_P95_S} s {'met' if is_met else 'not met'}"
    found = (
        f"{failed} failed turns; {'; '.join(each for each in lines if 'response' in each)}; {aims}"
    )
    return Finding(not failed, found, {"groups": groups}, lines)


def _quantiles(metric: dict[str, Any]) -> str:
    """p50 and p95 with n; one value where n is below 3."""
    p95 = f", p95 {metric['p95']:.3f} s" if metric["p95"] is not None else ""
    return f"p50 {metric['p50']:.3f} s{p95}, n {metric['n']}"


def _last_json(output: str) -> dict[str, Any]:
    """The last JSON document of an output: its last line, or all of it."""
    with contextlib.suppress(ValueError):
        whole: dict[str, Any] = json.loads(output)
        return whole
    last: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return last


def _crashed(code: int) -> Finding:
    """The log says why."""
    return Finding(False, f"exit code {code}")
