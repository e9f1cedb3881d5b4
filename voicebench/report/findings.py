"""The answer of a comparison, in words first, then as one matrix of variants and suites.

Which variant is better than which, on what, by how much and how surely; or that no difference can be
seen, and how many cases it would take. Everything is read from `runs.compare.Comparisons`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from voicebench.metrics.registry import COMPARED
from voicebench.metrics.summary import ALL_SUITES
from voicebench.report.comparison import bounds_text, cases_text, difference_text, over_all
from voicebench.report.formatting import ABSENT, percent
from voicebench.report.tables import Cell, Column, Table, columns_of
from voicebench.runs.compare import Comparisons
from voicebench.runs.differences import Comparison
from voicebench.words import join_sentences, translate

WRONG, MISSED, RESPONSE = "factual_error_rate", "fact_miss_rate", "response_latency_s"
HEADLINES = (WRONG, MISSED, "cer", RESPONSE)
"""What a reader asks about first; a word on each, whether a difference is seen or not."""
SEEN = ("better", "worse")
_REPEATED = ("answer_length_tokens", "mer")
"""Metrics that say what another one says: answer characters, CER."""
_SENTENCES = {
    "better": "{metric}: better than {baseline}: {named}; {num} conversations.",
    "worse": "{metric}: worse than {baseline}: {named}; {num} conversations.",
    "fewer": "{metric}: fewer than {baseline}: {named}; {num} conversations.",
    "more": "{metric}: more than {baseline}: {named}; {num} conversations.",
}
_MOST_NAMED = 4


def findings(found: Comparisons) -> list[str]:
    """Sentences: the headline metrics one by one, then what else differs, then single suites."""
    whole = over_all(found.differences)
    lines = []
    for metric in HEADLINES:
        lines += _of_metric([c for c in whole if c.metric == metric])
    others = [
        c
        for c in whole
        if c.metric not in (*HEADLINES, *_REPEATED)
        and COMPARED[c.metric].value is None  # response latency stands for the other times
        and c.outcome in SEEN
    ]
    for metric in dict.fromkeys(c.metric for c in others):
        lines += _seen([c for c in others if c.metric == metric])
    return [*lines, *_in_suites(found.differences, whole)]


def _of_metric(comparisons: Sequence[Comparison]) -> list[str]:
    if not comparisons:
        return []
    title = _title(comparisons[0].metric)
    seen = [c for c in comparisons if c.outcome in SEEN]
    if seen:
        return _seen(seen)
    changed = [c for c in comparisons if c.num_changed]
    if not changed:
        return [translate("{metric}: the same in every turn.", metric=title)]
    largest = max(changed, key=lambda c: abs(c.difference))
    interval = bounds_text(largest) if largest.interval else ""
    line = translate(
        "{metric}: no difference can be seen. The largest is {difference} ({variant} "
        "against {baseline}, {num} conversations), which may be chance.",
        metric=title, difference=f"{difference_text(largest)} {interval}".strip(),
        variant=largest.variant, baseline=largest.baseline, num=f"{largest.num_conversations:,}",
    )  # fmt: skip
    if largest.interval is None:
        few = "Fewer than 10 conversations carry no interval; take more."
        line = join_sentences(line, translate(few))
    if cases := cases_text(largest):
        needed = "To see a difference of 1 point takes {cases} conversations."
        line = join_sentences(line, translate(needed, cases=cases))
    return [line]


def _seen(comparisons: Sequence[Comparison]) -> list[str]:
    """A sentence for what is better, and one for what is worse than each baseline."""
    lines = []
    for outcome in SEEN:
        for baseline in dict.fromkeys(c.baseline for c in comparisons):
            chosen = [c for c in comparisons if (c.outcome, c.baseline) == (outcome, baseline)]
            if chosen:
                lines.append(_sentence(chosen, outcome, baseline))
    return lines


def _sentence(chosen: Sequence[Comparison], outcome: str, baseline: str) -> str:
    ordered = sorted(chosen, key=lambda c: abs(c.difference), reverse=True)
    named = [
        f"{c.variant} {difference_text(c)} {bounds_text(c)}" for c in ordered[:_MOST_NAMED]
    ]  # fmt: skip
    if len(ordered) > _MOST_NAMED:
        named.append(translate("{num} more", num=len(ordered) - _MOST_NAMED))
    if COMPARED[chosen[0].metric].unit == "mean":  # a length is neither good nor bad
        outcome = "fewer" if chosen[0].difference < 0 else "more"
    return translate(
        _SENTENCES[outcome], metric=_title(chosen[0].metric), baseline=baseline, named="; ".join(named),
        num=f"{max(c.num_conversations for c in chosen):,}",
    )  # fmt: skip


def _in_suites(differences: Iterable[Comparison], whole: Sequence[Comparison]) -> list[str]:
    """Differences seen in single suites that all suites together do not show, headlines only."""
    shown = {(c.variant, c.metric, c.outcome) for c in whole}
    apart = [
        c
        for c in differences
        if c.suite != ALL_SUITES
        and c not in whole
        and c.metric in HEADLINES
        and c.outcome in SEEN
        and (c.variant, c.metric, c.outcome) not in shown
    ]
    lines = []
    for suite, metric in dict.fromkeys((c.suite, c.metric) for c in apart):
        chosen = [c for c in apart if (c.suite, c.metric) == (suite, metric)]
        lines += [translate("Only in {suite}: {line}", suite=suite, line=line)
                  for line in _seen(chosen)]  # fmt: skip
    return lines


def _title(metric: str) -> str:
    title = translate(COMPARED[metric].title)
    return title[:1].upper() + title[1:]


def matrix(found: Comparisons) -> Table | None:
    """Variants (rows) by suites (columns): factual errors and missed facts; None without facts."""
    cells = {
        (label, c.suite, c.metric): (value, c if label == c.variant else None)
        for c in found.differences
        if c.metric in (WRONG, MISSED, RESPONSE)
        for label, value in ((c.baseline, c.first), (c.variant, c.second))
    }
    if not any(metric != RESPONSE for *_, metric in cells):
        return None
    has_times = any(metric == RESPONSE for *_, metric in cells)
    suites = sorted(dict.fromkeys(suite for _, suite, _ in cells), key=lambda s: s != ALL_SUITES)
    labels = list(dict.fromkeys(label for label, *_ in cells))
    darkest = max((value for (_, _, m), (value, _) in cells.items() if m == WRONG), default=0.0)
    rows = []
    for label in labels:
        row = [Cell(label)]
        for suite in suites:
            wrong = cells.get((label, suite, WRONG))
            missed = cells.get((label, suite, MISSED))
            texts = [
                _marked(cells, labels, label, suite, metric) for metric in (WRONG, MISSED)
            ]  # fmt: skip
            shade = wrong[0] / darkest if wrong and darkest else None
            time = _marked(cells, labels, label, suite, RESPONSE) if has_times else ""
            text = " / ".join(texts) if wrong or missed else ABSENT
            row.append(Cell(text, f"{time} s" if time else "", shade))
        rows.append(tuple(row))
    columns = (
        *columns_of(("variant",)),
        *(Column("all suites" if s == ALL_SUITES else s, is_name=s != ALL_SUITES) for s in suites),
    )
    caption = join_sentences(
        translate(_MATRIX, baselines=", ".join(_baselines(found))),
        translate("Below: response latency, p50.") if has_times else "",
    )
    return Table(columns, tuple(rows), title="Factual errors / facts missed", caption=caption)


_MATRIX = (
    "Factual errors in % of answers / facts missed in % of facts, over the turns that both variants "
    "have; the darker, the more errors. ★ the lowest of its suite, and better than {baselines}; "
    "▼ worse than {baselines}; both adjusted (Holm) over all comparisons. Without a mark: may be "
    "chance."
)


def _baselines(found: Comparisons) -> list[str]:
    return list(dict.fromkeys(c.baseline for c in found.differences))


def _marked(
    cells: dict[tuple[str, str, str], tuple[float, Comparison | None]],
    labels: Sequence[str],
    label: str,
    suite: str,
    metric: str,
) -> str:
    """A figure with ★ where it is the lowest and better than the baseline, ▼ where it is worse."""
    if (label, suite, metric) not in cells:
        return ABSENT
    value, compared = cells[label, suite, metric]
    lowest = min(cells[each, suite, metric][0] for each in labels if (each, suite, metric) in cells)
    outcome = compared.outcome if compared else ""
    mark = {"better": "★" if value == lowest else "", "worse": "▼"}.get(outcome, "")
    return f"{value:.3f}{mark}" if metric == RESPONSE else f"{percent(value)}{mark}"
