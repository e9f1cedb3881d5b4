"""Free sentences and a question about one part of them: what the frames' few shapes cannot teach.

One to three clauses of different shapes are put together from words, values and made-up strings. A
question repeats a clause with an interrogative in the place of one part and mostly drops others, so
that the answer is found by comparing the two. Cantonese and Mandarin from one grammar: what is said
is Cantonese, its meaning Mandarin, and a part of the utterances are their own meanings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from training.language.values import (
    ALL_HANZI,
    DIALECT_ACTS,
    DIALECT_DAYS,
    DIALECT_PEOPLE,
    DIALECT_PLACES,
    DIALECT_THINGS,
    DRAWS,
    MORE_DIALECT_ACTS,
    cardinal,
    meaning,
    to_mandarin,
)
from voicebench.types import FactType

if TYPE_CHECKING:
    from training.language.dialogues import Dialogue, Expected, Maker

CANTONESE_SHARE = 0.55
TRANSLATED_SHARE = 0.3  # of the questions on Cantonese sentences: asked in Mandarin
ABSENT_SHARE = 0.1
COMPANY_SHARE = 0.12
COINED_SHARE = 0.25
SAME_DOER_SHARE = 0.35
LABELS: dict[str, tuple[str, FactType]] = {
    "who": ("人物", "term"), "when": ("时间", "date"), "where": ("地点", "place"), "thing": ("东西", "product"),
    "act": ("要做的事", "term"), "money": ("价钱", "money"), "count": ("数量", "number"), "number": ("号码", "number"),
    "reason": ("原因", "term"),
}  # fmt: skip
"""Kind of part -> what an answer calls it, and the type of its fact."""
PRONOUNS = tuple(
    "我 我 我 我哋 佢 佢哋 你 同事 客户 师傅 老师 医生 邻居 爷爷 姐姐 朋友 房东 司机".split()
)
ACTS = tuple(
    "开会 上课 考试 复查 签合同 交报告 游泳 跑步 打羽毛球 唱歌 理发 面试 加班 请客 搬货 见律师 接孩子 送文件 取护照 拍视频 打针 "
    "听讲座 参加婚礼 看展览 还书 付钱 值班 换轮胎 学做菜 休息 出发 报名 体检 钓鱼 爬山 办手续".split()
)  # fmt: skip
VERBS_OF_THINGS = tuple(
    "买咗 攞咗 换咗 送咗 借咗 修好咗 洗咗 寄咗 订咗 带 卖咗 揾 要 收到 用 退咗 租咗 整咗 挑咗 扔咗 画咗 做咗 打开 检查 钟意".split()
)
FOODS = tuple(
    "叉烧 云吞 猪手 鸡翼 雪糕 生果 凉茶 朱古力 番茄 薯仔 粟米 面条 饺子 包子 牛肉 蛋糕 豆腐 鱼汤 米饭 早餐 烧鹅 火锅 咖啡 果汁".split()
)
VERBS_OF_FOODS = tuple("食咗 煲咗 饮咗 煮咗 点咗 钟意食 想食 炒咗 做咗 蒸咗 请我食咗".split())
MOVES = ("去", "喺", "喺", "去", "到")
STATES = tuple(
    "坏咗 唔见咗 到咗 停咗 湿咗 脏咗 冇电 好贵 好靓 好平 漏水 用完咗 卖完咗 唔够 太旧 太重 好抵 好慢 好吵 着火 过期咗 晒干咗".split()
)
RESULTS = tuple(
    "迟到 唔得闲 走先 请假 冇返工 唔开心 好高兴 冇来 唔食饭 退货 取消 改期 要等 好累 冇接电话 搬屋 早退 报警 发烧".split()
)
CAUSES = tuple(
    "塞车 落雨 睇医生 揾工 停电 下雪 生病 感冒 加班 见工 考试 冇钱 太忙 太远 飞机晚点 孩子发烧 手机坏咗 记错时间 天气太冷 冇车票".split()
)
UNITS = tuple("杯 个人 分钟 件 斤 次 本 张 个钟头 页 公里 台 盒 位 层 日 个月 只 双 米".split())
NUMBER_LABELS = tuple(
    "电话 手机 号码 取件码 房号 分机 总机 密码 尾号 单号 座位 桌号 柜号 门牌 学号 车牌 卡号 验证码 排队号 编号".split()
)
SUFFIXES = ("", "", "", "嘞", "嘅", "喇")
ASK_LEADS = (
    "请问",
    "请问",
    "",
    "",
    "唔该话我知",
    "想问",
    "我想知道",
    "问一下",
    "话我知",
    "咁",
    "你知唔知",
    "麻烦讲下",
)
BEFORE = ("", "", "", "喂", "头先", "其实", "跟你说", "听讲", "唔该记一下", "嗯", "那个", "系咁嘅")
BETWEEN = ("", "", "", "", "然后", "仲有", "同埋", "呃", "另外", "之后")
LINES = (*ACTS, *PRONOUNS, *VERBS_OF_THINGS, *FOODS, *VERBS_OF_FOODS, *STATES, *RESULTS, *CAUSES, *UNITS, *NUMBER_LABELS,
         *SUFFIXES, *ASK_LEADS, *BEFORE, *BETWEEN)  # fmt: skip
"""Everything that these dialogues say beside values and grammar."""


class Part(NamedTuple):
    """A part of a sentence that can be asked for: its kind, as it is said, and what it means."""

    kind: str
    said: str
    meant: str


@dataclass(frozen=True)
class Ask:
    """A question about one part; `forbidden` is what was denied in the same breath."""

    text: str
    part: Part
    forbidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clause:
    text: str
    asks: tuple[Ask, ...]


class Teller:
    """Draws the parts and clauses of one utterance; nothing is drawn twice."""

    def __init__(self, maker: Maker) -> None:
        self.rng, self.world = maker.rng, maker.world
        self.cantonese = self.rng.random() < CANTONESE_SHARE
        self.taken: set[str] = set()
        self.doer: Part | None = None

    # ------------------------------------------------------------ words

    def word(self, text: str) -> str:
        """A word of the grammar in the utterance's language."""
        return text if self.cantonese else to_mandarin(text)

    def _part(self, kind: str, draw: Callable[[], tuple[str, str]]) -> Part:
        """A part whose words no part before it shares."""
        while True:
            said, meant = draw()
            if not self.cantonese:
                said = meant
            if not any(meant in other or other in meant for other in self.taken):
                self.taken.add(meant)
                return Part(kind, said, meant)

    def _known(self, *words: str) -> tuple[str, str]:
        said = self.rng.choice(words)
        return said, to_mandarin(said)

    def _value(self, *kinds: str) -> tuple[str, str]:
        said = DRAWS[self.rng.choice(kinds)](self.rng, self.world)
        return said, meaning(said)

    def _coined(self) -> tuple[str, str]:
        text = "".join(self.rng.choice(ALL_HANZI) for _ in range(self.rng.choice((2, 2, 3, 4))))
        return text, text

    def who(self) -> Part:
        draw = self.rng.choice((
            lambda: self._known(*PRONOUNS), lambda: self._known(*DIALECT_PEOPLE),
            lambda: self._value("person"), lambda: self._value("title", "organisation"),
        ))  # fmt: skip
        return self._part("who", draw)

    def _time(self) -> tuple[str, str]:
        meant = DRAWS["time"](self.rng, self.world)
        parts = {"早上": "朝早", "中午": "晏昼", "晚上": "夜晚", "上午": "上昼", "下午": "下昼"}
        head = meant[:2]
        return (parts[head] if self.rng.random() < 0.6 else head) + meant[2:], meant

    def _day(self) -> tuple[str, str]:
        rng = self.rng
        if rng.random() < 0.35:
            return self._known(
                *DIALECT_DAYS,
                "琴日",
                "月底",
                "每日",
                "放工之后",
                "收工之后",
                "新年",
                "周末",
                "下个月",
                "头先",
            )
        if rng.random() < 0.4:
            day = rng.choice("一二三四五六日")
            return "礼拜" + day, "星期" + day
        return self._value("date", "weekday")

    def _moment(self) -> tuple[str, str]:
        day, time = self._day(), self._time()
        return day[0] + time[0], day[1] + time[1]

    def when(self) -> Part:
        return self._part("when", self.rng.choice((self._time, self._day, self._day, self._moment)))

    def where(self) -> Part:
        draw = self.rng.choice((
            lambda: self._known(*DIALECT_PLACES, "屋企楼下", "公司", "学校", "雪柜里面", "商场", "巴士站"),
            lambda: self._value("place", "room", "city"),
            lambda: self._value("restaurant", "hospital", "organisation", "hotel", "venue"),
        ))  # fmt: skip
        return self._part("where", draw)

    def thing(self) -> Part:
        draw = self.rng.choice((
            lambda: self._known(*DIALECT_THINGS), lambda: self._value("item"),
            lambda: self._value("item", "medicine"), self._coined,
        ))  # fmt: skip
        return self._part("thing", draw)

    def act(self) -> Part:
        draw = self.rng.choice((
            lambda: self._known(*DIALECT_ACTS, *MORE_DIALECT_ACTS), lambda: self._known(*ACTS),
            lambda: self._value("task"), self._coined,
        ))  # fmt: skip
        return self._part("act", draw)

    def amount(self) -> Part:
        return self._part("money", lambda: self._value("d_money", "d_money", "money"))

    def number(self) -> Part:
        return self._part("number", lambda: self._value("phone", "code", "code"))

    def counted(self) -> Part:
        rng = self.rng

        def draw() -> tuple[str, str]:
            number = rng.choice((rng.randint(1, 12), rng.randint(2, 90)))
            said = ("两" if number == 2 else cardinal(number)) + rng.choice(UNITS)
            return said, to_mandarin(said)

        return self._part("count", draw)

    def _fixed(self, words: tuple[str, ...], held_share: float = COINED_SHARE) -> str:
        """A word that is not asked for; made up in a part of the draws."""
        if self.rng.random() < held_share:
            return self._coined()[0]
        return self.word(self.rng.choice(words))

    def _some(self, *texts: str) -> str:
        """Each of some texts, or nothing: a question drops what it needs not say."""
        return "".join(text for text in texts if self.rng.random() < 0.45)

    def _wh(self, *words: str) -> str:
        return self.word(self.rng.choice(words))

    # ------------------------------------------------------------ clauses

    def happened(self) -> Clause:
        """Somebody does something at a time and a place; the one of the last clause need not be named."""
        rng = self.rng
        same = self.doer if rng.random() < SAME_DOER_SHARE else None
        who, when, where = same or self.who(), self.when(), self.where()
        at = self.word(rng.choice(MOVES))
        shown = [rng.random() < share for share in (0.85, 0.75 if same is None else 1.0, 0.6)]
        self.doer = who if shown[0] else None
        who_said, when_said = (
            p.said if on else "" for p, on in zip((who, when), shown, strict=False)
        )
        where_said = at + where.said if shown[2] else ""
        if rng.random() < 0.55:
            food = rng.random() < 0.35
            verb = self._fixed(VERBS_OF_FOODS if food else VERBS_OF_THINGS)
            thing = self._part("thing", lambda: self._known(*FOODS)) if food else self.thing()
            does, asked = (
                verb + thing.said,
                Ask(
                    self._some(who_said, when_said, where_said)
                    + verb
                    + self._wh("乜嘢", "咩", "乜嘢"),
                    thing,
                ),
            )
        else:
            act = self.act()
            does = act.said
            said = who_said + when_said + where_said
            asked = Ask(
                said + self._wh("做乜嘢", "做咩", "要做乜嘢") if said else self._wh("要做乜嘢"), act
            )
        asks = [asked]
        if shown[0] and same is None:
            asks.append(
                Ask(
                    self._wh("边个", "边个", "边位") + self._some(when_said, where_said) + does, who
                )
            )
        if shown[1]:
            wh = self._wh("几时", "几时", "乜嘢时间")
            asks.append(Ask(self._some(who_said) + wh + self._some(where_said) + does, when))
        if shown[2]:
            wh = at + self._wh("边度", "边度", "乜嘢地方")
            asks.append(
                Ask(self._some(who_said, when_said) + rng.choice((wh + does, does + wh)), where)
            )
        who_said = "" if same else who_said
        told = when_said  # a count may follow at once, and is no part of the time: 八点八个人
        if when_said and rng.random() < COMPANY_SHARE:
            told += cardinal(rng.randint(3, 20)) + rng.choice(("个人", "位", "个同事"))
        orders = [who_said + told + where_said + does, told + who_said + where_said + does,
                  who_said + told + does + where_said, who_said + where_said + told + does]  # fmt: skip
        return Clause(rng.choice(orders) + self.word(rng.choice(SUFFIXES)), tuple(asks))

    def priced(self) -> Clause:
        """What a thing costs, or cost before and costs now."""
        rng = self.rng
        thing, money = self.thing(), self.amount()
        link = self._fixed(
            ("", "", "要", "卖", "畀咗", "用咗", "系", "花咗", "收咗", "标价", "打折之后", "一共"),
            0.12,
        )
        per = rng.choice(("", "", "", "一斤", "一个", "一张", "一日", "一个月"))
        how_much = self._wh("几多钱", "几多钱", "几多", "几多蚊")
        ask_money = Ask(
            rng.choice((thing.said + link, thing.said)) + how_much + self._some(per), money
        )
        if rng.random() < 0.2:  # the old price first
            old = self.amount()
            now = self.word(rng.choice(("而家", "打折之后", "今日")))
            before = self.word(rng.choice(("原来", "以前", "琴日")))
            return Clause(thing.said + before + old.said + now + money.said,
                          (Ask(thing.said + now + how_much, money), Ask(thing.said + before + how_much, old)))  # fmt: skip
        forms = (
            (thing.said + link + money.said + per, Ask(self._wh("乜嘢") + link + money.said, thing)),
            (self.word("买") + thing.said + link + money.said + per, Ask(self.word("买乜嘢") + link + money.said, thing)),
            (money.said + self.word("买咗") + thing.said, Ask(money.said + self.word("买咗乜嘢"), thing)),
        )  # fmt: skip
        text, ask_thing = rng.choice(forms)
        return Clause(text, (ask_money, ask_money, ask_thing))

    def stated(self) -> Clause:
        """What something is like, somewhere."""
        rng = self.rng
        thing, state = self.thing(), self._fixed(STATES)
        what = self._wh("乜嘢", "咩", "边样嘢")
        if rng.random() < 0.4:
            return Clause(thing.said + state, (Ask(what + state, thing),))
        where = self.where()
        if rng.random() < 0.35:
            has = self.word(rng.choice(("冇", "有", "放咗", "买到", "卖")))
            return Clause(where.said + has + thing.said, (
                Ask(self._some(where.said) + has + what, thing), Ask(self._wh("边度") + has + thing.said, where),
            ))  # fmt: skip
        link = self.word(rng.choice(("嘅", "嘅", "", "里面嘅")))
        return Clause(where.said + link + thing.said + state, (
            Ask(self._some(where.said + link) + what + state, thing),
            Ask(self._wh("边度", "边度") + link + thing.said + state, where),
        ))  # fmt: skip

    def contrasted(self) -> Clause:
        """One of two values, the other denied."""
        rng = self.rng
        kind, draw = rng.choice(
            (("乜嘢", self.thing), ("几时", self.when), ("边个", self.who), ("边度", self.where))
        )
        yes, no = draw(), draw()
        about = self._fixed((*ACTS, *DIALECT_ACTS))
        link, denial = (self.word(w) for w in rng.choice((
            ("系", "唔系"), ("系", "唔系"), ("要", "唔要"), ("有", "冇"), ("钟意", "唔钟意"), ("", "唔系"), ("改咗", "唔系"),
        )))  # fmt: skip
        text = rng.choice(
            (
                about + link + yes.said + denial + no.said,
                about + denial + no.said + (link or self.word("系")) + yes.said,
            )
        )
        return Clause(text, (Ask(about + link + self._wh(kind), yes, (no.meant,)),))

    def numbered(self) -> Clause:
        """A number of somebody or something."""
        rng = self.rng
        number, label = self.number(), self.word(rng.choice(NUMBER_LABELS))
        owner = rng.choice((self.who, self.where, self.thing))()
        asked = self._wh("几多", "几多号", "乜嘢", "几多")
        return Clause(
            rng.choice((
                owner.said + self.word("嘅") + label + self.word("系") + number.said,
                owner.said + label + number.said,
                label + self.word("系") + number.said + self.word("揾") + owner.said,
                self.word("打") + number.said + self.word("揾") + owner.said + label,
                owner.said + self.word("用") + number.said + self.word("做") + label,
            )),
            (Ask(owner.said + self.word(rng.choice(("嘅", ""))) + label + self.word(rng.choice(("系", ""))) + asked, number),
             Ask(label + self.word("系") + asked, number),
             Ask(self._wh("打边个号码揾", "边个号码系") + owner.said, number)),
        )  # fmt: skip

    def measured(self) -> Clause:
        """How many of something."""
        rng = self.rng
        count = self.counted()
        unit = count.said.lstrip("零一二两三四五六七八九十")
        does = self._fixed((*ACTS, *DIALECT_ACTS, "搭车", "排队", "走路", "饮水"))
        link = self.word(rng.choice(("要", "一共", "", "有", "用咗")))
        how_many = self.word("几多") + unit
        asks = [Ask(does + link + how_many, count)]
        if rng.random() < 0.5:
            thing = self.thing()
            verb = self._fixed(VERBS_OF_THINGS)
            return Clause(verb + count.said + thing.said, (
                Ask(thing.said + verb + self._wh("几多") + self._some(unit), count), Ask(verb + how_many + thing.said, count),
            ))  # fmt: skip
        text = rng.choice((does + link + count.said, count.said + does))
        if text == count.said + does:
            asks = [Ask(how_many + does, count), Ask(does + self.word("嘅系") + how_many, count)]
        return Clause(text, tuple(asks))

    def reasoned(self) -> Clause:
        """Why something is so."""
        rng = self.rng
        who, result = self.who(), self._fixed(RESULTS)
        cause = self._part(
            "reason", lambda: self._known(*CAUSES) if rng.random() < 0.75 else self._coined()
        )
        because = self.word(rng.choice(("因为", "因为", "原因系")))
        why = self._wh("点解", "点解", "做乜")
        text = rng.choice((who.said + result + because + cause.said,
                           who.said + self.word("因为") + cause.said + result))  # fmt: skip
        return Clause(
            text, (Ask(rng.choice((who.said + why, why + who.said, why)) + result, cause),)
        )

    def clause(self) -> Clause:
        shapes = (
            self.happened,
            self.priced,
            self.stated,
            self.contrasted,
            self.numbered,
            self.measured,
            self.reasoned,
        )
        return self.rng.choices(shapes, (9, 4, 3, 2, 2, 2, 1))[0]()


def _answer(ask: Ask, style: str, offer: str) -> str:
    body = f"{LABELS[ask.part.kind][0]}是{ask.part.meant}"
    if style == "brief":
        return ask.part.meant + "。"
    return f"{body}。" if style == "strict" else f"好的，{body}。{offer}"


def _expected(ask: Ask) -> Expected:
    from training.language.dialogues import Expected

    return Expected((ask.part.meant,), (LABELS[ask.part.kind][1],), ask.forbidden)


def narrative(maker: Maker) -> Dialogue:
    """Some clauses and a question on one of them, then mostly others."""
    from training.language.dialogues import OFFER, Expected, answer_absent

    rng, style, teller = maker.rng, maker._style(), Teller(maker)
    clauses = [teller.clause() for _ in range(rng.choice((1, 1, 2, 2, 2, 3)))]
    unsaid = teller.clause()
    said = teller.word(rng.choice(BEFORE))
    for position, clause in enumerate(clauses):
        said += (teller.word(rng.choice(BETWEEN)) if position else "") + clause.text
        said += "，" if position < len(clauses) - 1 and rng.random() < 0.15 else ""
    turns = []
    for position in range(rng.choice((1, 2, 3, 3))):
        absent = rng.random() < ABSENT_SHARE
        ask = rng.choice((unsaid if absent else rng.choice(clauses)).asks)
        question = teller.word(rng.choice(ASK_LEADS)) + ask.text
        if teller.cantonese and rng.random() < TRANSLATED_SHARE:
            question = to_mandarin(question)
        label = LABELS[ask.part.kind][0]
        answer = answer_absent(label, style) if absent else _answer(ask, style, OFFER)
        expected = Expected(refusal=True) if absent else _expected(ask)
        turns.append(((said if position == 0 else "") + question, answer, expected))
    return maker._finish("narratives", style, turns)
