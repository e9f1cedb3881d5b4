"""Numbers, dates, times, money and names in Chinese text, found and valued.

Two entities of a kind are compared by value, not by spelling: 三万五 = 35000 = 3.5万, 幺三八零零... is
the same telephone number in digits, 下周三 is a date on the case's clock, 下午两点半 is 14:30, 三百块 is
¥300, 三斤 is 1.5公斤. Names cannot be found without knowing them: they are looked up in a given list;
beside it, a surname with a title (王经理) and the names of large cities are recognised.

    from voicebench.metrics.entities import find_entities
    find_entities("下周三下午两点半付三百块", clock="2026-03-02T09:00:00")
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from voicebench.metrics import calendar
from voicebench.metrics.calendar import Agreement, Day
from voicebench.metrics.names import CITIES, TITLED_PERSON, is_whole_name
from voicebench.metrics.numbers import NUMBER, fold, is_read_out, parse_number, plain, read_digits
from voicebench.types import Fact

Kind = Literal[
    "number", "date", "time", "money", "person", "place", "organisation", "product", "term"
]
VALUE_KINDS: tuple[Kind, ...] = ("number", "date", "time", "money")
NAME_KINDS: tuple[Kind, ...] = ("person", "place", "organisation", "product", "term")
Names = tuple[tuple[str, Kind], ...]
"""Known names with their kinds, folded, longest first: what `known_names` returns."""


def known_names(facts: Iterable[Fact]) -> Names:
    """The names that facts are about, for `find_entities` to look up.

    >>> known_names([Fact(id="who", type="person", value="李明", forbidden=("王芳",))])
    (('李明', 'person'), ('王芳', 'person'))
    """
    names = {
        (fold(form), fact.type)
        for fact in facts
        if fact.type in NAME_KINDS
        for form in (fact.value, *fact.accepted, *fact.forbidden)
        if len(fold(form)) > 1
    }
    return tuple(sorted(names, key=lambda name: (-len(name[0]), name)))


@dataclass(frozen=True)
class Entity:
    """Something in a text that has a value.

    Attributes:
        kind: What it is; percentages, quantities, codes and telephone numbers are numbers.
        text: As written, folded.
        start: First character in the folded text.
        end: After the last character.
        value: Canonical value, for display and, but for dates and times, for comparison.
        unit: Base unit of a quantity (克, 秒), counter (个) or currency; empty when bare.
        minutes: A time's readings in minutes since midnight.
        day: A date's reading.
        is_weak: Perhaps no value at all but a turn of speech (一个, 一点): it may state a fact, but
            is never held against an answer.
    """

    kind: Kind
    text: str
    start: int
    end: int
    value: str
    unit: str = ""
    minutes: frozenset[int] = frozenset()
    day: Day | None = None
    is_weak: bool = False


def compare(truth: Entity, said: Entity) -> Agreement | None:
    """Whether `said` states `truth`; None when they do not speak of the same kind of thing."""
    if truth.kind == said.kind == "date" and truth.day and said.day:
        return calendar.compare_days(truth.day, said.day)
    if truth.kind == said.kind == "time":
        return "equal" if truth.minutes & said.minutes else "conflict"
    if {truth.kind, said.kind} <= {"number", "money"}:
        return _compare_figures(truth, said)
    if truth.kind == said.kind:
        return "equal" if truth.value == said.value else "conflict"
    return None


def _compare_figures(truth: Entity, said: Entity) -> Agreement | None:
    """A figure without a unit can state one with a unit, but not one of another unit."""
    if (
        truth.unit != said.unit
        and truth.unit
        and said.unit
        and not {truth.unit, said.unit} <= _PEOPLE
    ):
        return None
    if len(truth.value) >= 7 and 3 <= len(said.value) <= 4 and truth.value.endswith(said.value):
        return "partial"  # the last digits of a telephone number
    if truth.unit == said.unit or {truth.unit, said.unit} <= _PEOPLE:
        return "equal" if truth.value == said.value else "conflict"
    if truth.value == said.value or _as_written(truth) == _as_written(said):
        return "equal"
    # an amount of money is no wrong answer to another kind of number
    return None if said.kind == "money" != truth.kind else "conflict"


def _as_written(entity: Entity) -> str:
    """The figure before conversion, where one side has no unit: 3 states 3公斤."""
    return _first_figure(entity.text) or entity.value


@functools.lru_cache(maxsize=10_000)
def _first_figure(text: str) -> str:
    match = re.search(NUMBER, text)
    value = parse_number(match.group()) if match else None
    return "" if value is None else plain(value)


# ---------------------------------------------------------------- units

_UNITS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("公斤", "千克", "kg"), ("克", "1000")),
    "斤": ("克", "500"), "两重": ("克", "50"), "克": ("克", "1"), "g": ("克", "1"), "吨": ("克", "1000000"),
    **dict.fromkeys(("公里", "千米", "km", "kilometers", "kilometres"), ("米", "1000")),
    "里地": ("米", "500"), "米": ("米", "1"), "厘米": ("米", "0.01"), "cm": ("米", "0.01"),
    "毫米": ("米", "0.001"), "mm": ("米", "0.001"),
    **dict.fromkeys(("毫升", "ml"), ("升", "0.001")),
    "升": ("升", "1"), "l": ("升", "1"),
    **dict.fromkeys(("个小时", "小时", "个钟头", "钟头", "hours", "hour"), ("秒", "3600")),
    **dict.fromkeys(("分钟", "minutes", "minute"), ("秒", "60")),
    **dict.fromkeys(("秒钟", "秒"), ("秒", "1")),
    "刻钟": ("秒", "900"),
    **dict.fromkeys(("天", "days", "day"), ("天", "1")),
    **dict.fromkeys(("个星期", "星期", "个礼拜", "礼拜", "周", "weeks", "week"), ("天", "7")),
    "个月": ("月", "1"), "年": ("月", "12"), "岁": ("岁", "1"),
    **dict.fromkeys(("摄氏度", "℃", "°c", "度"), ("度", "1")),
    **dict.fromkeys(("平方米", "平米", "平"), ("平方米", "1")), "折": ("折", "1"), "倍": ("倍", "1"),
}  # fmt: skip
_COUNTERS = [
    "个人",
    "个",
    "人",
    "位",
    "名",
    "张",
    "件",
    "台",
    "把",
    "只",
    "条",
    "本",
    "瓶",
    "箱",
    "盒",
    "袋",
    "包",
    "双",
    "束",
    "次",
    "遍",
    "片",
    "粒",
    "颗",
    "层",
    "楼",
    "栋",
    "辆",
    "头",
    "杯",
    "份",
    "道",
    "页",
    "句",
    "字",
    "单元",
    "室",
    "号楼",
    "号线",
    "号",
    "路",
    "间",
    "排",
    "座",
    "门",
    "项",
    "家",
    "场",
    "部",
    "套",
    "枚",
    "支",
    "枝",
    "根",
    "块",
    "桶",
    "罐",
    "碗",
    "盘",
    "桌",
    "盆",
    "棵",
    "朵",
    "群",
    "班",
    "级",
    "步",
    "轮",
    "点",
    "集",
    "首",
    "幅",
    "篇",
    "篮",
    "打",
    "匹",
    "架",
    "艘",
    "票",
    "期",
    "关",
    "组",
    "对",
    "副",
    "人份",
    "人次",
    "间房",
]
_PEOPLE = frozenset({"个人", "个", "人", "位", "名"})
_CURRENCIES = {
    **dict.fromkeys(
        (
            "元",
            "块",
            "块钱",
            "元钱",
            "圆",
            "蚊",
            "人民币",
            "元人民币",
            "块人民币",
            "rmb",
            "cny",
            "yuan",
            "¥",
        ),
        "CNY",
    ),
    **dict.fromkeys(("美元", "美金", "刀", "usd", "dollars", "$"), "USD"),
    **dict.fromkeys(("欧元", "eur", "€"), "EUR"),
    **dict.fromkeys(("英镑", "gbp", "£"), "GBP"),
    **dict.fromkeys(("港币", "港元", "港纸", "hkd", "hk$"), "HKD"),
    **dict.fromkeys(("日元", "jpy"), "JPY"),
}


def _either(words: object) -> str:
    """A regular expression that matches any of the words, longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


_UNIT = rf"(?:{_either(_UNITS)})(?<![a-z](?=[a-z]))"
_COUNTER = _either(_COUNTERS)
_CURRENCY = _either(word for word in _CURRENCIES if word not in "¥$€£" and word != "hk$")
_SIGN = _either(("¥", "$", "€", "£", "hk$", "rmb", "人民币", "usd"))
_DIGIT = "零〇一二两三四五六七八九幺"
_NO_DIGIT_BEFORE = rf"(?<![\d.{_DIGIT}十百千万亿])"
_MINUS = r"(?:(零下|负|(?<![\w)\x00])-)?)"

_PHONE = re.compile(
    r"(?<![\d.])(?:1[3-9]\d[ -]?\d{4}[ -]?\d{4}|0\d{2,3}[ -]\d{7,8}|[48]00[ -]?\d{3}[ -]?\d{4})(?!\d)"
    rf"|[{_DIGIT}]{{3,4}}(?:[,、-][{_DIGIT}]{{3,4}}){{1,3}}(?![{_DIGIT}十百千万])"
)
_SIGNED_MONEY = re.compile(rf"({_SIGN}) ?({NUMBER})(?:元|块)?")
_MONEY = re.compile(
    rf"{_NO_DIGIT_BEFORE}({NUMBER})(?:多|来|余|几)? ?({_CURRENCY})"
    rf"(?:(\d|[{_DIGIT}])(?:毛|角|(?![{_DIGIT}十百千万亿\d点个])|(?=[一1每](?:{_UNIT}|{_COUNTER}))))?(?:(半)(?!\w))?(?:钱)?"
)
_DIME = re.compile(rf"{_NO_DIGIT_BEFORE}(\d|[{_DIGIT}])毛(?:钱)?(?!线|衣|巾|笔|病)")
_PERCENT = re.compile(
    rf"(百|千)分之({NUMBER})|{_NO_DIGIT_BEFORE}({NUMBER})(?:%|个百分点| percent)"
    r"|([一二三四五六七八九1-9])成(?![都功为本员立绩人熟长果份交品效分年])"
)
_DISCOUNT = re.compile(rf"{_NO_DIGIT_BEFORE}([1-9]|[{_DIGIT}])([1-9]|[{_DIGIT}])折")
_RANGE = re.compile(
    rf"{_NO_DIGIT_BEFORE}({NUMBER})(?:到|至|-|~)(?={NUMBER}(%|{_UNIT}|{_CURRENCY}|{_COUNTER}))"
)
_FRACTION = re.compile(rf"{_NO_DIGIT_BEFORE}({NUMBER})分之({NUMBER})")
_HALF = re.compile(rf"(?<![一大小多夜])半个?({_UNIT})")
_QUANTITY = re.compile(
    rf"{_MINUS}{_NO_DIGIT_BEFORE}({NUMBER})(?:多|来|余)?"
    rf"(?:(个?)半({_UNIT})| ?({_UNIT}|{_COUNTER})(半|(?:(?<=米)[{_DIGIT}]{{1,2}}|(?<=度)[{_DIGIT}])(?!\w))?)?"
)
_APPROXIMATE = re.compile(
    rf"(?<![{_DIGIT}])(?:一两|两三|三四|三五|四五|五六|六七|七八|八九)(?![{_DIGIT}])|[十几](?=几)|好几|几[十百千万]"
)
_LIST_MARK = re.compile(r"(?:^|[\n。;])(?:\d{1,2}[.、)](?!\d)|\(\d{1,2}\)|[①-⑳])")
_IDIOMS = re.compile(
    r"千万(?=别|不|要|记|注|小|得)|(?<![一二两三四五六七八九十百千])万一|十分(?!钟|之)|百货|百合|千瓦|万里|一百二十分|万分|千秋|三明治|四川|三亚|六安|"
    r"九寨沟|百度|二维码|统一|唯一|同一|第一时间|一一(?![一二三四五六七八九零])|万达|万科|七夕|八宝|三轮|"
    r"四季|五金|百事|一二三(?!四)|八达岭|九龙|三里屯|双十一|两口子|十字|百年|千年|百姓|万事|万能|万象"
)
_MASK = "\x00"


@dataclass
class _Scanner:
    """Folded text in which what was found is blanked out, so that nothing is read twice."""

    text: str
    rest: str
    found: list[Entity]

    def add(self, entity: Entity) -> None:
        self.blank(entity.start, entity.end)
        self.found.append(entity)

    def blank(self, start: int, end: int) -> None:
        self.rest = self.rest[:start] + _MASK * (end - start) + self.rest[end:]

    def is_free(self, start: int, end: int) -> bool:
        return _MASK not in self.rest[start:end]


@functools.lru_cache(maxsize=10_000)
def find_entities(text: str, clock: str, names: Names = ()) -> tuple[Entity, ...]:
    """Entities of a text, in order of appearance, none overlapping.

    Args:
        text: Any text; it is folded first (`numbers.fold`), and positions refer to the folded text.
        clock: ISO 8601 local time to which 今天 and 下周三 are relative.
        names: Known names and their kinds, folded.

    >>> [(e.kind, e.value) for e in find_entities("下周三下午两点半付三百块", "2026-03-02T09:00:00")]
    [('date', '2026-03-11'), ('time', '14:30'), ('money', '300')]
    """
    folded = fold(text)
    today = datetime.datetime.fromisoformat(clock).date()
    scanner = _Scanner(folded, folded, [])
    for name in _find_names(folded, names):
        if scanner.is_free(name.start, name.end):
            scanner.add(name)
    for match in _LIST_MARK.finditer(folded):
        scanner.blank(match.start(), match.end())
    for match in _PHONE.finditer(scanner.rest):
        digits = re.sub(r"\D", "", read_digits(match.group()))
        scanner.add(Entity("number", match.group(), match.start(), match.end(), digits))
    for found in calendar.find_days(scanner.rest, today):
        if isinstance(found.reading, Day) and scanner.is_free(found.start, found.end):
            piece = folded[found.start : found.end]
            scanner.add(
                Entity("date", piece, found.start, found.end, str(found.reading), day=found.reading)
            )
    for found in calendar.find_times(scanner.rest):
        if isinstance(found.reading, frozenset) and scanner.is_free(found.start, found.end):
            scanner.add(_time(folded[found.start : found.end], found.start, found.reading))
    for match in _IDIOMS.finditer(scanner.rest):
        scanner.blank(match.start(), match.end())
    for finder in (
        _find_range_starts,
        _find_money,
        _find_shares,
        _find_numbers,
        _find_people_and_cities,
    ):
        for entity in finder(scanner.rest):
            if scanner.is_free(entity.start, entity.end):
                scanner.add(entity)
    return tuple(_join_durations(sorted(scanner.found, key=lambda entity: entity.start)))


def _time(text: str, start: int, minutes: frozenset[int]) -> Entity:
    value = "|".join(f"{minute // 60:02}:{minute % 60:02}" for minute in sorted(minutes))
    is_weak = text in ("一点", "两点", "三点")
    return Entity("time", text, start, start + len(text), value, minutes=minutes, is_weak=is_weak)


def _find_names(text: str, names: Names) -> Iterator[Entity]:
    for name, kind in names:
        if name in text:
            for match in re.finditer(re.escape(name), text):
                if is_whole_name(text, match.start(), match.end(), kind):
                    yield Entity(kind, name, match.start(), match.end(), name)


def _find_people_and_cities(text: str) -> Iterator[Entity]:
    for match in TITLED_PERSON.finditer(text):
        yield Entity("person", match.group(), match.start(), match.end(), match.group())
    for match in CITIES.finditer(text):
        if is_whole_name(text, match.start(), match.end(), "place"):
            yield Entity("place", match.group(), match.start(), match.end(), match.group())


def _find_range_starts(text: str) -> Iterator[Entity]:
    """The first figure of 三到五天, which has the unit of the second."""
    for match in _RANGE.finditer(text):
        value, word = parse_number(match.group(1)), match.group(2)
        if value is None or word.startswith("点"):
            continue
        kind: Kind = "money" if word in _CURRENCIES else "number"
        unit, factor = _UNITS.get(word, (_CURRENCIES.get(word, word), "1"))
        yield Entity(kind, match.group(1), *match.span(1), plain(value * Decimal(factor)), unit)


def _find_money(text: str) -> Iterator[Entity]:
    for match in _SIGNED_MONEY.finditer(text):
        value = parse_number(match.group(2))
        if value is not None:
            currency = _CURRENCIES[match.group(1)]
            yield Entity("money", match.group(), *match.span(), plain(value), unit=currency)
    for match in _MONEY.finditer(text):
        value = parse_number(match.group(1))
        if value is None:
            continue
        dimes = match.group(3)
        value += Decimal(read_digits(dimes)) / 10 if dimes else 0
        value += Decimal("0.5") if match.group(4) else 0
        # 一块 is also a piece, or "together"
        is_weak = value == 1 and match.group() == "一块"
        currency = _CURRENCIES[match.group(2)]
        yield Entity("money", match.group(), *match.span(), plain(value), currency, is_weak=is_weak)
    for match in _DIME.finditer(text):
        value = Decimal(read_digits(match.group(1))) / 10
        yield Entity("money", match.group(), *match.span(), plain(value), "CNY")


def _find_shares(text: str) -> Iterator[Entity]:
    """Percentages and fractions, as numbers of the unit %."""
    if not any(sign in text for sign in "分成%折p"):
        return
    for match in _PERCENT.finditer(text):
        base, per, percent, tenths = match.groups()
        value = parse_number(per or percent or tenths)
        if value is not None:
            value = value / 10 if base == "千" else value * 10 if tenths else value
            yield Entity("number", match.group(), *match.span(), plain(value), "%")
    for match in _DISCOUNT.finditer(text):
        yield Entity(
            "number", match.group(), *match.span(), ".".join(map(read_digits, match.groups())), "折"
        )
    for match in _FRACTION.finditer(text):
        below, above = parse_number(match.group(1)), parse_number(match.group(2))
        if below and above is not None and below != 100:
            value = (above * 100 / below).quantize(Decimal("0.000001"))
            yield Entity("number", match.group(), *match.span(), plain(value), "%")


def _find_numbers(text: str) -> Iterator[Entity]:
    approximate = {match.start() for match in _APPROXIMATE.finditer(text)}
    for match in _QUANTITY.finditer(text):
        entity = _quantity(match, approximate)
        if entity is not None:
            yield entity
    for match in _HALF.finditer(text):
        unit, factor = _UNITS[match.group(1)]
        value = Decimal(factor) / 2
        yield Entity("number", match.group(), *match.span(), plain(value), unit)


def _quantity(match: re.Match[str], approximate: set[int]) -> Entity | None:
    minus, figure, _, half_unit, unit_word, half_after = match.groups()[:6]
    start = match.start(2) if not minus else match.start()
    if match.start(2) in approximate:
        return None
    unit_word = unit_word or half_unit or ""
    value = parse_number(figure)
    text, end = match.string, match.end()
    if value is None:
        return None
    if not figure[0].isdigit() and not _is_spoken_number(figure, unit_word):
        return None
    if figure[0].isdigit() and _is_in_word(text, match.start(2), match.end(2)):
        return None
    if half_unit or half_after == "半":
        value += Decimal("0.5")
    elif half_after:  # 一米七五, 三十七度五
        value += Decimal(f"0.{read_digits(half_after)}")
    unit, factor = _UNITS.get(unit_word, (unit_word, "1"))
    value = value * Decimal(factor) * (-1 if minus else 1)
    is_ordinal = text[max(start - 1, 0) : start] == "第"
    is_weak = is_ordinal or (figure in ("一", "1", "两") and unit_word in _COUNTERS)
    canonical = plain(value)
    if (is_read_out(figure) or figure.isdigit()) and factor == "1" and not minus and not half_after:
        canonical = read_digits(figure)
    return Entity("number", text[start:end], start, end, canonical, unit, is_weak=is_weak)


def _is_spoken_number(figure: str, unit: str) -> bool:
    """Whether Hanzi digits are meant as a number: a lone one needs a measure word after it."""
    if figure in ("十", "百", "千", "万", "亿", "千万", "百万"):
        return bool(unit) and figure in ("十", "百万", "千万")
    if len(figure) == 1 or set(figure) <= set("百千万亿"):
        return bool(unit)
    return len(figure) > 2 or is_read_out(figure) or any(char in "十百千万亿" for char in figure)


def _is_in_word(text: str, start: int, end: int) -> bool:
    """Whether digits are part of a Latin word or model name (mp3, h200)."""
    before, after = text[max(start - 1, 0) : start], text[end : end + 1]
    is_glued = before.isascii() and (before.isalpha() or before == "_")
    return is_glued or (after.isascii() and after.isalpha() and not re.match(_UNIT, text[end:]))


def _join_durations(entities: list[Entity]) -> Iterator[Entity]:
    """一小时三十分钟 is one duration."""
    pending: Entity | None = None
    for entity in entities:
        if (
            pending is not None
            and pending.end == entity.start
            and pending.kind == entity.kind == "number"
            and pending.unit == entity.unit
            and pending.unit in ("秒", "克", "米", "月")
        ):
            value = plain(Decimal(pending.value) + Decimal(entity.value))
            text = pending.text + entity.text
            pending = Entity("number", text, pending.start, entity.end, value, entity.unit)
            continue
        if pending is not None:
            yield pending
        pending = entity
    if pending is not None:
        yield pending
