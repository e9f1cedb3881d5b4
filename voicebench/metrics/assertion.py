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
    r"(?:不是|并非|而非|绝非|(?<!除)非|不再|不在|不叫|不姓|不为|不去|不到(?=[上北南])|不选|不等于|没有|没说|"
    r"并不|而不|并没|不可能|除了|(?:没有?|未|不)(?:再|被)?(?:改|换|推迟|提前|调整?)|"
    r"(?:不用|不要|不必|不找|不|(?<![特区分告差类级性])别|无需)(?:再)?(?:带|找|买|订|付|叫|约|选|等|来)?(?<!不)|\bnot |instead of )"
    rf"{_FILLER}$"
)
_TAKEN_BACK_BEFORE = re.compile(
    r"(?:(?<![平草高太中])原(?:定|来|本|先|计划|时间|价)?|本来|起初|一开始|先前|取消了?|代替|替代|而不是|"
    rf"口误(?:说|讲)?[成了]?|误说[成了]?){_FILLER}$"
)
_FIRST_SAID_BEFORE = re.compile(
    rf"(?:先|之前|最初|起先|开始|刚才|刚刚)(?:是|您|你)?(?:说|提到|讲|报)(?:的|了|过)?{_FILLER}$"
)
_THEN_SAID_AFTER = re.compile(r"后来|随后|然后|接着|最后|又|再|改|更正|纠正|现在|实际|其实")
_SUPPOSED_BEFORE = re.compile(rf"(?:如果|要是|假如|倘若|若是|万一){_FILLER}$")
_DENIED_AFTER = re.compile(
    r"[\"”'」』)]?(?:,?[是系属]?(?:不对|错了|说错|口误|错的|不正确|有误)|,?不是(?=[,。!]|$)|作废|已取消|取消)"
)
_GIVEN_UP_AFTER = re.compile(r"不行|没空|[去来]不了|不(?:开会?|去|来|举行|营业)(?=了?(?:[,。!]|$))")
"""李明来不了,换王芳; where no other value follows, it is what there is to say of this one."""
_CHANGED_AFTER = re.compile(
    r"[^,。!?;\n]{0,12}?(?:(?:改|换|调整?|推迟|提前|延期|延后|延|变更?|更正|移|转|修正|纠正)(?:为|成|到|至|在|了)|→|->)"
)
_CHOICE_AFTER = re.compile(r"[^,。!?;\n]{0,4}还是")
_CHOICE_BEFORE = re.compile(r"还是[^,。!?;\n]{0,3}$")
_IN_ANOTHER_PLACE_BEFORE = re.compile(r"(?:替|顶替|接替)$")
_ASKED_AFTER = re.compile(r"(?![^,。!;\n]*[可好行对]以?吗)[^,。!?;\n]*(?:吗[,。!?]?|\?)$")


Stance = Literal["asserted", "denied", "open"]


def stance(text: str, start: int, end: int, others_of_kind: tuple[int, ...] = ()) -> Stance:
    """Whether the value at `start:end` of a folded text is stated, denied or taken back, or left open.

    Args:
        text: The whole text, folded.
        start: First character of the value.
        end: After its last character.
        others_of_kind: Where values of its kind begin; a change (改到) takes a value back only where
            the clause goes on to name the new one, and 还是 is a choice only after another one.

    >>> text = "不是周三,是周四"
    >>> stance(text, 2, 4), stance(text, 6, 8), stance("周三还是周四", 4, 6, (0,))
    ('denied', 'asserted', 'open')
    """
    breaks = [match.end() for match in _CLAUSE_END.finditer(text, 0, start)]
    clause_start = breaks[-1] if breaks else 0
    before = text[clause_start:start]
    follows_another = any(clause_start <= other < start for other in others_of_kind)
    if _DENIED_BEFORE.search(before) or _TAKEN_BACK_BEFORE.search(before):
        return "denied"
    if follows_another and _IN_ANOTHER_PLACE_BEFORE.search(before):
        return "denied"
    if _SUPPOSED_BEFORE.search(before) or (follows_another and _CHOICE_BEFORE.search(before)):
        return "open"
    if _CHOICE_AFTER.match(text, end):
        return "open"
    if _DENIED_AFTER.match(text, end) or _is_replaced(text, end, before, others_of_kind):
        return "denied"
    return "open" if _ASKED_AFTER.match(text, end) else "asserted"


def _is_replaced(text: str, end: int, before: str, others_of_kind: tuple[int, ...]) -> bool:
    """Whether a later value of the kind takes this one's place: 周三改到周四, 先说周三后来说周四."""
    changed = _CHANGED_AFTER.match(text, end)
    if changed:
        close = _CLAUSE_END.search(text, changed.end())
        clause_end = close.start() if close else len(text)
        if any(changed.end() <= other < clause_end for other in others_of_kind):
            return True
    corrected = _FIRST_SAID_BEFORE.search(before) and _THEN_SAID_AFTER.search(text, end)
    corrected = corrected or _GIVEN_UP_AFTER.match(text, end)
    return bool(corrected) and any(other >= end for other in others_of_kind)
