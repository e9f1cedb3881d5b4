"""The forms of a fact as values: what an answer has to state, part by part."""

from __future__ import annotations

import datetime
import functools
import re
from dataclasses import replace

import msgspec

from voicebench.metrics.grounds import Grounds
from voicebench.metrics.values.entity import NAME_KINDS, VALUE_KINDS, Entity, Kind
from voicebench.metrics.values.numerals import NUMBER, fold, parse_number, plain
from voicebench.metrics.values.scan import find_entities
from voicebench.types import Fact


@functools.lru_cache(maxsize=10_000)
def parts_of(fact_type: str, text: str, clock: str) -> tuple[Entity, ...]:
    """The values that make up one form of a fact: 下周三下午两点半 is a date and a time."""
    if fact_type in NAME_KINDS:
        return ()
    found = tuple(entity for entity in find_entities(text, clock) if entity.kind in VALUE_KINDS)
    if fact_type in ("money", "date", "number"):
        found = tuple(_as_type(entity, fact_type) for entity in found)
    if found:
        return found
    folded = fold(text)
    value = parse_number(folded) if re.fullmatch(NUMBER, folded) else None
    if value is None or fact_type not in ("number", "money"):
        return ()
    kind: Kind = "money" if fact_type == "money" else "number"
    return (Entity(kind, folded, 0, len(folded), plain(value), figure=plain(value)),)


def _as_type(entity: Entity, fact_type: str) -> Entity:
    """An entity read as the fact's type says: 两百五 as money, 98年 as a year, 25号 as a number."""
    if fact_type == "money" and entity.kind == "number" and not entity.unit:
        return replace(entity, kind="money")
    if fact_type == "date" and entity.kind == "number" and entity.day:
        return replace(entity, kind="date", value=str(entity.day))
    if fact_type == "number" and entity.kind == "date" and entity.number:
        return replace(entity, kind="number", value=entity.number, unit="号", day=None)
    return entity


def in_context(fact: Fact, given: Grounds, clock: str) -> Fact:
    """A fact whose 两点半 is 14:30, where the context says afternoon, and whose 八月十五 is of the
    calendar that the context names."""
    if fact.type == "date":
        return _in_calendar(fact, given)
    if fact.type != "time":
        return fact
    if later := time_after(fact.value, clock):
        return msgspec.structs.replace(fact, accepted=(*fact.accepted, later))
    value, *accepted = (_narrowed(form, given, clock) for form in (fact.value, *fact.accepted))
    return msgspec.structs.replace(fact, value=value, accepted=tuple(accepted))


def _in_calendar(fact: Fact, given: Grounds) -> Fact:
    def marked(form: str) -> str:
        text = fold(form)
        found = re.search(rf"(?:[农阴公阳]历|新历)的?(?={re.escape(text)})", given.text)
        return found.group() + text if found else form

    forms = tuple(marked(form) for form in fact.accepted)
    return msgspec.structs.replace(fact, value=marked(fact.value), accepted=forms)


def time_after(form: str, clock: str) -> str:
    """The time of day that 四十分钟后 is on the case's clock; nothing for another form."""
    delays = find_entities(form, clock)
    if (
        len(delays) != 1
        or delays[0].unit != "秒"
        or not re.fullmatch("[之以]?后", fold(form)[delays[0].end :])
    ):
        return ""
    now = datetime.datetime.fromisoformat(clock)
    return f"{now + datetime.timedelta(seconds=float(delays[0].value)):%H:%M}"


def _narrowed(form: str, given: Grounds, clock: str) -> str:
    text = fold(form)
    for time in reversed(find_entities(form, clock)):
        said = {e.minutes for e in given.entities if e.end and set() < e.minutes < time.minutes}
        if time.kind == "time" and len(said) == 1 and len(minutes := said.pop()) == 1:
            hour, minute = divmod(min(minutes), 60)
            half = "上午" if hour in (10, 11) else ""
            text = f"{text[: time.start]}{half}{hour:02}:{minute:02}{text[time.end :]}"
    return text


def goods_of(fact_type: str, form: str, clock: str) -> tuple[Entity, str] | None:
    """A quantity and what there is of it, when a product is named so."""
    if fact_type not in ("product", "term"):
        return None
    folded = fold(form)
    entities = find_entities(folded, clock)
    if len(entities) != 1 or entities[0].start != 0 or not entities[0].unit:
        return None
    thing = folded[entities[0].end :]
    return (entities[0], thing) if thing and entities[0].unit != "号" else None
