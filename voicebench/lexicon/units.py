"""Units of measure by dimension, measure words, currencies."""

from __future__ import annotations

from voicebench.lexicon import words

Unit = tuple[str, str]
"""A base unit, which names the dimension, and how many of it one is."""

_BY_DIMENSION: dict[str, dict[str, tuple[str, ...]]] = {
    "克": {
        "1000000": ("吨", "公吨"),
        "1000": ("公斤", "千克", "kg"),
        "500": ("斤", "市斤"),
        "50": ("两重", "两"),
        "1": ("克", "g"),
        "0.001": ("毫克", "mg"),
        "0.000001": ("微克", "ug", "μg"),
        "453.59237": ("磅",),
    },
    "米": {
        "1852": ("海里",),
        "1609.344": ("英里",),
        "1000": ("公里", "千米", "km", "kilometers", "kilometres"),
        "500": ("里地", "里路", "华里", "里"),
        "1": ("米", "公尺", "m", "meters", "metres"),
        "3.3333333333": ("丈",),
        "0.3333333333": ("尺",),
        "0.0333333333": ("寸",),
        "0.3048": ("英尺",),
        "0.0254": ("英寸", "吋"),
        "0.1": ("分米", "dm"),
        "0.01": ("厘米", "公分", "cm"),
        "0.001": ("毫米", "mm"),
    },
    "升": {"1000": ("立方米", "m3"), "1": ("升", "公升", "l"), "0.001": ("毫升", "ml", "cc")},
    "平方米": {
        "1000000": ("平方公里", "平方千米", "km2"),
        "10000": ("公顷",),
        "666.666667": ("亩地", "亩"),
        "1": ("平方米", "平米", "平方", "平", "m2"),
        "0.0001": ("平方厘米", "cm2"),
    },
    "秒": {
        "604800": ("个星期", "星期", "个礼拜", "礼拜", "周", "weeks", "week"),
        "86400": ("天", "days", "day"),
        "3600": ("个小时", "小时", "个钟头", "钟头", "个钟", "hours", "hour", "h"),
        "900": ("刻钟",),
        "60": ("分钟", "minutes", "minute", "min"),
        "1": ("秒钟", "秒", "seconds", "second", "s"),
        "0.001": ("毫秒", "ms"),
    },
    "月": {"12": ("周年", "年"), "3": ("个季度",), "1": ("个月", "个多月")},
    "MB": {"1048576": ("tb",), "1024": ("gb",), "1": ("mb", "兆"), "0.0009765625": ("kb",)},
    "km/h": {"1": ("公里每小时", "km/h", "迈"), "3.6": ("米每秒", "m/s")},
    "瓦": {"1000": ("千瓦", "kw"), "1": ("瓦",)},
    "卡": {"1000": ("千卡", "大卡", "kcal"), "1": ("卡路里", "卡")},
    "度": {"1": ("摄氏度", "℃", "°c", "度")},
    "岁": {"1": ("周岁", "岁")},
    "倍": {"1": ("倍",)},
    "%": {"1": ("%", "个百分点", "percent"), "0.1": ("‰",)},
}  # fmt: skip
UNITS: dict[str, Unit] = {
    word: (dimension, factor)
    for dimension, factors in _BY_DIMENSION.items()
    for factor, words in factors.items()
    for word in words
}
"""Folded word to its unit. 年 and 个月 are months: how many days they have is open."""

COUNTERS = words(
    """
    个人 个 人 位 名 张 件 台 把 只 条 本 瓶 箱 盒 袋 包 双 束 次 遍 片 粒 颗 层 楼 栋 幢 辆 头
    杯 份 道 页 句 字 单元 室 号楼 号线 号 路 间 排 座 门 项 家 场 部 套 枚 支 枝 根 块 桶 罐 碗
    盘 桌 盆 棵 朵 群 班 级 步 轮 点 集 首 幅 篇 篮 打 匹 架 艘 票 期 关 组 对 副 人份 人次 间房
    株 串 捆 卷 扇 顶 顿 节 届 筐 车 滴 勺 户 口 天 壶 听 款 种 批 伏 行 列 段
    """
)
PEOPLE = frozenset({"个人", "个", "人", "位", "名", "人次"})
"""Measure words that count the same when people are counted."""

CURRENCIES: dict[str, str] = {
    word: code
    for code, words in {
        "CNY": "元 块 块钱 元钱 圆 蚊 人民币 元人民币 块人民币 rmb cny yuan ¥",
        "USD": "美元 美金 刀 usd dollars $ us$",
        "EUR": "欧元 eur €", "GBP": "英镑 gbp £", "HKD": "港币 港元 港纸 hkd hk$",
        "JPY": "日元 日币 日圆 jpy", "KRW": "韩元 韩币 krw", "TWD": "新台币 台币", "THB": "泰铢",
        "AUD": "澳元 澳币", "CAD": "加元 加币", "SGD": "新元 新币 新加坡元", "RUB": "卢布", "CHF": "瑞士法郎",
    }.items()
    for word in words.split()
}  # fmt: skip
