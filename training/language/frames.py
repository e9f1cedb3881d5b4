"""What people say to the assistant: event frames with statements, questions and labels.

A statement template marks its slots `{slot}`. The last two statements and the last question of each
slot are held out from training: suites and tests speak in them. A label names a slot in an answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from training.language.values import DRAWS, World

HELD_OUT_STATEMENTS = 2
HELD_OUT_QUESTIONS = 1


@dataclass(frozen=True)
class Slot:
    """One value of a frame: its kind (a key of `values.DRAWS`), its label, ways to ask for it."""

    kind: str
    label: str
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """A kind of event: its slots, and sentences that state it."""

    id: str
    slots: Mapping[str, Slot]
    statements: tuple[str, ...]

    def statement_templates(self, held_out: bool) -> tuple[tuple[str, str], ...]:
        """(template id, template) of one split."""
        numbered = [(f"{self.id}/s{i}", text) for i, text in enumerate(self.statements)]
        cut = len(numbered) - HELD_OUT_STATEMENTS
        return tuple(numbered[cut:] if held_out else numbered[:cut])

    def question_templates(self, slot: str, held_out: bool) -> tuple[tuple[str, str], ...]:
        """(template id, question) of one slot and split."""
        questions = self.slots[slot].questions
        numbered = [(f"{self.id}/{slot}/q{i}", text) for i, text in enumerate(questions)]
        cut = len(numbered) - HELD_OUT_QUESTIONS
        return tuple(numbered[cut:] if held_out else numbered[:cut])


def slots_of(template: str) -> tuple[str, ...]:
    """Slots in the order in which a template says them."""
    return tuple(re.findall(r"\{(\w+)\}", template))


def draw(frame: Frame, rng: random.Random, world: World) -> dict[str, str]:
    """A value for each slot of a frame."""
    return {name: DRAWS[slot.kind](rng, world) for name, slot in frame.slots.items()}


def _slot(kind: str, label: str, *questions: str) -> Slot:
    return Slot(kind, label, questions)


FRAMES: tuple[Frame, ...] = (
    Frame(
        "meeting",
        {
            "date": _slot(
                "date", "会议日期", "会议是哪天", "哪一天开会", "开会是什么日子", "会是哪天开"
            ),
            "time": _slot(
                "time", "会议时间", "会议几点开始", "几点开会", "开会是几点", "会是几点的"
            ),
            "room": _slot(
                "room",
                "会议地点",
                "会议在哪里开",
                "在哪儿开会",
                "开会的地点是哪里",
                "会在什么地方开",
            ),
            "person": _slot(
                "person", "参会人", "和谁一起开会", "跟谁开会", "要和谁开会", "开会的另一位是谁"
            ),
            "topic": _slot(
                "topic",
                "会议主题",
                "会议讨论什么",
                "会议的主题是什么",
                "开会谈什么",
                "会上要讨论什么",
            ),
        },
        (
            "我{date}{time}在{room}和{person}开会讨论{topic}",
            "{date}{time}跟{person}有个会在{room}主要谈{topic}",
            "{person}约我{date}{time}到{room}开会主题是{topic}",
            "公司安排{date}{time}开会地点是{room}参加的还有{person}内容是{topic}",
            "关于{topic}的会议定在{date}{time}地点{room}和{person}一起",
            "{topic}的会{date}开{time}开始在{room}我要跟{person}一起去",
            "会议在{room}开{date}{time}和{person}讨论{topic}",
            "我要去{room}跟{person}谈{topic}时间是{date}{time}",
            "{date}我和{person}有会议{time}开始地点是{room}讨论的是{topic}",
        ),
    ),
    Frame(
        "parcel",
        {
            "place": _slot(
                "place",
                "取件地点",
                "快递在哪里取",
                "包裹放在哪儿",
                "去哪里取快递",
                "快递放在什么地方",
            ),
            "code": _slot(
                "code",
                "取件码",
                "取件码是多少",
                "快递的取件码是什么",
                "取件码是几",
                "取件要报什么号码",
            ),
            "item": _slot(
                "item",
                "包裹内容",
                "包裹里是什么",
                "快递是什么东西",
                "收到的是什么",
                "快递里面有什么",
            ),
            "date": _slot(
                "date",
                "取件期限",
                "最晚哪天取",
                "什么时候之前要取",
                "取件期限是哪天",
                "哪天之前取快递",
            ),
        },
        (
            "我的快递放在{place}取件码是{code}里面是{item}{date}之前要取",
            "{item}的包裹到了在{place}取件码{code}最晚{date}取",
            "快递员说{item}放在{place}了号码是{code}{date}前去拿",
            "有个包裹在{place}是我买的{item}取件码{code}{date}之前取走",
            "取件码{code}地点{place}东西是{item}要在{date}前取",
            "{date}之前去{place}取快递取件码是{code}是我买的{item}",
            "我买的{item}到{place}了{date}前要取取件码{code}",
            "帮我记住快递取件码{code}东西是{item}放在{place}{date}之前取",
        ),
    ),
    Frame(
        "order",
        {
            "quantity": _slot(
                "quantity", "商品", "要买什么", "订了什么东西", "买的是什么", "下单买的是什么"
            ),
            "money": _slot(
                "money", "金额", "一共多少钱", "总共花多少钱", "价格是多少", "要付多少钱"
            ),
            "venue": _slot(
                "venue", "送货地址", "送到哪里", "送货地址是哪里", "货送到哪儿", "东西要送去哪里"
            ),
            "date": _slot(
                "date", "送货日期", "哪天送到", "什么时候送货", "送货是哪一天", "哪天可以收到货"
            ),
        },
        (
            "我要买{quantity}一共{money}{date}送到{venue}",
            "下单{quantity}总共{money}送到{venue}{date}到货",
            "帮我订{quantity}价格{money}{date}送到{venue}",
            "我在网上买了{quantity}花了{money}{date}会送到{venue}",
            "{date}要送{quantity}到{venue}总价是{money}",
            "客户要{quantity}送到{venue}{date}送货一共{money}",
            "送到{venue}的订单是{quantity}金额{money}{date}送",
            "{quantity}我付了{money}{date}给我送到{venue}",
            "我订的{quantity}{date}送到{venue}一共花了{money}",
        ),
    ),
    Frame(
        "trip",
        {
            "date": _slot(
                "date", "出发日期", "哪天出发", "什么时候走", "出发是哪一天", "哪一天动身"
            ),
            "time": _slot("time", "出发时间", "几点出发", "几点的票", "出发时间是几点", "几点钟走"),
            "origin": _slot(
                "city", "出发地", "从哪里出发", "出发地是哪里", "从哪个城市走", "从哪儿动身"
            ),
            "city": _slot(
                "city", "目的地", "要去哪里", "目的地是哪里", "去哪个城市", "到什么地方去"
            ),
            "person": _slot(
                "person", "同行人", "和谁一起去", "同行的是谁", "跟谁去", "谁跟我一起走"
            ),
        },
        (
            "我{date}{time}从{origin}坐飞机去{city}和{person}一起",
            "{date}{time}的票从{origin}到{city}同行的有{person}",
            "我跟{person}{date}去{city}出差{time}从{origin}出发",
            "{person}和我{date}{time}出发从{origin}去{city}旅游",
            "机票是{date}{time}的从{origin}飞{city}我和{person}两个人",
            "从{origin}去{city}的火车{date}{time}开我和{person}一起坐",
            "去{city}的车票买好了{date}{time}从{origin}走和{person}同行",
            "我打算{date}和{person}去{city}{time}从{origin}走",
            "{date}我要从{origin}去{city}时间是{time}跟{person}一起去",
        ),
    ),
    Frame(
        "doctor",
        {
            "date": _slot(
                "date", "看病日期", "哪天去看病", "挂的是哪天的号", "看医生是哪天", "哪一天去医院"
            ),
            "time": _slot(
                "time", "看病时间", "几点看医生", "几点的号", "看病是几点", "几点要到医院"
            ),
            "hospital": _slot(
                "hospital", "医院", "去哪家医院", "在哪个医院看病", "挂的哪家医院", "看病去什么医院"
            ),
            "department": _slot(
                "department", "科室", "看哪个科", "挂的是什么科", "科室是哪个", "要看什么科"
            ),
            "title": _slot(
                "title", "医生", "找哪位医生", "医生是谁", "挂的是谁的号", "给我看病的是谁"
            ),
        },
        (
            "我{date}{time}去{hospital}{department}看病医生是{title}",
            "挂了{hospital}{department}的号{date}{time}找{title}",
            "{date}{time}要到{hospital}复查{department}{title}看",
            "妈妈约了{hospital}的{department}时间{date}{time}医生{title}",
            "{title}的号挂好了在{hospital}{department}{date}{time}",
            "{hospital}通知我{date}{time}去{department}找{title}复查",
            "我约好了{title}{date}{time}在{hospital}{department}",
            "{date}去{hospital}看{department}{time}的号医生是{title}",
        ),
    ),
    Frame(
        "dinner",
        {
            "date": _slot(
                "date", "聚餐日期", "哪天吃饭", "聚餐是哪天", "吃饭定在哪天", "哪一天聚餐"
            ),
            "time": _slot(
                "time", "聚餐时间", "几点吃饭", "聚餐几点开始", "订的是几点", "几点到饭店"
            ),
            "restaurant": _slot(
                "restaurant", "餐厅", "在哪里吃饭", "订的哪家餐厅", "去哪家饭店", "聚餐在什么地方"
            ),
            "people": _slot(
                "people", "人数", "一共几个人", "多少人吃饭", "有几位客人", "聚餐有多少人"
            ),
            "person": _slot(
                "person", "订位人", "谁订的位子", "用谁的名字订的", "订位的人是谁", "位子是谁订的"
            ),
        },
        (
            "{person}在{restaurant}订了位子{date}{time}一共{people}",
            "{date}{time}我们{people}去{restaurant}聚餐是{person}订的",
            "帮我订{restaurant}{date}{time}的位子{people}用{person}的名字",
            "聚餐定在{date}{time}地方是{restaurant}有{people}{person}负责订位",
            "{people}{date}在{restaurant}吃饭{time}开始订位人{person}",
            "我们{date}聚餐{time}到{restaurant}总共{people}位子是{person}订的",
            "{restaurant}的位子是{person}订的{date}{time}来{people}",
            "{date}晚饭在{restaurant}吃{person}订的{time}有{people}",
        ),
    ),
    Frame(
        "bill",
        {
            "utility": _slot(
                "utility", "费用", "要交什么费", "交的是什么费用", "是哪一种费用", "欠的是什么费"
            ),
            "money": _slot("money", "金额", "要交多少钱", "金额是多少", "一共要付多少", "欠多少钱"),
            "date": _slot(
                "date",
                "截止日期",
                "最晚哪天交",
                "截止日期是哪天",
                "什么时候之前要交",
                "哪天之前交钱",
            ),
            "organisation": _slot(
                "organisation", "收款方", "交给哪家单位", "收款的是谁", "钱交给谁", "要付给哪个单位"
            ),
        },
        (
            "我要交{utility}{money}给{organisation}最晚{date}",
            "{organisation}通知{date}之前交{utility}一共{money}",
            "这个月{utility}是{money}{date}前付给{organisation}",
            "{utility}还没交要{money}截止{date}收款的是{organisation}",
            "{date}前要给{organisation}转{money}是{utility}",
            "欠{organisation}的{utility}有{money}最晚{date}要交",
            "{organisation}说我的{utility}要{money}{date}之前付",
            "{date}之前要交的{utility}是{money}付给{organisation}",
        ),
    ),
    Frame(
        "class",
        {
            "subject": _slot(
                "subject", "课程", "上什么课", "是什么课", "课程是什么", "要上的是哪门课"
            ),
            "weekday": _slot(
                "weekday", "上课日期", "哪天上课", "课在星期几", "上课是哪天", "星期几有课"
            ),
            "time": _slot(
                "time", "上课时间", "几点上课", "课几点开始", "上课是几点", "几点要到教室"
            ),
            "room": _slot(
                "room", "上课地点", "在哪里上课", "上课地点是哪里", "去哪儿上课", "课在什么地方上"
            ),
            "title": _slot(
                "title", "老师", "老师是谁", "谁来上课", "上课的老师是哪位", "是哪位老师教的"
            ),
        },
        (
            "{weekday}{time}在{room}上{subject}课老师是{title}",
            "孩子的{subject}课{weekday}{time}开始地点{room}{title}教",
            "{title}的{subject}课在{weekday}{time}地点是{room}",
            "我报了{subject}班{weekday}{time}到{room}上课老师{title}",
            "{room}{weekday}{time}有{subject}课是{title}上的",
            "学校说{subject}课改在{weekday}{time}{room}上由{title}教",
            "{title}教我{subject}{weekday}{time}在{room}",
            "{weekday}要去{room}上{subject}课{time}开始{title}教课",
        ),
    ),
    Frame(
        "contact",
        {
            "person": _slot(
                "person", "联系人", "联系人是谁", "要联系谁", "给谁打电话", "电话要打给谁"
            ),
            "phone": _slot(
                "phone", "电话", "电话是多少", "电话号码是什么", "手机号是多少", "打哪个号码"
            ),
            "organisation": _slot(
                "organisation",
                "单位",
                "他是哪个单位的",
                "在哪里工作",
                "他的单位是什么",
                "是哪家单位的人",
            ),
            "topic": _slot(
                "topic", "事由", "为了什么事", "联系他谈什么", "找他是什么事", "要跟他说什么事"
            ),
        },
        (
            "{organisation}的{person}电话是{phone}找他谈{topic}",
            "帮我记一下{person}的手机号{phone}他在{organisation}工作为了{topic}",
            "关于{topic}请联系{organisation}的{person}号码{phone}",
            "{topic}的事找{person}电话{phone}他是{organisation}的",
            "联系人{person}单位{organisation}电话{phone}事情是{topic}",
            "{person}是{organisation}的他的电话是{phone}要谈{topic}",
            "我要给{person}打电话号码是{phone}他在{organisation}谈{topic}",
            "{organisation}的{person}让我打{phone}说{topic}的事",
        ),
    ),
    Frame(
        "repair",
        {
            "item": _slot(
                "item", "维修物品", "什么坏了", "要修什么东西", "修的是什么", "哪个东西要修"
            ),
            "title": _slot(
                "title", "维修人", "谁来修", "上门的师傅是谁", "哪位师傅来", "派谁上门修"
            ),
            "date": _slot("date", "上门日期", "哪天来修", "师傅哪天上门", "上门是哪天", "哪一天修"),
            "time": _slot("time", "上门时间", "几点来修", "师傅几点到", "上门是几点", "修理是几点"),
            "money": _slot(
                "money", "维修费", "修理费多少钱", "要花多少钱修", "维修费是多少", "修一次多少钱"
            ),
        },
        (
            "家里的{item}坏了{title}{date}{time}上门修要{money}",
            "{title}说{date}{time}来修{item}费用是{money}",
            "修{item}要{money}约了{title}{date}{time}上门",
            "{item}不能用了{date}{time}{title}上门检查费用{money}",
            "物业派{title}{date}{time}来看{item}修理费{money}",
            "{date}{time}有人来修{item}是{title}收{money}",
            "我的{item}坏了{date}{title}来修时间{time}修理费是{money}",
            "约好{date}{time}修{item}来的是{title}要付{money}",
        ),
    ),
    Frame(
        "birthday",
        {
            "person": _slot(
                "person", "过生日的人", "谁过生日", "是谁的生日", "给谁过生日", "过生日的是哪位"
            ),
            "date": _slot(
                "date", "生日", "生日是哪天", "哪天过生日", "生日在什么时候", "哪一天是生日"
            ),
            "item": _slot("item", "礼物", "送什么礼物", "礼物是什么", "准备送什么", "买什么当礼物"),
            "money": _slot(
                "money", "预算", "预算是多少", "打算花多少钱", "礼物多少钱", "最多花多少钱"
            ),
        },
        (
            "{person}{date}过生日我想送{item}预算{money}",
            "{date}是{person}的生日准备买{item}大概{money}",
            "给{person}准备的生日礼物是{item}花{money}生日在{date}",
            "我打算花{money}买{item}送给{person}他{date}生日",
            "{person}的生日是{date}礼物买{item}预算是{money}",
            "{date}{person}生日礼物定了{item}要{money}",
            "买{item}给{person}当生日礼物{date}送最多花{money}",
            "{date}要给{person}过生日送{item}花{money}",
        ),
    ),
    Frame(
        "medicine",
        {
            "medicine": _slot(
                "medicine", "药品", "吃什么药", "药的名字是什么", "是哪种药", "要吃的是什么药"
            ),
            "times": _slot(
                "count", "每天次数", "每天吃几次", "一天吃多少次", "一天几次", "每天要吃多少次"
            ),
            "doses": _slot(
                "doses", "每次用量", "每次吃多少", "一次吃几片", "每次用量是多少", "每一次吃多少"
            ),
            "title": _slot(
                "title", "开药医生", "哪位医生开的", "药是谁开的", "谁让吃的", "开药的是哪一位"
            ),
            "date": _slot(
                "date", "复查日期", "哪天复查", "什么时候复查", "复查是哪天", "哪一天去复查"
            ),
        },
        (
            "{title}开了{medicine}每天{times}次每次{doses}{date}复查",
            "奶奶的药是{medicine}一天{times}次一次{doses}{title}开的{date}复查",
            "{medicine}每次吃{doses}一天吃{times}次是{title}说的{date}去复查",
            "医生{title}让我吃{medicine}每天{times}次每次{doses}{date}再来复查",
            "吃{medicine}的时候每次{doses}每天{times}次{date}找{title}复查",
            "{date}找{title}复查之前吃{medicine}每天{times}次每次{doses}",
            "爷爷吃的是{medicine}每次{doses}每天{times}次{date}复查{title}开的药",
            "{title}给我开的{medicine}一天吃{times}次每次{doses}{date}要复查",
        ),
    ),
    Frame(
        "assignment",
        {
            "person": _slot(
                "person", "负责人", "谁负责", "负责人是谁", "任务是谁的", "这件事由谁做"
            ),
            "task": _slot("task", "任务", "要做什么", "任务是什么", "负责什么工作", "要完成什么事"),
            "date": _slot(
                "date", "截止日期", "什么时候完成", "截止日期是哪天", "最晚哪天交", "哪天之前要做完"
            ),
            "organisation": _slot(
                "organisation",
                "对方单位",
                "给哪个单位做的",
                "对方是哪家单位",
                "交给哪家单位",
                "是哪个单位要的",
            ),
        },
        (
            "{person}负责{task}{date}之前完成交给{organisation}",
            "{task}由{person}来做{date}前要交给{organisation}",
            "安排{person}{task}最晚{date}给{organisation}",
            "{organisation}要我们{date}前{task}由{person}负责",
            "{date}之前{person}要{task}对方是{organisation}",
            "给{organisation}的事情是{task}负责人{person}截止{date}",
            "{organisation}那边{date}要结果{person}去{task}",
            "请{person}在{date}之前{task}是{organisation}要的",
        ),
    ),
    Frame(
        "transfer",
        {
            "person": _slot("person", "收款人", "转给谁", "收款人是谁", "钱给谁", "把钱转给哪一位"),
            "money": _slot(
                "money", "转账金额", "转多少钱", "转账金额是多少", "要转多少", "给他转了多少钱"
            ),
            "code": _slot(
                "code",
                "卡号尾号",
                "卡号尾号是多少",
                "尾号是几",
                "银行卡尾号是什么",
                "卡的后几位是多少",
            ),
            "utility": _slot(
                "utility",
                "用途",
                "转账用途是什么",
                "为什么转账",
                "转的是什么钱",
                "这笔钱是什么费用",
            ),
        },
        (
            "给{person}转{money}卡号尾号{code}用途是{utility}",
            "我要转账{money}给{person}尾号{code}的卡是{utility}",
            "{utility}{money}转到{person}尾号{code}的银行卡",
            "{person}的卡尾号是{code}给他转{money}交{utility}",
            "帮我记一下转给{person}{money}尾号{code}付的是{utility}",
            "{money}的{utility}转给{person}银行卡尾号{code}",
            "转账给{person}尾号{code}金额{money}用来付{utility}",
            "收{utility}的是{person}卡尾号{code}转{money}",
        ),
    ),
    Frame(
        "hotel",
        {
            "city": _slot(
                "city", "城市", "在哪个城市", "去哪个城市住", "城市是哪里", "住在什么城市"
            ),
            "hotel": _slot(
                "hotel", "酒店", "住哪家酒店", "酒店叫什么", "订的什么酒店", "住的是哪个酒店"
            ),
            "date": _slot(
                "date", "入住日期", "哪天入住", "什么时候入住", "入住日期是哪天", "哪一天住进去"
            ),
            "code": _slot("code", "房号", "房号是多少", "住几号房", "房间号是什么", "房间是多少号"),
            "money": _slot(
                "money", "房费", "房费多少钱", "住一晚多少钱", "房间价格是多少", "一个晚上多少钱"
            ),
        },
        (
            "我{date}住{city}的{hotel}房号{code}一晚{money}",
            "{city}{hotel}订好了{date}入住房间{code}房费{money}",
            "{date}入住{hotel}在{city}房号是{code}价格{money}",
            "去{city}住{hotel}{date}到房号{code}房费是{money}",
            "酒店是{city}的{hotel}{code}号房{date}入住{money}一晚",
            "{hotel}{code}号房一晚{money}我{date}到{city}入住",
            "{city}的酒店订了{hotel}{date}住{code}房每晚{money}",
            "我在{city}订的是{hotel}一晚{money}{date}入住房号{code}",
        ),
    ),
    Frame(
        "pickup",
        {
            "title": _slot("title", "客人", "接谁", "客人是谁", "要接的人是谁", "去接的是哪一位"),
            "place": _slot(
                "place", "接人地点", "在哪里接人", "去哪儿接", "接人的地点是哪里", "到什么地方接"
            ),
            "date": _slot(
                "date", "接人日期", "哪天去接", "接人是哪天", "什么时候去接", "哪一天接人"
            ),
            "time": _slot("time", "接人时间", "几点去接", "接人是几点", "几点到", "几点钟接人"),
            "phone": _slot(
                "phone",
                "客人电话",
                "客人电话是多少",
                "他的电话号码是什么",
                "怎么联系他",
                "客人的号码是多少",
            ),
        },
        (
            "{date}{time}去{place}接{title}他的电话是{phone}",
            "{title}{date}{time}到{place}我去接电话{phone}",
            "帮我安排司机{date}{time}到{place}接{title}号码{phone}",
            "要接的客人是{title}电话{phone}{date}{time}在{place}等",
            "在{place}接{title}时间{date}{time}他的手机号是{phone}",
            "{title}的电话是{phone}{date}{time}到{place}要去接他",
            "{date}我要接{title}地点{place}时间{time}电话{phone}",
            "去{place}接人是{title}{date}{time}到他的号码是{phone}",
        ),
    ),
)
DIALECT_FRAMES: tuple[Frame, ...] = (
    Frame(
        "d_plan",
        {
            "d_day": _slot("d_day", "时间", "我几时去", "是什么时候", "什么时间去", "几时嘅事"),
            "d_act": _slot(
                "d_act", "要做的事", "我要做什么", "我要去做咩", "打算做什么", "要做乜嘢"
            ),
            "d_person": _slot(
                "d_person", "一起的人", "和谁一起", "同边个一齐", "跟谁一起去", "同边个去"
            ),
            "place": _slot("place", "地点", "在哪里", "喺边度", "去边度", "去哪个地方"),
        },
        (
            "我{d_day}同{d_person}去{place}{d_act}",
            "{d_person}话{d_day}喺{place}{d_act}",
            "我哋{d_day}去{place}{d_act}{d_person}都去",
            "{d_day}我要{d_act}地点系{place}同{d_person}一齐",
            "我想{d_day}{d_act}喺{place}同埋{d_person}",
            "{d_day}去{place}{d_act}叫埋{d_person}",
            "我同{d_person}约咗{d_day}喺{place}{d_act}",
            "{d_person}约我{d_day}{d_act}去{place}",
        ),
    ),
    Frame(
        "d_shop",
        {
            "d_thing": _slot("d_thing", "商品", "买什么", "要买咩", "想买什么东西", "买乜嘢"),
            "d_money": _slot("d_money", "价钱", "几多钱", "多少钱", "要几多蚊", "价钱系几多"),
            "d_place": _slot("d_place", "地点", "送到哪里", "送去边度", "在哪里", "送到边度"),
            "d_day": _slot("d_day", "时间", "什么时候要", "几时要", "什么时候送", "几时送"),
        },
        (
            "我想落单买{d_thing}{d_money}{d_day}送去{d_place}",
            "唔该{d_day}送{d_thing}去{d_place}一共{d_money}",
            "{d_thing}{d_money}好抵{d_day}送到{d_place}",
            "帮我买{d_thing}送到{d_place}{d_day}要系{d_money}",
            "呢个{d_thing}要{d_money}{d_day}送去{d_place}",
            "{d_day}要{d_thing}送到{d_place}俾咗{d_money}",
            "我{d_day}要买{d_thing}{d_money}送去{d_place}",
            "{d_place}要{d_thing}{d_day}送{d_money}一个",
        ),
    ),
    Frame(
        "d_work",
        {
            "time": _slot("time", "时间", "几点", "几点钟", "是几点", "几多点"),
            "d_act": _slot("d_act", "要做的事", "要做什么", "去做咩", "做什么事", "要做乜嘢"),
            "person": _slot("person", "联系人", "要找谁", "揾边个", "找谁", "边个负责"),
            "room": _slot("room", "地点", "去哪里", "喺边度", "到哪里", "去边度"),
        },
        (
            "听日{time}去{room}揾{person}{d_act}",
            "我{time}要{d_act}去{room}揾{person}",
            "{person}叫我{time}去{room}{d_act}",
            "{time}喺{room}{d_act}有嘢揾{person}",
            "老细话{time}{d_act}喺{room}揾{person}",
            "去{room}揾{person}系{time}{d_act}",
            "唔该提醒我{time}去{room}揾{person}{d_act}",
            "{person}喺{room}等我{time}{d_act}",
        ),
    ),
)
BY_ID = {frame.id: frame for frame in FRAMES + DIALECT_FRAMES}
