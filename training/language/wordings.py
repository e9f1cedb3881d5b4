"""More ways to say the frames, for the LLM's training alone.

Statements are put together from clauses in any order, questions from skeletons and interrogatives, so
that the model learns what the words mean and not which of a few sentences it hears. A `W` in a
skeleton stands for the interrogative of its slot. What equals a held-out wording is never made.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

from training.language.frames import BY_ID, Frame

INTERROGATIVES = {
    "day": "哪天 哪一天 什么时候 几号 什么日子",
    "hour": "几点 几点钟 几点 什么时间",
    "where": "哪里 哪儿 什么地方 哪个地方",
    "who": "谁 谁 哪位 哪一位 什么人",
    "money": "多少钱 多少 多少块钱 几块钱",
    "number": "多少 多少 几 什么",
    "which_hotel": "哪家酒店 什么酒店 哪个酒店 哪家 什么店",
    "what": "什么 什么 啥 什么东西 哪个",
    "yue_when": "几时 什么时候 乜嘢时候",
    "yue_where": "边度 哪里 边处",
    "yue_who": "边个 谁 边位",
    "yue_what": "咩 乜嘢 什么",
    "yue_money": "几多钱 几多 多少钱",
}
_GROUPS = {
    "date": "day", "weekday": "day", "time": "hour", "money": "money", "people": "number",
    "count": "number", "phone": "number", "code": "number", "doses": "number", "person": "who",
    "title": "who", "room": "where", "place": "where", "venue": "where", "city": "where",
    "hospital": "where", "restaurant": "where", "hotel": "which_hotel", "d_day": "yue_when",
    "d_place": "yue_where", "d_person": "yue_who", "d_act": "yue_what", "d_thing": "yue_what",
    "d_money": "yue_money",
}  # fmt: skip


@dataclass(frozen=True)
class Wording:
    """How one frame's slots are said and asked for; keys of `clauses` may join slots with `+`."""

    leads: tuple[str, ...]
    clauses: dict[tuple[str, ...], tuple[str, ...]]
    questions: dict[str, tuple[str, ...]]


def _wording(leads: str, clauses: dict[str, str], questions: dict[str, str]) -> Wording:
    return Wording(
        tuple(leads.split()),
        {tuple(key.split("+")): tuple(text.split()) for key, text in clauses.items()},
        {slot: tuple(text.split()) for slot, text in questions.items()},
    )


WORDINGS: dict[str, Wording] = {
    "meeting": _wording(
        "我要开会 有个会 公司有个会议 通知一个会议 帮我记个会议 说一下开会的事 安排了会议 要参加一个会 接到会议通知",
        {
            "date": "{date}开 定在{date} 是{date}的会 {date}开会 安排在{date} 日子是{date} {date}要去 会议{date}",
            "time": "{time}开始 {time}开 时间是{time} {time}准时到 从{time}开始 {time}的会 {time}要到",
            "date+time": "{date}{time}开 {date}{time}开始 时间是{date}{time} 定在{date}{time} {date}的{time} {date}{time} 安排到{date}{time}",
            "room": "在{room} 在{room}开 地点是{room} 到{room} 去{room} 地方在{room} 去{room}集合 地点{room} 会议室是{room}",
            "person": "和{person}一起 跟{person}开 还有{person} {person}也来 {person}参加 要见{person} 约了{person} 参加的有{person} 和{person}碰面",
            "topic": "讨论{topic} 谈{topic} 主题是{topic} 内容是{topic} 说{topic}的事 主要讲{topic} 研究{topic} 商量{topic} 议题是{topic} 关于{topic}",
            "person+topic": "和{person}讨论{topic} 跟{person}谈{topic} {person}要讲{topic} 跟{person}说{topic}的事 听{person}介绍{topic}",
        },
        {
            "date": "W开会 会议是W 会议在W W有会 会定在W 会议定在W W的会 开会安排在W 会议的日期是W 要W去开会 这个会W开 会议改到W了",
            "time": "W开会 会议W开始 会W开 会议是W 开会定在W W到会场 这个会W开始 会议时间是W 会从W开始 W要到 W的会议",
            "room": "会议在W 在W开 开会去W 要到W开会 会议地点是W 会议室是W 会议的地方在W 去W参加会议 会安排在W",
            "person": "和W开 跟W开会 会议还有W 参加会议的是W W也来开会 要见W 约了W 会上有W W跟我一起开 我要和W见面 还有W参加",
            "topic": "会议谈W 讨论的是W 会议内容是W 会上说W 主题是W 开会说W事 会议关于W 要讲W内容 议题是W 会上谈W事情 商量W",
        },
    ),
    "parcel": _wording(
        "我有个快递 快递到了 包裹到了 要取快递 有件东西要拿 帮我记一下快递 快递员来电话 收到取件短信 有个邮包",
        {
            "place": "放在{place} 在{place} 到{place}取 去{place}拿 送到{place}了 存在{place} 地点是{place} 放{place}了 取的地方是{place}",
            "code": "取件码{code} 取件码是{code} 号码{code} 号码是{code} 码是{code} 报{code}就行 凭{code}取 用{code}取 密码{code}",
            "item": "里面是{item} 是{item} 我买的{item} 东西是{item} 是我订的{item} 装的是{item} 寄的是{item} 买了{item} 有{item}",
            "date": "{date}之前取 最晚{date} {date}前拿走 要在{date}前取 {date}到期 截止{date} 过了{date}就退回 {date}以前拿 {date}前要去",
            "place+code": "在{place}凭{code}取 {place}报{code} 去{place}用{code}拿",
            "item+place": "{item}放在{place} {item}在{place} {item}送到{place}了 去{place}拿{item} {item}到了{place}",
        },
        {
            "place": "快递在W 包裹在W 去W拿快递 到W取 东西放W了 存在W 快递送到W了 取件的地方是W 包裹到W去拿 去W领",
            "code": "取件码W 号码是W 密码是W 码是W 取快递报W 凭W取件 取件的号码是W 取件用W号 快递的号码是W 包裹的码是W",
            "item": "快递是W 包裹里有W 里面装的W 我买的W 寄的是W 到的是W 快递里是W 取的是W 收到W 送来的是W 包裹是W",
            "date": "最晚W拿 W前取 快递W到期 W以前去取 包裹要在W前拿 W之前拿走 取快递截止W 最迟W去取 W就退回 放到W为止",
        },
    ),
    "order": _wording(
        "我要下单 帮我买东西 有个订单 我订了货 记一个订单 要订购东西 我在网上下了单 客户下了单 我想买东西",
        {
            "quantity": "买{quantity} 要{quantity} 订{quantity} 买了{quantity} 商品是{quantity} 东西是{quantity} 来{quantity} 订购{quantity} 需要{quantity}",
            "money": "一共{money} 总价{money} 花了{money} 付{money} 金额是{money} 价钱{money} 总共是{money} 要{money} 合计{money}",
            "venue": "送到{venue} 送去{venue} 送货到{venue} 地址是{venue} 寄到{venue} 拉到{venue} 送{venue} 放到{venue}",
            "date": "{date}送 {date}到货 {date}送到 {date}要到 送货是{date} {date}收货 {date}送来 {date}发过来",
            "date+venue": "{date}送到{venue} {date}送去{venue} {date}到{venue} {venue}{date}收货 {date}拉到{venue}",
            "quantity+money": "{quantity}一共{money} 花{money}买{quantity} {quantity}要{money} 买{quantity}用了{money} {money}的{quantity}",
        },
        {
            "quantity": "买W 订了W 我要的是W 商品是W 订单是W 下单的是W 要W 送的货是W 客户要W 买的W 订购W 订单里有W",
            "money": "花W 总价W 付W 一共W 金额是W 要W 订单W 东西W 这些W 合计W 花了我W 价格W 总共要付W",
            "venue": "送到W 东西送W 送货去W 地址是W 寄到W 货送到W 订单送W 送W去 拉到W 收货在W 东西寄W",
            "date": "W送 W到货 W送货 W送来 东西W到 订单W送 W收货 W能到 送货是W W发货 货W来 安排W送",
        },
    ),
    "trip": _wording(
        "我要出门 我要出差 我去旅游 买好票了 记一下行程 安排了行程 我要坐车 有个行程 我要去外地 我订了机票",
        {
            "date": "{date}走 {date}出发 {date}的票 {date}动身 {date}去 日期是{date} 定在{date} {date}启程",
            "time": "{time}走 {time}出发 {time}的车 {time}开 {time}动身 时间是{time} {time}的票 {time}起飞",
            "date+time": "{date}{time}走 {date}{time}出发 {date}{time}的票 {date}{time}动身 时间是{date}{time} {date}的{time} {date}{time}",
            "origin": "从{origin}走 从{origin}出发 在{origin}上车 从{origin}动身 起点是{origin} 出发地{origin} 先在{origin}集合",
            "city": "去{city} 到{city} 飞{city} 目的地是{city} 去{city}玩 去{city}出差 到{city}去 要去{city} 到{city}下车",
            "origin+city": "从{origin}去{city} 从{origin}到{city} 从{origin}飞{city} {origin}到{city} {origin}飞{city} 从{origin}坐车去{city} 离开{origin}去{city}",
            "person": "和{person}一起 跟{person}去 同行的是{person} {person}也去 还有{person} 我和{person} 带着{person} 陪{person}去 {person}跟我走",
        },
        {
            "date": "W走 W出发 W的票 W动身 出发是W 行程是W W去 W上路 W启程 我们W走 出发定在W 票是W的 车票是W",
            "time": "W走 W出发 W的车 W开 W动身 W的飞机 车W开 飞机W起飞 出发是W 我们W走 W上车 票是W的 时间是W",
            "origin": "从W走 从W出发 在W上车 起点是W 出发的地方是W 从W动身 我从W去 先到W 从W坐车 从W起飞",
            "city": "去W 到W 飞W 去W玩 目的地W 要去W 去W出差 到W去 我们去W 票到W 飞到W 终点是W 去W旅游",
            "person": "和W一起 跟W走 同行的是W 还有W去 W也去 陪W去 和W去 跟W出发 W跟我去 带着W 一起去的是W 同W去",
        },
    ),
    "doctor": _wording(
        "我要看病 我要去医院 挂了号 约好了医生 要去看医生 帮我记一下看病 预约成功了 家里人要看病 身体不舒服",
        {
            "date": "{date}去 {date}看 {date}的号 定在{date} {date}看病 约的{date} {date}复查 日期是{date}",
            "time": "{time}看 {time}到 {time}的号 时间是{time} {time}去 {time}开始看 约在{time} {time}之前到",
            "date+time": "{date}{time}去 {date}{time}的号 {date}{time}看 时间{date}{time} 约在{date}{time} {date}的{time} {date}{time}到",
            "hospital": "去{hospital} 在{hospital} 到{hospital} 医院是{hospital} 挂的{hospital} {hospital}的号 {hospital}",
            "department": "看{department} 挂{department} 科室是{department} 是{department} 在{department} {department}的号 去{department}",
            "hospital+department": "去{hospital}看{department} {hospital}{department} {hospital}的{department} 到{hospital}{department} 在{hospital}挂{department} 挂{hospital}{department}的号",
            "title": "医生是{title} 找{title} 是{title}看 {title}的号 请{title}看 约了{title} {title}给我看 见{title}",
        },
        {
            "date": "W看病 W去医院 W的号 W看医生 看病是W 号是W的 医生约在W 约的W W复查 W去看 预约是W 挂号是W",
            "time": "W看病 W到医院 W的号 W去看 看医生是W 号是W的 约的W 看病约在W W到 医生W看 几号W看 预约W",
            "hospital": "去W看 在W看病 到W看医生 去W挂号 号是W的 医院是W 看病去W 约的W 挂的W 到W复查 去W医院",
            "department": "看W科 挂W科 科室是W 去W科室 挂的W号 看的是W科 哪个科 到W科 看W 在W科看",
            "title": "W看病 医生是W 找W看 W的号 挂W 约了W W给我看 请W看 看病找W W医生 是W看 要见W",
        },
    ),
    "dinner": _wording(
        "我们聚餐 要一起吃饭 订了位子 有个饭局 约了吃饭 帮我记一下聚餐 大家吃顿饭 请客吃饭 朋友聚会",
        {
            "date": "{date}吃 定在{date} {date}聚 {date}去 日子是{date} {date}吃饭 {date}聚餐 {date}的位子",
            "time": "{time}到 {time}开始 {time}吃 时间{time} 订的{time} {time}开席 {time}集合 {time}的位子",
            "date+time": "{date}{time} {date}{time}吃 {date}{time}到 定在{date}{time} {date}{time}开始 时间是{date}{time} {date}{time}的位子",
            "restaurant": "在{restaurant} 去{restaurant} 地点{restaurant} 到{restaurant} 饭店是{restaurant} 吃{restaurant} 位子在{restaurant} 选了{restaurant}",
            "people": "一共{people} {people} 有{people} 来{people} 总共{people} 人数是{people} {people}吃 我们{people}",
            "person": "{person}订的 用{person}的名字 位子是{person}订的 订位人{person} 找{person}订的 {person}负责 报{person}的名字 {person}安排的",
        },
        {
            "date": "W吃 W聚餐 W聚会 聚会是W 吃饭是W 位子订在W W去吃 饭局是W 约在W W的位子 W一起吃饭 聚餐定在W",
            "time": "W吃 W聚餐 W到 W开始吃 聚会是W 吃饭是W 位子是W的 饭局W开始 W集合 W开席 聚餐是W 约的W",
            "restaurant": "在W吃 去W吃饭 位子订在W 聚会在W 到W吃 饭店是W 餐厅是W 去W聚餐 聚餐去W 选了W 吃W",
            "people": "有W人 来W个人 W个人吃 一共W人 W位 总共W人 聚会有W人 W个人去 来W位 人数是W W人聚餐",
            "person": "W订的 位子是W订的 W订位 是W订 用W名字订 W负责订 W安排的 订位是W 找W订的 报W的名字 W订的饭",
        },
    ),
    "bill": _wording(
        "我要交费 有一笔账单 收到缴费通知 该交钱了 记一下账单 有笔钱要付 通知来了 要去缴费 账单来了",
        {
            "utility": "交{utility} 是{utility} {utility}该交了 要交{utility} 欠{utility} 付{utility} 账单是{utility} 补{utility}",
            "money": "一共{money} 要{money} 是{money} 金额{money} 付{money} 总共{money} 欠{money} 交{money} 共计{money}",
            "utility+money": "{utility}{money} {utility}要{money} {utility}一共{money} 交{money}{utility} {money}的{utility} 欠了{money}{utility}",
            "date": "{date}之前交 最晚{date} {date}前付 截止{date} {date}到期 {date}之前付清 {date}前要交 期限是{date}",
            "organisation": "交给{organisation} 给{organisation} 付给{organisation} {organisation}收 收款是{organisation} {organisation}的通知 转给{organisation} 欠{organisation}的",
        },
        {
            "utility": "交W费 W费用 要交W 交的是W钱 是W费 付W费 欠W 账单是W 要付W 该交W 缴W费 W费没交",
            "money": "交W 付W 要W 金额W 欠W 账单W 一共W 缴W 费用是W 总共W 要给W 这笔是W",
            "date": "最晚W付 W前交 W到期 W之前付 截止W 期限是W 账单W到期 W前要付 最迟W交 W以前交 到W为止",
            "organisation": "交给W 给W交 W收钱 付给W W收 钱给W 转给W 欠W的 W通知的 W要钱 收费的是W 缴给W",
        },
    ),
    "class": _wording(
        "我要上课 孩子有课 报了一门课 记一下课程 学校排了课 有一节课 课表出来了 我们班有课 安排了课",
        {
            "subject": "上{subject} 是{subject}课 学{subject} 课程是{subject} {subject}课 报了{subject} 教{subject} 补{subject}",
            "weekday": "{weekday}上 在{weekday} {weekday}有课 {weekday}去 排在{weekday} {weekday}的课 日子是{weekday} 改到{weekday}",
            "time": "{time}上 {time}开始 {time}上课 时间{time} {time}到 从{time}开始 {time}的课 {time}要到",
            "weekday+time": "{weekday}{time} {weekday}{time}上 {weekday}{time}开始 在{weekday}{time} {weekday}{time}的课 改到{weekday}{time}",
            "room": "在{room} 到{room} 去{room}上 地点{room} 教室是{room} 在{room}上 地方在{room} 上课在{room}",
            "title": "老师是{title} {title}教 {title}上 由{title}讲 是{title}的课 {title}来教 请{title}讲 跟{title}学",
            "title+subject": "{title}教{subject} {title}的{subject}课 跟{title}学{subject} {title}上{subject}",
        },
        {
            "subject": "上W课 学W 是W课 教W 课程是W W课 报了W课 上的W 课是W 学的是W 哪门课 补W",
            "weekday": "W上课 W有课 课在W W的课 课是W 上课是W 排在W W去上课 课排在W 星期几上课 W上",
            "time": "W上课 课W开始 W的课 W到教室 上课是W 课是W的 W开始 从W上 W要到 课从W开始 W去上课",
            "room": "在W上 去W上课 课在W 教室在W 上课在W 到W上 地点是W 去W听课 课安排在W 教室是W",
            "title": "W教 老师是W W上课 W讲课 W的课 是W教的 跟W学 W来教 W老师 谁教 W讲的 由W上",
        },
    ),
    "contact": _wording(
        "记一个联系人 要打个电话 帮我存个号码 有个联系人 我要联系人 记一下电话 存一下联系方式 有件事要联系",
        {
            "person": "找{person} 联系{person} 是{person} 联系人{person} 叫{person} 打给{person} 名字是{person} 给{person}打电话",
            "phone": "电话{phone} 电话是{phone} 号码{phone} 号码是{phone} 打{phone} 手机{phone} 手机号是{phone} 拨{phone}",
            "organisation": "{organisation}的 在{organisation} 单位{organisation} 在{organisation}工作 单位是{organisation} 是{organisation}的人 在{organisation}上班",
            "topic": "谈{topic} 说{topic} 为了{topic} 事情是{topic} 关于{topic} 商量{topic} 问{topic}的事 说{topic}的事 聊{topic}",
            "organisation+person": "{organisation}的{person} {person}在{organisation} {organisation}{person} {person}是{organisation}的 找{organisation}的{person}",
            "person+phone": "{person}的电话{phone} {person}电话是{phone} {person}的号码是{phone} 打{phone}找{person} {person}手机{phone}",
        },
        {
            "person": "联系W 找W 打给W 联系人是W W的电话 是W 电话是W的 要找W 号码是W的 跟W说 给W打 叫W",
            "phone": "电话W 电话号码W 打W 号码W 手机W 手机号W 他的电话W 联系电话W 拨W 他的号码是W 怎么打 电话号是W",
            "organisation": "他在W工作 单位是W 他是W的 在W上班 W的人 哪个公司的 联系人在W 他的公司是W 单位叫W 是W单位",
            "topic": "谈W 为W事 说W 找他W事 商量W 联系他说W 事情是W 有W事 要谈W 打电话说W 关于W 聊W 问他W事",
        },
    ),
    "repair": _wording(
        "家里东西坏了 要修东西 报修了 师傅要上门 记一下维修 约了维修 找人来修 叫了师傅 有东西出故障",
        {
            "item": "{item}坏了 修{item} 是{item} 坏的是{item} {item}不好用 {item}出毛病了 要修{item} {item}不转了",
            "title": "{title}来 {title}修 师傅是{title} 是{title}上门 叫{title} 请{title}修 派{title} {title}负责 找了{title}",
            "date": "{date}来 {date}修 {date}上门 约在{date} 定{date} 日期是{date} {date}到",
            "time": "{time}来 {time}到 {time}上门 时间{time} 约{time} {time}修 {time}开始",
            "date+time": "{date}{time}来 {date}{time}上门 {date}{time}修 约在{date}{time} {date}{time}到 时间是{date}{time} {date}{time}",
            "money": "要{money} 费用{money} 收{money} 修理费{money} 一共{money} 花{money} 给{money} 价钱{money} 付{money}",
            "title+item": "{title}来修{item} {title}修{item} 请{title}修{item} {item}让{title}修 {title}检查{item}",
        },
        {
            "item": "修W W坏了 要修W 坏的是W W要修 维修W 修的W 报修W W出毛病 来修W 修理W 是W坏了",
            "title": "W修 W来修 W上门 师傅是W 派W来 请W修 W来 叫W修 是W修 W负责修 找W修 W师傅",
            "date": "W来修 W上门 W修 W来 上门是W 约在W 师傅W来 W到家 W有人来 修理在W 维修是W 约的W",
            "time": "W来修 W上门 W到 W修 师傅W来 约的W 上门约在W W来 W开始修 维修是W W有人来",
            "money": "修W 要W 修理W 费用W 收W 维修W 花W 付W 修一下W 给师傅W 修好要W 价钱W",
        },
    ),
    "birthday": _wording(
        "有人过生日 要过生日了 记一个生日 要准备礼物 我要送礼 生日快到了 帮我记生日 给朋友过生日",
        {
            "person": "是{person} {person}过生日 {person}的生日 给{person} 送给{person} 寿星是{person} 为{person}准备",
            "date": "{date}过 在{date} 生日{date} 生日是{date} {date}生日 日子是{date} 就在{date}",
            "person+date": "{person}{date}生日 {person}的生日是{date} {date}{person}过生日 {person}生日在{date} {date}是{person}的生日",
            "item": "送{item} 买{item} 礼物{item} 礼物是{item} 准备{item} 想送{item} 挑了{item} 定了{item}",
            "money": "花{money} 预算{money} 要{money} 大概{money} 不超过{money} 一共{money} 价钱{money} 用{money}",
            "item+money": "花{money}买{item} {item}{money} 买{item}要{money} 送{money}的{item} {item}花了{money}",
        },
        {
            "person": "W过生日 W的生日 W生日 给W买 送给W 生日的是W 送W礼物 寿星是W 为W准备的 是W过",
            "date": "W生日 W过 生日W 生日是W W过生日 生日在W 过生日是W W送礼 日子是W 他W生日",
            "item": "送W 买W 礼物W 送的W 准备W 礼物是W 送他W 买的W 准备了W 挑了W 送W好 想送W",
            "money": "花W 预算W 礼物W 要W 花了W 买礼物W 打算用W 准备花W 不超过W 价钱W 送礼花W",
        },
    ),
    "medicine": _wording(
        "要吃药 医生开了药 记一下吃药 帮我记药 家里人要吃药 药开好了 看完病了 拿了药",
        {
            "medicine": "吃{medicine} 药是{medicine} 开的{medicine} {medicine} 药名{medicine} 拿了{medicine} 开了{medicine}",
            "times": "每天{times}次 一天{times}次 一天吃{times}次 一日{times}次 每天吃{times}次 一天要{times}次",
            "doses": "每次{doses} 一次{doses} 一次吃{doses} 每次吃{doses} 每回{doses} 用量{doses}",
            "times+doses": "每天{times}次每次{doses} 一天{times}次一次{doses} 一次{doses}每天{times}次 一天{times}次每回{doses}",
            "title": "{title}开的 医生是{title} {title}说的 是{title}开 听{title}的 {title}让吃的 {title}给的",
            "date": "{date}复查 {date}再去 复查是{date} {date}去复查 {date}再来 定在{date}复查 {date}回去看",
        },
        {
            "medicine": "吃W 吃W药 药是W 开了W 药叫W 开的W药 拿的W 要吃W W药 医生开W 药名是W",
            "times": "一天W次 每天W次 每天吃W次 一天吃W回 一日W次 每天W回 要吃W次 一天要吃W次",
            "doses": "每次W 一次W 每次吃W片 一次吃W 每回W 每次W粒 用量W 一次W片 每次要W 一回吃W",
            "title": "W开的 W开药 医生是W 药是W开的 W说的 W给的 听W的 W让我吃 是W开 开药是W",
            "date": "W复查 复查W W再去 W去复查 复查是W W回医院 W再看 复查在W 复查定在W W再来",
        },
    ),
    "assignment": _wording(
        "有个任务 安排工作 布置一下任务 记个任务 有件事要做 分一下工 领导安排了 有项工作 交代一件事",
        {
            "person": "{person}负责 由{person}做 交给{person} 是{person}的任务 让{person}去 派{person} {person}来办 负责人{person} 找{person}",
            "task": "去{task} 任务是{task} 要{task} 工作是{task} 负责{task} 做{task} 内容是{task} 完成{task}",
            "person+task": "{person}去{task} {person}负责{task} 让{person}{task} 由{person}{task} {person}要{task} 派{person}{task} {task}归{person}",
            "date": "{date}之前 {date}前完成 最晚{date} 截止{date} {date}交 {date}要好 期限{date} 到{date}为止 {date}前做好",
            "organisation": "给{organisation} 交给{organisation} {organisation}要的 对方{organisation} 是{organisation}的事 客户是{organisation} 为{organisation}做 {organisation}在等",
        },
        {
            "person": "W负责 W做 W去办 交给W 是W的任务 让W去 派W 找W 负责的是W W来做 由W负责 W干",
            "task": "做W 任务W 要做W事 工作是W 负责W 安排了W 办W 要W 干W 交代的是W 让他做W 内容是W",
            "date": "W前完成 W交 截止W 最晚W 期限是W W要好 W之前交 W做好 最迟W W前要 到W为止 任务W到期",
            "organisation": "给W W要的 交给W 对方是W 客户是W 为W做 给W做 哪个单位的 W在等 是W的事 替W做",
        },
    ),
    "transfer": _wording(
        "我要转账 给人打钱 有一笔转账 记一下转账 要转一笔钱 帮我汇款 我要付钱 要还钱",
        {
            "person": "给{person} 转给{person} 收款人{person} 打给{person} 汇给{person} 对方是{person} 还给{person} 是{person}收",
            "money": "转{money} 金额{money} {money} 打{money} 汇{money} 一共{money} 付{money} 金额是{money}",
            "person+money": "给{person}转{money} 转{money}给{person} 打给{person}{money} 汇{money}给{person} {person}收{money} 还{person}{money}",
            "code": "尾号{code} 卡号尾号{code} 卡尾号是{code} 尾号是{code} 卡号后面是{code} 末尾{code} 卡是{code}结尾",
            "utility": "付{utility} 用途{utility} 是{utility} 交{utility} 当{utility} 用来交{utility} 算{utility} 备注{utility}",
        },
        {
            "person": "转给W 给W转 收款是W 打给W 汇给W 钱给W W收钱 给W打钱 付给W W收 还给W 钱转到W那里",
            "money": "转W 转账W 打W 汇W 金额W 付W 要转W钱 转过去W 汇款W 给他W 打了W",
            "code": "尾号W 卡号W 卡号尾号W 卡尾号是W 银行卡后几位W 末尾是W 尾号是W 卡号后面是W 卡号最后是W",
            "utility": "转的W 用途W 付W费 转账做W 交W 这是W钱 备注W 为W转账 是W费用 转账用来W 付的W",
        },
    ),
    "hotel": _wording(
        "我要住酒店 订了酒店 订好房间了 记一下酒店 出差住宿 安排了住宿 我要住店 房间订了",
        {
            "city": "在{city} 去{city} 城市是{city} 到{city} 人在{city} 住{city} 地方是{city}",
            "hotel": "住{hotel} 酒店是{hotel} 订了{hotel} 在{hotel} 酒店{hotel} 到{hotel} 选了{hotel}",
            "city+hotel": "{city}的{hotel} {city}{hotel} 住{city}的{hotel} 在{city}住{hotel} 到{city}住{hotel} 订{city}的{hotel}",
            "date": "{date}住 {date}入住 {date}到 入住{date} 从{date}住 日期是{date} {date}去住",
            "code": "房号{code} 房号是{code} 住{code} 房间{code} {code}号房 {code}房间 房间号{code}",
            "money": "一晚{money} 房费{money} 每晚{money} 房费是{money} 一天{money} 价钱{money} 要{money} 住一晚{money}",
        },
        {
            "city": "住W 去W 在W住 酒店在W 城市是W 到W住 在W出差 去W出差 W的酒店 房间订在W",
            "hotel": "住W 住的是W 订了W 在W住 W 是W 房间在W 住的W 到W入住 去W 选了W",
            "date": "W住 W入住 入住是W W到酒店 从W住 W去住 住店是W W到 入住在W 房间订W",
            "code": "房号W 房间号W 住W号 房间W号 房号是W 哪个房间 房间是W 几号房 住的房间W 房号多少",
            "money": "一晚W 房费W 每晚W 住一天W 房间W 房费是W 住店W 一个晚上W 价钱W 住一晚要W 酒店W",
        },
    ),
    "pickup": _wording(
        "我要接人 有客人要来 安排接人 记一下接站 要去接客人 有人要接 客户来了 派车接人",
        {
            "title": "接{title} 是{title} 客人{title} 接的是{title} 客人是{title} {title}要来 等{title} 去接{title}",
            "place": "在{place} 到{place} 去{place} 地点{place} 在{place}接 在{place}等 到{place}接 {place}见",
            "date": "{date}接 {date}去 {date}到 日期{date} {date}来 定在{date} {date}要去",
            "time": "{time}接 {time}到 {time}去 时间{time} {time}来 {time}要到 {time}等",
            "date+time": "{date}{time}接 {date}{time}到 {date}{time}去 时间{date}{time} {date}{time}来 {date}{time}",
            "phone": "电话{phone} 电话是{phone} 号码{phone} 手机{phone} 他的电话{phone} 打{phone} 联系{phone}",
            "title+phone": "{title}的电话{phone} {title}电话是{phone} {title}的手机{phone} 联系{title}打{phone}",
            "place+title": "去{place}接{title} 在{place}接{title} 到{place}等{title} {title}到{place} {title}在{place}",
        },
        {
            "title": "接W 去接W 客人W W来 接的W 要接W W要来 等W 是接W 接站接W 来的是W",
            "place": "在W接 去W接人 到W接 接人在W 地点W 在W等 去W等 接人去W 到W等他 客人到W",
            "date": "W接 W去接 接人W W来 客人W到 W接人 去接是W W到 接站是W 安排W接 W要接",
            "time": "W接 W去 W到 接人W 客人W到 W去接人 W要到 W接客人 接站是W W来 安排W",
            "phone": "电话W 号码W 他的电话W 客人的手机W 打W 手机号W 联系电话W 客人电话W 他的号码W 客人的电话是W",
        },
    ),
    "d_plan": _wording(
        "我有安排 记低呢件事 同你讲件事 帮我记住 有件事 我约咗人 有个约会",
        {
            "d_day": "{d_day}去 定喺{d_day} {d_day}嘅 时间系{d_day} 约咗{d_day} {d_day}有空",
            "d_act": "去{d_act} 要{d_act} 想{d_act} 系去{d_act} 打算{d_act} 一齐{d_act}",
            "d_person": "同{d_person}一齐 {d_person}都去 同埋{d_person} 叫埋{d_person} 约咗{d_person} 还有{d_person}",
            "place": "喺{place} 去{place} 地点系{place} 到{place} 在{place} {place}见",
            "d_day+d_act": "{d_day}去{d_act} {d_day}{d_act} {d_day}要{d_act} {d_day}一齐{d_act}",
            "place+d_act": "去{place}{d_act} 喺{place}{d_act} 到{place}{d_act} {place}{d_act}",
        },
        {
            "d_day": "W去 时间系W 系W 约咗W 我W去 W嘅事 定喺W 打算W去",
            "d_act": "去做W 做W 要做W 去W 我想做W 打算做W 去嗰度做W 约人做W",
            "d_person": "同W W去 同W去 约咗W 跟W W一齐去 叫埋W 还有W 同W一起",
            "place": "去W 喺W 到W 地点系W 在W见 我去W 约喺W 去嘅地方系W",
        },
    ),
    "d_shop": _wording(
        "我想买嘢 我要落单 帮我落单 订咗嘢 我想订嘢 记低张单 我买咗嘢",
        {
            "d_thing": "买{d_thing} 要{d_thing} {d_thing} 订{d_thing} 买咗{d_thing} 系{d_thing} 想要{d_thing}",
            "d_money": "{d_money} 一共{d_money} 要{d_money} 俾{d_money} 价钱{d_money} 系{d_money} 总共{d_money}",
            "d_day": "{d_day}送 {d_day}要 {d_day}到 {d_day}送嚟 {d_day}攞 时间系{d_day}",
            "d_place": "送到{d_place} 送去{d_place} 喺{d_place} 送{d_place} 地址系{d_place} 去{d_place}",
            "d_day+d_place": "{d_day}送到{d_place} {d_day}送去{d_place} {d_place}{d_day}要",
            "d_thing+d_money": "{d_thing}{d_money} 买{d_thing}{d_money} {d_money}嘅{d_thing} {d_thing}要{d_money}",
        },
        {
            "d_thing": "买W 订W 要W 买咗W 系W嘢 我买W 落单买W 想买W 送W",
            "d_money": "W 要W 一共W 俾W 总共W 呢个W 系W 买嘢W",
            "d_place": "送W 送去W 喺W 地址系W 送到W 去W 嘢送W",
            "d_day": "W送 W到 W要 W送嚟 W收到 系W 时间W 我W要",
        },
    ),
    "d_work": _wording(
        "返工有嘢做 有件工 老细搵我 记低呢件事 听日有事 同事搵我 有安排",
        {
            "time": "{time}去 {time} 时间{time} 系{time} 约咗{time} {time}到 {time}开始",
            "d_act": "{d_act} 去{d_act} 要{d_act} 一齐{d_act} 系{d_act} 为咗{d_act}",
            "person": "揾{person} 同{person} {person}等我 系{person} {person}负责 见{person} 有嘢揾{person}",
            "room": "去{room} 喺{room} 到{room} 地点{room} 在{room} {room}见",
            "person+room": "去{room}揾{person} {person}喺{room} 喺{room}见{person} 到{room}揾{person}",
            "time+d_act": "{time}{d_act} {time}去{d_act} {time}要{d_act} {time}开始{d_act}",
        },
        {
            "time": "几点去 约几点 时间几点 几点到 系几点钟 几点开始 我几点去",
            "d_act": "做W 去做W 要W 去W 系做W 做W嘢 我做W",
            "person": "揾W 见W 同W W等我 系W 要揾W 去揾W",
            "room": "去W 喺W 到W 地点W 在W 我去W 去W见",
        },
    ),
}  # fmt: skip
GENERIC_CLAUSES = ("{label}是{value}", "{label}{value}", "{label}为{value}", "{label}是{value}")
GENERIC_QUESTIONS = (
    "{label}是什么",
    "{label}呢",
    "{label}",
    "我的{label}是什么",
    "说一下{label}",
    "{label}是W",
    "{label}W",
)
GENERIC_SHARE = 0.2


@cache
def _held_out(frame_id: str) -> frozenset[str]:
    """Every held-out statement and question of a frame."""
    frame = BY_ID[frame_id]
    texts = [text for _, text in frame.statement_templates(held_out=True)]
    for slot in frame.slots:
        texts += [text for _, text in frame.question_templates(slot, held_out=True)]
    return frozenset(texts)


def interrogatives(frame: Frame, slot: str) -> list[str]:
    """The words that ask for a slot; a word that is there twice is drawn twice as often."""
    return INTERROGATIVES[_GROUPS.get(frame.slots[slot].kind, "what")].split()


def compose_statement(frame: Frame, rng: random.Random, drop: int = 0) -> str:
    """A statement template put together from clauses in random order, `drop` slots left out."""
    wording = WORDINGS[frame.id]
    while True:
        slots = rng.sample(tuple(frame.slots), len(frame.slots) - drop)
        free, clauses = set(slots), []
        joint = [key for key in wording.clauses if len(key) > 1]
        for key in rng.sample(joint, len(joint)):
            if free.issuperset(key) and rng.random() < 0.5:
                clauses.append(rng.choice(wording.clauses[key]))
                free -= set(key)
        for slot in slots:
            if slot not in free:
                continue
            if rng.random() < GENERIC_SHARE:
                clauses.append(
                    rng.choice(GENERIC_CLAUSES).format(
                        label=frame.slots[slot].label, value="{" + slot + "}"
                    )
                )
            else:
                clauses.append(rng.choice(wording.clauses[(slot,)]))
        rng.shuffle(clauses)
        template = rng.choice(("", rng.choice(wording.leads))) + "".join(clauses)
        if template not in _held_out(frame.id):
            return template


def compose_question(frame: Frame, slot: str, rng: random.Random) -> str:
    """A question for one slot."""
    words = interrogatives(frame, slot)
    while True:
        if rng.random() < GENERIC_SHARE:
            skeleton = rng.choice(GENERIC_QUESTIONS).format(label=frame.slots[slot].label)
        else:
            skeleton = rng.choice(WORDINGS[frame.id].questions[slot])
        question = skeleton.replace("W", rng.choice(words))
        if question not in _held_out(frame.id):
            return question
