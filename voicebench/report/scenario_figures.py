"""Figures of scenarios: what each condition does to the transcript, and each type to the facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator

from voicebench.metrics.stats import Counts, ratio_interval
from voicebench.report.data import Report
from voicebench.report.figures import Figure, footer_of, rate_estimate, shown_once
from voicebench.report.plots import Bar, Estimate, intervals, multiples, stacked
from voicebench.types import Turn
from voicebench.words import translate

ByConversation = dict[Hashable, Counts]
_VERDICTS = {"correct": 0, "missing": 1, "contradicted": 3}
"""Each with the place of its colour: what is stated wrongly is no green."""
_MOST_CONDITIONS = 24


_LEVELS = (
    ("cer", "CER (%)"),
    ("factual_error_rate", "factual errors (%)"),
    ("fact_miss_rate", "facts missed (%)"),
)


def level_figure(report: Report) -> Figure | None:
    """What each kind of noise does as it grows: a column a kind, a row a metric; None where every
    turn is clean or of one level."""
    heard = {m.heard.label: m.heard for _, m in report.measured}
    found: dict[tuple[str, str], list[Estimate]] = {}
    for group in report.groups:
        for part in group["conditions"]:
            kind = heard[part["condition"]].kind
            for metric, axis in _LEVELS:
                rate = part["metrics"].get(metric)
                has_level = part["condition"].startswith(f"{kind} ")
                if has_level and rate and rate["value"] is not None:
                    level = part["condition"].removeprefix(f"{kind} ")
                    found.setdefault((axis, kind), []).append(
                        rate_estimate(level, group["variant"], rate)
                    )
    kinds = [
        kind for kind in dict.fromkeys(kind for _, kind in found)
        if all(len({e.group for e in found.get((axis, kind), ())}) > 1 for _, axis in _LEVELS)
    ]  # fmt: skip
    if not kinds:
        return None
    rows = {
        translate(axis): {
            translate(kind.replace("_", " ")): shown_once(found[axis, kind]) for kind in kinds
        }
        for _, axis in _LEVELS
    }
    title = translate("Conditions against their level, the easiest on the left")
    drawing = multiples(rows, title=title, footer=footer_of(report))
    numbers = {e.num for panels in rows.values() for es in panels.values() for e in es}
    caption = translate(
        "Each kind of noise by its level, with 95 % intervals; n = {low} to {high} characters, "
        "answers or facts a point. What all variants share is drawn once.",
        low=f"{min(numbers):,}", high=f"{max(numbers):,}",
    )  # fmt: skip
    return Figure("conditions", drawing, caption)


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
    shown = list(dict.fromkeys(e.group for e in estimates))[:_MOST_CONDITIONS]
    estimates = shown_once([e for e in estimates if e.group in shown])
    if not estimates:
        return None
    drawing = intervals(
        estimates, title=translate("Characters heard wrongly, by condition"), axis="CER (%)",
        num_of="characters", footer=footer_of(report),
    )  # fmt: skip
    caption = (
        "CER of each suite and of each tag of its cases, with 95 % intervals. A case with several "
        "tags counts in each."
    )
    return Figure("cer_by_condition", drawing, translate(caption))


def _conditions(report: Report, turn: Turn) -> Iterator[str]:
    """A turn's suite, and what its case is tagged with; where it was written is no condition."""
    case = report.cases.get((turn.suite, turn.case_id))
    yield turn.suite
    for tag in case.tags if case else ():
        if ":" not in tag and tag != turn.suite:
            yield f"{turn.suite}: {tag}"


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
        label = f"{translate(kind)}\n{variant}" if several else translate(kind)
        bars.append(
            Bar(
                f"{label}\n{translate('facts')} n = {total:,}",
                tuple((translate(verdict), 100 * found[verdict] / total) for verdict in _VERDICTS),
                (100 * interval.low, 100 * interval.high) if interval else None,
            )
        )
    if not bars:
        return None
    drawing = stacked(
        bars, title=translate("Facts by type"), footer=footer_of(report), has_totals=False,
        looks={translate(verdict): look for verdict, look in _VERDICTS.items()},
        axis=translate("share of expected facts (%)\nblack: 95 % interval of the correct share"),
    )  # fmt: skip
    caption = "What the answers made of the facts they should state, by type of fact."
    return Figure("facts_by_type", drawing, translate(caption))


def _add(sums: ByConversation, turn: Turn, counts: Counts) -> None:
    key = (turn.suite, turn.case_id)
    above, below = sums.get(key, (0.0, 0.0))
    sums[key] = (above + counts[0], below + counts[1])
