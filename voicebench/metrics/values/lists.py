"""List marks and counts of the answer's own items: form, not content."""

from __future__ import annotations

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


_ITEMS = words(
    """
    安排 要点 事项 事情 事 建议 步骤 步 方面 部分 任务 待办 待办事项 提醒 信息 日程 日程安排
    行程 重点 结论 原因 理由 选项 选择 内容 注意事项 小点 要求 件事 问题 行动项 结果 关键点
    关键信息 答案 办法 方法 方案 情况 句话 段
    """
)
OWN_COUNT = re.compile(
    rf"(?:(?<=有)|(?<=[共为是下上分这那出列做记讲成以的您]))({NUMBER})(?:个|项|条|件|点|大|种|步|句|段|则)?(?:主要|重要|关键|不同)?的?(?:{either(_ITEMS)}|(?:(?<=[项点条步句段件])(?=[,。;:!)]|$)))"
    r"(?![钟整半一二三四五六七八九十\d]|开始|开会|见|出发|到)"
)
"""您有2个安排, 共三点, 分两步: how many items the answer lists."""
OWN_COUNT_BEFORE_LIST = re.compile(rf"({NUMBER})[个项条件点种步][^\W\d_]{{0,4}}(?=:(?!\d))")
IDIOM = re.compile(
    r"千万(?=别|不|要|记|注|小|得)|(?<![一二两三四五六七八九十百千])万一|十分(?!钟|之|[一二三四五六七八九]|\d)|百货|百合|千瓦(?!时)|万里|一百二十分|万分(?!之)|千秋|"
    r"三明治|四川|三亚|六安|九寨沟|百度|二维码|统一|唯一|同一|第一时间|一一(?![一二三四五六七八九零])|万达|万科|八宝|三轮|四季|五金|"
    r"百事|一二三(?!四)|八达岭|九龙|三里屯|两口子|十字|百年|千年|百姓|万事|万能|万象|百分(?:之)?百(?=地?(?:确定|肯定|确认|保证|放心|相信|支持|没问题|准|确信|会|可以|能|是))|"
    r"十足|五一路|三三两两|一五一十|七上八下|乱七八糟|四面|八方|三番|两两(?!个)|一万个放心|一百个放心|两全|三思|十有八九|一清二楚|五花八门|一言为定"
)
