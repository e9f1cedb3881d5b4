"""Numbers, amounts, days and names, each among others of its kind: what a small model copies worst.

A dialogue names two or three things in one breath, each with its label, and asks for one. Names may
come with how they are written (张峰山峰的峰), and two people may sound alike.
"""

from __future__ import annotations

import dataclasses
import random
from functools import cache
from typing import TYPE_CHECKING

from training.language import lexicon as lx
from training.language.frames import Frame, Slot
from training.language.values import ALL_HANZI, DRAWS, NAME_CHARS_TRAIN, World

if TYPE_CHECKING:
    from training.language.dialogues import Dialogue, Expected, Maker

LABELS: dict[str, tuple[str, ...]] = {
    "phone": tuple("电话 手机 手机号 座机 热线 号码 联系方式 传真 订座电话 值班电话 家里电话 客服".split()),
    "code": tuple("订单 单号 流水号 房号 门牌号 柜号 车牌 学号 工号 卡号 密码 护照 准考证 发票号 取餐号 航班 会员卡 验证码 编号 尾号".split()),
    "money": tuple("押金 奖金 工资 运费 车费 门票 罚款 余额 定金 首付 补贴 利息 红包 学费 房租 单价 总价 差价 退款 手续费".split()),
    "date": tuple("到期日 交货日 报名日 考试日 生日 开学 入职 退房 保修期 截止日 手术 出院 搬家 发货 停电 复诊".split()),
    "time": tuple("开门 关门 集合 起飞 登机 上课 检票 午休 起床 签到".split()),
    "place": tuple("集合点 取货点 停车位置 报名处 展台 出口 新址 住处".split()),
    "count": tuple("座位号 排队号 桌号 楼层 人数 件数 站台 窗口 页数 考场".split()),
}  # fmt: skip
"""Kind of value -> what such a value is called."""
CLAUSES = ("{owner}的{label}是{value}", "{owner}{label}{value}", "{label}是{value}是{owner}的", "{owner}说{label}是{value}",
           "{owner}把{label}换成{value}了", "{label}{value}是{owner}给我的", "{owner}那边{label}变成{value}",
           "{value}是{owner}的{label}", "{owner}的{label}写的是{value}", "{owner}发来{label}{value}", "请记住{owner}的{label}{value}",
           "听{owner}讲{label}要{value}", "{owner}{label}定了{value}", "{owner}的{label}我查到是{value}")  # fmt: skip
QUESTIONS = ("{owner}的{label}是{what}", "{owner}的{label}{what}", "{label}是{what}", "{what}是{owner}的{label}", "{owner}{label}{what}",
             "{owner}的{label}再说一遍", "帮我查{owner}的{label}", "报一下{owner}的{label}", "{owner}那个{label}是{what}",
             "我忘了{owner}的{label}", "{owner}说的{label}是{what}", "{owner}的{label}到底是{what}")  # fmt: skip
WHAT = {
    "phone": ("多少", "几号", "什么", "什么号码"), "code": ("多少", "几号", "多少号", "什么"), "money": ("多少", "多少钱", "几块钱"),
    "date": ("哪天", "几号", "什么时候", "哪一天"), "time": ("几点", "什么时候", "几点钟"), "place": ("哪里", "哪儿", "什么地方"),
    "count": ("几号", "多少", "几", "多少号"),
}  # fmt: skip
ROLES = tuple(
    "合同 面试 付款 开车 领奖 收货 签字 报名 请假 做饭 看病 演讲 值班 接机 翻译 拍照 采购 前台 点名 带队".split()
)
DID = ("{role}的是", "{role}的人叫", "负责{role}的是", "来{role}的是", "{role}找", "{role}由", "要{role}的那位是", "{role}的名字写")  # fmt: skip
WHO = ("{role}的是谁", "谁{role}", "负责{role}的是谁", "{role}找谁", "{role}的人叫什么", "来{role}的是哪位", "谁来{role}", "{role}的是哪一位")  # fmt: skip
TWO = ("有{a}和{b}{role}的那位是{written}", "{a}{b}两个人都在{role}的是{written}", "{a}还有{b}要{role}的写{written}",
       "{a}跟{b}名字一样读{role}的那个是{written}", "我认识{a}和{b}来{role}的是{written}")  # fmt: skip
LINES = (*CLAUSES, *QUESTIONS, *DID, *WHO, *TWO, *ROLES, *(word for kind in (LABELS, WHAT) for words in kind.values() for word in words))  # fmt: skip
"""Everything that these dialogues say beside values."""
NUM_HELD_OUT = 1
NAME_SHARE = 0.35


def entity(maker: Maker) -> Dialogue:
    """Two or three labelled values, or names that are spelled out; one is asked for, then others."""
    from training.language.dialogues import Told

    style = maker._style()
    names = maker.rng.random() < NAME_SHARE
    if names and maker.rng.random() < 0.4:
        return maker._finish("entities", style, [_two_people(maker, style)])
    frame, template, values = (_named if names else _labelled)(maker)
    told = Told(frame, values, list(frame.slots))
    turns = [maker._opening(told, template, style)]
    if maker.rng.random() < 0.7:
        turns += maker._later(told, style, maker.rng.choice((1, 2, 3)))
    return maker._finish("entities", style, turns)


def _split(wordings: tuple[str, ...], held_out: bool) -> tuple[str, ...]:
    return wordings[-NUM_HELD_OUT:] if held_out else wordings[:-NUM_HELD_OUT]


def _world(maker: Maker) -> World:
    return dataclasses.replace(maker.world, colloquial=True)


def _owner(rng: random.Random, world: World) -> str:
    kind = rng.choice(
        ("person", "title", "organisation", "hotel", "hospital", "item", "city", "none")
    )
    return (
        rng.choice(("我", "我家", "公司", "妈妈", "学校"))
        if kind == "none"
        else DRAWS[kind](rng, world)
    )


def _labelled(maker: Maker) -> tuple[Frame, str, dict[str, str]]:
    rng, world = maker.rng, _world(maker)
    slots: dict[str, Slot] = {}
    values: dict[str, str] = {}
    clauses: list[str] = []
    for kind in rng.sample(tuple(LABELS), rng.choice((1, 2, 2, 3))):
        owner, label = _owner(rng, world), rng.choice(LABELS[kind])
        slots[kind] = Slot(kind, label, tuple(
            question.format(owner=owner, label=label, what=rng.choice(WHAT[kind]))
            for question in _split(QUESTIONS, maker.held_out)
        ))  # fmt: skip
        values[kind] = DRAWS[kind](rng, world)
        clause = rng.choice(_split(CLAUSES, maker.held_out))
        clauses.append(clause.format(owner=owner, label=label, value="{" + kind + "}"))
    return Frame("entity", slots, ()), "".join(clauses), values


@cache
def _words_with(char: str) -> tuple[str, ...]:
    return tuple(word for word in lx.ALL_WORDS if char in word and 2 <= len(word) <= 4)


def _written(char: str, maker: Maker) -> str:
    """How a character of a name is told apart: by a word that holds it (山峰的峰)."""
    rng = maker.rng
    known = _words_with(char)
    if known and rng.random() < 0.6:
        word = rng.choice(known)
    else:
        other = rng.choice(ALL_HANZI)
        word = rng.choice((char + other, other + char))
    return f"{word}的{char}"


def _named(maker: Maker) -> tuple[Frame, str, dict[str, str]]:
    rng, world = maker.rng, _world(maker)
    values: dict[str, str] = {}
    slots: dict[str, Slot] = {}
    clauses: list[str] = []
    for position, role in enumerate(rng.sample(ROLES, rng.choice((1, 1, 2)))):
        name, slot = DRAWS["person"](rng, world), f"person{position}"
        values[slot] = name
        questions = tuple(text.format(role=role) for text in _split(WHO, maker.held_out))
        slots[slot] = Slot("person", role + "人", questions)
        said = rng.choice(_split(DID, maker.held_out)).format(role=role) + "{" + slot + "}"
        clauses.append(said + (_written(rng.choice(name[1:]), maker) if rng.random() < 0.7 else ""))
    if rng.random() < 0.5:
        kind = rng.choice(("money", "city", "organisation", "date", "room"))
        clauses.append(rng.choice(("金额", "要去", "是", "时间", "地点")) + DRAWS[kind](rng, world))
    return Frame("names", slots, ()), "".join(clauses), values


def _two_people(maker: Maker, style: str) -> tuple[str, str, Expected]:
    """Two names that differ in one character; the word that holds it tells who is meant."""
    from training.language.dialogues import OFFER, Expected

    rng = maker.rng
    name, role = DRAWS["person"](rng, _world(maker)), rng.choice(ROLES)
    at = rng.randrange(1, len(name))
    other = name[:at] + rng.choice([c for c in NAME_CHARS_TRAIN if c != name[at]]) + name[at + 1 :]
    pair = rng.sample((name, other), 2)
    said = rng.choice(_split(TWO, maker.held_out)).format(
        a=pair[0], b=pair[1], role=role, written=_written(name[at], maker)
    )
    ask = rng.choice(_split(WHO, maker.held_out)).format(role=role)
    answer = f"{name}。" if style == "brief" else f"{role}的是{name}。"
    if style == "plain":
        answer = f"好的，{answer}{OFFER}"
    return said + ask, answer, Expected((name,), ("person",), (other,))
