"""Talk about anything: facts under any noun or verb of the language, and natural sentences, asked in
many framings. The frames' few labels and shapes teach a small model those alone; here a label is one of
thousands of words of jieba's dictionary, a sentence one of a natural text, and a question any of many
orders of the same parts, so that what is left to learn is to compare and to copy.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from training.language import lexicon as lx
from training.language import natural
from training.language.values import DRAWS, FACT_TYPES, cardinal, meaning

if TYPE_CHECKING:
    from training.language.dialogues import Dialogue, Expected, Maker

ABSENT_SHARE = 0.18
NATURAL_SHARE = 0.25  # of the talks: a sentence of natural text stands among the facts
RARE = 30  # a dictionary count below which a word is no everyday word
LABELS: dict[str, tuple[str, ...]] = {
    "money": tuple("押金 租金 房租 学费 水费 电费 燃气费 物业费 定金 尾款 运费 挂号费 停车费 工资 奖金 补贴 报销 门票 票价 手续费 保险费 网费 话费 罚款 "
                   "饭钱 车费 油费 过路费 班费 会费 材料费 人工费 安装费 维修费 上门费 服务费 预算 余额 欠款 利息 首付 月供 中介费 快递费 押一付三的钱 红包 份子钱 零花钱 原价 现价 成本 货款 "
                   "单价 总价 差价 退款 赔偿 补差 订金 伙食费 住宿费 培训费 报名费 资料费 检查费 药费 住院费 手术费".split()),
    "date": tuple("到期 截止 复诊 开学 报名 交货 生日 出发 返程 入职 离职 面试 婚礼 考试 搬家 体检 开业 放假 还款 出院 住院 手术 开庭 签约 验收 停水 停电 检修 发工资 交房 年会 "
                  "家长会 培训 答辩 比赛 演出 聚会 出差 换证 年检 续费 到货 发货 盘点 审计 巡检 打疫苗 拆线 毕业 结婚 上线 试用期结束".split()),
    "time": tuple("上课 下课 开门 关门 发车 起飞 登机 下班 上班 集合 开会 散会 吃药 吃饭 起床 睡觉 打卡 交班 接班 开演 检票 末班车 首班车 停止挂号 取件 送货 上门 直播 开饭 熄灯 关店 午休 点名 退房 入住 换药 测血压 抽血 接孩子".split()),
    "person": tuple("医生 主治医生 老师 班主任 联系人 房东 师傅 司机 教练 负责人 经理 店长 主管 客户 收件人 寄件人 护士 律师 会计 保姆 中介 前台 组长 队长 厂长 班长 值班员 检验员 操作工 安全员 介绍人 担保人 申请人 "
                    "审批人 主持人 讲师 导游 领队 同桌 舍友 邻居 顾问 管家 客服 维修工 驾驶员 接待 替班的 带班的".split()),
    "place": tuple("地址 集合的地方 教室 仓库 办公室 会议室 病房 座位 车位 诊室 窗口 取件点 停车的地方 上车点 下车点 展厅 车间 考场 活动地点 吃饭的地方 住的地方 老家 工地 门店 目的地 出发地 维修点 备用钥匙 放东西的地方".split()),
    "organisation": tuple("医院 学校 银行 公司 单位 供应商 客户单位 施工方 快递公司 保险公司 物业 旅行社 酒店 出版社 主办方 承办方 发证机关 开户行 合作方 厂家".split()),
    "number": tuple("人数 件数 楼层 座位号 房号 工号 学号 取件码 验证码 单号 电话 手机号 分机 门牌号 车牌 排号 桌号 柜号 密码 身高 体重 血压 心率 体温 血糖 温度 压力 转速 电压 电流 湿度 库存 数量 页数 次数 天数 年龄 "
                    "面积 里程 尺码 份数 箱数 读数 编号 合同号 批号 票数 名次 分数 得票 订单号 票号 班次".split()),
    "product": tuple("礼物 早餐 午饭 药 设备 配件 型号 材料 饮料 主食 作业本 教材 工具 零件 奖品 赠品 货 样品 水果 点心 快递里的东西 忘带的东西 要买的 要修的 坏的 换的 退的 丢的".split()),
    "term": tuple("科目 专业 主题 原因 任务 科室 项目 活动 症状 故障 毛病 规格 颜色 口味 方案 课程 节目 爱好 职务 工序 流程 状态 风险 要求 材质".split()),
}  # fmt: skip
"""Fact type -> what everyday talk calls such a value; nouns of the dictionary stand beside them."""
KINDS: dict[str, tuple[str, ...]] = {
    "money": ("money", "money", "d_money"), "date": ("date", "date", "weekday"), "time": ("time",), "person": ("person", "person", "title"),
    "place": ("place", "room", "city", "venue"), "organisation": ("organisation", "hospital", "restaurant", "hotel"),
    "number": ("count", "code", "phone", "people", "measure", "measure"), "product": ("item", "item", "medicine", "noun"), "term": ("noun", "subject", "topic", "noun"),
}  # fmt: skip
UNITS = tuple(
    "度 公斤 斤 毫克 毫升 米 厘米 公里 平方米 层 页 次 天 岁 分 个 件 箱 份 瓶 包 转 伏 安 兆帕 分贝 毫米 台 间 张 本 辆 桶 吨 升 小时 分钟 个月 年 号 排 圈 遍".split()
)
WH: dict[str, tuple[str, ...]] = {
    "money": ("多少钱", "多少", "几块钱", "多少块", "几多"), "date": ("什么时候", "哪天", "几号", "哪一天", "啥时候"), "time": ("几点", "什么时候", "几点钟", "啥时候", "什么时间"),
    "person": ("谁", "哪位", "哪个人", "叫什么", "叫什么名字"), "place": ("哪里", "哪儿", "什么地方", "哪", "啥地方"), "organisation": ("哪家", "哪个单位", "哪个", "什么单位"),
    "number": ("多少", "几", "是几", "多少来着"), "product": ("什么", "哪个", "啥", "哪种", "什么东西"), "term": ("什么", "啥", "哪个", "哪种"),
}  # fmt: skip
STATE: dict[str, tuple[str, ...]] = {
    "money": ("{L}{V}", "{L}{V}", "{L}是{V}", "{L}要{V}", "{L}一共{V}", "交了{V}{L}", "{V}的{L}", "{L}花了{V}", "{L}收{V}", "付了{V}的{L}", "{L}得{V}", "{L}那边是{V}", "{L}涨到{V}", "{L}便宜到{V}", "{V}是{L}"),
    "date": ("{V}{L}", "{L}是{V}", "{L}在{V}", "{L}定在{V}", "{L}改到{V}", "{V}要{L}", "{V}就{L}了", "{L}那天是{V}", "{L}约的{V}", "{V}安排{L}", "到{V}{L}", "{L}推到了{V}", "{L}{V}"),
    "time": ("{V}{L}", "{L}是{V}", "{L}时间是{V}", "{L}在{V}", "{V}要{L}", "{L}定在{V}", "{V}准时{L}", "{V}开始{L}", "{L}提前到{V}", "{L}{V}", "得{V}{L}"),
    "person": ("{L}是{V}", "{L}叫{V}", "{V}是{L}", "{L}{V}", "找{L}{V}", "{L}换成{V}了", "{V}当{L}", "{L}是一个叫{V}的", "{L}由{V}来做", "{L}这次是{V}"),
    "place": ("{L}在{V}", "{L}是{V}", "{L}{V}", "去{V}的{L}", "{L}就在{V}", "{L}搬到{V}了", "{L}改在{V}", "{L}选的{V}"),
    "organisation": ("{L}是{V}", "{L}{V}", "{L}找的{V}", "{V}是{L}", "{L}换成了{V}", "{L}定的{V}"),
    "number": ("{L}{V}", "{L}是{V}", "{L}为{V}", "{L}量了是{V}", "{L}有{V}", "{L}降到{V}", "{L}显示{V}", "{V}的{L}", "{L}到{V}了"),
    "product": ("{L}是{V}", "{L}{V}", "{L}用{V}", "{L}买{V}", "{L}要{V}", "拿{V}当{L}", "{L}换成{V}", "{L}选{V}"),
    "term": ("{L}是{V}", "{L}{V}", "{L}选的{V}", "{L}写的{V}", "{L}属于{V}", "{L}改成{V}"),
}  # fmt: skip
ASK: dict[str, tuple[str, ...]] = {
    "money": ("{L}{W}", "{W}{L}", "要交{W}{L}", "{L}是{W}", "{L}要{W}", "{L}一共{W}", "得给{W}{L}", "{L}花了{W}", "{L}具体{W}", "{W}的{L}"),
    "date": ("{L}是{W}", "{W}{L}", "{L}在{W}", "{W}要{L}", "{L}{W}", "{L}定的{W}", "{W}能{L}", "是{W}{L}"),
    "time": ("{W}{L}", "{L}是{W}", "{L}{W}", "{W}要{L}", "是{W}{L}", "{L}定的{W}", "得{W}{L}"),
    "person": ("{L}是{W}", "{W}是{L}", "{L}{W}", "{L}找{W}", "是{W}当{L}", "{L}换成{W}了"),
    "place": ("{L}在{W}", "{L}是{W}", "{W}是{L}", "{L}{W}", "{L}搬到{W}了", "去{W}找{L}"),
    "organisation": ("{L}是{W}", "{W}是{L}", "{L}{W}", "{L}找的{W}"),
    "number": ("{L}{W}", "{L}是{W}", "{L}有{W}", "{L}到{W}了", "{L}显示{W}"),
    "product": ("{L}是{W}", "{L}{W}", "{L}用{W}", "{L}要{W}", "{W}是{L}"),
    "term": ("{L}是{W}", "{L}{W}", "{W}是{L}", "{L}选的{W}"),
}  # fmt: skip
AROUND = (
    ("", ""), ("", ""), ("请问", ""), ("", "来着"), ("我忘了", "了"), ("你知道", "吗"), ("", "啊"), ("那", "呢"), ("帮我看一下", ""), ("到底", ""), ("你说", ""), ("我想问", ""), ("你还记得", "吗"), ("告诉我", ""),
    ("麻烦说一下", ""), ("", "呀"), ("刚才说的", "是吧"), ("我记不清", "了"), ("所以", ""), ("", "你帮我记着没"), ("确认下", ""), ("问一下", ""), ("我就想知道", ""), ("能告诉我", "吗"), ("对了", ""), ("哎", "呀"), ("", "麻烦你"),
)  # fmt: skip
BETWEEN = (
    "",
    "",
    "",
    "",
    "然后",
    "还有",
    "另外",
    "呃",
    "嗯",
    "再就是",
    "对了",
    "那个",
    "哦对",
    "同时",
    "接着",
    "其中",
    "不过",
    "但是",
)
OPENING = (
    "",
    "",
    "",
    "",
    "你好",
    "喂",
    "跟你说",
    "我这边",
    "是这样的",
    "那个",
    "今天",
    "我刚看了下",
    "他们说",
    "通知说",
    "听好了",
    "我记一下",
    "我妈说",
    "师傅说",
    "单子上写着",
    "合同上",
    "我们这个",
)
OWNERS = tuple(
    "我 他 她 我们 他们 你 我妈 我爸 我老公 孩子 大的 小的 楼上 楼下 左边的 右边的 新的 旧的 上午的 下午的 第一个 第二个 东边的 西边的 一号 二号 老王 小李 王姐 张师傅 李阿姨 前面的 后面的 男的 女的 红的 蓝的".split()
)


@cache
def _dictionary(tag: str, held_out: bool) -> tuple[str, ...]:
    """Everyday words of two to four Hanzi with jieba's tag, of a split."""
    jieba = find_spec("jieba")
    assert jieba, "FunASR needs jieba"
    assert jieba.origin
    words = []
    for line in Path(jieba.origin).with_name("dict.txt").read_text("utf-8").splitlines():
        word, count, letters = line.split()
        if letters == tag and int(count) >= RARE and 2 <= len(word) <= 4:
            words.append(word)
    return tuple(w for w in words if lx.is_held_out("open:" + w, 10) == held_out)


@dataclass(frozen=True)
class Fact:
    """A value under a label, as said and as meant."""

    type: str
    label: str
    said: str
    meant: str


class Talk:
    """Draws the facts of one talk; no label and no value twice."""

    def __init__(self, maker: Maker) -> None:
        self.rng, self.world, self.held_out = maker.rng, maker.world, maker.held_out
        self.taken: set[str] = set()

    def noun(self) -> str:
        tag = self.rng.choices(("n", "v", "vn", "nz"), (6, 2, 2, 1))[0]
        return self.rng.choice(_dictionary(tag, self.held_out))

    def _value(self, type_: str) -> tuple[str, str]:
        kind = self.rng.choice(KINDS[type_])
        if kind == "noun":
            text = self.noun()
            return text, text
        if kind == "measure":
            number = self.rng.choice((self.rng.randint(1, 20), self.rng.randint(2, 300)))
            point = self.rng.random() < 0.2
            text = cardinal(number) + ("点" + cardinal(self.rng.randint(1, 9)) if point else "")
            text += self.rng.choice(UNITS)
            return text, text
        said = DRAWS[kind](self.rng, self.world)
        return said, meaning(said)

    def _fresh(self, draw: Callable[[], str]) -> str:
        while True:
            text = draw()
            if not any(text in other or other in text for other in self.taken):
                self.taken.add(text)
                return text

    def value(self, type_: str) -> tuple[str, str]:
        while True:
            said, meant = self._value(type_)
            if not any(meant in other or other in meant for other in self.taken):
                self.taken.add(meant)
                return said, meant

    def label(self, type_: str) -> str:
        known = LABELS[type_]
        return self._fresh(
            lambda: self.rng.choice(known) if self.rng.random() < 0.5 else self.noun()
        )

    def fact(self, type_: str, label: str = "") -> Fact:
        return Fact(type_, label or self.label(type_), *self.value(type_))

    def facts(self) -> list[Fact]:
        """One to five facts: of any types, of one type, or of one label under several owners."""
        rng, types = self.rng, tuple(LABELS)
        how, count = rng.random(), rng.choice((1, 2, 2, 3, 3, 4, 5))
        if how < 0.3:
            return [self.fact(t) for t in [rng.choice(types)] * count]
        if how < 0.5 and count > 1:
            type_ = rng.choice(types)
            label = self.label(type_)
            owners = rng.sample(OWNERS, min(count, 3))
            return [self.fact(type_, owner + label) for owner in owners]
        return [self.fact(rng.choice(types)) for _ in range(count)]

    def state(self, fact: Fact) -> tuple[str, tuple[str, ...]]:
        """The fact as a clause, and what it denies: an old value, or another one."""
        rng = self.rng
        text = rng.choice(STATE[fact.type]).format(L=fact.label, V=fact.said)
        draw = rng.random()
        if draw < 0.08:
            said, meant = self.value(fact.type)
            no = rng.choice(("{t}不是{o}", "不是{o}是{v}{t}", "{t}可不是{o}"))
            return no.format(t=text, o=said, v=""), (meant,)
        if draw < 0.14:
            said, meant = self.value(fact.type)
            old = rng.choice(
                (
                    "原来{L}{o}现在{v}",
                    "{L}从{o}改成{v}",
                    "{L}以前{o}现在是{v}",
                    "{L}本来是{o}后来变成{v}",
                )
            )
            return old.format(L=fact.label, o=said, v=fact.said), (meant,)
        return text, ()

    def ask(self, fact: Fact) -> str:
        rng = self.rng
        text = rng.choice(ASK[fact.type]).format(L=fact.label, W=rng.choice(WH[fact.type]))
        if rng.random() < 0.06:
            text = fact.label + rng.choice(("呢", "说一下", "是啥", "再说一遍"))
        before, after = rng.choice(AROUND)
        return before + text + after


def _join(pieces: list[str], rng: random.Random) -> str:
    link = rng.choices(("", "，"), (0.7, 0.3))[0]
    return link.join(piece for piece in pieces if piece)


def _answer(label: str, value: str, style: str, offer: str) -> str:
    if style == "brief":
        return value + "。"
    body = f"{label}是{value}。"
    return body if style == "strict" else f"好的，{body}{offer}"


def _sentence(talk: Talk) -> natural.Sentence:
    return talk.rng.choice(natural.sentences(talk.held_out))


def _plain(sentence: natural.Sentence, rng: random.Random) -> str:
    """As a recognizer writes it: mostly without punctuation."""
    text = sentence.text
    return text if rng.random() < 0.25 else text.replace("，", "").replace("、", "")


def open_talk(maker: Maker) -> Dialogue:
    """Some facts under any labels and a question on one of them, before, among or after them."""
    from training.language.dialogues import OFFER, Expected, answer_absent

    rng, style, talk = maker.rng, maker._style(), Talk(maker)
    facts = talk.facts()
    pieces: list[str] = []
    denied: dict[Fact, tuple[str, ...]] = {}
    for fact in facts:
        text, no = talk.state(fact)
        pieces.append((rng.choice(BETWEEN) if pieces else rng.choice(OPENING)) + text)
        denied[fact] = no
    if rng.random() < NATURAL_SHARE:
        pieces.insert(rng.randint(0, len(pieces)), _plain(_sentence(talk), rng))
    turns: list[tuple[str, str, Expected]] = []
    for position in range(rng.choice((1, 1, 2, 3, 4))):
        if rng.random() < ABSENT_SHARE:
            fact = talk.fact(rng.choice((rng.choice(facts).type, rng.choice(tuple(LABELS)))))
            answer, expected = answer_absent(fact.label, style), Expected(refusal=True)
        else:
            fact = rng.choice(facts)
            answer = _answer(fact.label, fact.meant, style, OFFER)
            type_ = FACT_TYPES.get(fact.type, fact.type)
            expected = Expected((fact.meant,), (type_,), denied[fact])  # type: ignore[arg-type]
        asked = talk.ask(fact)
        if position:
            turns.append((asked, answer, expected))
            continue
        at = rng.choices((0, len(pieces), rng.randint(0, len(pieces))), (2, 7, 1))[0]
        said = [*pieces[:at], asked, *pieces[at:]]
        turns.append((_join(said, rng), answer, expected))
    return maker._finish("open_talk", style, turns)


def natural_talk(maker: Maker) -> Dialogue:
    """One to three natural sentences, and questions on parts of them in their own words."""
    from training.language.dialogues import OFFER, Expected, answer_absent

    rng, style, talk = maker.rng, maker._style(), Talk(maker)
    while True:
        chosen = [_sentence(talk) for _ in range(rng.choice((1, 1, 2, 3)))]
        said = _join([_plain(s, rng) for s in chosen], rng)
        turns: list[tuple[str, str, Expected]] = []
        for _ in range(rng.choice((1, 2, 3, 4))):
            other = rng.random() < 0.1
            asked = natural.cloze(_sentence(talk) if other else rng.choice(chosen), rng)
            if asked is None or other == (asked.answer in said):
                continue
            question = rng.choice(AROUND[:8])[0] + asked.question
            label = natural.LABELS.get(asked.tag, "")
            if other:
                answer, expected = answer_absent(label or "这个", style), Expected(refusal=True)
            else:
                expected = Expected((asked.answer,), ("term",))
                full = _answer(label, asked.answer, style, OFFER) if label else (
                    asked.answer + "。" if style == "brief" else asked.clause + "。"
                    if style == "strict" else f"好的，{asked.clause}。{OFFER}")  # fmt: skip
                answer = full
            turns.append((question if turns else said + question, answer, expected))
        if turns:
            return maker._finish("natural_talk", style, turns)


def monologue(maker: Maker) -> Dialogue:
    """What a person says, with no answer: only where it ends is to be learned."""
    from training.language.dialogues import Expected
    from training.language.prompts import system_prompts
    from voicebench.types import Message

    rng, style, talk = maker.rng, maker._style(), Talk(maker)
    sentences = [_plain(_sentence(talk), rng) for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))]
    said = rng.choice(("", "", rng.choice(OPENING))) + _join(sentences, rng)
    system = rng.choice(system_prompts(style, maker.held_out))
    messages = (Message(role="system", content=system), Message(role="user", content=said))
    from training.language.dialogues import Dialogue

    return Dialogue("monologue", style, messages, (Expected(),))
