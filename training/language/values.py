"""Numbers, dates, times, money, names and other values, as they are spoken.

A generator is a function `(rng, world) -> str`; a `World` says what may be drawn: the training world
never draws a held-out item, topic, task or name, the test world draws those first.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from training.language import lexicon as lx
from voicebench.types import FactType

DIGITS = "零一二三四五六七八九"
SPOKEN_DIGITS = "零幺二三四五六七八九"


def _gb2312_level_1() -> tuple[str, ...]:
    rows = (bytes([0xA0 + row, 0xA0 + cell]) for row in range(16, 56) for cell in range(1, 95))
    return tuple(
        code.decode("gb2312", "ignore") for code in rows if code.decode("gb2312", "ignore")
    )


ALL_HANZI = _gb2312_level_1()
"""The 3,755 characters of GB2312 level 1."""
_LEXICON_NAME_CHARS = frozenset("".join(lx.GIVEN_NAMES) + "".join(lx.SURNAMES))
NAME_CHARS_HELD_OUT = tuple(
    char for char in ALL_HANZI if char not in _LEXICON_NAME_CHARS and lx.is_held_out(char, 8)
)
"""Characters that no name of the training dialogues contains."""
NAME_CHARS_TRAIN = tuple(char for char in ALL_HANZI if char not in frozenset(NAME_CHARS_HELD_OUT))


@dataclass(frozen=True)
class World:
    """What values may be drawn from.

    Args:
        held_out: Draw held-out items, topics, tasks and names rather than those of training.
        spoken: Only words of the recogniser's vocabulary (names of lexicon characters).
        unseen_name_chars: Names are made of `NAME_CHARS_HELD_OUT` alone.
        coined: Some goods, topics and places are made-up strings: a model that meets only words
            it knows learns the words, and not to copy.
        colloquial: Also short forms of money (三万五), numbers of landlines and hotlines, longer
            codes, and the Cantonese words of `lexicon.MORE_DIALECT`.
    """

    held_out: bool = False
    spoken: bool = False
    unseen_name_chars: bool = False
    coined: bool = False
    colloquial: bool = False

    def items(self) -> tuple[str, ...]:
        return lx.ITEMS_HELD_OUT if self.held_out else lx.ITEMS_TRAIN

    def topics(self) -> tuple[str, ...]:
        return lx.TOPICS_HELD_OUT if self.held_out else lx.TOPICS_TRAIN

    def tasks(self) -> tuple[str, ...]:
        return lx.TASKS_HELD_OUT if self.held_out else lx.TASKS_TRAIN


Draw = Callable[[random.Random, World], str]
COINED_SHARE = 0.4
COLLOQUIAL_SHARE = 0.25


_SHORT_WORDS = tuple(word for word in lx.ALL_WORDS if len(word) == 2 and not word.isascii())
_COMPOUNDS_HELD_OUT = frozenset((*lx.ITEMS_HELD_OUT, *lx.TOPICS_HELD_OUT, *lx.TASKS_HELD_OUT))


def _coined(rng: random.Random, world: World, endings: str = "") -> str:
    """A made-up word in `COINED_SHARE` of the draws of a world that has them, else nothing."""
    if not world.coined or rng.random() >= COINED_SHARE:
        return ""
    if rng.random() < 0.4:  # of known words, so that the first half of one does not end it
        stem = rng.choice(_SHORT_WORDS) + rng.choice(_SHORT_WORDS)
    else:
        stem = "".join(rng.choice(ALL_HANZI) for _ in range(rng.choice((1, 2, 2, 3, 3, 4, 5))))
    return "" if stem in _COMPOUNDS_HELD_OUT else stem + rng.choice(endings.split() or ("",))


def _is_colloquial(rng: random.Random, world: World) -> bool:
    return world.colloquial and rng.random() < COLLOQUIAL_SHARE


def cardinal(number: int) -> str:
    """A whole number below 100,000 as it is said.

    >>> [cardinal(n) for n in (0, 10, 12, 105, 210, 1020, 35000, 12003)]
    ['零', '十', '十二', '一百零五', '二百一十', '一千零二十', '三万五千', '一万两千零三']
    """
    if number < 10:
        return DIGITS[number]
    text, pending_zero = "", False
    for unit, name in ((10000, "万"), (1000, "千"), (100, "百"), (10, "十")):
        count, number = divmod(number, unit)
        if count:
            text += "零" if pending_zero and text else ""
            digit = (
                "两"
                if count == 2 and unit >= 1000
                else DIGITS[count]
                if count < 10
                else cardinal(count)
            )
            text += ("" if unit == 10 and count == 1 and not text else digit) + name
            pending_zero = False
        elif text:
            pending_zero = True
    if number:
        text += ("零" if pending_zero else "") + DIGITS[number]
    return text


def time_of_day(rng: random.Random, world: World) -> str:
    part, hours = rng.choice(
        [("早上", (6, 7, 8)), ("上午", (8, 9, 10, 11)), ("中午", (12,)), ("下午", (1, 2, 3, 4, 5)),
         ("晚上", (6, 7, 8, 9, 10))]
    )  # fmt: skip
    hour = rng.choice(hours)
    said = "两" if hour == 2 else cardinal(hour)
    minutes = rng.choice(
        ["", "", "半", "半", "十分", "二十分", "一刻", "四十分", "五十分", "十五分"]
    )
    return f"{part}{said}点{minutes}"


def date(rng: random.Random, world: World) -> str:
    weekday = rng.choice("一二三四五六日")
    return rng.choice(
        [
            rng.choice(["今天", "明天", "后天"]),
            f"周{weekday}", f"下周{weekday}", f"这周{weekday}",
            f"{cardinal(rng.randint(1, 12))}月{cardinal(rng.randint(1, 28))}号",
            f"{cardinal(rng.randint(1, 30))}号", f"下个月{cardinal(rng.randint(1, 28))}号",
        ]
    )  # fmt: skip


def weekday(rng: random.Random, world: World) -> str:
    return rng.choice(["", "下", "这"]) + "周" + rng.choice("一二三四五六日")


def _money_in_short(rng: random.Random) -> str:
    """三万五, 两千八, 一百二, 七块五 or 九十九块九: the last unit is left out."""
    whole, part = rng.randint(1, 99), rng.choice(DIGITS[1:])
    unit = rng.choice(("万", "千", "百", "块", "块"))
    if unit == "块":
        return cardinal(whole) + unit + part + rng.choice(("", "", "毛"))
    first = whole % 9 + 1
    said = "两" if first == 2 and unit != "百" else DIGITS[first]
    return said + unit + part


def money(rng: random.Random, world: World) -> str:
    if _is_colloquial(rng, world):
        return _money_in_short(rng)
    amount = rng.choice(
        [rng.randint(2, 99), rng.randint(10, 99) * 10, rng.randint(101, 999), rng.randint(10, 99) * 100,
         rng.randint(1001, 9999), rng.randint(1, 9) * 10000 + rng.randint(0, 9) * 1000]
    )  # fmt: skip
    return cardinal(amount) + rng.choice(["块", "块钱", "元", "元"])


def count(rng: random.Random, world: World) -> str:
    number = rng.choice([rng.randint(1, 12), rng.randint(2, 60)])
    return "两" if number == 2 else cardinal(number)


def person_count(rng: random.Random, world: World) -> str:
    return count(rng, world) + rng.choice(["个人", "位"])


def person(rng: random.Random, world: World) -> str:
    if world.unseen_name_chars:
        return rng.choice(lx.SURNAMES) + "".join(
            rng.choice(NAME_CHARS_HELD_OUT) for _ in range(rng.choice([1, 2, 2]))
        )
    if not world.spoken and not world.held_out and rng.random() < 0.6:
        given = "".join(rng.choice(NAME_CHARS_TRAIN) for _ in range(rng.choice([1, 2, 2])))
        return (
            rng.choice(lx.SURNAMES) if rng.random() < 0.5 else rng.choice(NAME_CHARS_TRAIN)
        ) + given
    while True:
        name = rng.choice(lx.SURNAMES) + rng.choice(lx.GIVEN_NAMES)
        if lx.is_held_out(name, 5) == world.held_out:
            return name


def title(rng: random.Random, world: World) -> str:
    rank = rng.choice(
        ["经理", "主任", "总监", "院长", "校长", "老师", "医生", "师傅", "先生", "女士"]
    )
    return rng.choice(lx.SURNAMES) + rank


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(SPOKEN_DIGITS) for _ in range(count))


def phone(rng: random.Random, world: World) -> str:
    if _is_colloquial(rng, world):  # a landline, with or without its area, or a hotline
        area = rng.choice(("", "", "零二幺", "零幺零", "零七五五", "零" + _digits(rng, 3)))
        hotline = rng.choice(("四零零", "八零零")) + _digits(rng, 7)
        return rng.choice((area + rng.choice(SPOKEN_DIGITS[2:]) + _digits(rng, rng.choice((6, 7))),
                           hotline, "九五" + _digits(rng, 3), "幺二" + _digits(rng, 3)))  # fmt: skip
    head = rng.choice(["幺三", "幺五", "幺八", "幺三八", "幺三九", "幺八六"])
    return head + "".join(rng.choice(SPOKEN_DIGITS) for _ in range(11 - len(head)))


def code(rng: random.Random, world: World) -> str:
    if _is_colloquial(rng, world):
        digits = _digits(rng, rng.choice((3, 4, 5, 7, 8, 9, 10)))
        return digits.replace("幺", "一") if rng.random() < 0.3 else digits
    return _digits(rng, rng.choice((3, 4, 4, 6)))


def item(rng: random.Random, world: World) -> str:
    return _coined(rng, world) or rng.choice(world.items())


def quantity(rng: random.Random, world: World) -> str:
    """A number with a measure and its goods, such as 三箱苹果."""
    allowed = frozenset(world.items())
    while True:
        measure = rng.choice(list(lx.MEASURES))
        goods = [name for name in lx.MEASURES[measure].split() if name in allowed]
        if goods:
            return count(rng, world) + measure + (_coined(rng, world) or rng.choice(goods))


def topic(rng: random.Random, world: World) -> str:
    return _coined(rng, world) or rng.choice(world.topics())


def task(rng: random.Random, world: World) -> str:
    return _coined(rng, world) or rng.choice(world.tasks())


def venue(rng: random.Random, world: World) -> str:
    return _coined(rng, world, "厅 室 楼 店 站") or rng.choice(lx.ROOMS + lx.PLACES)


def doses(rng: random.Random, world: World) -> str:
    return rng.choice("一两三四五六") + rng.choice(["片", "粒", "次"])


def _dialect(words: str) -> tuple[str, ...]:
    known = tuple(words.split())
    assert all(word in lx.DIALECT for word in known), words
    return known


DIALECT_ACTS = _dialect(
    "落单 埋单 返工 放工 食饭 饮茶 睇医生 睇戏 买嘢 倾偈 倾生意 执嘢 开工 拍拖 行街 冲凉 瞓觉 起身 搭车 "
    "落车 影相 搬屋 租屋 交租 出粮 走先 饮水 收工"
)
DIALECT_DAYS = _dialect("听日 今日 后日 朝早 晏昼 夜晚 上昼 下昼 而家 即刻 一阵")
DIALECT_THINGS = _dialect(
    "雪柜 冷气 银包 遮 衫 波鞋 番茄 薯仔 粟米 朱古力 手信 利是 生果 雪糕 云吞 猪手 鸡翼 单车"
)
DIALECT_PLACES = _dialect("写字楼 士多 屋企")
DIALECT_PEOPLE = _dialect("阿妈 阿爸 老细 伙计 细路 差人")


def meaning(value: str) -> str:
    """What a value means in Mandarin; most mean themselves.

    >>> meaning("听日"), meaning("三百蚊"), meaning("明天")
    ('明天', '三百元', '明天')
    """
    if value.endswith("蚊"):
        return value[:-1] + "元"
    return lx.DIALECT.get(value) or lx.MORE_DIALECT.get(value, value)


GRAMMAR = {
    "边个": "谁", "边位": "哪位", "边度": "哪里", "边样嘢": "哪样东西", "乜嘢": "什么", "咩": "什么", "做乜": "为什么", "做咩": "做什么",
    "几多钱": "多少钱", "几多蚊": "多少钱", "喺": "在", "咗": "了", "嘅": "的", "嘞": "了", "喇": "了", "我哋": "我们",
    "话我知": "告诉我", "唔该话我知": "请告诉我", "咁": "那么", "仲有": "还有", "同埋": "还有", "听讲": "听说", "钟头": "小时", "系": "是",
    "你知唔知": "你知道吗", "讲下": "说一下", "系咁嘅": "是这样的", "唔": "不", "整咗": "做了", "煲咗": "煮了",
    "做乜嘢": "做什么", "要做乜嘢": "要做什么", "巴士站": "公交车站", "唔够": "不够", "唔要": "不要", "唔开心": "不开心",
}  # fmt: skip
"""Cantonese function words, beside the lexicon's words."""
_MANDARIN = {word: spoken for word, spoken in (lx.DIALECT | lx.MORE_DIALECT | GRAMMAR).items()
             if word not in ("平", "抵", "遮", "衫", "贵", "落")}  # fmt: skip
_CANTONESE = re.compile("|".join(sorted(map(re.escape, _MANDARIN), key=len, reverse=True)))


def to_mandarin(text: str) -> str:
    """A Cantonese text word for word in Mandarin; characters that are also Mandarin words stay.

    >>> to_mandarin("阿妈琴日喺士多买咗生果"), to_mandarin("边个唔得闲")
    ('妈妈昨天在小卖部买了水果', '谁没空')
    """
    return lx.DIALECT.get(text) or _CANTONESE.sub(lambda match: _MANDARIN[match[0]], text)


MORE_DIALECT_ACTS = tuple("返屋企 见工 揾工 搭的士 落雨".split())
DIALECT_MORE_SHARE = 0.15


def _dialect_act(rng: random.Random, world: World) -> str:
    more = world.colloquial and rng.random() < DIALECT_MORE_SHARE
    return rng.choice(MORE_DIALECT_ACTS if more else DIALECT_ACTS)


def dialect_money(rng: random.Random, world: World) -> str:
    return money(rng, world).removesuffix("钱").removesuffix("块").removesuffix("元") + "蚊"


def _pick(words: tuple[str, ...]) -> Draw:
    return lambda rng, world: rng.choice(words)


def _pick_or_coin(words: tuple[str, ...], endings: str = "") -> Draw:
    return lambda rng, world: _coined(rng, world, endings) or rng.choice(words)


DRAWS: dict[str, Draw] = {
    "time": time_of_day,
    "date": date,
    "weekday": weekday,
    "money": money,
    "count": count,
    "people": person_count,
    "person": person,
    "title": title,
    "phone": phone,
    "code": code,
    "item": item,
    "quantity": quantity,
    "topic": topic,
    "task": task,
    "venue": venue,
    "doses": doses,
    "room": _pick_or_coin(lx.ROOMS, "室 厅 教室 楼"),
    "place": _pick_or_coin(lx.PLACES, "店 站 门口 广场 公园 中心"),
    "city": _pick_or_coin(lx.CITIES),
    "hospital": _pick_or_coin(lx.HOSPITALS, "医院"),
    "department": _pick_or_coin(lx.DEPARTMENTS, "科"),
    "restaurant": _pick_or_coin(lx.RESTAURANTS, "饭馆 餐厅 店 酒楼"),
    "hotel": _pick_or_coin(lx.HOTELS, "酒店 宾馆 饭店"),
    "organisation": _pick_or_coin(lx.ORGANISATIONS, "局 公司 厂 院 社 所"),
    "subject": _pick_or_coin(lx.SUBJECTS),
    "medicine": _pick_or_coin(lx.MEDICINES, "片 药 糖浆 胶囊"),
    "utility": _pick_or_coin(lx.UTILITIES, "费"),
    "risk": _pick_or_coin(lx.RISKS),
    "d_act": _dialect_act,
    "d_day": _pick(DIALECT_DAYS),
    "d_thing": _pick(DIALECT_THINGS),
    "d_place": _pick(DIALECT_PLACES),
    "d_person": _pick(DIALECT_PEOPLE),
    "d_money": dialect_money,
}
FACT_TYPES: dict[str, FactType] = {
    "time": "time", "date": "date", "weekday": "date", "money": "money", "count": "number",
    "people": "number", "person": "person", "title": "person", "phone": "number", "code": "number",
    "item": "product", "quantity": "product", "topic": "term", "task": "term", "venue": "place",
    "doses": "number", "room": "place", "place": "place", "city": "place", "hospital": "organisation",
    "department": "term", "restaurant": "organisation", "hotel": "organisation",
    "organisation": "organisation", "subject": "term", "medicine": "product", "utility": "term",
    "risk": "term", "d_act": "term", "d_day": "date", "d_thing": "product", "d_place": "place",
    "d_person": "term", "d_money": "money",
}  # fmt: skip
"""The fact type (METRICS, answers) of each kind of value."""


def fact_type(kind: str) -> FactType:
    """The fact type of a kind of value (a key of `DRAWS`)."""
    return FACT_TYPES[kind]
