"""What can be known about Chinese names without a dictionary: where one ends.

李明 is not 李明华, 北京 is not 北京路, iPhone is not iPhone15. A name found in a text is whole unless
what follows continues it. For a person that is a judgement by character: common given-name
characters continue a two-character name, unless they begin a common word (平时, 明天).
"""

from __future__ import annotations

import re

from voicebench.metrics.numbers import DIGITS, NUMBER, parse_number, read_digits

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘"
    "杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段钱汤尹黎易常武乔贺赖龚文庞樊"
    "兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关"
    "苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边"
)
_TITLES = [
    "总经理",
    "副总",
    "经理",
    "总监",
    "主任",
    "主管",
    "老师",
    "医生",
    "大夫",
    "护士",
    "先生",
    "女士",
    "小姐",
    "同学",
    "教授",
    "律师",
    "师傅",
    "老板",
    "院长",
    "校长",
    "部长",
    "处长",
    "科长",
    "局长",
    "队长",
    "组长",
    "店长",
    "厂长",
    "董事长",
    "书记",
    "工程师",
    "博士",
    "教练",
    "会计",
    "秘书",
    "助理",
    "阿姨",
    "叔叔",
    "工",
    "总",
]
_SURNAMES_BEFORE_TITLE = SURNAMES[:200]
TITLED_PERSON = re.compile(
    rf"(?<![对关由至属等便处位在终敢善])[{_SURNAMES_BEFORE_TITLE}]"
    rf"(?:[^\W\d_和跟与找给叫由请让是在的您你我他她为去到约和问]{{0,2}}?)"
    rf"(?:{'|'.join(title for title in _TITLES if len(title) > 1)}|(?<=[{_SURNAMES_BEFORE_TITLE}])总(?![是在共的计体数价结部会额]))"
)
PERSON_IN_PLACE = re.compile(
    rf"(?:^|(?<=[是叫和跟与找给由:]))[{SURNAMES}][^\W\d_的了是在]{{1,2}}"
    r"(?=[。,!]|$|先生|女士|一起|负责)"
)
"""What stands where a person's name does, and begins like one."""
CITIES = re.compile(
    "北京|上海|天津|重庆|广州|深圳|杭州|南京|苏州|成都|武汉|西安|长沙|郑州|青岛|大连|厦门|福州|昆明|贵阳|南宁|海口|三亚|"
    "济南|合肥|南昌|太原|沈阳|长春|哈尔滨|石家庄|兰州|银川|西宁|拉萨|乌鲁木齐|呼和浩特|宁波|无锡|佛山|东莞|珠海|惠州|"
    "香港|澳门|台北|桂林|洛阳|扬州|温州|烟台|威海|徐州|常州|南通|绍兴|嘉兴|泉州|中山市|东京|纽约|伦敦|巴黎|首尔|新加坡"
)
_GIVEN_NAME_CHARS = frozenset(
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂华建国志文红玉春海燕丹鹏飞龙斌波辉健俊峰凯浩宇轩欣怡佳琪琳"
    "莹婷雪梅倩颖慧玲珍荣贵福生祥发光东晓小子涵思远雨梦嘉豪天美若彤宏卫民宝冬凤景行乐启航瑞诗向阳艳一凡鑫莉旭岚"
    "楠睿璐昊琼毅淑贞世继仁义素云铁柱忠良彩银培根绍兴献萍义山林松柏泉江河湖城达康泰安宁清正邦庆振立新少永仲伯亚"
    "中元先才德彬炎晨阳晴月星辰然"
)
_WORDS_AFTER_NAME = re.compile(
    r"平时|平常|明天|明年|明早|明晚|明确|文件|国庆|建议|天天|今天|生日|生病|发来|发送|发了|发邮件|发言|发起|一起|一共|一个|"
    r"一直|一人|一位|才能|才是|才行|先生|小姐|正在|正好|中午|中间|新来|向你|向您|向我|先去|先到|行不|子女|小时|小朋友|"
    r"小组|山路|元旦|若是|达成|达到|清楚|远程|立刻|立即|少了|达|星期|月底|晚上|下午|上午|早上|东西|春节|志愿|清明|"
    r"强调|新的|安排|生产|立马|然后|卫生|思考|宁可|根据|继续|超过|兴奋|飞|海外|海报|景点|江边|湖边|中心|中学|航班|光顾"
)
_PLACE_TAIL = re.compile(r"[东南西北中]?(?:路|街|大道|大街|大厦|广场|胡同)")


def is_whole_name(text: str, start: int, end: int, kind: str) -> bool:
    """Whether the name at `start:end` of a folded text ends there, and begins there.

    >>> is_whole_name("联系李明华", 2, 4, "person"), is_whole_name("李明明天来", 0, 2, "person")
    (False, True)
    """
    before, after = text[max(start - 1, 0) : start], text[end : end + 1]
    if text[start].isascii() and text[start].isalnum() and before.isascii() and before.isalnum():
        return False
    if text[end - 1].isascii() and text[end - 1].isalnum() and after.isascii() and after.isalnum():
        return False
    if kind == "place":
        return not _PLACE_TAIL.match(text, end)
    if kind == "person" and end - start == 2 and after in _GIVEN_NAME_CHARS:
        return bool(_WORDS_AFTER_NAME.match(text, end))
    return True


_BEFORE_NAME = re.compile(r"(?:[是叫和跟与找给请让由为:]|联系|负责人|医生|老师|同事|朋友)$")
_AFTER_NAME = re.compile(r"$|[,。!?;的是在和跟与说来去]|先生|女士|经理|老师|医生|负责|一起")


def find_near_name(text: str, name: str, kind: str) -> tuple[int, int] | None:
    """Where a folded text has a look-alike of a name that it does not have: one character wrong or
    dropped, a longer name around it, another name of the same surname, another code of its form.

    >>> find_near_name("联系人是张卫明。", "张伟明", "person")
    (4, 7)
    >>> find_near_name("联系李明华", "李明", "person")
    (2, 5)
    """
    size = len(name)
    for match in re.finditer(re.escape(name), text):
        if not is_whole_name(text, *match.span(), kind):
            return match.start(), min(match.end() + 1, len(text))
    for start in range(len(text) - size + 1):
        window = text[start : start + size]
        if window != name and _is_look_alike(text, start, window, name, kind):
            return start, start + size
    numbered = _find_other_code(text, name) or _find_other_number(text, name, kind)
    if numbered:
        return numbered
    shorter = (
        {name[:i] + name[i + 1 :] for i in range(size)} if size >= _dropped_from(kind) else set()
    )
    for start in range(len(text) - size + 2):
        window = text[start : start + size - 1]
        if window in shorter and _begins_like_a_name(window, name, kind):
            return start, start + size - 1
    return None


_SPOKEN_DIGIT = "".join(DIGITS)
_CODE = re.compile(rf"(?<![a-z\d])([a-z]+)[ -]?([\d{_SPOKEN_DIGIT}]{{2,}}[a-z]?)(?![a-z\d])")


def _find_other_code(text: str, name: str) -> tuple[int, int] | None:
    """CA1381 where CA1831 is meant: the same letters, the same number or the same form."""
    own = _CODE.search(name)
    if own is None:
        return None
    letters, number = own.group(1), read_digits(own.group(2))
    for match in _CODE.finditer(text):
        found_letters, found_number = match.group(1), read_digits(match.group(2))
        if (found_letters, found_number) == (letters, number):
            continue
        has_its_form = len(found_letters) == len(letters) and len(found_number) == len(number)
        if has_its_form or found_letters == letters or found_number == number:
            return match.span()
    return None


def _find_other_number(text: str, name: str, kind: str) -> tuple[int, int] | None:
    """解放路80号 where 解放路十八号 is meant."""
    own = re.search(NUMBER, name)
    if own is None or kind == "person" or len(name) - len(own.group()) < 2:
        return None
    before, after = re.escape(name[: own.start()]), re.escape(name[own.end() :])
    for match in re.finditer(f"{before}({NUMBER}){after}", text):
        if parse_number(match.group(1)) != parse_number(own.group()):
            return match.span()
    return None


def _dropped_from(kind: str) -> int:
    """The shortest name of a kind that is still known when it lacks a character."""
    return {"person": 3, "place": 4}.get(kind, 5)


def _begins_like_a_name(window: str, name: str, kind: str) -> bool:
    return kind != "person" or window[0] == name[0]


def _is_look_alike(text: str, start: int, window: str, name: str, kind: str) -> bool:
    if not all(char.isalnum() for char in window):
        return False
    num_wrong = sum(a != b for a, b in zip(window, name, strict=True))
    if kind == "person":
        if len(name) >= 3 and num_wrong == 1:
            return window[0] == name[0] or window[0] in SURNAMES
        in_place = bool(_BEFORE_NAME.search(text[:start])) or start == 0
        is_closed = bool(_AFTER_NAME.match(text, start + len(window)))
        return window[0] == name[0] and in_place and is_closed
    return len(name) >= 3 and num_wrong <= max(1, len(name) // 4)
