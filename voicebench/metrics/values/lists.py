"""List marks and counts of the answer's own items: form, not content."""

from __future__ import annotations

import functools
import re

from voicebench.lexicon import either, words
from voicebench.metrics.values.numerals import NUMBER

_CIRCLED = "①-⑳⑴-⒇❶-❿"
_MARK = re.compile(
    rf"[{_CIRCLED}]"
    r"|(?P<arabic>(?:(?<=^)|(?<=[\s。；;：:，,、！？!?]))[(（]?(?P<n>\d{1,2})(?:[.．、)）](?![\d.])))"
    r"|(?i:step) ?\d{1,2}[:：.]|步骤[\d一二三四五六七八九十]{1,2}[:：、]"
    r"|[(（](?P<k>\d{1,2})[)）]"
    r"|(?P<inner>(?<=[\u4e00-\u9fff])(?P<m>\d{1,2})[、.)）](?=[^\d\s]))"
    r"|(?:(?<=^)|(?<=[\s。；;：:，,]))(?:[(（][一二三四五六七八九十]{1,2}[)）]|[一二三四五六七八九十]{1,2}、(?![一二三四五六七八九十]、?)"
    r"|[其第][一二三四五六七八九十](?:点|是)?[，,:：、]|第[一二三四五六七八九十\d]{1,2}[点项条件个]?(?:是|[，,:：、]))",
    re.MULTILINE,
)


def drop_list_marks(text: str) -> str:
    """A text with its list marks as semicolons: they number what follows, they state nothing.

    An Arabic mark counts where it begins a line or carries on from the mark before it.

    >>> drop_list_marks("①周四开会 ②周五交"), drop_list_marks("1、苹果 2、香蕉"), drop_list_marks("共1.5吨")
    (';周四开会 ;周五交', ';苹果 ;香蕉', '共1.5吨')
    """
    expected = 1

    def mark(match: re.Match[str]) -> str:
        nonlocal expected
        number = match.group("n") or match.group("m") or match.group("k")
        if number is None:
            return ";"
        begins_line = match.start() == 0 or text[match.start() - 1] == "\n"
        if int(number) == expected or (begins_line and match.group("n")):
            expected = int(number) + 1
            return ";"
        return match.group()

    return _MARK.sub(mark, text)


_LONGEST = 8


@functools.cache
def _idioms() -> frozenset[str]:
    from pypinyin.phrases_dict import phrases_dict  # half a second: only where there are numerals

    return frozenset(
        phrase
        for phrase in phrases_dict
        if 4 <= len(phrase) <= _LONGEST and _NUMERAL.search(phrase) and not _COUNTED.match(phrase)
    )


_NUMERAL = re.compile("[一二两三四五六七八九十百千万半]")
_COUNTED = re.compile("[一二两三四五六七八九]?百")


def find_idioms(text: str) -> set[int]:
    """The positions of set phrases of four to eight characters that hold a numeral.

    >>> find_idioms("行百里者半九十呢") == set(range(7))
    True
    """
    found: set[int] = set()
    for numeral in _NUMERAL.finditer(text):
        at = numeral.start()
        if at in found:
            continue
        for start in range(max(0, at - _LONGEST + 1), at + 1):
            for end in range(max(start + 4, at + 1), min(start + _LONGEST, len(text)) + 1):
                if text[start:end] in _idioms():
                    found.update(range(start, end))
    return found


_ITEMS = words(
    """
    安排 要点 事项 事情 事 建议 步骤 步 方面 部分 任务 待办 待办事项 提醒 信息 日程 日程安排
    行程 重点 结论 原因 理由 选项 选择 内容 注意事项 小点 要求 件事 问题 行动项 结果 关键点
    关键信息 答案 办法 方法 方案 情况 句话 段
    """
)
OWN_COUNT = re.compile(
    rf"(?:(?<=有)|(?<=[共为是下上分这那出列做记讲成以的您]))({NUMBER})(?:个|项|条|件|点|大|种|样|步|句|段|则)?(?:主要|重要|关键|不同)?的?(?:{either(_ITEMS)}|(?:(?<=[项点条步句段件样])(?=[,。;:!)]|$)))"
    r"(?![钟整半一二三四五六七八九十\d]|开始|开会|见|出发|到)"
)
"""您有2个安排, 共三点, 分两步: how many items the answer lists."""
OF_A_CODE = re.compile(rf"(?:[前后末尾]|最后)({NUMBER})位(?=数|号|是|为|:)|哪({NUMBER})")
"""后四位 tells which digits, 哪一年 asks: they give no figure."""
OWN_COUNT_BEFORE_LIST = re.compile(rf"({NUMBER})[个项条件点种步样][^\W\d_]{{0,4}}(?=:(?!\d))")
IDIOM = re.compile(
    r"[去上]年同期|三人行|千万(?=别|不|要|记|注|小|得)|(?<![一二两三四五六七八九十百千])万一|十分(?!钟|之|[一二三四五六七八九]|\d)|百货|百合|千瓦(?!时)|万里|一百二十分|万分(?!之)|千秋|"
    r"三明治|四川|三亚|六安|九寨沟|百度|二维码|统一|唯一|同一|第一时间|一一(?![一二三四五六七八九零])|万达|万科|八宝|三轮|四季|五金|"
    r"百事|一二三(?!四)|八达岭|九龙|三里屯|两口子|十字|百年|千年|百姓|万事|万能|万象|百分(?:之)?百(?=地?(?:确定|肯定|确认|保证|放心|相信|支持|没问题|准|确信|会|可以|能|是))|"
    r"十足|五一路|三三两两|一五一十|七上八下|乱七八糟|四面|八方|三番|两两(?!个)|一万个放心|一百个(?:放)?心|一百个放心|三天打鱼|两天晒网|二位(?!数|同|老师|医生)|两位(?=好|,|请|稍)|两全|三思|十有八九|一清二楚|五花八门|一言为定"
)
