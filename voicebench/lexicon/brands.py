"""Well-known makers and companies: another of the same line in a name's place is another name."""

from __future__ import annotations

BRANDS: dict[str, frozenset[str]] = {
    line: frozenset(words.split())
    for line, words in {
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
