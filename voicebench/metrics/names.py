"""What can be known about Chinese names without a dictionary: where one ends, and what resembles it.

李明 is not 李明华, 北京 is not 北京路, iPhone 15 is not iPhone 15 Pro; 三层会议室 is 三楼会议室 and ModelY is
Model Y. A name that sounds like the expected one (黎明 for 李明) or differs in one character is a
wrong one in its place.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from voicebench.lexicon import either
from voicebench.lexicon.brands import BRANDS, SHORT_NAMES
from voicebench.lexicon.people import COMPOUND_SURNAMES, GIVEN_NAME_CHARS, SURNAMES, TITLES
from voicebench.lexicon.places import ALSO_NAMES, CITIES, PROVINCES
from voicebench.metrics.values.numerals import DIGIT, NUMBER, parse_number, plain, read_digits

Span = tuple[int, int]
_HANZI = r"[\u4e00-\u9fff]"

_SURNAMES_BEFORE_TITLE = SURNAMES[:200]
TITLED_PERSON = re.compile(
    rf"(?<![对关由至属等便处位在终敢善])(?:{either(COMPOUND_SURNAMES)}|[{_SURNAMES_BEFORE_TITLE}])"
    rf"(?:[^\W\d_和跟与找给叫由请让是在的您你我他她为去到约和问]{{0,2}}?)"
    rf"(?:{either(title for title in TITLES if len(title) > 1)}|(?<=[{_SURNAMES_BEFORE_TITLE}])总(?![是在共的计体数价结部会额]))"
)
CITY = re.compile(
    either({*CITIES, *PROVINCES} - ALSO_NAMES) + rf"|(?:{either(ALSO_NAMES - {'吉林市'})})(?=市)"
)
_PERSON = rf"(?:(?:{either(COMPOUND_SURNAMES)})[^\W\d_的了是在]{{1,2}}|[{SURNAMES}][^\W\d_的了是在]{{1,2}})"
PERSON_IN_PLACE = re.compile(
    rf"(?:^|(?<=[是叫和跟与找给由让请派:;,。])|(?<=通知)|(?<=联系)|(?<=转告)|(?<=提醒)|(?<=告诉)|(?<=邀请)|(?<=安排)|(?<=交给))(?!周[一二三四五六日末])({_PERSON})"
    r"(?=[。,!;]|$|先生|女士|一起|负责|主持|去|来|参加|接|讲|发言|汇报|到场|出席|安排|跟进|处理)"
)
"""What stands where a person's name does, and begins like one."""
_WORDS_AFTER_NAME = re.compile(
    r"平时|平常|平均|明天|明年|明早|明晚|明日|明确|明后|文件|国庆|国内|建议|建立|天天|天气|今天|生日|生病|发来|发送|发了|发给|发邮件|发消息|发微信|"
    r"发言|发起|一起|一共|一个|一直|一人|一位|一会|一定|才能|才是|才行|先生|小姐|正在|正好|中午|中间|新来|向你|向您|向我|先去|先到|先来|行不|行吗|行程|"
    r"子女|小时|小朋友|小组|山路|元旦|若是|达成|达到|清楚|远程|立刻|立即|少了|达|星期|月底|月初|晚上|下午|上午|早上|东西|春节|志愿|清明|"
    r"强调|新的|安排|生产|立马|然后|卫生|思考|宁可|根据|继续|超过|兴奋|飞(?!来|$|[,。!])|海外|海报|景点|江边|湖边|中心|中学|航班|光顾|"
    r"安全|中国|德国|英国|美国|亲自|阳台|东边|在|亮相|政府|香港|泽"
)
_TAILS = {
    "place": re.compile(r"[东南西北中]?(?:路|街|大道|大街|大厦|广场|胡同)|附属|[东南西北分][院校]"),
    "organisation": re.compile(r"附属|附[中小属]|(?:医院|出版社|幼儿园|医学院|金融|基金|保险|证券|健康)(?![,。!?;]*的)|分校|[东南西北分]院|[支分]行|分公司|子公司|研究院|基金会|业协会|第[一二三四五六]"),
    "product": re.compile(
        r"[ -]?(?:(?:pro|max|plus|ultra|mini|se|air|note|lite|fe)(?![a-z])|青春版|标准版|尊享版|高配版|旗舰版|至尊版|尊贵版|升级版)"
        r"|[汁派糖酱醋饼粉壳膜](?!\w{0,1}[油酱])|味|充电器|保护壳|数据线|鸡翅|蛋糕"
    ),
}  # fmt: skip


def is_whole_name(text: str, start: int, end: int, kind: str) -> bool:
    """Whether the name at `start:end` of a folded text ends there, and begins there.

    >>> is_whole_name("联系李明华", 2, 4, "person"), is_whole_name("李明明天来", 0, 2, "person")
    (False, True)
    """
    before, after = text[max(start - 1, 0) : start], text[end : end + 1]
    first, last = text[start], text[end - 1]
    if (_is_latin(first) and _is_latin(before)) or (_is_latin(last) and _is_latin(after)):
        return False
    if (_is_numeral(first) and _is_numeral(before)) or (_is_numeral(last) and _is_numeral(after)):
        return False
    if kind in ("place", "organisation") and re.search(rf"第[{DIGIT}十]+$", text[:start]):
        return False
    tail = _TAILS.get(kind)
    if tail and tail.match(text, end):
        return False
    if kind == "person":
        name = text[start:end]
        num_given = len(name) - (2 if name.startswith(COMPOUND_SURNAMES) else 1)
        if num_given == 1 and len(name) > 1 and after in GIVEN_NAME_CHARS:
            return bool(_WORDS_AFTER_NAME.match(text, end))
    return True


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _is_numeral(char: str) -> bool:
    return bool(char) and (char.isdigit() or char in DIGIT or char in "十百千万")


@functools.lru_cache(maxsize=20_000)
def canonical(text: str, has_figures: bool) -> tuple[str, tuple[Span, ...]]:
    """A name or text as names are compared, with the span in `text` of each of its characters: no
    spaces, dots or hyphens, 层 as 楼, and, unless it is a person, numbers in digits.

    >>> canonical("小米 十四", True)[0], canonical("约翰·史密斯", False)[0]
    ('小米14', '约翰史密斯')
    """
    characters: list[str] = []
    spans: list[Span] = []
    for match in _PIECE.finditer(text):
        piece = match.group()
        if piece in " ·•・-'’‧.":
            continue
        if len(piece) > 3 and piece.endswith("公司"):
            continue
        number = piece
        if has_figures and (code := _FLOOR.fullmatch(piece)):
            number = "负" + _figure(code[2]) if code[1] != "t" else _figure(code[2]) + "号"
        elif has_figures and (piece[0] in DIGIT or piece[0] in "十百千" or piece[0].isdigit()):
            number = _figure(piece)
        if number != piece:
            characters += number
            spans += [match.span()] * len(number)
        else:
            characters += piece.replace("层", "楼") if has_figures else piece
            spans += [(match.start() + i, match.start() + i + 1) for i in range(len(piece))]
    return "".join(characters), tuple(spans)


_FLOOR = re.compile(rf"(负|地下|-|b|t)({NUMBER})")
_LEGAL_FORM = r"(?:股份|控股)?(?:集团)?(?:股份)?有限(?:责任)?公司"
_PIECE = re.compile(
    rf"(?<=.){_LEGAL_FORM}(?=.*[分支]行|.*分公司)|"
    rf"(?:(?:负|地下|(?<![a-z\d])-|(?<![a-z])b){NUMBER}(?=[层楼])|(?<![a-z])t\d(?=航站楼))|{NUMBER}|.",
    re.DOTALL,
)


def _figure(text: str) -> str:
    if set(text) <= set(DIGIT):
        return read_digits(text)
    value = parse_number(text)
    return text if value is None or text.isdigit() else plain(value)


def find_name(text: str, name: str, kind: str) -> Iterator[Span]:
    """Where a folded text has a name, whole, in any of its spellings.

    >>> list(find_name("在三层会议室", "三楼会议室", "place")), list(find_name("在十三楼", "三楼", "place"))
    ([(1, 6)], [])
    """
    for start, end in _find_spelled(text, name, kind):
        if is_whole_name(text, start, end, kind):
            yield start, end


def _find_spelled(text: str, name: str, kind: str) -> Iterator[Span]:
    has_figures = kind != "person"
    wanted, _ = canonical(name, has_figures)
    if not wanted:
        return
    spelled, spans = canonical(text, has_figures)
    position = spelled.find(wanted)
    while position >= 0:
        last = position + len(wanted) - 1
        is_cut = has_figures and (
            (position and spelled[position].isdigit() and spelled[position - 1].isdigit())
            or (spelled[last].isdigit() and spelled[last + 1 : last + 2].isdigit())
        )
        if not is_cut:
            yield spans[position][0], spans[last][1]
        position = spelled.find(wanted, position + 1)


_SHORT = {long: short for short, long in SHORT_NAMES.items()}
_LONG_NAME = re.compile(either(_SHORT))
_MAKERS = frozenset().union(*BRANDS.values())


def short_forms(name: str, kind: str) -> tuple[str, ...]:
    """The abbreviations of a name that are the same organisation or place.

    >>> short_forms("浙江大学", "organisation"), short_forms("第二实验小学", "organisation")
    (('浙大',), ('实验二小', '二实小', '第二实小', '二小'))
    """
    if kind not in ("organisation", "place"):
        return ()
    found = []
    if long := _LONG_NAME.search(name):
        found.append(name.replace(long.group(), _SHORT[long.group()]))
    bare = re.sub(_LEGAL_FORM, "", name)
    found += [bare] if bare != name and len(bare) > 1 else []
    if match := re.fullmatch(rf"({_HANZI}{{2}})(科技|师范|理工|医科|农业|交通|工业)?大学", name):
        found.append(match[1][0] + (match[2] or "")[:1] + "大")
    if match := re.fullmatch(rf"(.*?)第?([{DIGIT}十\d]+)(实验)?(中|小)学", name):
        before, number, is_trial, level = match.groups()
        if is_trial:
            found += [
                f"{before}{form}"
                for form in (
                    f"实验{number}{level}",
                    f"{number}实{level}",
                    f"第{number}实{level}",
                    f"{number}{level}",
                )
            ]
        else:
            found += [f"{before}{number}{level}"]
    if match := re.fullmatch(rf"(.*?)第([{DIGIT}十\d]+)(?:人民)?医院", name):
        found += [f"{match[1]}{match[2]}院", f"{match[1]}{match[2]}医院"]
        if match[1].endswith("市"):
            found += [f"市{match[2]}院", f"市{match[2]}医院"]
    if match := re.fullmatch(
        rf"({_HANZI}{{2,6}}?)(?:速运|速递|快递|物流|科技|集团|银行股份|航空公司)", name
    ):
        found += [match[1]] if match[1] in _MAKERS else []
    return tuple(dict.fromkeys(found))


_TITLE = re.compile(rf"(?:{either(TITLES)})$")


def is_titled_only(said: str, name: str) -> bool:
    """Whether 张先生 may be the person named 张伟: the same surname, and a title in place of the rest."""
    surname = _TITLE.sub("", said)
    return surname != said and name.startswith(surname) and not _TITLE.search(name)


_BEFORE_NAME = re.compile(
    r"(?:[是叫和跟与找给请让由派为:]|联系|负责人|医生|老师|同事|朋友|主持人|联系人)$"
)
_AFTER_NAME = re.compile(
    r"$|[,。!?;的是在和跟与说来去]|先生|女士|经理|老师|医生|负责|一起|主持|参加"
)


def find_near_name(text: str, name: str, kind: str) -> Span | None:
    """Where a folded text has a look-alike of a name that it does not have: one that sounds like it,
    one character wrong or dropped, a longer name around it, another name of the same surname, another
    code or number of its form.

    >>> find_near_name("联系人是张卫明。", "张伟明", "person"), find_near_name("联系李明华", "李明", "person")
    ((4, 7), (2, 5))
    >>> find_near_name("去航州出差", "杭州", "place")
    (1, 3)
    """
    for start, end in _find_spelled(text, name, kind):
        if not is_whole_name(text, start, end, kind):
            return start, min(end + 1, len(text))
    if name[0].isdigit() or name[0] in DIGIT:
        for match in re.finditer(rf"[{DIGIT}十百\d]+{re.escape(name)}", text):
            return match.span()
    size = len(name)
    for start in range(len(text) - size + 1):
        window = text[start : start + size]
        if window != name and (
            _sounds_alike(window, name) or _is_look_alike(text, start, window, name, kind)
        ):
            return start, start + size
    tail = _TAILS.get(kind)
    base = re.sub(rf"(?:{tail.pattern})$", "", name) if tail else name
    if (
        kind == "product"
        and base != name
        and (found := next(_find_spelled(text, base, kind), None))
    ):
        return found
    if kind == "person" and size == 2 and name[0] in SURNAMES:
        inserted = rf"(?:^|(?<=[是叫和跟与找给由让请派:;,。])|(?<=联系|提醒|通知|转告)){name[0]}[{''.join(sorted(GIVEN_NAME_CHARS))}]{name[1]}"
        for match in re.finditer(inserted, text):
            return match.span()
    if "@" in name and (address := re.search(r"[a-z0-9._+-]+@[a-z0-9.-]+", text)):
        return address.span()
    if kind == "person" and name.startswith(COMPOUND_SURNAMES):
        for match in re.finditer(rf"(?<!{name[0]}){name[1:]}", text):
            return match.span()
    numbered = _find_other_code(text, name) or _find_other_number(text, name, kind)
    if numbered:
        return numbered
    shorter = (
        {name[:i] + name[i + 1 :] for i in range(size)} if size >= _dropped_from(kind) else set()
    )
    for start in range(len(text) - size + 2):
        window = text[start : start + size - 1]
        if window in shorter and (kind != "person" or window[0] == name[0]):
            return start, start + size - 1
    return None


@functools.lru_cache(maxsize=20_000)
def _sounds(char: str) -> frozenset[str]:
    """The syllables of a Hanzi without tones, with those folded that accents do not tell apart."""
    from pypinyin import Style, pinyin  # half a second: only where a name is amiss

    (readings,) = pinyin(char, style=Style.NORMAL, heteronym=True)
    return frozenset(
        re.sub(r"(?<=[aei])ng$", "n", re.sub(r"^([zcs])h", r"\1", reading)) for reading in readings
    )


def _sounds_alike(window: str, name: str) -> bool:
    """Whether two words of Hanzi differ in writing alone."""
    if len(name) < 2 or not all("\u4e00" <= char <= "\u9fff" for char in window + name):
        return False
    return all(a == b or _sounds(a) & _sounds(b) for a, b in zip(window, name, strict=True))


_CODE = re.compile(rf"(?<![a-z\d])([a-z]+)[ -]?([\d{DIGIT}]{{2,}}[a-z]?)(?![a-z\d])")


def _find_other_code(text: str, name: str) -> Span | None:
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


def _find_other_number(text: str, name: str, kind: str) -> Span | None:
    """解放路80号 where 解放路十八号 is meant."""
    wanted, _ = canonical(name, True)
    if kind == "person" or not re.search(r"\d", wanted) or len(re.sub(r"\d", "", wanted)) < 2:
        return None
    spelled, spans = canonical(text, True)
    for match in re.finditer(re.sub(r"\d+", r"\\d+", re.escape(wanted)), spelled):
        if match.group() != wanted:
            return spans[match.start()][0], spans[match.end() - 1][1]
    return None


_SIDES = frozenset("东南西北左右上下前后内外")


def _dropped_from(kind: str) -> int:
    """The shortest name of a kind that is still known when it lacks a character."""
    return {"person": 3, "place": 4}.get(kind, 5)


def _is_look_alike(text: str, start: int, window: str, name: str, kind: str) -> bool:
    if not all(char.isalnum() for char in window):
        return False
    wrong = [(a, b) for a, b in zip(window, name, strict=True) if a != b]
    num_wrong = len(wrong)
    if kind != "person" and all(a in _SIDES and b in _SIDES for a, b in wrong):
        return True  # 中山西路 for 中山东路
    if kind == "person":
        if len(name) >= 3 and num_wrong == 1:
            return window[0] == name[0] or window[0] in SURNAMES
        if window[0] != name[0]:
            return False
        in_place = bool(_BEFORE_NAME.search(text[max(0, start - 4) : start])) or start == 0
        is_closed = bool(_AFTER_NAME.match(text, start + len(window)))
        return in_place and is_closed
    return len(name) >= 3 and num_wrong <= max(1, len(name) // 4)
