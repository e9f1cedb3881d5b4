"""Whether a text asserts a value or only mentions it.

不是周三，是周四 mentions 周三 to deny it; 从三点改到四点 mentions what was taken back; 如果周三 and 周三还是
周四 leave it open. Judged by the words of the clause around the value, not by parsing.
"""

from __future__ import annotations

import re
from typing import Literal

_CLAUSE_END = re.compile(r"[,。!?;:\n，！？；]")
_FILLER = r"(?:[在于到为是的说指约\"“'「『(]|大约|这个|那个|安排)*"
_DENIED_BEFORE = re.compile(
    rf"(?:不是|并非|而非|绝非|不再|不在|不叫|不姓|不为|不去|不到(?=[上北南])|不选|不用|不要|不找|不等于|别|没有|没说|并不|而不|并没|无需|不可能|除了)"
    rf"{_FILLER}$"
)
_TAKEN_BACK_BEFORE = re.compile(
    rf"(?:原定|原来|原本|原先|本来|起初|一开始|先前|原计划|原时间|原价|取消|取消了|代替|替代|而不是){_FILLER}$"
)
_SUPPOSED_BEFORE = re.compile(rf"(?:如果|要是|假如|倘若|若是|万一){_FILLER}$")
_DENIED_AFTER = re.compile(
    r"[\"”'」』)]?(?:,?(?:不对|错了|说错|口误|是错的|不正确|有误)|,?不是(?=[,。!]|$)|作废|已取消|取消)"
)
_CHANGED_AFTER = re.compile(
    r"[^,。!?;\n]{0,12}?(?:改|换|调整?|推迟|提前|延期|延后|延|变更?|更正|移|转|修正|纠正)(?:为|成|到|至|在|了)"
)
_CHOICE_AFTER = re.compile(r"[^,。!?;\n]{0,4}还是")
_CHOICE_BEFORE = re.compile(r"还是[^,。!?;\n]{0,3}$")


Stance = Literal["asserted", "denied", "open"]


def stance(text: str, start: int, end: int, later_of_kind: tuple[int, ...] = ()) -> Stance:
    """Whether the value at `start:end` of a folded text is stated, denied or taken back, or left open.

    Args:
        text: The whole text, folded.
        start: First character of the value.
        end: After its last character.
        later_of_kind: Where further values of its kind begin; a change (改到) takes a value back
            only where the clause goes on to name the new one.

    >>> text = "不是周三,是周四"
    >>> stance(text, 2, 4), stance(text, 6, 8), stance("周三还是周四", 0, 2)
    ('denied', 'asserted', 'open')
    """
    breaks = [match.end() for match in _CLAUSE_END.finditer(text, 0, start)]
    before = text[breaks[-1] if breaks else 0 : start]
    if _DENIED_BEFORE.search(before) or _TAKEN_BACK_BEFORE.search(before):
        return "denied"
    if _SUPPOSED_BEFORE.search(before) or _CHOICE_BEFORE.search(before):
        return "open"
    if _CHOICE_AFTER.match(text, end):
        return "open"
    if _DENIED_AFTER.match(text, end):
        return "denied"
    changed = _CHANGED_AFTER.match(text, end)
    if changed:
        close = _CLAUSE_END.search(text, changed.end())
        clause_end = close.start() if close else len(text)
        if any(changed.end() <= later < clause_end for later in later_of_kind):
            return "denied"
    return "asserted"
