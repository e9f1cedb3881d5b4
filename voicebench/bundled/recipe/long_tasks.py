"""Meetings and tool calls: the training dialogues with long prompts."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicebench.bundled.recipe import lexicon as lx
from voicebench.bundled.recipe.frames import FRAMES, draw
from voicebench.bundled.recipe.prompts import Style, system_prompts
from voicebench.bundled.recipe.values import DRAWS, World, fact_type
from voicebench.types import Message

if TYPE_CHECKING:
    from voicebench.bundled.recipe.dialogues import Dialogue, Expected, Maker

SMALL_TALK = (
    "大家好我们开始吧", "先看一下上周的情况", "这个问题我们讨论过了", "我同意这个意见", "我觉得可以", "稍等我说一句",
    "刚才没听清请再说一遍", "好的没问题", "时间有点紧张", "这个要再看看", "对对对就是这样", "我补充一点",
    "那我们继续", "客户那边还在等消息", "上次的方案已经改好了", "请大家看一下材料", "我这边没有问题", "先这样吧",
    "还有别的意见吗", "我打断一下", "等一下我还没说完", "是的是的", "这个月的情况比上个月好", "我们再核对一下数据",
    "办公室的空调有点冷", "中午一起吃饭吧", "我下午还有一个会", "大概就是这样", "嗯我想想", "这个不着急",
    "大家辛苦了", "声音能听清吗", "麻烦把门关一下", "我们先听一下汇报", "这部分我不太清楚", "请你说得具体一点", "这个意见很好",
    "我记一下", "不好意思打断一下", "你先说", "这个月的任务比较重", "上一次也是这样做的", "我看问题不大", "后面再讨论",
    "先说到这里", "下一个问题", "还是按原来的办法", "我有不同的看法", "数据还没有出来", "那边已经答应了", "这件事比较复杂",
    "我们回到正题", "刚才说到哪里了", "同意的请举手", "这样会不会太晚", "再想想办法", "前几天我去看过", "材料都发给大家了",
)  # fmt: skip
DECISIONS = ("{topic}就这么办{date}动手", "{topic}拍板了{date}", "关于{topic}大家一致选{date}", "{topic}的钱批了{money}", "给{topic}准备{money}够了就这样定",
             "{topic}推到{date}没有人反对", "那{topic}我们{date}开工", "{topic}总共花{money}大家说行", "说好了{topic}{date}", "{topic}拨款{money}通过了",
             "刚才投票{topic}选了{date}", "{topic}的费用控制在{money}", "领导点头了{topic}{date}做", "{date}启动{topic}没有问题", "我们决定{topic}定在{date}", "那就定了{topic}放在{date}", "大家同意{topic}改到{date}", "决定{topic}的预算是{money}",
             "最后定下来{topic}花{money}", "{topic}就{date}吧", "一致通过{topic}改在{date}", "{topic}的时间定了是{date}",
             "经过讨论{topic}用{money}", "{topic}预算就按{money}", "会议决定{topic}给{money}", "{date}做{topic}大家都同意",
             "同意给{topic}拨{money}", "{topic}安排到{date}", "好就这么定{topic}{date}开始", "{topic}批准{money}")  # fmt: skip
TODOS = ("{task}谁来做{person}吧{date}给结果", "{person}你{date}之前{task}", "{task}我让{person}做了{date}要看到", "{person}接{task}时间到{date}",
         "{person}去把{task}弄完{date}检查", "{date}要{task}就{person}吧", "{person}那边{task}别超过{date}", "{task}这件事{person}盯着{date}收尾",
         "让{person}{date}以前{task}", "{task}归{person}{date}验收", "{person}辛苦一下{task}{date}要用", "{date}{person}要{task}", "{person}负责{task}{date}之前完成", "请{person}{task}最晚{date}", "{task}交给{person}{date}要做好",
         "{person}去{task}{date}以前要好", "{task}由{person}做{date}交", "{date}之前{person}把{task}做完",
         "{person}{date}前{task}", "麻烦{person}{task}{date}给大家看", "{task}的事{person}跟进{date}为止",
         "安排{person}{task}截止{date}", "这个{task}就让{person}来{date}前搞好",
         "{person}你来{task}{date}前给我")  # fmt: skip
RISK_LINES = (
    "怕就怕{risk}",
    "万一{risk}怎么办",
    "说不定会碰到{risk}",
    "{risk}要小心",
    "比较麻烦的是{risk}",
    "提醒大家{risk}",
    "客户最怕{risk}",
    "我看{risk}很危险",
    "别忘了{risk}",
    "如果{risk}就麻烦了",
    "现在最大的风险是{risk}",
    "我担心{risk}",
    "要注意{risk}",
    "有个风险是{risk}",
    "我怕{risk}",
    "可能会{risk}",
    "问题在于{risk}",
    "最担心的还是{risk}",
    "{risk}是个风险",
    "风险主要是{risk}",
)
ASKS = (
    "请总结决定待办和风险",
    "帮我总结一下会议",
    "总结决定待办风险",
    "请说一下决定待办和风险",
    "把会议的决定待办风险总结一下",
    "会议有什么决定待办和风险",
    "请总结会议内容",
    "请把会议的决定待办和风险说一下",
)
PART_ASKS = {
    "决定": ("会议决定了什么", "决定是什么", "决定了什么事", "会议有哪些决定", "说一下决定", "刚才定了什么", "有什么决定"),
    "待办": ("待办是什么", "待办有哪些", "有什么待办", "谁要做什么", "说一下待办", "会议安排了什么任务", "有哪些待办"),
    "风险": ("风险是什么", "有哪些风险", "会议说到什么风险", "说一下风险", "担心什么", "风险有什么", "有什么风险"),
}  # fmt: skip
TALK_LEADS = tuple(
    "那个 其实 说实话 就是说 对对 我们我们 我觉得 我看 我认为 这个这个 另外 还有 不过 总之 我先说一下 不好意思 等等 好 嗯 是的 "
    "没错 就是就是 说到这个 简单说 老实讲 刚才说的 我问一下 你们看 这样吧".split()
)
TALK_SUBJECTS = tuple(
    "这个方案 客户那边 新来的人 供应商 上一版 这个数字 我们组 你们部门 仓库 材料 系统 大家 他们经理 老客户 这份报告 那批货 那个合同 "
    "财务 领导 食堂 网站 这件事 那几个地方 他们的电话 样品 流程 价格 质量 服务 时间 人手 设备 门口的牌子 图纸 说明书 邮件 投影 "
    "这一块 前面那部分 后面的工作 对方 合作单位 用户 同事 机房 车间 展台 实习生 电脑 空调 麦克风 资料 表格 意见".split()
)
TALK_PREDICATES = tuple(
    "还要再改改 已经发过来了 没有什么问题 进度有点慢 昨天问过了 不太好说 比以前快多了 要慢慢来 做得很好 还没有回音 有点复杂 需要再看 "
    "以前没有想到 都准备好了 不够清楚 改过很多次了 让人放心 还差一点 可以先试试 要多听听大家怎么说 看起来不错 出过一点小毛病 正在处理 "
    "下次再讲 先放一放 大家都知道 我不太了解 会后再说 很受欢迎 跟去年差不多 最好一起想想 不着急 比较重要 谁都没有意见 我去看过 "
    "要重视 不能只看表面 已经解决了 还得商量 是老问题了 换过一次 有人提过 一直很稳定 说明得很清楚 要互相帮忙 多花点心思".split()
)
TALK_TAILS = (
    "",
    "",
    "",
    "",
    "",
    "吧",
    "对不对",
    "是不是",
    "你们说呢",
    "就这样",
    "谢谢",
    "我再想想",
    "大家看看",
    "好不好",
    "这一点请放心",
    "先这样",
)
TALK_OF_VALUES = (
    "{date}我们开过一次会", "{person}刚才打电话来了", "{topic}上次讨论过了", "{money}是去年花的", "{person}说得很对", "{date}那天下大雨",
    "{person}已经下班了", "{task}以前是别人做的", "{topic}我不太懂", "{person}你先喝口水", "上次{date}大家都很累", "{person}也在这里",
    "听说{person}搬家了", "{topic}的资料在桌上", "去年花了{money}", "{date}食堂不开门", "{person}你声音大一点", "{task}我做过很多次",
    "{topic}和我们没关系", "{person}{date}过生日",
)  # fmt: skip
"""Talk that names things and decides nothing."""
NUM_HELD_OUT = 1
TAKEN_BACK_SHARE = 0.25  # of decisions
ECHO_SHARE = 0.15  # of a meeting's points
BREAKS = ("等一下", "不好意思", "我说", "嗯", "")


def _templates(lines: tuple[str, ...], held_out: bool) -> tuple[str, ...]:
    return lines[-NUM_HELD_OUT:] if held_out else lines[:-NUM_HELD_OUT]


def spoken_line(rng: random.Random, world: World) -> str:
    """One or two things that people say in a training meeting."""
    lines = [rng.choice(SMALL_TALK)]
    kinds = ("topic", "date", "money", "person", "task", "risk")
    values = {kind: DRAWS[kind](rng, world) for kind in kinds}
    for _ in range(rng.choice((0, 1, 1))):
        template = rng.choice(_templates(rng.choice((DECISIONS, TODOS, RISK_LINES)), False))
        lines.insert(rng.randint(0, 1), template.format(**values))
    return "".join(lines)


def _expected(values: Iterable[tuple[str, str]]) -> Expected:
    """Facts of (kind, value) pairs."""
    from voicebench.bundled.recipe.dialogues import Expected

    pairs = tuple(values)
    return Expected(tuple(v for _, v in pairs), tuple(fact_type(kind) for kind, _ in pairs))


def talk_line(rng: random.Random, world: World) -> str:
    """A remark that no summary mentions: known, put together, made up, or on some value."""
    kind = rng.choices(("known", "composed", "words", "values"), (0.2, 0.58, 0.08, 0.14))[0]
    if kind == "known":
        return rng.choice(SMALL_TALK)
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
    from voicebench.bundled.recipe.dialogues import AT_ONCE

    rng, world = maker.rng, maker.world
    template = rng.choice(_templates(DECISIONS, maker.held_out))
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
    template = maker.rng.choice(_templates(TODOS, maker.held_out))
    clause = f"{slots['person']}负责{slots['task']}，{slots['date']}前完成"
    values = tuple((kind, slots[kind]) for kind in ("person", "task", "date"))
    return Point("待办", template.format(**slots), clause, values)


def _risk(maker: Maker, slots: dict[str, str]) -> Point:
    template = maker.rng.choice(_templates(RISK_LINES, maker.held_out))
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
    count = rng.choices((4, 8, 16, 30, 60, 100, 150), (0.22, 0.2, 0.18, 0.15, 0.12, 0.08, 0.05))[0]
    lines = [talk_line(rng, maker.world) for _ in range(count)]
    positions = sorted(rng.sample(range(count + len(points)), len(points)))
    for position, point in zip(positions, points, strict=True):
        said = point.said
        if rng.random() < ECHO_SHARE:
            said = rng.choice((said + said, said[: rng.randint(2, 6)] + rng.choice(BREAKS) + said))
        lines.insert(position, said)
    return "".join(lines)


def meeting(maker: Maker) -> Dialogue:
    """Minutes of a meeting: decisions, to-dos and risks, in small talk; of all parts or of one."""
    from voicebench.bundled.recipe.dialogues import Dialogue, Expected

    rng, held_out = maker.rng, maker.held_out
    points = _points(maker)
    style: Style = "strict" if rng.random() < 0.7 else "plain"
    parts = tuple(PART_ASKS)
    if rng.random() < 0.4:  # one part only
        parts = (rng.choice(parts),)
        ask = rng.choice(_templates(PART_ASKS[parts[0]], held_out))
    else:
        ask = rng.choice(_templates(ASKS, held_out))
    answer = "".join(
        f"{part}：{'；'.join(point.clause for point in points if point.part == part)}。"
        for part in parts
    )
    asked = [point for point in points if point.part in parts]
    stated = _expected(pair for point in asked for pair in point.values)
    retracted = tuple(old for point in asked for old in point.retracted)
    messages = (
        Message(role="system", content=rng.choice(system_prompts(style, held_out))),
        Message(role="user", content=_spoken(maker, points) + ask),
        Message(role="assistant", content=answer),
    )
    expected = Expected(stated.values, stated.types, retracted)
    return Dialogue("long_meeting", style, messages, (expected,))


Tool = tuple[str, str, dict[str, str], tuple[str, ...], str]
TOOLS: tuple[Tool, ...] = (
    ("get_weather", "查询天气", {"city": "city", "date": "date"},
     ("{city}{date}天气怎么样", "帮我查{date}{city}的天气", "{city}{date}热不热", "{city}{date}的天气预报", "{date}{city}刮风吗",
      "{date}去{city}出差天气如何", "{city}{date}下不下雨", "{city}{date}适合出门吗", "{date}{city}几度", "看一下{city}{date}天气",
      "{date}飞{city}那里冷吗", "{city}那里{date}会不会有雪", "{date}{city}会下雨吗"), "{city}{date}{weather}。"),
    ("get_temperature", "查询气温", {"city": "city", "date": "date"},
     ("{city}{date}气温多少", "{date}{city}穿什么合适", "{city}{date}暖和吗", "{date}在{city}要不要穿外套", "{city}{date}多少度"),
     "{city}{date}{weather}。"),
    ("get_order_status", "查询订单状态", {"order_id": "code"},
     ("订单{order_id}到哪里了", "查一下订单{order_id}", "{order_id}发货没", "订单{order_id}什么时候到", "我的单子{order_id}送到没有",
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
         *(request for tool in TOOLS for request in tool[3]), *VERBS.values(), *NOUNS.values(),
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
    count = rng.randint(1, 3)
    pool = [tool for tool in TOOLS if (tool[0] in TOOLS_HELD_OUT) == maker.held_out]
    offered: dict[str, Tool] = {}
    while len(offered) < count:
        made_up = not maker.held_out and rng.random() < MADE_UP_SHARE
        tool = made_up_tool(maker) if made_up else rng.choice(pool)
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
    from voicebench.bundled.recipe.dialogues import OFFER, Dialogue, Expected, Told, answer_slots

    rng, world, held_out = maker.rng, maker.world, maker.held_out
    offered = offered_tools(maker)
    style = maker._style()
    system = rng.choice(system_prompts(style, held_out))
    schemas = tuple(tool_schema(tool) for tool in offered)
    if rng.random() < 0.2:  # offered, not needed
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
