"""Values that make sense together: a restaurant is not asked to mend the honey.

All items, topics, tasks and names are held out from the LLM's training.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from itertools import combinations

from training.language import lexicon as lx
from training.language.frames import Frame
from training.language.values import DRAWS, SPOKEN_DIGITS, World, cardinal

WORLD = World(held_out=True, spoken=True)
_Choose = Callable[[random.Random], str]


def _of(words: str) -> _Choose:
    options = words.split()
    return lambda rng: rng.choice(options)


def _titled(ranks: str) -> _Choose:
    options = ranks.split()
    return lambda rng: rng.choice(lx.SURNAMES) + rng.choice(options)


def _money(low: int, high: int, step: int = 1) -> _Choose:
    def choose(rng: random.Random) -> str:
        return cardinal(rng.randrange(low, high, step)) + rng.choice(["块", "块钱", "元", "元"])

    return choose


def _time(words: str) -> _Choose:
    parts = words.split()

    def choose(rng: random.Random) -> str:
        while True:
            time = DRAWS["time"](rng, WORLD)
            if time[:2] in parts:
                return time

    return choose


def _date(without: str = "今天") -> _Choose:
    def choose(rng: random.Random) -> str:
        while True:
            date = DRAWS["date"](rng, WORLD)
            if date not in without.split():
                return date

    return choose


def _digits(low: int, high: int) -> _Choose:
    return lambda rng: "".join(SPOKEN_DIGITS[int(digit)] for digit in str(rng.randrange(low, high)))


def _quantity(rng: random.Random) -> str:
    while True:
        quantity = DRAWS["quantity"](rng, WORLD)
        if not quantity.startswith(_MANY):
            return quantity


_MANY = tuple(f"{tens}十" for tens in "二三四五六")
_MEND = "洗衣机 空调 风扇 电视机 音箱 摄像头 插座 餐桌 平板电脑"
_GIFT = (
    "蛋糕 鲜花 玫瑰 百合 耳机 背包 钢笔 外套 红茶 羽绒服 音箱 平板电脑 乒乓球拍 瑜伽垫 笛子 蜂蜜"
)
_POSTED = (
    "牙膏 洗发水 卫生纸 钢笔 订书机 电池 耳机 音箱 窗帘 背包 拖鞋 外套 羽绒服 口罩 瑜伽垫 笛子"
)
_PARCEL_PLACES = "便利店 超市 小区门口 物业中心 药店 书店 邮局 科技园 社区医院 停车场"
_MEETING_ROOMS = (
    "一号会议室 二号会议室 三号会议室 五号会议室 二楼会议室 四楼培训室 东区报告厅 多功能厅 接待室"
)
_CLASSROOMS = "阶梯教室 多媒体教室 音乐教室 七楼活动室 图书馆 四楼培训室 多功能厅"
_ARRIVALS = "火车站 高铁站 飞机场 汽车站 地铁口 码头"
_DELIVERY = "科技园 软件园 产业园 小区门口 老年大学 实验小学 二号会议室 一楼前台 茶水间 体育馆"
_SUBJECTS = "语文 数学 英语 物理 化学 音乐 美术 书法 舞蹈 编程 围棋 摄影"
_HOSPITALS = "人民医院 中心医院 协和医院 军区医院 中医院"
_DEPARTMENTS = "内科 外科 眼科 骨科 皮肤科 牙科 耳鼻喉科 神经科 急诊科 呼吸科 消化科"
_RESTAURANTS = "全聚德 海底捞 小肥羊 老街饭馆 湘菜馆 川菜馆 粤菜馆 东北饺子馆 西餐厅 火锅店 烧烤店 素食馆 茶餐厅 农家菜馆"
_DINNER_TIMES = (
    "晚上六点 晚上六点半 晚上六点一刻 晚上七点 晚上七点半 晚上七点十分 晚上八点 晚上八点二十分"
)
_LESSON_TIMES = (
    "上午九点 上午十点半 下午两点 下午三点一刻 下午四点半 晚上六点半 晚上七点 晚上七点四十分"
)
_PEOPLE = "三个人 四位 五个人 六位 七位 八个人 十个人 十二位 十五个人 二十位"
_PAYEES = {
    "水费": "自来水公司",
    "电费": "电力公司",
    "燃气费": "燃气公司",
    "保险费": "保险公司",
    "房租": "房产中介",
}
_DAYTIME = "上午 下午"

_CHOICES: dict[str, _Choose] = {
    "meeting/room": _of(_MEETING_ROOMS),
    "meeting/time": _time(_DAYTIME),
    "parcel/place": _of(_PARCEL_PLACES),
    "parcel/item": _of(_POSTED),
    "parcel/date": _date(),
    "order/quantity": _quantity,
    "order/money": _money(30, 990),
    "order/venue": _of(_DELIVERY),
    "doctor/time": _time(_DAYTIME),
    "doctor/hospital": _of(_HOSPITALS),
    "doctor/department": _of(_DEPARTMENTS),
    "doctor/title": _titled("医生 主任 院长"),
    "dinner/time": _of(_DINNER_TIMES),
    "dinner/restaurant": _of(_RESTAURANTS),
    "dinner/people": _of(_PEOPLE),
    "bill/money": _money(50, 1500),
    "bill/date": _date(),
    "class/subject": _of(_SUBJECTS),
    "class/room": _of(_CLASSROOMS),
    "class/title": _titled("老师"),
    "class/time": _of(_LESSON_TIMES),
    "repair/item": _of(_MEND),
    "repair/title": _titled("师傅"),
    "repair/money": _money(50, 600, 10),
    "repair/time": _time(_DAYTIME),
    "birthday/item": _of(_GIFT),
    "birthday/money": _money(100, 700, 10),
    "medicine/times": _of("一 两 三 四"),
    "medicine/doses": _of("一片 两片 三片 一粒 两粒 三粒"),
    "medicine/title": _titled("医生 主任"),
    "medicine/date": _date("今天 明天"),
    "assignment/date": _date(),
    "transfer/money": _money(100, 9000, 50),
    "transfer/code": _digits(1000, 10000),
    "hotel/code": _digits(201, 2000),
    "hotel/money": _money(180, 900),
    "pickup/title": _titled("经理 主任 总监 院长 校长 先生"),
    "pickup/place": _of(_ARRIVALS),
    "d_shop/d_day": _of("听日 今日 后日 朝早 晏昼 夜晚 上昼 下昼"),
    "d_plan/d_day": _of("听日 后日 朝早 夜晚 上昼 下昼"),
    "d_shop/d_money": lambda rng: cardinal(rng.randrange(12, 80)) + "蚊",
    "d_shop/d_thing": _of("番茄 薯仔 粟米 朱古力 生果 雪糕 云吞 猪手 鸡翼 遮"),
    "d_plan/d_person": _of("阿妈 阿爸 老细 伙计"),
    "d_work/time": _time(_DAYTIME),
}

_ACTS_AT = {
    "饮茶": "茶馆 咖啡厅 购物中心",
    "食饭": "商场 购物中心 科技园",
    "睇戏": "电影院 文化宫",
    "睇医生": "社区医院",
    "买嘢": "超市 商场 菜市场 便利店",
    "倾生意": "咖啡厅 茶馆 软件园",
    "行街": "商场 购物中心 人民广场",
    "影相": "公园门口 湖边 海边 钟楼",
    "搭车": "汽车站 火车站 地铁口",
}
_WORK_AT = {
    "倾生意": "接待室 一号会议室 三号会议室 总经理办公室",
    "执嘢": "档案室 茶水间 八楼办公室",
    "倾偈": "茶水间 接待室",
    "开工": "六楼大厅 西区实验室 展览厅",
    "影相": "礼堂 展览厅 操场",
}


def _pairs(frame: Frame, rng: random.Random) -> dict[str, str]:
    """Values that only make sense with one another."""
    if frame.id == "bill":
        utility, organisation = rng.choice(list(_PAYEES.items()))
        return {"utility": utility, "organisation": organisation}
    if frame.id == "d_plan":
        act, places = rng.choice(list(_ACTS_AT.items()))
        return {"d_act": act, "place": rng.choice(places.split())}
    if frame.id == "d_work":
        act, rooms = rng.choice(list(_WORK_AT.items()))
        return {"d_act": act, "room": rng.choice(rooms.split())}
    return {}


def draw(frame: Frame, rng: random.Random) -> dict[str, str]:
    """A value for each slot of a frame, none a part of another."""
    while True:
        values = {name: draw_slot(frame, name, rng) for name in frame.slots}
        values.update(_pairs(frame, rng))
        if not any(clash(one, other) for one, other in combinations(values.values(), 2)):
            return values


def draw_slot(frame: Frame, slot: str, rng: random.Random) -> str:
    """A sensible value of one slot."""
    pairs = _pairs(frame, rng)
    if slot in pairs:
        return pairs[slot]
    choose = _CHOICES.get(f"{frame.id}/{slot}")
    return choose(rng) if choose else DRAWS[frame.slots[slot].kind](rng, WORLD)


def draw_other(frame: Frame, slot: str, rng: random.Random, values: Mapping[str, str]) -> str:
    """Another sensible value of a slot, no part of any value there is nor the other way round."""
    is_date = frame.slots[slot].kind == "date"
    while True:
        other = draw_slot(frame, slot, rng)
        if is_date and may_be_same_day(other, values[slot]):
            continue
        if not any(clash(other, value) for value in values.values()):
            return other


def may_be_same_day(one: str, other: str) -> bool:
    """Whether two dates could be one day on some clock: 周一 and 三月二号 can, 周一 and 周三 cannot."""
    if "号" in one and "号" in other:
        return one.rpartition("月")[2] == other.rpartition("月")[2]
    return ("周" in one) != ("周" in other) or ("号" in one) != ("号" in other)


def clash(one: str, other: str) -> bool:
    """Whether one value is part of the other."""
    return one in other or other in one
