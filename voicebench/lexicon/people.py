"""Surnames, titles and the characters of given names."""

from __future__ import annotations

from voicebench.lexicon import words

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘"
    "杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊"
    "兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关"
    "苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边"
)
"""Single-character surnames, common ones first."""
_ALSO_WORDS = "于金白康毛江史万常兰安严牛温季章申尤毕焦向左谷时路关费成游阳席卫查位植甘景薄单包司宁解强华车房边"
CLEAR_SURNAMES = "".join(char for char in SURNAMES if char not in _ALSO_WORDS)
"""Those that seldom begin a word: for text without punctuation, where nothing else marks a name."""
COMPOUND_SURNAMES = words(
    """
    欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 司徒 夏侯 南宫 端木 独孤
    """
)

TITLES = words(
    """
    总经理 副总 经理 总监 主任 主管 老师 医生 大夫 护士 先生 女士 小姐 同学 教授 律师 师傅 老板
    院长 校长 部长 处长 科长 局长 队长 组长 店长 厂长 董事长 书记 工程师 博士 教练 会计 秘书
    助理 阿姨 叔叔 工 总 姐 哥
    """
)

GIVEN_NAME_CHARS = frozenset(
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂华建国志文红玉春海燕丹鹏飞龙斌波辉健俊峰凯浩宇轩欣怡佳琪琳"
    "莹婷雪梅倩颖慧玲珍荣贵福生祥发光东晓小子涵思远雨梦嘉豪天美若彤宏卫民宝冬凤景行乐启航瑞诗向阳艳一凡鑫莉旭岚"
    "楠睿璐昊琼毅淑贞世继仁义素云铁柱忠良彩银培根绍兴献萍义山林松柏泉江河湖城达康泰安宁清正邦庆振立新少永仲伯亚"
    "中元先才德彬炎晨阳晴月星辰然娥香巧霖霏璇珊萱泽锋帆翔诚胜恒博亮政谦亨翰朗弘伦桐楷瑶瑾芷蕾薇茜蓉菲芸芬翠淼滨泓澜洁溪澄潇煜熙烨焕炳栋桦梓棋榕柔栩曦晗晶昕斐捷帅尧宸宪奕妍妮娅娇媛婧婉姗哲咏卓冰儒佩佑贤赫遥鹤锐锦钧铭铮雄霄韵韬馨骏骁鸿鹃麟"
)
