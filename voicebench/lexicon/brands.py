"""Well-known makers and companies: another of the same line in a name's place is another name."""

from __future__ import annotations

from voicebench.lexicon import words

BRANDS: dict[str, frozenset[str]] = {
    line: frozenset(brands.split())
    for line, brands in {
        "devices": "华为 小米 苹果 三星 荣耀 oppo vivo 一加 魅族 红米 联想 戴尔 惠普 华硕 索尼 iphone ipad macbook "
        "海尔 美的 格力 海信 tcl 松下 西门子 戴森 佳能 尼康 大疆",
        "cars": "特斯拉 比亚迪 蔚来 理想 小鹏 宝马 奔驰 奥迪 大众 丰田 本田 日产 别克 福特 吉利 长安 奇瑞 沃尔沃 保时捷",
        "internet": "腾讯 阿里 阿里巴巴 百度 京东 美团 字节跳动 拼多多 网易 滴滴 快手 小红书 微信 支付宝 淘宝 抖音 携程 "
        "微软 谷歌 亚马逊",
        "telecom": "中国移动 中国联通 中国电信 中国广电",
        "banks": "工商银行 建设银行 农业银行 中国银行 招商银行 交通银行 邮储银行 中信银行 民生银行 浦发银行 平安银行 "
        "光大银行 兴业银行 工行 建行 农行 招行 交行",
        "couriers": "顺丰 中通 圆通 申通 韵达 邮政 德邦 京东物流",
        "airlines": "国航 东航 南航 海航 厦航 川航 春秋航空 吉祥航空",
        "food": "星巴克 瑞幸 肯德基 麦当劳 必胜客 海底捞 喜茶 奈雪 可口可乐 百事可乐 蒙牛 伊利",
    }.items()
}  # fmt: skip

SHORT_NAMES: dict[str, str] = {
    short: long
    for short, _, long in (
        pair.partition("/")
        for pair in words(
            """
    招行/招商银行 工行/工商银行 建行/建设银行 农行/农业银行 中行/中国银行 交行/交通银行
    邮储/邮储银行 浦发/浦发银行 北大/北京大学 清华/清华大学 复旦/复旦大学 上交/上海交通大学
    交大/交通大学 人大/中国人民大学 北师大/北京师范大学 华师大/华东师范大学 中科大/中国科学技术大学 华科/华中科技大学
    哈工大/哈尔滨工业大学 北航/北京航空航天大学 北邮/北京邮电大学 川大/四川大学 港大/香港大学 中科院/中国科学院
    社科院/社会科学院 移动/中国移动 联通/中国联通 电信/中国电信 广电/中国广电 国网/国家电网
    中石油/中国石油 中石化/中国石化 国航/中国国际航空 东航/东方航空 南航/南方航空 海航/海南航空
    川航/四川航空 厦航/厦门航空 协和/协和医院 同仁/同仁医院 央视/中央电视台 平安/平安保险
    人保/人民保险 阿里/阿里巴巴 字节/字节跳动 菜鸟/菜鸟驿站 省医/省人民医院 市医/市人民医院
    工商局/工商行政管理局 发改委/发展和改革委员会 教委/教育委员会 居委会/居民委员会 村委会/村民委员会 物业/物业公司
    人社局/人力资源和社会保障局 市监局/市场监督管理局 派出所/公安派出所 首师大/首都师范大学
    """
        )
    )
}
"""Abbreviation to the name that it is short for."""
