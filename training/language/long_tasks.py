"""Meetings and tool calls: the training dialogues with long prompts."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.language import lexicon as lx
from training.language.frames import FRAMES, draw
from training.language.meeting_lines import (
    ASKS,
    COMPOSED_SHARE,
    DECISIONS,
    PART_ASKS,
    RISK_LINES,
    SENTENCES,
    SMALL_TALK,
    TALK_LEADS,
    TALK_OF_VALUES,
    TALK_PREDICATES,
    TALK_SUBJECTS,
    TALK_TAILS,
    TODOS,
    decision_wording,
    risk_wording,
    todo_wording,
)
from training.language.prompts import Style, system_prompts
from training.language.values import DRAWS, World, fact_type
from voicebench.types import Message

if TYPE_CHECKING:
    from training.language.dialogues import Dialogue, Expected, Maker

NUM_HELD_OUT = 1
TAKEN_BACK_SHARE = 0.25  # of decisions
ECHO_SHARE = 0.15  # of a meeting's points
BREAKS = ("等一下", "不好意思", "我说", "嗯", "")
FOLLOW_UP_SHARE = 0.6  # of training's meetings: more to learn from each long prompt


def _templates(lines: tuple[str, ...], held_out: bool) -> tuple[str, ...]:
    return lines[-NUM_HELD_OUT:] if held_out else lines[:-NUM_HELD_OUT]


def _wording(rng: random.Random, lines: tuple[str, ...], held_out: bool) -> str:
    """One of the lines, or in training one put together."""
    if held_out or rng.random() >= COMPOSED_SHARE:
        return rng.choice(_templates(lines, held_out))
    compose = {DECISIONS: decision_wording, TODOS: todo_wording, RISK_LINES: risk_wording}[lines]
    return compose(rng)


def spoken_line(rng: random.Random, world: World) -> str:
    """One or two things that people say in a training meeting."""
    lines = [rng.choice(SMALL_TALK + SENTENCES)]
    kinds = ("topic", "date", "money", "person", "task", "risk")
    values = {kind: DRAWS[kind](rng, world) for kind in kinds}
    for _ in range(rng.choice((0, 1, 1))):
        template = _wording(rng, rng.choice((DECISIONS, TODOS, RISK_LINES)), False)
        lines.insert(rng.randint(0, 1), template.format(**values))
    return "".join(lines)


def ask_line(rng: random.Random) -> str:
    """What is asked of a training meeting."""
    return rng.choice(_templates(rng.choice((ASKS, *PART_ASKS.values())), held_out=False))


def _expected(values: Iterable[tuple[str, str]]) -> Expected:
    """Facts of (kind, value) pairs."""
    from training.language.dialogues import Expected

    pairs = tuple(values)
    return Expected(tuple(v for _, v in pairs), tuple(fact_type(kind) for kind, _ in pairs))


def talk_line(rng: random.Random, world: World) -> str:
    """A remark that no summary mentions: known, put together, made up, or on some value."""
    kinds_of_talk = ("known", "sentence", "composed", "words", "values")
    kind = rng.choices(kinds_of_talk, (0.14, 0.36, 0.3, 0.06, 0.14))[0]
    if kind == "known":
        return rng.choice(SMALL_TALK)
    if kind == "sentence":
        said = rng.choice(SENTENCES)
        return rng.choice(TALK_LEADS) + said if rng.random() < 0.25 else said
    if kind == "words":
        return "".join(rng.choice(lx.COMMON) for _ in range(rng.randint(3, 9)))
    if kind == "values":
        kinds = ("topic", "date", "money", "person", "task")
        return rng.choice(TALK_OF_VALUES).format(**{k: DRAWS[k](rng, world) for k in kinds})
    lead = rng.choice(TALK_LEADS) if rng.random() < 0.5 else ""
    parts = [rng.choice(TALK_SUBJECTS) + rng.choice(TALK_PREDICATES)]
    if rng.random() < 0.5:
        subject = rng.choice(TALK_SUBJECTS) if rng.random() < 0.4 else ""
        parts.append(subject + rng.choice(TALK_PREDICATES))
    return lead + "".join(parts) + rng.choice(TALK_TAILS)


@dataclass(frozen=True)
class Point:
    """What a summary states: its part, the line that says it, its clause, its values by kind, and
    what was taken back."""

    part: str
    said: str
    clause: str
    values: tuple[tuple[str, str], ...]
    retracted: tuple[str, ...] = ()


def _decision(maker: Maker, slots: dict[str, str]) -> Point:
    from training.language.dialogues import AT_ONCE

    rng, world = maker.rng, maker.world
    template = _wording(rng, DECISIONS, maker.held_out)
    kind = "money" if "{money}" in template else "date"
    value, old = slots[kind], DRAWS[kind](rng, world)
    retracted: tuple[str, ...] = ()
    if rng.random() < TAKEN_BACK_SHARE and old not in value and value not in old:
        slots = slots | {kind: old + rng.choice(AT_ONCE) + value}
        retracted = (old,)
    clause = f"{slots['topic']}{'预算' if kind == 'money' else '定在'}{value}"
    return Point(
        "决定",
        template.format(**slots),
        clause,
        (("topic", slots["topic"]), (kind, value)),
        retracted,
    )


def _todo(maker: Maker, slots: dict[str, str]) -> Point:
    template = _wording(maker.rng, TODOS, maker.held_out)
    clause = f"{slots['person']}负责{slots['task']}，{slots['date']}前完成"
    values = tuple((kind, slots[kind]) for kind in ("person", "task", "date"))
    return Point("待办", template.format(**slots), clause, values)


def _risk(maker: Maker, slots: dict[str, str]) -> Point:
    template = _wording(maker.rng, RISK_LINES, maker.held_out)
    return Point("风险", template.format(**slots), slots["risk"], (("risk", slots["risk"]),))


def _points(maker: Maker) -> list[Point]:
    """One to three decisions and to-dos and one or two risks, in any order."""
    rng = maker.rng
    kinds = ("topic", "date", "money", "person", "task", "risk")
    points = []
    for make, counts in (
        (_decision, (1, 1, 2, 2, 3)),
        (_todo, (1, 1, 2, 2, 3)),
        (_risk, (1, 1, 1, 2)),
    ):
        for _ in range(rng.choice(counts)):
            points.append(make(maker, {kind: DRAWS[kind](rng, maker.world) for kind in kinds}))
    rng.shuffle(points)
    return points


def _spoken(maker: Maker, points: list[Point]) -> str:
    """The points spread over small talk, some said twice or begun anew."""
    rng = maker.rng
    count = rng.choices(
        (4, 8, 16, 30, 60, 100, 150, 200), (0.22, 0.2, 0.16, 0.13, 0.11, 0.09, 0.06, 0.03)
    )[0]
    lines = [talk_line(rng, maker.world) for _ in range(count)]
    positions = sorted(rng.sample(range(count + len(points)), len(points)))
    for position, point in zip(positions, points, strict=True):
        said = point.said
        if rng.random() < ECHO_SHARE:
            said = rng.choice((said + said, said[: rng.randint(2, 6)] + rng.choice(BREAKS) + said))
        lines.insert(position, said)
    return "".join(lines)


def meeting(maker: Maker) -> Dialogue:
    """Minutes of a meeting: decisions, to-dos and risks, in small talk; of all parts or of one.

    Many of training's are asked several times, by part and for single values, so that there is more
    to learn from each long prompt; never for all first, whose answer the others would only repeat.
    """
    from training.language.dialogues import Dialogue

    rng, held_out = maker.rng, maker.held_out
    points = _points(maker)
    style: Style = "strict" if rng.random() < 0.7 else "plain"
    if not held_out and rng.random() < FOLLOW_UP_SHARE:
        turns = [_part_turn(points, part, rng, held_out) for part in PART_ASKS]
        turns += _single_turns(rng, points)
        rng.shuffle(turns)
    elif rng.random() < 0.4:
        turns = [_part_turn(points, rng.choice(tuple(PART_ASKS)), rng, held_out)]
    else:
        ask = rng.choice(_templates(ASKS, held_out))
        turns = [(ask, _minutes(points, tuple(PART_ASKS)), _expected_of(points))]
    messages = [Message(role="system", content=rng.choice(system_prompts(style, held_out)))]
    said = _spoken(maker, points)
    for ask, answer, _ in turns:
        messages.append(Message(role="user", content=said + ask))
        messages.append(Message(role="assistant", content=answer))
        said = ""
    expected = tuple(expected for _, _, expected in turns)
    return Dialogue("long_meeting", style, tuple(messages), expected)


Asked = tuple[str, str, "Expected"]
"""Question, answer, what the answer states."""


def _part_turn(points: list[Point], part: str, rng: random.Random, held_out: bool) -> Asked:
    asked = [point for point in points if point.part == part]
    ask = rng.choice(_templates(PART_ASKS[part], held_out))
    return ask, _minutes(points, (part,)), _expected_of(asked)


def _minutes(points: list[Point], parts: tuple[str, ...]) -> str:
    """The answer: each part with its clauses."""
    return "".join(
        f"{part}：{'；'.join(point.clause for point in points if point.part == part)}。"
        for part in parts
    )


def _expected_of(points: list[Point]) -> Expected:
    from training.language.dialogues import Expected

    stated = _expected(pair for point in points for pair in point.values)
    retracted = tuple(old for point in points for old in point.retracted)
    return Expected(stated.values, stated.types, retracted)


def _single_turns(rng: random.Random, points: list[Point]) -> list[Asked]:
    """Questions about one value of a point, none that two points answer."""
    turns = []
    for point in rng.sample(points, min(len(points), 3)):
        values = dict(point.values)
        key = point.values[0 if point.part != "待办" else 1][1]
        if point.part == "风险" or sum(key in str(other.values) for other in points) > 1:
            continue
        if point.part == "待办" and rng.random() < 0.5:
            ask = rng.choice(("谁负责{task}", "{task}是谁的事", "谁去{task}", "{task}找谁"))
            answer, kinds = "{person}负责{task}。", ("person", "task")
        elif point.part == "待办":
            ask = rng.choice(("{task}什么时候要", "哪天要完成{task}", "{task}到什么时候"))
            answer, kinds = "{task}，{date}前完成。", ("task", "date")
        elif "money" in values:
            ask = rng.choice(("{topic}多少钱", "{topic}给了多少", "{topic}的预算呢"))
            answer, kinds = "{topic}预算{money}。", ("topic", "money")
        else:
            ask = rng.choice(("{topic}定在什么时候", "{topic}是哪天", "哪天{topic}"))
            answer, kinds = "{topic}定在{date}。", ("topic", "date")
        stated = _expected((kind, values[kind]) for kind in kinds)
        turns.append((ask.format(**values), answer.format(**values), stated))
    return turns


Tool = tuple[str, str, dict[str, str], tuple[str, ...], str]
_WHERE = (
    "{date}{city}", "{city}{date}", "{city}那里{date}", "{date}在{city}", "{date}去{city}出差", "{date}飞{city}", "我{date}到{city}",
    "我在{city}{date}出门", "{date}要去{city}", "要去{city}玩{date}", "{date}{city}那边", "准备{date}去{city}", "{city}我{date}过去", "去{city}开会{date}",
)  # fmt: skip
_SKY = (
    "天气怎么样", "天气如何", "下雨吗", "会不会下雨", "有雨吗", "有没有雨", "下雪吗", "有雪吗", "刮风吗", "风大吗", "冷吗", "热吗", "热不热冷不冷",
    "是晴天还是雨天", "是阴天吗", "出太阳吗", "天气好吗", "天气行吗", "要打伞吗", "要不要打伞", "用不用带伞", "能出门吗", "适合出去玩吗", "会降温吗",
    "路上滑吗", "有雾吗", "有没有台风", "空气好吗", "天气预报怎么说", "会变天吗", "雨下得大吗", "要不要多穿", "太阳大不大", "会有小雨吗", "天好不好",
)  # fmt: skip
_ABOUT_A_DAY = (
    "我{date}忙吗", "{date}有几个会", "{date}有事吗", "{date}排了什么", "{date}的行程", "{date}都约了谁", "{date}几点开会", "{date}上午有会吗",
    "我{date}要见什么人", "{date}有什么活动", "{date}我有空吗", "{date}的安排说一下", "{date}安排得多吗", "{date}我该做什么", "{date}有没有约人",
    "{date}要不要加班", "查{date}日程", "读一下{date}的日程", "{date}的会议有哪些", "{date}会议多吗", "{date}有什么要做的", "日历上{date}写了什么",
    "{date}有哪些事", "{date}我得开会吗", "{date}参加哪些会", "{date}有什么打算", "看下{date}日历", "{date}晚上有约吗", "{date}的计划", "{date}有没有会",
    "日程表里{date}有什么", "{date}的日程有哪些", "{date}都要做些什么", "{date}要去哪里开会", "{date}有没有事情", "{date}是不是空的", "查一查{date}有没有会",
)  # fmt: skip
_ABOUT_AN_ORDER = (
    "查{order_id}", "订单{order_id}", "{order_id}的货到了吗", "{order_id}什么时候送", "{order_id}号单子怎么样了", "单号{order_id}到哪里了",
    "编号{order_id}的东西发了吗", "我的订单{order_id}还要几天", "{order_id}这个单寄了没有", "买的东西没收到单号{order_id}", "{order_id}号的东西在路上吗",
    "{order_id}号订单查一下", "看看订单{order_id}有没有送", "{order_id}那一单谁签收的", "问一下订单{order_id}", "{order_id}付款了吗",
    "订单编号{order_id}现在怎样", "等了几天的订单{order_id}到了吗", "{order_id}号单什么进度", "我要问订单{order_id}的情况",
)  # fmt: skip
TOOLS: tuple[Tool, ...] = (
    ("get_weather", "查询天气", {"city": "city", "date": "date"},
     (*(where + sky for where in _WHERE for sky in _SKY), "{city}{date}天气怎么样", "帮我查{date}{city}的天气", "{city}{date}热不热", "{city}{date}的天气预报", "{date}{city}刮风吗",
      "{date}去{city}出差天气如何", "{city}{date}下不下雨", "{city}{date}适合出门吗", "{date}{city}几度", "看一下{city}{date}天气",
      "{date}飞{city}那里冷吗", "{city}那里{date}会不会有雪", "{date}{city}会下雨吗"), "{city}{date}{weather}。"),
    ("get_temperature", "查询气温", {"city": "city", "date": "date"},
     ("{city}{date}气温多少", "{date}{city}穿什么合适", "{city}{date}暖和吗", "{date}在{city}要不要穿外套", "{city}{date}多少度"),
     "{city}{date}{weather}。"),
    ("get_order_status", "查询订单状态", {"order_id": "code"},
     (*_ABOUT_AN_ORDER, "订单{order_id}到哪里了", "查一下订单{order_id}", "{order_id}发货没", "订单{order_id}什么时候到", "我的单子{order_id}送到没有",
      "{order_id}这单怎么样了", "跟踪订单{order_id}", "{order_id}寄出了吗", "我下的单{order_id}有消息吗", "看下订单{order_id}的状态",
      "单号{order_id}走到哪了", "东西怎么还没来单号{order_id}", "订单号{order_id}请查一下"), "订单{order_id}{status}。"),
    ("track_parcel", "跟踪快递", {"number": "code"},
     ("快递{number}到哪了", "包裹{number}送来了吗", "{number}这个快递签收没", "我的快递{number}在哪里", "查快递{number}"), "快递{number}{status}。"),
    ("list_meetings", "查询会议", {"date": "date"},
     ("{date}有会吗", "{date}有哪些会", "{date}开什么会", "我{date}几个会", "{date}要不要开会", "查{date}的会议"), "{date}有{title}。"),
    ("get_schedule", "查看安排", {"day": "date"},
     ("{day}忙不忙", "{day}都有什么事", "我{day}要见谁", "{day}有约吗", "{day}的计划是什么", "查一下{day}的安排", "{day}我要去哪里", "{day}我有时间吗"),
     "{day}有{title}。"),
    ("check_agenda", "查询日程", {"date": "date"},
     ("日程里{date}写了什么", "{date}的日程", "打开{date}的日程", "{date}我几点有事", "{date}空不空", "我{date}的日程有哪些"), "{date}有{title}。"),
    ("add_event", "添加日程", {"date": "date", "time": "time", "title": "topic"},
     ("{date}{time}提醒我{title}", "{date}{time}记得{title}", "日程加上{date}{time}{title}", "{date}{time}要{title}记进日程", "把{title}加到{date}{time}的日程", "帮我安排{date}{time}{title}"),
     "已添加日程：{date}{time}{title}。"),
    ("send_message", "发送消息", {"person": "person", "content": "task"},
     ("给{person}发消息说{content}", "告诉{person}去{content}", "发短信让{person}{content}"), "已发送给{person}。"),
    ("call_phone", "拨打电话", {"number": "phone"},
     ("打电话给{number}", "拨打{number}", "帮我打{number}"), "正在拨打{number}。"),
    ("play_music", "播放音乐", {"name": "city"},
     ("播放歌曲{name}", "我想听{name}", "来一首{name}"), "正在播放{name}。"),
    ("transfer_money", "转账", {"person": "person", "amount": "money"},
     ("给{person}转账{amount}", "转{amount}给{person}", "把{amount}转给{person}"), "已向{person}转账{amount}。"),
    ("book_table", "预订餐厅", {"restaurant": "restaurant", "date": "date", "people": "people"},
     ("订{date}{restaurant}的位子{people}", "{date}去{restaurant}吃饭{people}帮我订位", "帮我在{restaurant}订{people}的位子{date}"),
     "已预订{restaurant}{date}{people}。"),
    ("buy_ticket", "购买车票", {"origin": "city", "city": "city", "date": "date"},
     ("买{date}从{origin}到{city}的票", "我要{date}从{origin}去{city}帮我买票", "帮我买{date}{origin}到{city}的车票"),
     "已购买{date}{origin}到{city}的票。"),
    ("query_balance", "查询话费", {"number": "phone"},
     ("{number}还有多少话费", "查一下{number}的话费", "看看{number}的余额"), "{number}余额{money}。"),
    ("set_alarm", "设置闹钟", {"time": "time"}, ("{time}叫我起床", "定一个{time}的闹钟", "帮我设{time}的闹钟"), "已设置{time}的闹钟。"),
    ("find_place", "查找地点", {"place": "place"}, ("{place}怎么走", "导航去{place}", "帮我找附近的{place}"), "已找到{place}。"),
)  # fmt: skip
"""Name, description, parameter -> kind of value, requests (last held out), answer after the result."""
CALENDAR: Tool = (
    "get_events",
    "查询日程",
    {"date": "date"},
    (*_ABOUT_A_DAY, "{date}有什么日程"),
    "{date}有{title}。",
)
"""The product's own; apart from `TOOLS`, whose names the tokenizer's Latin pieces are made of."""
PRODUCT_TOOLS: tuple[Tool, ...] = (TOOLS[0], CALENDAR, TOOLS[2])
"""Those of `pipeline.sample_tools`."""
PRODUCT_SHARE = 0.3  # of training's tool dialogues offer these three
ALIKE = ("list_meetings", "get_schedule", "check_agenda", "get_events")
"""Asked in the same words: of these no two are offered at once."""
TOOLS_HELD_OUT = ("book_table", "query_balance", "set_alarm")
ASK_BEFORE = (
    "",
    "请",
    "帮我",
    "我想问",
    "麻烦",
    "你好",
    "能不能",
    "想问一下",
    "我想知道",
    "嗯",
    "那个",
    "请问",
)
ASK_AFTER = ("", "", "", "谢谢", "好吗", "可以吗", "呢")
STATUSES = ("已发货", "正在配送", "已签收", "等待付款")
VERBS = {
    "get": "查询", "check": "检查", "set": "设置", "add": "添加", "cancel": "取消", "send": "发送", "start": "开始",
    "create": "新建", "delete": "删除", "open": "打开", "update": "更新", "read": "读取", "share": "分享", "move": "移动",
    "list": "列出", "report": "上报", "print": "打印", "save": "保存", "find": "查找", "order": "订购",
}  # fmt: skip
NOUNS = {
    "room": "房间", "file": "文件", "note": "备忘", "task": "任务", "meeting": "会议", "flight": "航班", "taxi": "出租车",
    "parcel": "快递", "bill": "账单", "class": "课程", "doctor": "医生", "menu": "菜单", "light": "灯光", "door": "门锁",
    "photo": "照片", "video": "视频", "game": "游戏", "news": "新闻", "price": "价格", "score": "成绩", "gift": "礼物",
    "member": "会员", "seat": "座位", "stock": "库存", "report": "报告", "contact": "联系人", "reminder": "提醒", "map": "地图",
}  # fmt: skip
PARAMETERS = {
    "city": ("城市", "city"), "date": ("日期", "date"), "day": ("日期", "date"), "time": ("时间", "time"), "person": ("姓名", "person"),
    "name": ("姓名", "person"), "phone": ("电话", "phone"), "number": ("号码", "phone"), "amount": ("金额", "money"),
    "price": ("价格", "money"), "code": ("编号", "code"), "id": ("编号", "code"), "place": ("地点", "place"), "room": ("房间", "room"),
    "item": ("物品", "item"), "topic": ("主题", "topic"), "content": ("内容", "task"), "company": ("单位", "organisation"),
    "title": ("标题", "topic"), "to": ("目的地", "city"),
}  # fmt: skip
"""Parameter name -> (label, kind of value), for tools made up in training."""
LINES = (*SMALL_TALK, *DECISIONS, *TODOS, *RISK_LINES, *BREAKS, *ASK_BEFORE, *ASK_AFTER,
         *SENTENCES, *(request for tool in (*TOOLS, CALENDAR) for request in tool[3]), *VERBS.values(), *NOUNS.values(),
         *(label for label, _ in PARAMETERS.values()))  # fmt: skip
"""What these dialogues say beside values and the LLM's own talk: the recogniser has to know it."""
MADE_UP_SHARE = 0.6  # of the tools offered in training: names met once cannot be learned by heart


def made_up_tool(maker: Maker) -> Tool:
    """A tool of any verb, noun and parameters, with two ways to ask for it."""
    rng = maker.rng
    verb, noun = rng.choice(tuple(VERBS)), rng.choice(tuple(NOUNS))
    does, thing = VERBS[verb], NOUNS[noun]
    chosen: dict[str, str] = {}
    while not chosen or (rng.random() < 0.5 and len(chosen) < 4):
        name = rng.choice(tuple(PARAMETERS))
        if PARAMETERS[name][1] not in chosen.values():
            chosen[name] = PARAMETERS[name][1]
    said = [
        rng.choice(("{label}{value}", "{label}是{value}", "{value}", "{value}的")).format(
            label=PARAMETERS[name][0], value="{" + name + "}"
        )
        for name in chosen
    ]
    rng.shuffle(said)
    act = rng.choice(
        (f"{does}{thing}", f"{does}一下{thing}", f"把{thing}{does}", f"要{does}{thing}")
    )
    asks = ("".join([rng.choice(("", "帮我", "请", "我想")), act, *said]), "".join([*said, act]))
    reply = f"已{does}{thing}：" + "，".join("{" + name + "}" for name in chosen) + "。"
    name = rng.choice((f"{verb}_{noun}", f"{noun}_{verb}", f"{verb}_my_{noun}"))
    return name, does + thing, chosen, (*asks, asks[0]), reply


def offered_tools(maker: Maker) -> list[Tool]:
    """One to three tools of the split, no two of one name."""
    rng = maker.rng
    if not maker.held_out and rng.random() < PRODUCT_SHARE:
        return rng.sample(PRODUCT_TOOLS, 3)
    count = rng.randint(1, 3)
    pool = [tool for tool in TOOLS if (tool[0] in TOOLS_HELD_OUT) == maker.held_out]
    offered: dict[str, Tool] = {}
    while len(offered) < count:
        made_up = not maker.held_out and rng.random() < MADE_UP_SHARE
        tool = made_up_tool(maker) if made_up else rng.choice(pool)
        if not (tool[0] in ALIKE and any(name in ALIKE for name in offered)):
            offered[tool[0]] = tool
    return list(offered.values())


def tool_schema(tool: Tool) -> dict[str, Any]:
    """A tool in OpenAI's function form."""
    name, description, parameters, _, _ = tool
    properties = {key: {"type": "string"} for key in parameters}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": schema},
    }


def hermes_call(name: str, arguments: dict[str, str]) -> str:
    """A call as Qwen3's chat template expects it from the assistant."""
    return (
        "<tool_call>\n"
        + json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
        + "\n</tool_call>"
    )


def tool_call(maker: Maker) -> Dialogue:
    """One to three tools offered; the user needs one of them (or none)."""
    from training.language.dialogues import OFFER, Dialogue, Expected, Told, answer_slots

    rng, world, held_out = maker.rng, maker.world, maker.held_out
    offered = offered_tools(maker)
    style = maker._style()
    system = rng.choice(system_prompts(style, held_out))
    schemas = tuple(tool_schema(tool) for tool in offered)
    if rng.random() < 0.25:  # offered, not needed
        frame = rng.choice(FRAMES)
        _, template = rng.choice(frame.statement_templates(held_out))
        told = Told(frame, draw(frame, rng, world), list(frame.slots))
        slot = rng.choice(tuple(frame.slots))
        _, question = rng.choice(frame.question_templates(slot, held_out))
        said, answer = (
            template.format(**told.values) + question,
            answer_slots(told, [slot], style),
        )
        messages = [Message(role="user", content=said), Message(role="assistant", content=answer)]
        expected = [told.expected([slot])]
    else:
        name, _, parameters, requests, reply = rng.choice(offered)
        arguments = {key: DRAWS[kind](rng, world) for key, kind in parameters.items()}
        call = hermes_call(name, arguments)
        result = {
            "weather": rng.choice(lx.WEATHER),
            "status": rng.choice(STATUSES),
            "money": DRAWS["money"](rng, world),
            "title": DRAWS["topic"](rng, world),
        }
        answer = reply.format(
            **arguments, **{k: v for k, v in result.items() if k not in arguments}
        )
        given = {k: v for k, v in result.items() if "{" + k + "}" in reply and k not in arguments}
        shown = given or {"ok": "成功"}
        said = rng.choice(requests[-1:] if held_out else requests[:-1]).format(**arguments)
        if not held_out and rng.random() < 0.5:
            said = rng.choice(ASK_BEFORE) + said + rng.choice(ASK_AFTER)
        if style == "plain":
            answer = f"好的，{answer}{OFFER}"
        messages = [
            Message(role="user", content=said),
            Message(role="assistant", content=call),
            Message(role="tool", content=json.dumps(shown, ensure_ascii=False)),
            Message(role="assistant", content=answer),
        ]
        expected = [
            Expected((call,), ("term",)),
            _expected(
                (kind, arguments[key]) for key, kind in parameters.items() if f"{{{key}}}" in reply
            ),
        ]
    head = (Message(role="system", content=system),)
    return Dialogue("tools", style, (*head, *messages), tuple(expected), tools=schemas)
