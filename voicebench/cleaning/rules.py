"""Cleaning rules: each a function from text to text that only takes away.

Rules work on what a recogniser gives, Hanzi without punctuation, as well as on written text. Each is
idempotent, and none changes a digit, a numeral, a date or a name: where taking something away could
lose one, the text stays. `corrections.resolve_corrections` is the rule for things taken back.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Rule = Callable[[str], str]

NUMERALS = "0-9０-９零〇一二两三四五六七八九十百千万亿半幺"

# ---------------------------------------------------------------- the four rules of baseline

_ASIDE = re.compile(rf"[（(\[【][^（）()\[\]【】{NUMERALS}]*[）)\]】]")
_INTERJECTIONS = re.compile("[呃啊嗯哦]+")
_INTERJECTION_BUT_DENIAL = re.compile("[呃啊嗯哦](?!不)")
_COMMA_RUN = re.compile(r"[,，]\s*(?:[,，]\s*)+")
_SPACES = re.compile(r"\s+")


def drop_asides(text: str) -> str:
    """Drops bracketed asides; one that holds a number stays.

    >>> drop_asides("（咳嗽）明天[音乐]开会（3楼）")
    '明天开会（3楼）'
    """
    return _until_stable(_ASIDE, "", text)


def drop_interjections(text: str) -> str:
    """Drops runs of 呃, 啊, 嗯 and 哦.

    >>> drop_interjections("嗯嗯明天呃三点开会啊")
    '明天三点开会'
    """
    return _INTERJECTIONS.sub("", text)


def drop_hesitant_interjections(text: str) -> str:
    """The same, but 哦不 stays: without its 哦 it would deny what follows.

    >>> drop_hesitant_interjections("嗯去北京哦不坐飞机啊")
    '去北京哦不坐飞机'
    """
    return _INTERJECTION_BUT_DENIAL.sub("", text)


def join_commas(text: str) -> str:
    """Joins runs of commas into one; a single comma, as in 1,000, stays as it is.

    >>> join_commas("明天，， ,三点，1,000块")
    '明天，三点，1,000块'
    """
    return _COMMA_RUN.sub("，", text)


def fold_white_space(text: str) -> str:
    r"""Makes every run of white space one space and trims the ends.

    >>> fold_white_space("  打开 \n app ")
    '打开 app'
    """
    return _SPACES.sub(" ", text).strip()


# ---------------------------------------------------------------- disfluency

# What can follow a hesitating 那个 but not a pointing one: a pointing 那个 has its noun next.
_NO_NOUN = (
    "我|你|您|他|她|它|咱|请|帮|麻烦|能|可以|可不可以|想|要|需要|今天|明天|后天|昨天|上午|下午|晚上|早上|"
    "现在|就是|然后|怎么|什么|为什么|谁|哪|把|给|在|从|去|到|查|问|订|提醒|告诉|呃|啊|嗯|哦|，|,"
)
_HESITATION = re.compile(
    rf"(?<![也思话这就])就是说[，,]?"
    rf"|(?<![的着])(?:那个|这个)+(?=那个|这个|{_NO_NOUN})[，,]?"
    r"|怎么说呢[，,]?"
)
# Verbs said twice to mean "a little": said so on purpose.
_DOUBLED_VERBS = "研究讨论商量考虑介绍学习打听了解休息准备收拾锻炼活动认识体验检查确认整理处理"
# 不对不对 and 不是是 take something back and are for `resolve_corrections`.
_REPETITION = re.compile(
    rf"(?!不[对是])((?:(?![{NUMERALS}])[\u4e00-\u9fff]){{2,10}}?)(?:[，,]?\1)+"
)
_STUTTER = re.compile(r"(?<!不)([我你您他她它这就是在要跟有])(?:[，,]?\1)+")
_STUTTERED_DEMONSTRATIVE = re.compile(r"那(?:[，,]?那)+(?=个|边|里|天|家|位|么)")


def drop_hesitations(text: str) -> str:
    """Drops 那个, 这个 and 就是说 where they point at nothing; 那个文件 and 也就是说 stay.

    >>> drop_hesitations("那个我想问那个文件就是说发了吗")
    '我想问那个文件发了吗'
    """
    return _until_stable(_HESITATION, "", text)


def drop_repetitions(text: str) -> str:
    """Says once what was said twice in a row, and finishes what was begun twice.

    Numerals stay as they are (一二三一二三 may be a telephone number), and so do verbs doubled on
    purpose (研究研究) and doubled single characters (看看, 妈妈).

    >>> drop_repetitions("帮我订帮我订明天明天的票顺便研究研究幺三八幺三八")
    '帮我订明天的票顺便研究研究幺三八幺三八'
    """

    def once(match: re.Match[str]) -> str:
        unit = match.group(1)
        is_doubled_character = len(set(unit)) == 1
        is_doubled_verb = len(unit) == 2 and _DOUBLED_VERBS.find(unit) % 2 == 0
        return match.group(0) if is_doubled_character or is_doubled_verb else unit

    return _until_stable(_REPETITION, once, text)


def drop_stutters(text: str) -> str:
    """Drops the stuttered beginning of a pronoun or a function word.

    >>> drop_stutters("我我我要要去那那个会议室看看")
    '我要去那个会议室看看'
    """
    return _STUTTERED_DEMONSTRATIVE.sub("那", _STUTTER.sub(r"\1", text))


def _until_stable(
    pattern: re.Pattern[str], replacement: str | Callable[[re.Match[str]], str], text: str
) -> str:
    """Substitutes until nothing changes; ends because every change makes the text shorter."""
    while (shorter := pattern.sub(replacement, text)) != text:
        text = shorter
    return text
