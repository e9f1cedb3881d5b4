"""Three tools on local data: weather, calendar and order status, to try tool calls with.

    assistant = Assistant(recognizer, generator, variant, toolbox=sample_toolbox())

The data (`sample_tools.json`) is made up and lies around the conversation's own today, so the tools
answer the same whenever they are asked. Dates and order numbers are taken as people say them.
"""

from __future__ import annotations

import functools
import json
from datetime import date as Date
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from voicebench.lexicon.number_words import DIGITS
from voicebench.llm.tools import Tool, Toolbox, ToolError, tool
from voicebench.metrics.values.calendar import find_days
from voicebench.metrics.values.numerals import fold

_DATA = Path(__file__).with_name("sample_tools.json")


def sample_toolbox() -> Toolbox:
    """A toolbox of the three."""
    return Toolbox(SAMPLE_TOOLS)


@tool
def get_weather(city: str, date: str, *, now: datetime) -> dict[str, str]:
    """查询天气"""
    forecasts = _data()["weather"]
    name = city.strip().removesuffix("市")
    if name not in forecasts:
        raise ToolError(f"没有{name}的天气数据，只有{'、'.join(forecasts)}的。")
    days_ahead = (_day(date, now) - now.date()).days
    if not 0 <= days_ahead < len(forecasts[name]):
        raise ToolError(f"只有今天起{len(forecasts[name])}天的天气预报。")
    return {"weather": forecasts[name][days_ahead]}


@tool
def get_events(date: str, *, now: datetime) -> dict[str, Any]:
    """查询日程"""
    day = _day(date, now)
    events = [
        {"time": event["time"], "title": event["title"]}
        for event in _data()["calendar"]
        if now.date() + timedelta(days=event["days_ahead"]) == day
    ]
    return {"date": day.isoformat(), "events": events}


@tool
def get_order_status(order_id: str) -> dict[str, str]:
    """查询订单状态"""
    number = "".join(str(DIGITS.get(char, char)) for char in fold(order_id) if char.isalnum())
    orders = _data()["orders"]
    if number not in orders:
        raise ToolError(f"没有订单 {number}。")
    return {"status": orders[number]}


SAMPLE_TOOLS: tuple[Tool, ...] = (get_weather, get_events, get_order_status)


@functools.cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(_DATA.read_text(encoding="utf-8"))
    return data


def _day(text: str, now: datetime) -> Date:
    """The day that is meant, the coming one where it may be several.

    Raises:
        ToolError: No single day.
    """
    if not text.strip():
        return now.date()
    today = now.date()
    for day in find_days(fold(text), today):
        if day.dates:
            dates = sorted(day.dates)
            return next((day for day in dates if day >= today), dates[-1])
    raise ToolError(f"不知道“{text}”是哪一天，请给出日期。")
