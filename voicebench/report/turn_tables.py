"""Tables with a turn or a fact a row, to look for something in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from voicebench.report.data import KeptTurn
from voicebench.report.formatting import ABSENT
from voicebench.report.tables import Cell, Column, Table, columns_of
from voicebench.report.worst import Pieces, WorstCase, rank_turns
from voicebench.runs.lost import LostFact, Reading
from voicebench.words import translate

if TYPE_CHECKING:
    from voicebench.report.opened import OpenRun

_LONGEST = 120


def make_turn_table(opened: OpenRun, num: int) -> Table:
    """The slowest turns of a latency run, the worst of a quality run, at most `num`."""
    kept = opened.report.kept
    is_latency = opened.run.mode == "latency"
    if is_latency:
        ordered = sorted(kept, key=_response_s, reverse=True)
    else:
        bad = rank_turns(kept)
        seen = {id(each) for each in bad}
        ordered = [*bad, *(each for each in kept if id(each) not in seen)]
    caption = translate(
        "The slowest come first" if is_latency else "The worst come first"
    ) + translate(
        ": {num} of {total} turns; all of them: opened.to_pandas()",
        num=f"{min(num, len(kept)):,}", total=f"{len(kept):,}",
    )  # fmt: skip
    columns = (
        *columns_of(("case", "variant", "turn")),
        Column("response", "ms"), Column("CER", "%"), Column("facts missed"),
        Column("false statements"), *columns_of(("reference", "heard", "answer")),
    )  # fmt: skip
    rows = tuple(_turn_row(opened, each) for each in ordered[:num])
    return Table(columns, rows, title="Turns", caption=caption, is_open=True)


def _response_s(kept: KeptTurn) -> float:
    found = kept.measures.latencies.get("response_latency_s")
    return float("-inf") if found is None else found


def _turn_row(opened: OpenRun, kept: KeptTurn) -> tuple[Cell, ...]:
    turn, m = kept.turn, kept.measures
    case = opened.cases.get((turn.suite, turn.case_id))
    asked = case.turns[turn.turn_index] if case else None
    response_s = m.latencies.get("response_latency_s")
    trouble = turn.failure.message if turn.failure else turn.degraded and turn.degraded.reason
    return (
        Cell(turn.case_id, turn.suite),
        Cell(
            turn.variant,
            translate("repeat {repeat}", repeat=turn.repeat + 1) if turn.repeat else "",
        ),
        Cell(str(turn.turn_index + 1)),
        Cell(ABSENT if response_s is None else f"{1000 * response_s:.0f}"),
        Cell(_percent(m.cer.rate if m.cer else None)),
        Cell(str(m.facts.missing) if m.facts else ABSENT),
        Cell(str(m.facts.wrong) if m.facts else ABSENT),
        Cell(_short(asked.reference if asked else "")),
        Cell(_short(kept.heard)),
        Cell(_short(turn.answer), _short(trouble or "")),
    )


def _percent(rate: float | None) -> str:
    return ABSENT if rate is None else f"{100 * rate:.1f}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def worst_table(found: Sequence[WorstCase]) -> Table:
    """The worst turns, a row each; in what was heard, errors stand in brackets."""
    names = ("reference", "hypothesis", "cleaned", "answer")
    rows = tuple(
        (
            Cell(each.title, each.detail),
            *(Cell(_marked(dict(each.texts)[name])) for name in names),
            Cell("\n".join(f"{v.text}: {translate(v.verdict)}" for v in each.verdicts)),
        )
        for each in found
    )
    columns = columns_of(("case", "reference", "heard", "cleaned", "answer", "facts"))
    caption = "False statements first, then missed facts, then CER. [said→heard]"
    title = translate("The {num} worst turns", num=len(rows))
    return Table(columns, rows, title=title, caption=caption)


def _marked(pieces: Pieces) -> str:
    """A compared text with its errors in brackets."""
    text, said = "", ""
    for kind, piece in pieces:
        if kind == "was":
            said = piece
            text += f"[{piece}→]"
        elif kind == "became":
            text = f"{text.removesuffix(f'[{said}→]')}[{said}→{piece}]"
            said = ""
        else:
            text, said = text + piece, ""
    return text


def lost_table(found: Sequence[LostFact], caption: str) -> Table:
    """Lost facts, a row each."""

    def reading(each: Reading) -> Cell:
        return Cell(_short(each.transcript or ABSENT), f"→ {_short(each.answer or ABSENT)}")

    rows: tuple[tuple[Any, ...], ...] = tuple(
        (
            Cell(
                each.case_id,
                f"{each.variant}, {translate('turn {turn}', turn=each.turn_index + 1)}",
            ),
            Cell(f"{translate(each.type)} {each.value}", translate(each.verdict)),
            Cell(translate(each.lost_by)),
            reading(each.recognised),
            reading(each.gold_cleaned),
            reading(each.gold),
        )
        for each in found
    )
    titles = ("case", "fact", "lost by", "recognised, cleaned → answer", "gold, cleaned → answer",
              "gold → answer")  # fmt: skip
    return Table(columns_of(titles), rows, title="Lost facts", caption=caption)
