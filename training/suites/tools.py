"""`tools`: weather, calendar and orders are asked for, and what needs no tool.

The tools are `pipeline.sample_tools`; every day and order number asked for is one that they know.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator

from training.language.values import cardinal
from training.suites.asking import HAND_WRITTEN, line, written
from training.suites.build import (
    clock_of,
    draw_voice,
    fact,
    fill,
    number_cases,
    turn,
)
from voicebench.pipeline.sample_tools import sample_toolbox
from voicebench.types import Case, CaseTurn, Fact, ToolCall

SUITE = "tools"
_Draft = tuple[list[CaseTurn], list[str]]

CITIES = ("北京", "上海", "广州", "深圳", "杭州")
ORDERS = (
    "一零零一", "幺零零二", "一零零三", "六二七三幺", "二零二六零四一五", "幺零零幺", "一零零二",
    "幺零零三", "六二七三一", "二零二六零四幺五",
)  # fmt: skip
_DAYS_ALL_TOOLS_KNOW = 7
WEATHER = (
    "{date}{city}会下雨吗", "请问{date}{city}的天气好不好", "我{date}去{city}，要不要带雨伞",
    "{city}{date}是晴天吗", "{date}{city}冷不冷，会不会下雪", "想知道{date}{city}是什么天气",
    "我要去{city}旅游，{date}那边的天气好吗", "{city}那边{date}有没有大雨",
)  # fmt: skip
EVENTS = (
    "{date}我有什么安排", "看看我{date}的日程", "我{date}有没有会议", "{date}我要参加什么会",
    "请问{date}的日程上有什么", "帮我看看{date}有没有空", "{date}要做什么事情", "告诉我{date}几点有会",
)  # fmt: skip
ORDER_STATUS = (
    "帮我看看{order_id}号订单", "订单号{order_id}，发货了没有", "我买的东西还没有到，订单是{order_id}",
    "请问{order_id}这个订单送到哪里了", "{order_id}号订单现在是什么情况", "想知道订单{order_id}签收了没有",
)  # fmt: skip
_NO_TOOL = (
    ("order", "我下单买了{quantity}，花了{money}，送到{venue}", "请问我花了多少钱", "money"),
    ("meeting", "{date}的会改在{room}，{person}也来", "请问会改在哪里", "room"),
    ("trip", "{person}在{city}出差，{date}回来", "请问谁在出差", "person"),
    ("parcel", "取件码{code}，东西是{item}，在{place}", "请问去哪里拿东西", "place"),
    ("repair", "{title}说修{item}要{money}", "请问要修什么", "item"),
    ("contact", "{organisation}的电话换了，现在是{phone}", "请问现在的电话是多少", "phone"),
)
"""(frame, statement, question, the slot asked for): answered from what was said."""


def cases() -> list[Case]:
    """The suite's cases, the tools in turn; the same every time."""
    rng = random.Random(SUITE)
    kinds = ["weather", "events", "orders"] * 20 + ["none"] * len(_NO_TOOL)
    none = iter(_no_tool(rng))
    drafts: list[_Draft] = []
    for index, kind in enumerate(kinds):
        now = datetime.datetime.fromisoformat(clock_of(index + 1))
        drafts.append(next(none) if kind == "none" else _call(kind, index // 3, now, rng))
    return number_cases(SUITE, drafts, sample_toolbox().schemas)


def say_day(now: datetime.datetime, days_ahead: int, form: int) -> str:
    """A day as one says it now: 明天, 周四, 下周一 or 四月十六号.

    >>> [say_day(datetime.datetime(2026, 4, 15), days, 1) for days in (1, 2, 5)]
    ['周四', '周五', '下周一']
    """
    day = now.date() + datetime.timedelta(days=days_ahead)
    if form % 3 == 0 and days_ahead < 3:
        return ("今天", "明天", "后天")[days_ahead]
    if form % 3 == 1 and days_ahead:
        is_next = day.isocalendar().week != now.isocalendar().week
        return ("下周" if is_next else "周") + "一二三四五六日"[day.weekday()]
    return f"{cardinal(day.month)}月{cardinal(day.day)}号"


def _call(kind: str, number: int, now: datetime.datetime, rng: random.Random) -> _Draft:
    """The `number`-th request of a kind, and the call that it takes."""
    if kind == "orders":
        template, name = ORDER_STATUS[number % len(ORDER_STATUS)], "get_order_status"
        said = {"order_id": ORDERS[number % len(ORDERS)]}
        facts = [fact("order_id", "code", said["order_id"])]
    elif kind == "events":
        template, name = EVENTS[number % len(EVENTS)], "get_events"
        days_ahead = (number * 5) % _DAYS_ALL_TOOLS_KNOW
        said = {"date": say_day(now, days_ahead, number + number // len(EVENTS))}
        facts = [fact("date", "date", said["date"])]
    else:
        template, name = WEATHER[number % len(WEATHER)], "get_weather"
        date = say_day(now, (number * 3) % _DAYS_ALL_TOOLS_KNOW, number + 1)
        said = {"city": CITIES[number % len(CITIES)], "date": date}
        facts = [fact("city", "city", said["city"]), fact("date", "date", date)]
    return [_asked(fill(template, said), facts, ToolCall(name=name, arguments=dict(said)), rng)], [
        kind,
        HAND_WRITTEN,
    ]


def _asked(text: str, facts: list[Fact], call: ToolCall, rng: random.Random) -> CaseTurn:
    return turn(line(text, voice=draw_voice(rng)), facts, "tool", tool_calls=(call,))


def _no_tool(rng: random.Random) -> Iterator[_Draft]:
    for frame_id, template, ask, slot in _NO_TOOL:
        said = written(frame_id, template, rng)
        asked = turn(line(said.text, ask, voice=draw_voice(rng)), [said.fact(slot)])
        yield [asked], ["no_tool", HAND_WRITTEN]
