"""The sample tools, asked as people ask."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import msgspec
import pytest

from voicebench.pipeline.sample_tools import sample_toolbox
from voicebench.types import ToolCall

NOW = datetime(2026, 4, 15, 14, 30)  # a Wednesday


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("get_weather", {"city": "北京", "date": "今天"}, {"weather": "晴天"}),
        ("get_weather", {"city": "北京市", "date": "明天"}, {"weather": "多云"}),
        ("get_weather", {"city": "上海", "date": "四月十六号"}, {"weather": "大雨"}),
        ("get_weather", {"city": "上海", "date": "2026-04-17"}, {"weather": "多云"}),
        ("get_weather", {"city": "上海", "date": ""}, {"weather": "小雨"}),
        ("get_weather", {"city": "火星", "date": "今天"}, "没有火星的天气数据"),
        ("get_weather", {"city": "北京", "date": "昨天"}, "只有今天起7天"),
        ("get_weather", {"city": "北京", "date": "改天"}, "不知道“改天”是哪一天"),
        ("get_events", {"date": "周四"}, {"date": "2026-04-16", "events": [
            {"time": "上午九点半", "title": "安全生产"}, {"time": "下午三点", "title": "新产品发布"}]}),
        ("get_events", {"date": "下周一"}, {"date": "2026-04-20", "events": []}),
        ("get_order_status", {"order_id": "幺零零二"}, {"status": "正在配送"}),
        ("get_order_status", {"order_id": "1001"}, {"status": "已发货"}),
        ("get_order_status", {"order_id": "7"}, "没有订单 7"),
    ],
)  # fmt: skip
def test_answers(name: str, arguments: dict[str, str], expected: Any) -> None:
    call = ToolCall(name=name, arguments=arguments)
    result = asyncio.run(sample_toolbox().run(call, NOW, 30.0))
    if isinstance(expected, str):
        assert result.outcome == "failed"
        assert expected in result.content
    else:
        assert msgspec.json.decode(result.content) == expected


def test_weather_is_relative_to_the_conversations_today() -> None:
    call = ToolCall(name="get_weather", arguments={"city": "北京", "date": "今天"})
    later = asyncio.run(sample_toolbox().run(call, datetime(2030, 1, 1), 30.0))
    assert msgspec.json.decode(later.content) == {"weather": "晴天"}
