"""Typed pandas frames of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from voicebench.errors import ConfigError, did_you_mean
from voicebench.metrics.judge import expected_facts
from voicebench.report.store import KEPT
from voicebench.types import Turn

if TYPE_CHECKING:
    import pandas as pd

    from voicebench.report.opened import OpenRun

_KEY = ("suite", "case_id", "variant", "repeat", "turn_index")
_CATEGORIES = ("suite", "variant", "mode", "pace", "type", "verdict", "kind", "degraded",
               "failure_stage")  # fmt: skip


def make_frame(opened: OpenRun, what: str) -> pd.DataFrame:
    """See `OpenRun.to_pandas`."""
    if what == "turns":
        return _turns(opened)
    if what == "facts":
        return _typed(_facts(opened))
    if what in _INSIDE:
        return _typed(_inside(opened, _INSIDE[what]))
    known = ("turns", "facts", *_INSIDE)
    raise ConfigError(
        f"there is no frame {what!r}", did_you_mean(what, known) or f"Known: {', '.join(known)}"
    )


def _turns(opened: OpenRun) -> pd.DataFrame:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    names = [n for n in pq.read_schema(opened.store).names if n not in (KEPT, "offset", "size")]
    table = pq.read_table(opened.store, columns=names)
    wanted = pc.and_(
        pc.invert(table["is_warm_up"]),
        pc.and_(
            pc.is_in(table["suite"].cast("string"), value_set=_array(opened.run.suites)),
            pc.is_in(
                table["variant"].cast("string"),
                value_set=_array([variant.name for variant in opened.run.variants]),
            ),
        ),
    )
    return table.filter(wanted).to_pandas(types_mapper=_nullable().get)


def _array(names: Any) -> Any:
    import pyarrow as pa

    return pa.array(list(names), pa.string())


def _nullable() -> Mapping[Any, Any]:
    """Types that know a missing value from a number."""
    import pandas as pd
    import pyarrow as pa

    return {
        pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(),
        pa.bool_(): pd.BooleanDtype(), pa.string(): pd.StringDtype(),
    }  # fmt: skip


def _typed(rows: Iterator[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(list(rows)).convert_dtypes()
    names = [name for name in _CATEGORIES if name in frame.columns]
    return frame.astype(dict.fromkeys(names, "category"))


def _key(turn: Turn) -> dict[str, Any]:
    return {name: getattr(turn, name) for name in _KEY}


def _facts(opened: OpenRun) -> Iterator[dict[str, Any]]:
    """The expected facts in order, as `TurnMeasures.verdicts` has them."""
    for kept in opened.report.kept:
        case = opened.cases.get((kept.turn.suite, kept.turn.case_id))
        asked = case.turns[kept.turn.turn_index] if case else None
        facts = expected_facts(asked) if asked else ()
        for fact, (kind, verdict) in zip(facts, kept.measures.verdicts, strict=False):
            yield {**_key(kept.turn), "fact_id": fact.id, "type": kind, "value": fact.value,
                   "verdict": verdict}  # fmt: skip


def _inside(
    opened: OpenRun, inside: Callable[[Turn], Iterator[dict[str, Any]]]
) -> Iterator[dict[str, Any]]:
    for kept in opened.report.kept:
        turn = opened.report.read(kept)
        for row in inside(turn):
            yield {**_key(turn), **row}


def _windows(turn: Turn) -> Iterator[dict[str, Any]]:
    for window in turn.windows:
        yield {
            "index": window.index, "start_s": window.start_s, "end_s": window.end_s,
            "context_s": window.context_s,
            "text": "".join(token.text for token in window.tokens),
            "confidence": window.confidence, "compute_s": window.compute_s,
            "pass_number": window.pass_number, "is_provisional": window.is_provisional,
        }  # fmt: skip


def _tokens(turn: Turn) -> Iterator[dict[str, Any]]:
    for token in turn.hypothesis.tokens:
        yield {"text": token.text, "start_s": token.start_s, "end_s": token.end_s,
               "confidence": token.confidence}  # fmt: skip


def _events(turn: Turn) -> Iterator[dict[str, Any]]:
    for event in turn.events:
        yield {"t_s": event.t_s, "kind": event.kind, "data": str(event.data)}


_INSIDE: Mapping[str, Callable[[Turn], Iterator[dict[str, Any]]]] = {
    "windows": _windows,
    "tokens": _tokens,
    "events": _events,
}
