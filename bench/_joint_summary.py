"""Figures of the comparison of arms: medians and tails, ratios with intervals, drafts, waterfalls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from voicebench.events import SpeculationKept
from voicebench.metrics.latency import first_event, is_premature, latencies, quantiles
from voicebench.metrics.paired import quantile_ratio
from voicebench.metrics.speculation import Cached, Drafts, count_cached, count_drafts
from voicebench.metrics.waterfall import framework_overhead_ms, waterfall
from voicebench.types import Turn

TIMES = (
    "response_latency_s", "after_commit_s", "endpoint_delay_s", "asr_final_s", "ttft_s",
    "framework_overhead_ms",
)  # fmt: skip
RATIOS = ("response_latency_s", "after_commit_s")
COLUMNS = (
    "arm", "n", "response ms p50 / p95", "endpoint wait ms", "after commit ms p50 / p95",
    "of (a), response p50", "p95", "of (a), after commit p50", "p95", "framework ms p50 / p95",
    "premature", "drafts kept", "waste", "kept: ms after commit p50 / max",
)  # fmt: skip


_STAGES = {"transcript_merge": "transcript_delivery"}
"""Between the recogniser's last moment and the transcript: merging here, HTTP in the services."""


def row_of(turn: Turn) -> dict[str, Any]:
    """What a turn's record is boiled down to: enough to compute every figure here again."""
    return {
        "arm": turn.variant,
        "utterance": f"{turn.suite}/{turn.case_id}/{turn.turn_index}",
        "audio_s": turn.t_eos_s,
        "answered": bool(turn.answer_tokens),
        "failure": msgspec.to_builtins(turn.failure),
        "premature": is_premature(turn),
        "times": times_of(turn),
        "waterfall": [
            (_STAGES.get(s.stage, s.stage), s.tag, s.duration_s) for s in waterfall(turn)
        ],
        "drafts": msgspec.to_builtins(count_drafts(turn)),
        "draft_kept": first_event(turn, SpeculationKept) is not None,
        "prompt": msgspec.to_builtins(count_cached(turn)),
        "num_prompt_tokens": len(turn.prompt_token_ids),
    }


def times_of(turn: Turn) -> dict[str, float | None]:
    """A turn's `TIMES`. `after_commit_s` is from the endpoint's decision to the first token: the
    response without the wait that is the same in every arm."""
    found = latencies(turn)
    response_s, endpoint_s = found["response_latency_s"], found["endpoint_delay_s"]
    has_both = response_s is not None and endpoint_s is not None
    return {
        **{name: found[name] for name in TIMES if name in found},
        "after_commit_s": response_s - endpoint_s if has_both else None,
        "framework_overhead_ms": framework_overhead_ms(waterfall(turn)),
    }


def summarize(rows: Sequence[dict[str, Any]], arms: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Every arm's figures; ratios are to the first arm, paired by utterance."""
    by_arm = {arm: [row for row in rows if row["arm"] == arm] for arm in arms}
    return {
        arm: _summary(mine) | {"ratios": _ratios(by_arm[arms[0]], mine)}
        for arm, mine in by_arm.items()
    }


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    drafts = sum((Drafts(**row["drafts"]) for row in rows), Drafts())
    cached = sum((Cached(**row["prompt"]) for row in rows), Cached())
    kept = [row["times"]["after_commit_s"] for row in rows if row["draft_kept"]]
    return {
        "num_turns": len(rows),
        "num_answered": sum(row["answered"] for row in rows),
        "num_failed": sum(row["failure"] is not None for row in rows),
        "num_premature": sum(row["premature"] for row in rows),
        "times": {
            name: msgspec.to_builtins(quantiles(row["times"][name] for row in rows))
            for name in TIMES
        },
        "drafts": {
            **msgspec.to_builtins(drafts),
            "coverage": drafts.coverage,
            "hit_rate": drafts.hit_rate,
            "waste": drafts.waste,
        },
        "kept_draft_after_commit_s": msgspec.to_builtins(quantiles(kept))
        | {"max": max(kept, default=None)},
        "cached_prompt_share": cached.share,
        "waterfall_mean_s": _mean_waterfall(rows),
    }


def _ratios(first: Sequence[dict[str, Any]], mine: Sequence[dict[str, Any]]) -> dict[str, Any]:
    others = {row["utterance"]: row for row in first}
    pairs = [
        (others[row["utterance"]], row)
        for row in mine
        if row["answered"] and others.get(row["utterance"], {}).get("answered")
    ]
    found = {}
    for name in RATIOS:
        for quantile in (0.5, 0.95):
            ratio = quantile_ratio(
                [a["times"][name] for a, _ in pairs],
                [b["times"][name] for _, b in pairs],
                [b["utterance"] for _, b in pairs],
                quantile,
            )
            found[f"{name}_p{100 * quantile:.0f}"] = msgspec.to_builtins(ratio)
    return found


def _mean_waterfall(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str, float]]:
    """Mean seconds of each stage over the answered turns, in the order of a turn."""
    answered = [row["waterfall"] for row in rows if row["answered"]]
    sums: dict[tuple[str, str], float] = {}
    for segments in answered:
        for stage, tag, duration_s in segments:
            sums[stage, tag] = sums.get((stage, tag), 0.0) + duration_s
    return [(stage, tag, total / len(answered)) for (stage, tag), total in sums.items()]


def cells(name: str, arm: dict[str, Any]) -> list[str]:
    """An arm's line in the table, under `COLUMNS`."""
    times, drafts, kept = arm["times"], arm["drafts"], arm["kept_draft_after_commit_s"]
    has_drafts = bool(drafts["dispatched"])
    return [
        name,
        str(arm["num_answered"]),
        both(times["response_latency_s"], 1000),
        number(times["endpoint_delay_s"]["p50"], 1000),
        both(times["after_commit_s"], 1000),
        *(
            ratio_with_interval(arm["ratios"][f"{name}_{q}"])
            for name in RATIOS
            for q in ("p50", "p95")
        ),
        both(times["framework_overhead_ms"], 1),
        str(arm["num_premature"]),
        f"{drafts['kept']} of {drafts['dispatched']}" if has_drafts else "–",
        f"{100 * drafts['waste']:.0f} %" if has_drafts else "–",
        f"{number(kept['p50'], 1000)} / {number(kept['max'], 1000)}" if kept["n"] else "–",
    ]


def both(quantile: dict[str, Any], scale: float) -> str:
    return f"{number(quantile['p50'], scale)} / {number(quantile['p95'], scale)}"


def number(value: float | None, scale: float) -> str:
    if value is None:
        return "–"
    return f"{scale * value:.1f}" if abs(scale * value) < 100 else f"{scale * value:.0f}"


def ratio_with_interval(ratio: dict[str, Any] | None) -> str:
    if ratio is None:
        return "–"
    if ratio["interval"] is None:
        return f"{ratio['ratio']:.3f}"
    low, high = ratio["interval"]["low"], ratio["interval"]["high"]
    return f"{ratio['ratio']:.3f} [{low:.3f}, {high:.3f}]"


def write_markdown(
    path: Path, heading: str, notes: Sequence[str], lines: Sequence[Sequence[str]]
) -> None:
    """The table as a page of its own, with what a reader must know above it."""
    text = [f"# {heading}", "", *(f"- {note}" for note in notes), ""]
    text += [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    text += [f"| {' | '.join(line)} |" for line in lines]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
