"""Variants laid side by side: what differs, what may be chance, and what the noise is.

An `Arm` is one variant of one run. Two arms are paired by suite, case, repeat and turn; every metric
is compared over all suites, in each suite, and facts also by type. Rates of answers are compared over
the turns that both answered, latencies over those that have one in both. Each table has its own Holm
adjustment. Where a run holds the same variant twice, or repeats, the comparison of the same with the
same is the noise floor. Pure functions of records: no torch, funasr or vllm.

    from voicebench.runs.compare import compare_arms, load_arms
    compare_arms([*load_arms(folder)])
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from voicebench.metrics.conditions import ALL_SUITES, TurnKind, pools
from voicebench.metrics.judge import expected_facts
from voicebench.metrics.measures import Measured, TurnMeasures, measure_turns
from voicebench.metrics.registry import COMPARED, Metric
from voicebench.metrics.tally import without_content
from voicebench.runs.differences import (
    Comparison,
    Pair,
    Scope,
    changed_settings,
    compare_pairs,
    fact_type_metrics,
    with_holm,
)
from voicebench.runs.record import iter_turns, read_cases, read_run
from voicebench.types import Case, Fact, FactType, Record, Run, Turn, Variant

PairKey = tuple[str, str, int, int]
"""(suite, case id, repeat, turn index)."""


class Said(Record):
    """What a changed turn is shown with."""

    cleaned: str
    answer: str


@dataclass(frozen=True)
class Arm:
    """One variant of one run, measured.

    Attributes:
        label: Its name in tables.
        folder: Where the run lies.
        run: Its run.
        variant: Its settings.
        cases: The run's cases.
        turns: What is left of each turn, and its measures.
        said: What was answered.
    """

    label: str
    folder: Path
    run: Run
    variant: Variant
    cases: Mapping[tuple[str, str], Case]
    turns: dict[PairKey, Measured] = field(default_factory=dict)
    said: dict[PairKey, Said] = field(default_factory=dict)


class ChangedTurn(Record):
    """A turn whose facts came out differently."""

    baseline: str
    variant: str
    suite: str
    case_id: str
    turn_index: int
    repeat: int
    change: str
    """better, worse, or both."""
    facts: tuple[str, ...]
    reference: str
    first: Said
    second: Said


class Comparisons(Record):
    """Everything that a comparison says; JSON as it is."""

    differences: tuple[Comparison, ...]
    by_fact_type: tuple[Comparison, ...]
    noise: tuple[Comparison, ...]
    """The same with the same: these must be no differences."""
    changed: tuple[ChangedTurn, ...]
    warnings: tuple[str, ...]


def load_arms(folder: Path) -> list[Arm]:
    """The arms of a run, in the order of its variants; turns are streamed.

    Raises:
        RecordError: The folder is no run, or its records are damaged.
    """
    run, cases = read_run(folder), read_cases(folder)
    return arms_of(run, cases, measure_turns(iter_turns(folder), cases.values()), folder)


def arms_of(
    run: Run,
    cases: Mapping[tuple[str, str], Case],
    measured: Iterable[Measured],
    folder: Path = Path(),
) -> list[Arm]:
    """The arms of a run, in the order of its variants, with turns that are measured already."""
    arms = empty_arms(run, cases, folder)
    for each in measured:
        add_turn(arms, each)
    return arms


def empty_arms(run: Run, cases: Mapping[tuple[str, str], Case], folder: Path = Path()) -> list[Arm]:
    """The arms of a run before any of its turns is measured."""
    return [Arm(variant.name, folder, run, variant, cases) for variant in run.variants]


def add_turn(arms: Iterable[Arm], measured: Measured) -> None:
    """Adds a turn to the arm of its variant; one of the warm-up to none."""
    turn, measures = measured
    for arm in arms:
        if arm.variant.name == turn.variant and not turn.is_warm_up:
            key = (turn.suite, turn.case_id, turn.repeat, turn.turn_index)
            arm.turns[key] = (without_content(turn), measures)
            arm.said[key] = _said(turn)


def _said(turn: Turn) -> Said:
    if turn.failure:
        return Said(cleaned=turn.cleaned, answer=f"(failed in {turn.failure.stage})")
    return Said(cleaned=turn.cleaned, answer=turn.answer or "(none)")


# ---------------------------------------------------------------- comparing


def compare_arms(
    arms: Sequence[Arm], couples: Sequence[tuple[Arm, Arm]] = (), warnings: Sequence[str] = ()
) -> Comparisons:
    """Compares arms.

    Args:
        arms: All that there are.
        couples: Which with which, baseline first; none for the first arm with each other one.
        warnings: What is known already to stand against comparing them.
    """
    couples = couples or [(arms[0], other) for other in arms[1:]]
    twins = [couple for couple in couples if are_twins(*couple)]
    apart = [couple for couple in couples if not are_twins(*couple)]
    baselines = {first.label: first for first, _ in couples}.values()
    noise = [c for couple in twins for c in _compare_couple(*couple)]
    noise += [c for arm in baselines for c in _compare_repeats(arm)]
    noise_floor = with_holm(noise)
    return Comparisons(
        differences=with_holm([c for couple in apart for c in _compare_couple(*couple)]),
        by_fact_type=with_holm([c for couple in apart for c in _compare_fact_types(*couple)]),
        noise=noise_floor,
        changed=tuple(each for couple in apart for each in changed_turns(*couple)),
        warnings=(
            *warnings,
            *_unpaired(couples),
            *_failed(arms),
            *_unanswered(couples),
            *_noise_that_is_seen(noise_floor),
        ),
    )


def are_twins(first: Arm, second: Arm) -> bool:
    """Whether two arms are the same thing measured twice: an A/A comparison."""
    same_settings = msgspec.structs.replace(first.variant, name=second.variant.name)
    if same_settings != second.variant:
        return False
    if first.run.run_id == second.run.run_id:
        return True
    kept = ("profile", "model_sha256", "git_commit", "packages", "machine", "mode", "pace")
    is_clean = not (first.run.git_dirty or second.run.git_dirty)
    return is_clean and all(getattr(first.run, n) == getattr(second.run, n) for n in kept)


def _pairs_of(first: Arm, second: Arm) -> dict[PairKey, Pair]:
    return {
        key: Pair(key[:2], first.turns[key][1], second.turns[key][1])
        for key in first.turns
        if key in second.turns
    }


def _compare_couple(first: Arm, second: Arm) -> list[Comparison]:
    """Every metric over all suites and in each."""
    pairs = _pairs_of(first, second)
    metrics = [m for m in COMPARED.values() if _same_clock(first, second) or m.value is None]
    return _compare_scopes(_scope(first, second, ALL_SUITES), pairs, metrics)


def _scope(first: Arm, second: Arm, suite: str, fact_type: FactType | None = None) -> Scope:
    settings = changed_settings(first.variant, second.variant)
    return Scope(first.label, second.label, suite, fact_type, settings)


def _compare_scopes(
    whole: Scope, pairs: Mapping[PairKey, Pair], metrics: Iterable[Metric]
) -> list[Comparison]:
    names = _pools_of(pairs)
    by_suite: dict[str, list[Pair]] = {name: [] for name in names.values()}
    for key, pair in pairs.items():
        by_suite.setdefault(key[0], []).append(pair)
        if pair.first.kind in names:
            by_suite[names[pair.first.kind]].append(pair)
    found = [
        compare_pairs(dataclasses.replace(whole, suite=suite), metric, members)
        for suite, members in by_suite.items()
        for metric in metrics
    ]
    return [comparison for comparison in found if comparison]


def _pools_of(pairs: Mapping[PairKey, Pair]) -> dict[TurnKind, str]:
    """What is compared over all suites: of each kind of turn the name (`conditions.pools`)."""
    return pools({(key[0], pair.first.kind) for key, pair in pairs.items()})


def _pooled(pairs: Mapping[PairKey, Pair]) -> list[Pair]:
    """The pairs of the row over all suites; all of them where there is one suite."""
    names = _pools_of(pairs)
    return [p for p in pairs.values() if not names or names.get(p.first.kind) == ALL_SUITES]


def _compare_fact_types(first: Arm, second: Arm) -> list[Comparison]:
    """Contradicted and missed facts of each type, over all suites."""
    pairs = _pooled(_pairs_of(first, second))
    types: dict[FactType, None] = {kind: None for pair in pairs for kind, _ in pair.first.verdicts}
    found = [
        compare_pairs(_scope(first, second, ALL_SUITES, kind), metric, pairs)
        for kind in sorted(types)
        for metric in fact_type_metrics(kind)
    ]
    return [comparison for comparison in found if comparison]


def _compare_repeats(arm: Arm) -> list[Comparison]:
    """Every second repeat with the one before it: what the same variant does to itself."""
    pairs = _pooled({
        key: Pair(key[:2], measured[1], arm.turns[later][1])
        for key, measured in arm.turns.items()
        if key[2] % 2 == 0 and (later := (*key[:2], key[2] + 1, key[3])) in arm.turns
    })  # fmt: skip
    suites = {key[0] for key in arm.turns}
    suite = ALL_SUITES if len(suites) > 1 else "".join(suites)
    scope = Scope(arm.label, f"{arm.label}, repeated", suite)
    found = [compare_pairs(scope, metric, pairs) for metric in COMPARED.values()]
    return [comparison for comparison in found if comparison]


def _same_clock(first: Arm, second: Arm) -> bool:
    """Real-time and fast pace are different measurements, and so are batched turns."""
    return (first.run.mode, first.run.pace) == (second.run.mode, second.run.pace)


# ---------------------------------------------------------------- changed turns


def changed_turns(first: Arm, second: Arm) -> list[ChangedTurn]:
    """The turns whose facts came out differently, what became worse first."""
    changed = []
    for key, pair in _pairs_of(first, second).items():
        case = first.cases.get(key[:2])
        facts = expected_facts(case.turns[key[3]]) if case else ()
        lines = _changes(facts, pair.first, pair.second)
        if not case or not lines:
            continue
        became = {change for change, _ in lines}
        changed.append(
            ChangedTurn(
                baseline=first.label, variant=second.label, suite=key[0], case_id=key[1],
                repeat=key[2], turn_index=key[3], reference=case.turns[key[3]].reference,
                change=became.pop() if len(became) == 1 else "both",
                facts=tuple(line for _, line in lines),
                first=first.said[key], second=second.said[key],
            )
        )  # fmt: skip
    return sorted(changed, key=lambda each: ("worse", "both", "better").index(each.change))


_BADNESS = {"correct": 0, "missing": 1, "contradicted": 2}


def _changes(
    facts: Sequence[Fact], first: TurnMeasures, second: TurnMeasures
) -> list[tuple[str, str]]:
    """(better or worse, what changed) of each fact, and of values that nobody said."""
    lines = []
    if len(facts) == len(first.verdicts) == len(second.verdicts):
        for fact, (_, before), (_, after) in zip(
            facts, first.verdicts, second.verdicts, strict=True
        ):
            if before != after:
                change = "worse" if _BADNESS[after] > _BADNESS[before] else "better"
                lines.append((change, f"{fact.type} {fact.value}: {before} → {after}"))
    invented = [m.facts.unsupported if m.facts else 0 for m in (first, second)]
    if invented[0] != invented[1]:
        change = "worse" if invented[1] > invented[0] else "better"
        lines.append((change, f"values nobody said: {invented[0]} → {invented[1]}"))
    return lines


# ---------------------------------------------------------------- what to know before believing it


def _unpaired(couples: Iterable[tuple[Arm, Arm]]) -> list[str]:
    warnings = []
    for first, second in couples:
        shared = first.turns.keys() & second.turns.keys()
        left = [len(arm.turns) - len(shared) for arm in (first, second)]
        if any(left):
            warnings.append(
                f"{first.label} and {second.label} share {len(shared)} turns; {left[0]} and "
                f"{left[1]} others have no partner and are left out."
            )
    return warnings


def _failed(arms: Iterable[Arm]) -> list[str]:
    counts = [
        (arm, sum(turn.failure is not None for turn, _ in arm.turns.values())) for arm in arms
    ]
    return [
        f"{arm.label}: {num} of {len(arm.turns)} turns failed; their facts count as missed, and "
        "nothing else of them is compared."
        for arm, num in counts
        if num
    ]


def _unanswered(couples: Iterable[tuple[Arm, Arm]]) -> list[str]:
    """Rates of answers are of what both answered: how much that leaves out, and of whom."""
    warnings = []
    for first, second in couples:
        sides = [[m for _, m in arm.turns.values()] for arm in (first, second)]
        fallbacks = [sum(m.is_fallback for m in side) for side in sides]
        if any(fallbacks):
            warnings.append(
                f"{first.label} fell back to text in {fallbacks[0]} of {len(sides[0])} turns, "
                f"{second.label} in {fallbacks[1]} of {len(sides[1])}: their facts count as missed, "
                "and rates of answers compare the turns that both answered."
            )
    return warnings


def _noise_that_is_seen(noise: Iterable[Comparison]) -> list[str]:
    return [
        f"The same variant twice differs in {c.metric} ({c.baseline} and {c.variant}): something "
        "other than the variant moves this figure, so none of its differences can be believed."
        for c in noise
        if c.outcome != "no difference seen"
    ]
