"""Names of cities and provinces, and the words that names of places end in."""

from __future__ import annotations

from voicebench.lexicon import words

CITIES = words(
    """
    北京 上海 天津 重庆 广州 深圳 杭州 南京 苏州 成都 武汉 西安 长沙 郑州 青岛 大连 厦门 福州
    昆明 贵阳 南宁 海口 三亚 济南 合肥 南昌 太原 沈阳 长春 哈尔滨 石家庄 兰州 银川 西宁 拉萨
    乌鲁木齐 呼和浩特 宁波 无锡 佛山 东莞 珠海 中山 惠州 香港 澳门 台北 桂林 洛阳 扬州 温州 烟台
    威海 徐州 常州 南通 绍兴 嘉兴 泉州 潍坊 保定 唐山 开封 大理 丽江 汕头 湛江 柳州 遵义 绵阳
    宜昌 襄阳 芜湖 九江 赣州 台州 金华 湖州 镇江 盐城 淮安 连云港 秦皇岛 廊坊 邯郸 大同 包头
    鞍山 吉林市 齐齐哈尔 临沂 淄博 济宁 日照 敦煌 西双版纳 张家界 黄山 义乌 昆山 常熟 东京 纽约
    伦敦 巴黎 首尔 新加坡 曼谷 柏林 悉尼 莫斯科 洛杉矶 旧金山 大阪 罗马 迪拜
    """
)
PROVINCES = words(
    """
    河北 山西 辽宁 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 贵州 云南
    陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 美国 英国 法国 德国 日本 韩国 泰国 俄罗斯
    加拿大 澳大利亚 意大利 西班牙 马来西亚 越南 印度
    """
)
"""Provinces, and countries that people travel to."""
ALSO_NAMES = frozenset({"中山", "黄山", "大同", "吉林市"})
"""Cities whose names are also those of roads, people or mountains: only a name where 市 follows."""
PLACE_HEADS = words(
    """
    会议室 教室 办公室 报告厅 展厅 大厅 餐厅 食堂 礼堂 图书馆 体育馆 博物馆 电影院 医院 大学
    中学 小学 学校 幼儿园 机场 火车站 高铁站 汽车站 地铁站 车站 站 公园 广场 酒店 宾馆 饭店 超市
    商场 书店 药店 银行 邮局 大厦 中心 大道 路 街 号楼 楼 栋 座 单元 室 门 出口 区 县 市 省 镇
    村 小区 花园 码头 港口 停车场 航站楼
    """
)
