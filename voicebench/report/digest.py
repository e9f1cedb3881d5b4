"""What a reader wants to know of a run, in six lines, beside what the first version claims.

One table for the page, the terminal and notebooks 02 and 03. Up to three variants have a column each;
of more there is the first one, and the range over all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from voicebench.metrics.summary_schema import GroupSummary, MetricValue
from voicebench.report.data import Report, has_random_weights
from voicebench.report.formatting import ABSENT, percent, quantiles_text
from voicebench.report.tables import Cell, Column, Table, apart_note, metric_bounds, stands_on
from voicebench.words import join_sentences, stage_title, translate

MOST_COLUMNS = 3
CLAIMED_E2E_S = (1.32, 1.41, 1.38, 2.15, 1.47)
CLAIMED_RTF = 0.28
"""Printed by the first version of this system, end to end and for its recogniser, on another machine
with other models: never measured here."""

_NO_CLAIM = Cell(ABSENT)


@dataclass(frozen=True)
class Line:
    """One line of the digest.

    Attributes:
        title: What it is about.
        unit: Of its figures.
        cell: What a group says.
        value: The figure by which a range over variants is taken; None where there is none.
        claim: What the first version claims.
    """

    title: str
    unit: str
    cell: Callable[[Report, GroupSummary], Cell]
    value: Callable[[Report, GroupSummary], float | None]
    claim: Cell = _NO_CLAIM


def digest_table(report: Report) -> Table:
    """The six lines of a run."""
    groups = list(report.whole)
    is_wide = len(groups) > MOST_COLUMNS
    shown = groups[:1] if is_wide else groups
    names = [group["variant"] for group in shown]
    columns = [
        Column("", is_number=False),
        *(Column(name if len(groups) > 1 else "measured", is_name=len(groups) > 1, is_number=False)
          for name in names),
        *([Column("all variants", "lowest to highest", is_number=False)] if is_wide else []),
        Column("claimed by the first version", "another machine, other models", is_number=False),
    ]  # fmt: skip
    rows = [
        (
            Cell(translate(line.title), translate(line.unit)),
            *(line.cell(report, group) for group in shown),
            *([_range(report, line, groups)] if is_wide else []),
            replace(line.claim, detail=translate(line.claim.detail)),
        )
        for line in _LINES
    ]
    return Table(tuple(columns), tuple(rows), title="In short", caption=_caption(report))


def _caption(report: Report) -> str:
    run = report.run
    where = translate(
        "Measured: run {run}, profile {profile}, {cpu}.",
        run=run.run_id, profile=run.profile.get("name"), cpu=_machine(report),
    )  # fmt: skip
    claims = translate(
        "The claims were printed by the first version for its own questions on another machine with "
        "other models; nothing of them was measured here."
    )
    return join_sentences(where, apart_note(report), claims)


def _machine(report: Report) -> str:
    machine = report.run.machine
    gpus = [str(gpu.get("name")) for gpu in machine.get("gpus", [])]
    return ", ".join(gpus) or str(machine.get("cpu"))


def _metric(group: GroupSummary, name: str) -> MetricValue | None:
    found = group["metrics"].get(name)
    if not found or found.get("value", found.get("p50")) is None:
        return None
    return found


def _value(name: str) -> Callable[[Report, GroupSummary], float | None]:
    def value(report: Report, group: GroupSummary) -> float | None:
        found = _metric(group, name)
        return None if found is None else found.get("value", found.get("p50"))

    return value


def _quality_value(name: str) -> Callable[[Report, GroupSummary], float | None]:
    of_group = _value(name)
    return lambda report, group: None if has_random_weights(report.run) else of_group(report, group)


def _not_measured(report: Report) -> Cell:
    if report.run.mode == "latency":
        return Cell(ABSENT, translate("no turn was answered"))
    return Cell(ABSENT, translate("not in quality mode; add --mode latency"))


def _response_cell(report: Report, group: GroupSummary) -> Cell:
    found = _metric(group, "response_latency_s")
    if found is None:
        return _not_measured(report)
    whole = _metric(group, "e2e_latency_s")
    parts = [_standing(found, 3, 1.0)]
    if whole:
        parts.append(translate("to the last token {times}", times=quantiles_text(whole)))
    return Cell(quantiles_text(found), "\n".join(parts))


def _standing(metric: MetricValue, digits: int = 1, factor: float = 100.0) -> str:
    """What a figure stands on: its interval and n."""
    bounds = metric_bounds(metric, lambda value: f"{factor * value:.{digits}f}")
    return " ".join(f"{bounds} {stands_on(metric)}".split())


def stage_shares(group: GroupSummary) -> list[tuple[str, float, float]]:
    """(stage, mean seconds, share) of a group's waterfall, the longest first."""
    total = sum(stage["mean_s"] for stage in group["waterfall"])
    shares = [
        (stage["stage"], stage["mean_s"], stage["mean_s"] / total if total else 0.0)
        for stage in group["waterfall"]
    ]
    return sorted(shares, key=lambda share: share[1], reverse=True)


def _stage_cell(report: Report, group: GroupSummary) -> Cell:
    shares = stage_shares(group)
    if not shares:
        return _not_measured(report)
    texts = [f"{stage_title(s)} {mean_s:.3f} s ({100 * part:.0f} %)" for s, mean_s, part in shares]
    return Cell(texts[0], ", ".join(texts[1:3]))


def _rtf_cell(report: Report, group: GroupSummary) -> Cell:
    found = _metric(group, "rtf")
    if found is None:
        return Cell(ABSENT)
    batched = "" if report.run.mode == "latency" else translate(", batched")
    return Cell(f"{found['value']:.4f}", _standing(found, 4, 1.0) + batched)


def _rate_cell(name: str) -> Callable[[Report, GroupSummary], Cell]:
    def cell(report: Report, group: GroupSummary) -> Cell:
        if has_random_weights(report.run):
            return Cell(ABSENT, translate("random weights"))
        found = _metric(group, name)
        value = found and found["value"]
        return (
            Cell(ABSENT) if not found or value is None else Cell(percent(value), _standing(found))
        )

    return cell


def _facts_cell(report: Report, group: GroupSummary) -> Cell:
    wrong = _rate_cell("factual_error_rate")(report, group)
    missed = _rate_cell("fact_miss_rate")(report, group)
    if wrong.text == missed.text == ABSENT:
        return wrong
    return Cell(
        f"{wrong.text} / {missed.text}",
        translate("errors {errors}\nmissed {missed}", errors=wrong.detail, missed=missed.detail),
    )


def _fallen_back(report: Report, group: GroupSummary) -> Counter[str]:
    """Turns that gave no answer of their own, by reason."""
    reasons: Counter[str] = Counter()
    for turn in report.turns:
        if turn.variant == group["variant"]:
            if turn.failure:
                reasons[f"{translate('failed in')} {turn.failure.stage}"] += 1
            elif turn.degraded:
                reasons[translate(turn.degraded.reason.replace("_", " "))] += 1
    return reasons


def _fallen_cell(report: Report, group: GroupSummary) -> Cell:
    reasons = _fallen_back(report, group)
    total = sum(turn.variant == group["variant"] for turn in report.turns)
    of = translate("{num} of {total} turns", num=reasons.total(), total=f"{total:,}")
    return Cell(of, ", ".join(f"{reason} {num}" for reason, num in reasons.most_common(4)))


def _range(report: Report, line: Line, groups: Sequence[GroupSummary]) -> Cell:
    """The lowest and the highest of a figure over all variants, each with its variant."""
    found = [(value, g) for g in groups if (value := line.value(report, g)) is not None]
    if not found:
        return Cell(ABSENT)
    low, high = min(found, key=lambda each: each[0]), max(found, key=lambda each: each[0])
    texts = [line.cell(report, group).text for _, group in (low, high)]
    if len(found) < len(groups):
        measured = ", ".join(group["variant"] for _, group in found)
        return Cell(texts[0], translate("measured with {names}", names=measured))
    if low[0] == high[0]:
        return Cell(texts[0], translate("the same for all {num}", num=len(found)))
    names = [group["variant"] for _, group in (low, high)]
    return Cell(f"{texts[0]} … {texts[1]}", f"{names[0]} … {names[1]}")


def _longest_share(report: Report, group: GroupSummary) -> float | None:
    shares = stage_shares(group)
    return shares[0][2] if shares else None


_LINES = (
    Line("end of speech to first token", "s, p50 / p95", _response_cell,
         _value("response_latency_s"),
         Cell(" / ".join(f"{value:.2f}" for value in CLAIMED_E2E_S), "s, to the last token")),
    Line("most of it is", "mean s, share", _stage_cell, _longest_share),
    Line("RTF", "recognition, s a second of audio", _rtf_cell, _value("rtf"),
         Cell(f"{CLAIMED_RTF:.2f}")),
    Line("CER", "% of characters", _rate_cell("cer"), _quality_value("cer")),
    Line("factual errors / facts missed", "% of answers / % of facts", _facts_cell,
         _quality_value("factual_error_rate")),
    Line("fell back or failed", "", _fallen_cell,
         lambda report, group: float(_fallen_back(report, group).total())),
)  # fmt: skip
