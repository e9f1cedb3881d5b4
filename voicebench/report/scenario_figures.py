"""Figures of scenarios: what each condition does to the transcript, and each type to the facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator

from voicebench.metrics.stats import Counts, ratio_interval
from voicebench.report.data import Report
from voicebench.report.figures import Figure, footer_of
from voicebench.report.plots import Bar, Estimate, intervals, stacked
from voicebench.types import Turn

ByConversation = dict[Hashable, Counts]
_VERDICTS = {"correct": 0, "missing": 1, "contradicted": 3}
"""Each with the place of its colour: what is stated wrongly is no green."""
_MOST_CONDITIONS = 24


def condition_figure(report: Report) -> Figure | None:
    """CER by condition: the suites, and the tags of their cases."""
    sums: dict[tuple[str, str], ByConversation] = {}
    for turn, measures in report.measured:
        if measures.cer:
            for condition in _conditions(report, turn):
                _add(sums.setdefault((condition, turn.variant), {}), turn,
                     (measures.cer.errors, measures.cer.total))  # fmt: skip
    estimates = [
        Estimate(condition, variant, 100 * rate, 100 * low, 100 * high, num)
        for (condition, variant), counts in sums.items()
        for rate, low, high, num in _bootstrapped(counts)
    ]
    # the transcript is the same whatever is done with it afterwards
    estimates = _without_repetition(estimates)
    if not estimates:
        return None
    drawing = intervals(
        estimates, title="Characters heard wrongly, by condition", axis="CER (%)",
        num_of="characters", footer=footer_of(report),
    )  # fmt: skip
    return Figure("cer_by_condition", drawing, "CER of each suite and of each tag of its cases, "
                  "with 95 % intervals. A case with several tags counts in each.")  # fmt: skip


def _conditions(report: Report, turn: Turn) -> Iterator[str]:
    """A turn's suite, and what its case is tagged with; where it was written is no condition."""
    case = report.cases.get((turn.suite, turn.case_id))
    yield turn.suite
    for tag in case.tags if case else ():
        if ":" not in tag and tag != turn.suite:
            yield f"{turn.suite}: {tag}"


def _without_repetition(estimates: list[Estimate]) -> list[Estimate]:
    """One series "all variants" where every variant heard the same."""
    by_group: dict[str, set[tuple[float, int]]] = {}
    for e in estimates:
        by_group.setdefault(e.group, set()).add((e.value, e.num))
    groups = list(dict.fromkeys(e.group for e in estimates))[:_MOST_CONDITIONS]
    if all(len(values) == 1 for values in by_group.values()):
        first = {e.group: e for e in reversed(estimates)}
        return [
            Estimate(e.group, "all variants", e.value, e.low, e.high, e.num)
            for e in (first[group] for group in groups)
        ]
    return [e for e in estimates if e.group in groups]


def _bootstrapped(counts: ByConversation) -> Iterator[tuple[float, float, float, int]]:
    above, below = (sum(pair[place] for pair in counts.values()) for place in (0, 1))
    if below:
        rate = above / below
        found = ratio_interval(counts, is_share=False)
        low, high = (found.low, found.high) if found else (rate, rate)
        yield rate, low, high, int(below)


def fact_type_figure(report: Report) -> Figure | None:
    """What became of the expected facts, by type and variant."""
    verdicts: dict[tuple[str, str], Counter[str]] = {}
    right: dict[tuple[str, str], ByConversation] = {}
    for turn, measures in report.measured:
        for fact_type, verdict in measures.verdicts:
            key = (str(fact_type), turn.variant)
            verdicts.setdefault(key, Counter())[verdict] += 1
            _add(right.setdefault(key, {}), turn, (int(verdict == "correct"), 1))
    several = len(report.run.variants) > 1
    bars = []
    for kind, variant in sorted(verdicts, key=lambda key: key[0]):
        found = verdicts[kind, variant]
        total = found.total()
        interval = ratio_interval(right[kind, variant], is_share=True)
        label = f"{kind}\n{variant}" if several else kind
        bars.append(
            Bar(
                f"{label}\nfacts n = {total:,}",
                tuple((verdict, 100 * found[verdict] / total) for verdict in _VERDICTS),
                (100 * interval.low, 100 * interval.high) if interval else None,
            )
        )
    if not bars:
        return None
    drawing = stacked(
        bars, title="Facts by type", footer=footer_of(report), has_totals=False, looks=_VERDICTS,
        axis="share of expected facts (%)\nblack: 95 % interval of the correct share",
    )  # fmt: skip
    return Figure("facts_by_type", drawing, "What the answers made of the facts they should state, "
                  "by type of fact.")  # fmt: skip


def _add(sums: ByConversation, turn: Turn, counts: Counts) -> None:
    key = (turn.suite, turn.case_id)
    above, below = sums.get(key, (0.0, 0.0))
    sums[key] = (above + counts[0], below + counts[1])
