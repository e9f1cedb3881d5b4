"""What a speaker took back: 三点不对四点 means 四点.

A correction is a value X, a marker (不对, 哦不, 说错了, 应该是, ...) and a value Y, or 不是X是Y. The
recogniser gives no punctuation and markers are ordinary words too (这个答案不对), so a correction is
only resolved where X and Y are seen to belong together: both a time, both an amount, both a name or
a city, words of the same make (大杯, 中杯), or Y starting over where X began (去上海不对去北京).
Everything else stays as it was said, for the LLM to understand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from voicebench.lexicon import either
from voicebench.lexicon.people import CLEAR_SURNAMES, TITLES
from voicebench.lexicon.places import CITIES
from voicebench.lexicon.units import COUNTERS, CURRENCIES, UNITS

_NUMBER = "[0-9零〇一二两三四五六七八九十百千万亿幺]+"
_DAY = (
    rf"(?:(?:下个?|这个?|本)?月)?(?:{_NUMBER}月)?{_NUMBER}[号日](?![楼线门院店室])|{_NUMBER}月份?|"
    r"大?后天|大?前天|[今明昨]天|[今明][早晚]|(?:下下|上上|[下上这本])?(?:个)?(?:周|星期|礼拜)[一二三四五六日天末]"
)
_DAY_WORDINGS = (re.compile("[今明昨]|大?[后前]天"), re.compile("[下上这本]*个?(?:周|星期|礼拜)"))
_PERIOD = "早上|上午|中午|下午|傍晚|晚上|凌晨|半夜"
_CLOCK = rf"{_NUMBER}点(?:半|钟|[一三]刻|{_NUMBER}分?)?(?:钟)?|{_NUMBER}[:：][0-9]{{2}}"
_SLOTS = ("day", "period", "clock")
_WHEN = rf"(?P<day>(?:{_DAY})*)(?P<period>(?:{_PERIOD})?)(?P<clock>(?:{_CLOCK})?)"
_UNITS = either(
    (set(UNITS) | set(COUNTERS) | set(CURRENCIES) | {"毛钱", "毛", "万元"}) - set("点月周")
)
_AMOUNT = rf"(?P<number>(?:百分之)?{_NUMBER}(?:[.点]{_NUMBER})?)(?P<unit>(?:{_UNITS})?)"
_SAME_UNITS = {"块钱": "元", "块": "元", "毛钱": "毛", "个小时": "小时", "个人": "人"}

_TITLES = either(set(TITLES) - {"工"})
_NAME_LIKE_WORDS = re.compile(
    "周[一二三四五六日末]|马上|高兴|方便|方式|文件|石头|段时|易于|任何|任务|余额|钱"
)
_CITIES = either(set(CITIES) - {"吉林市"})
_RESTARTS = "去到给跟和从在找约叫订买坐问飞送寄"
_GOVERNING = "在到去给和跟叫找谈送买订付"
_GOVERNED = re.compile(
    rf"[{_GOVERNING}]((?:(?![{_GOVERNING}0-9零〇一二两三四五六七八九十百千万])[\u4e00-\u9fff]){{2,6}})$"
)
_POINTING = "我你您他她它咱这那哪"
_WORD = re.compile("[\\u4e00-\\u9fff]{2}|[0-9A-Za-z]")

_PAUSE = r"[呃啊嗯哦噢喔唉哎，,、。\s]*"
_STRONG = (
    rf"(?<!对)不对(?:{_PAUSE}不对)*|[哦噢喔啊呃嗯][，,]?不(?![是对用要会])|不不+|不是不是|"
    r"我?(?:刚才)?[说讲]错了|口误|更正一下|我是说|我的意思是"
)
_LINK = rf"{_PAUSE}(?:我是说|我说的是|不是(?={_PAUSE}是)|应该是|应该|是)?{_PAUSE}"
_STRONG_MARKER = re.compile(rf"{_PAUSE}(?:{_STRONG}){_LINK}(?:(?:{_STRONG}){_LINK})*")
# Says that what stands before it is replaced by what follows at once.
_EXPLICIT = re.compile(
    rf"(?:(?:不对|错了|一下|意思){_PAUSE}(?:应该)?是|不是{_PAUSE}是|[哦噢喔啊呃嗯][，,]?不){_PAUSE}$"
)
# Ordinary words: a marker only between two values of one kind that touch it.
_WEAK_MARKER = re.compile(
    rf"{_PAUSE}应该是{_PAUSE}|[呃啊嗯哦噢喔，,、]+不是{_PAUSE}(?:是{_PAUSE})?|不是{_PAUSE}是{_PAUSE}"
)
_NOT_BUT = re.compile(r"(?<![是要可还])不是")
_BUT = re.compile(r"[，,]?(?:而)?是")
_MAX_TAIL = 8
_REACH = 200
"""Characters before a marker in which a value is looked for: a search with an end from the beginning
of a long meeting takes seconds."""
_MAX_RESTART = 10


class _Resolved(NamedTuple):
    """`before` without X, the rest of the text from Y on, and X."""

    before: str
    after: str
    retracted: str


_Match = Callable[[str, str], "_Resolved | None"]


def resolve_corrections(text: str) -> str:
    """Replaces what the speaker took back by what they put in its place.

    >>> resolve_corrections("帮我订明天下午三点哦不四点的会议室")
    '帮我订明天下午四点的会议室'
    >>> resolve_corrections("会议不是周三是周四")
    '会议周四'
    >>> resolve_corrections("这个答案不对你再看看")
    '这个答案不对你再看看'
    """
    return _resolve_all(text)[0]


def retracted_values(text: str) -> tuple[str, ...]:
    """The values the speaker took back, in the order in which they are resolved.

    >>> retracted_values("去上海不对去杭州的票要三张说错了四张")
    ('去上海', '三张')
    """
    return _resolve_all(text)[1]


def _resolve_all(text: str) -> tuple[str, tuple[str, ...]]:
    retracted: list[str] = []
    while (resolved := _resolve_first(text)) is not None:  # ends: each makes the text shorter
        text = resolved.before + resolved.after
        retracted.append(resolved.retracted)
    return text, tuple(retracted)


def _resolve_first(text: str) -> _Resolved | None:
    for marker, ways in (
        (_STRONG_MARKER, (_match_values, _match_words, _match_restart)),
        (_WEAK_MARKER, (_match_values_alike,)),
    ):
        for found in marker.finditer(text):
            matchers: tuple[_Match, ...] = ways
            before, after = text[: found.start()], text[found.end() :]
            if _EXPLICIT.search(found.group()):
                matchers = (*matchers, _match_governed)
            for match in matchers:
                if resolved := match(before, after):
                    return resolved
    return _resolve_not_but(text)


def _resolve_not_but(text: str) -> _Resolved | None:
    """不是X是Y, where X and Y may be followed by the same words (不是周三的会是周四的会)."""
    for denial in _NOT_BUT.finditer(text):
        rest = text[denial.end() :]
        for but in _BUT.finditer(rest):
            resolved = _match_values(rest[: but.start()], rest[but.end() :])
            if resolved and not resolved.before:
                return resolved._replace(before=text[: denial.start()])
    return None


# ---------------------------------------------------------------- values of one kind


def _match_values(before: str, after: str) -> _Resolved | None:
    """X and Y of one kind, X at the end of `before`, or both with the same words after them."""
    far, near = before[:-_REACH], before[-_REACH:]
    for tail_length in range(min(_MAX_TAIL, max(len(near) - 1, 0)), -1, -1):
        end = len(near) - tail_length
        head, tail = near[:end], near[end:]
        for match in (_match_when, _match_amount, _match_name, _match_city):
            if resolved := match(head, after, tail):
                return resolved._replace(before=far + resolved.before)
    return None


def _match_values_alike(before: str, after: str) -> _Resolved | None:
    """The same, but 明天应该是周三 says which day tomorrow is and takes nothing back."""
    resolved = _match_values(before, after)
    if resolved and any(
        bool(wording.match(resolved.retracted)) != bool(wording.match(after))
        for wording in _DAY_WORDINGS
    ):
        return None
    return resolved


def _match_when(head: str, after: str, tail: str) -> _Resolved | None:
    said = re.search(f"(?=.)(?:{_WHEN})$", head)
    meant = re.match(_WHEN, after)
    if not said or not said.group() or not meant or not meant.group():
        return None
    if not after[meant.end() :].startswith(tail):
        return None
    slots = [index for index, slot in enumerate(_SLOTS) if meant[slot]]
    replaced = [slot for slot in _SLOTS[slots[0] : slots[-1] + 1] if said[slot]]
    kept_after = "".join(said[slot] for slot in _SLOTS[slots[-1] + 1 :])
    if not replaced or (kept_after and tail):
        return None
    start, stop = said.start(replaced[0]), said.end(replaced[-1])
    return _Resolved(
        head[:start], meant.group() + kept_after + after[meant.end() :], head[start:stop]
    )


def _match_amount(head: str, after: str, tail: str) -> _Resolved | None:
    said, meant = re.search(f"(?:{_AMOUNT})$", head), re.match(_AMOUNT, after)
    if not said or not meant or not after[meant.end() :].startswith(tail):
        return None
    if not meant["unit"] and re.match("[点月号日周刻]", after[meant.end() :]):
        return None
    said_unit, meant_unit = (_SAME_UNITS.get(m["unit"], m["unit"]) for m in (said, meant))
    if said_unit and meant_unit and said_unit != meant_unit:
        return None
    unit = said["unit"] if not meant["unit"] and not tail else ""
    return _Resolved(
        head[: said.start()], meant.group() + unit + after[meant.end() :], said.group()
    )


def _match_name(head: str, after: str, tail: str) -> _Resolved | None:
    name = rf"[{CLEAR_SURNAMES}](?:{_TITLES}|[\u4e00-\u9fff]{{1,2}})"
    said = re.search(f"(?:{name})$", head)
    if not said or _NAME_LIKE_WORDS.match(said.group()) or _NAME_LIKE_WORDS.match(after):
        return None
    ending = re.escape(tail) if tail else ""
    if not re.match(rf"[{CLEAR_SURNAMES}](?:{_TITLES}|[\u4e00-\u9fff]{{1,2}}){ending}", after):
        return None
    return _Resolved(head[: said.start()], after, said.group())


def _match_city(head: str, after: str, tail: str) -> _Resolved | None:
    said, meant = re.search(f"(?:{_CITIES})$", head), re.match(_CITIES, after)
    if not said or not meant or not after[meant.end() :].startswith(tail):
        return None
    return _Resolved(head[: said.start()], after, said.group())


# ---------------------------------------------------------------- words


def _match_words(before: str, after: str) -> _Resolved | None:
    """Words of equal length and the same end: 人民医院不对中心医院, 大杯不对中杯."""
    for length in (5, 4, 3, 2):
        said, meant = before[-length:], after[:length]
        if len(said) < length or len(meant) < length or said == meant:
            continue
        if said[0] in _POINTING or meant[0] in _POINTING or not (said + meant).isalpha():
            continue
        num_shared = max(1, length - 2)
        if said[-num_shared:] == meant[-num_shared:]:
            return _Resolved(before[:-length], after, said)
    return None


def _match_restart(before: str, after: str) -> _Resolved | None:
    """Y starts over with the words X started with: 给王明打电话不对给李华打电话."""
    if not after or after[0] in _POINTING:
        return None
    recent = before[-_MAX_RESTART:]
    for anchor in (after[:4], after[:3], after[:2], after[:1]):
        if len(anchor) == 1 and anchor not in _RESTARTS:
            continue
        position = recent.rfind(anchor)
        if position >= 0 and len(recent) - position > len(anchor):
            start = len(before) - len(recent) + position
            if before[start:].startswith(after):
                return None  # only says X's first words again: it puts nothing in X's place
            return _Resolved(before[:start], after, before[start:])
    return None


def _match_governed(before: str, after: str) -> _Resolved | None:
    """What a verb or preposition governs, after a marker that is explicit: 放在超市不对是邮局.

    A day or a city is only replaced by another, which the matchers of values see.
    """
    far, near = before[:-_REACH], before[-_REACH:]
    said = _GOVERNED.search(near)
    if not said or re.fullmatch(f"{_WHEN}|{_CITIES}", said.group(1)):
        return None
    if not _WORD.match(after) or after[0] in _POINTING or after.startswith("因为"):
        return None
    return _Resolved(far + near[: said.start(1)], after, said.group(1))
