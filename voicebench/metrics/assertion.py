"""Whether a text asserts a value, denies it, took it back, or leaves it open.

不是周三，是周四 denies 周三; 从三点改到四点 took 三点 back; 如果周三, 周三还是周四 and 无法确认是否周三 leave it
open. `Reader` reads the clauses of one text; each cue is a pattern before or after the value.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voicebench.metrics.constraints import REFUSAL

_REACH = 24
"""Characters around a value in which a cue is looked for: run-on speech is one long clause."""
_NEAR = 100
"""Characters around a value that are read in a text of more than four times as many."""
Polarity = Literal["asserted", "denied", "open"]
"""`denied` covers what was taken back; `open` what is asked, supposed, chosen from or refused."""

_BREAK = re.compile(r"[,。!?;:\n()\[\]【】—]")
_SENTENCE_END = re.compile(r"[。!?;\n]")
_PRETEXT = r"(?:[在于到为是的说指约就按用跟和给与于了]|[\"“'「『《]|大约|这个|那个|那场|原先|原来|您|你|刚才|之前|开头|一开始|最初|所|公司|会议)*"
_VERB = (
    r"(?:在|去|到|来|带|找|买|订|定|付|叫|约|选|等|开|用|让|请|派|给|交|收|坐|乘|飞|按|算|改|换|安排|考虑|推荐|建议|需要?|要|想|再|说|提到?|指|是|为|姓|住|送|申请|办理?|使用|报名|登记|"
    r"寄|发|做|办|参加|联系|通知|邀请|推迟|提前|调整?|改期|挪|移|选择|采用|接受|包括|包含|属于|取消|完成|支付|预订|预约|举行|召开|进行|推荐|只|被|能|会|可|把|由|继续|"
    r"打算|准备|计划|放在|定在|见|走|出发|喝|吃|点|看|接|拿|取|穿|比|超出|采购|购买|下单|确认|立即|马上|全部|真正|完全|成功|获得?|得到|经过?|予以?|受到?|遭到?|收到|通过)"
)
_NOT_NEGATION = (
    r"(?!过(?!去)|超过|少于|低于|高于|多于|早于|晚于|迟于|止|只|但|仅|如|然|管|论|妨|久|错|足|满|日|得晚|得早|得超|得少|得低|"
    r"得高|忘|要忘|要错过|错过|见不散|知道|清楚|确定|太确定|好意思|是吗|大于|小于|同(?!意)|断|等于|敢|用担心|用谢|客气|急)"
)
_DENIED_BEFORE = re.compile(
    rf"(?:(?<![是要可差特区分告类级性个对])(?:不|别|勿|未|没有?|尚未|还没有?|并未|并没有?|从未|无需|无须|禁止|避免|防止|拒绝|非){_NOT_NEGATION}(?:再|必|用|能|可以?|会|要|得|应该?|该|许|准)?{_VERB}{{0,3}}"
    r"|并非|而非|绝非|不再|除了|(?<!扣)除去|排除|忽略|无视|别管|放弃|无法|不予考虑|否定|否决|去掉|删除|删掉|划掉|撤销|撤回|作废|与其|不等于|反对|"
    r"\bnot (?:on |at |in |to )?|(?:moved|changed|rescheduled|postponed|switched)(?: [a-z]+)? from |instead of |rather than )"
    rf"{_PRETEXT}$"
)
_TAKEN_BACK_BEFORE = re.compile(
    r"(?:(?:更正|改|变更|调整|修改)(?:之|以)?前|(?<![陈守破])旧(?:号码?|的|版|址|时间|方案)?|(?<![平草高太中])原(?!价)(?:定|来|本|先|计划|时间|为|是|先是|先定|报|说|写|称|订)?|本来|起初|一开始|先前|原先|以为|误以为|(?:已经?|先)?取消了?|代替|替代|取代|换下|换掉|替换|替下|顶替|而不是|"
    rf"口误(?:说|讲)?[成了]?|误(?:说|讲|写|听|认)[成为了]?|[说讲写记听看]错[成为了]){_PRETEXT}$"
)
_IN_ANOTHER_PLACE_BEFORE = re.compile(r"(?:替|顶|接替)了?$")
_HISTORY_BEFORE = re.compile(
    r"(?:先|之前|最初|最早|起先|起初|开始|开头|刚才|刚刚|前面|原先|早先|此前|先前|当初|曾|以为|本来|上次|上一次|第一次|头一次|最开始|您?提到了?|您?说的?是?|您说了?)"
    r"[^,。!?;]{0,6}?(?:说|提到?|讲|报|定|约|写|想|打算|计划|以为|记|告诉|安排|订|选|给|是|在|为|以为)(?:的|了|过|到|成|是|在|为|错|给|我|会议|时间|地点|价格|要|去)*"
    rf"{_PRETEXT}$"
)
_CONTRAST = re.compile(
    r"后[来是为]|之后|随后|随即|然后又|接着又|又(?:改|说|推|换|定|更)|但|不过|→|更正|纠正|改|其实|而是|为准|更新|最终|最后|现在|实际|正确|应为|应该是|换成|推[到迟]|挪|调整|订正|修正|可|却|再改"
)
_SUPPOSED_BEFORE = re.compile(
    rf"(?:如果|要是|假如|倘若|若是|若|万一|除非|假设)[^,。!?;就则]*$|(?:如果|要是|若|万一){_PRETEXT}$"
)
_CHOICE_BETWEEN = re.compile(r"[^,。!?;\n]{0,4}(?:(?:还是|或者?是?|要么))[^,。!?;\n]{0,3}")
_ASKED_BEFORE = re.compile(
    r"(?:是否|是不是|有没有|会不会|能不能|可不可以|要不要|算不算)[^,。!?;]*$"
)
_LINK = (
    r"(?:[\"”'」』》(]|的|那|边|里|这|个|场|次|天|趟|班|会议?|安排|方案|说法|时间|预[订约]|票|版本?|一|之前|刚才|已经?|现已|现在|均|都|被|是|系|属|就|也|请您?|我|你|他们?|她|刚刚?|"
    r"您|暂|暂时|可能|上午|下午|晚上|早上|,(?=不对|错|说错|口误))*"
)
_DENIED_AFTER = re.compile(
    rf"{_LINK}(?:不对|错了?(?=[,。!;)]|$|的|,)|说错|讲错|口误|有误|作废|取消(?!费)|不算数?|不作数|无效|忽略|不用管|不用考虑|不要了|别管|被?否决?|替换掉|失效|撤[销回]|划掉|不成立|"
    rf"不再|不作准|为误|误[,。]|弄错|记错|打错|搞错|听错|免了|算了|过期|有变|不用了|撤了|错误|pass|不予考虑|更正为|改期|不正确|改掉|丢掉|去掉|删[掉除]|退[了掉]|撤[了掉]|停用|弃用|排除|被[^,。!?;]{{1,8}}(?:取代|替[换代]|代替|顶替|接替|换掉|覆盖))"
    rf"|[,—\"”]*(?:哦|噢|喔|啊|呃|嗯)?(?:不对?|更正|纠正|说错了?|口误)(?:一下)?(?=[,:—])"
    rf"|[\"”'」』》]?(?:\?|,)?不是(?=[,。!]|$)|[\"”'」』》]?\?(?:不|错)"
)
_GIVEN_UP_AFTER = re.compile(
    rf"{_LINK}(?:我|他|她|您|公司|店里|人|还)?(?:不行|没空|(?![忘少免])[\u4e00-\u9fff]不[了成上](?![\u4e00-\u9fff解])|[去来到赶走办送开]不[了成]|没时间|不方便|不合适|没法|无法|"
    r"(?:不|没|未)(?:能|会|再|用|必|需|要|可以?|在|有)?(?:去|来|开会?|办|行|能|可以|在|需|要|参加|出席|举行|营业|上班|上课|放假|出发|走|到|见面?|接|负责|主持|参与|考虑|"
    r"选|安排|有[空会课]|方便|合适|同意|休息?|值班|交|付|收|买|订|定|用)(?=了?(?:[,。!;)]|$|会|的|班|联系|请|换|改|让))|(?:没有?|无)(?:会议?|课|班|安排|活动|空|时间|票|航班|车次)(?=[,。!;)]|$))"
)
_FALLS_OUT_AFTER = re.compile(
    r"[^,。!?;\n]{0,8}?(?:作废|取消|无视|忽略|放弃|退出|缺席|退掉|停用|失效|撤|[开来去办赶走买订]不[了成上]|来不及|太[少贵早晚远多高低]|不够|不行|[订约售坐]?满了?|售罄|没票|有事|请假|生病|"
    r"走不开|冲突|不合适|不方便|不[去来开要选用再拿点买吃喝订约坐打]|免了|不参加|无效|占用|被占|不可用|关闭|关门|维修|停[售办开]|下次|改天|以后再|出差|休假|离职|住院|辞职|缺货|断货|没货|卖完|售完|没有了|下架|不适合|不干|[是为](?:旧|老|原|误)|[×✗✘❌])"
)
"""What is said of a value that another one takes the place of; alone it may be what there is to say."""
_NEW_BEFORE = re.compile(
    r"后[来是为]?|之后|随后|随即|然后|又|再|应该|应为|改|更正|最终|最后|现在|新|其实|实际|正确|而是|换|调|推|挪|以为.*原来是"
)
_AT_LAST_BEFORE = re.compile(
    r"(?:最终|最后|如今)(?:还是|仍然?|又|才|确定|决定|改|定|敲定)*(?:的?时间|日期|地点)?[是为在到回选]?$"
)
_CHANGE = re.compile(
    r"(?P<no>(?:没有?|未|不|别|无需|不用|不会|不能)(?:再|被)?)?(?:改|换|调整?|挪|推迟|推后|推|提前|延期|延后|延|变更?|更正|移|修正|纠正|订正|转|顺延|升级|更新|更改|替换|更换|(?:增加?|减少?|降低?|加|升|涨|缩减?|削减|扩)(?=到|至|为|成)|→|->|=>)"
    r"(?:为|成|到|至|在|回|了|去|订|约|签|期|由|让|乘|坐|是|说|用|选|定|走|喝|吃|派|请|买|点)*"
)
_ASKED_AFTER = re.compile(
    r"(?![^,。!;\n]*[可好行对]以?吗|[^,。!?;\n]*(?:什么|怎么|[几哪谁]|多少))[^,。!?;\n]{0,24}(?:吗(?:[,。?]|$)|\?)"
)
_YES = re.compile(r"[^,。!?;\n]*[吗么]?\?(?:是的?|对|没错|正是|嗯|可以|好)(?=[,。!的]|$)")
_BY_THIS = re.compile(r"以(?=[^,。!?;]*(?:为准|为主))|按照?(?=[^,。!?;]*(?:来算|算|执行|为准))")
_BACKWARD_REFUSAL = re.compile(
    r"^(?:我们?|这[边里]|但是?|不过|可|暂|目前|还|这一?点?|该信息|此事|也|系统|抱歉|对此|都|就|真的|实在)*$"
)
_HEDGED = re.compile(r"可能|也许|或许|大概|好像|似乎")
_HEDGE = re.compile(
    r"^(?:但|不过|只)?(?:是)?(?:可能|也许|或许|大概|好像|似乎|应该|是否|会不会|是不是|不知|猜)"
)
_BETWEEN_CLAUSES = re.compile(
    r"(?:又|后来?|随后|随即|然后|但|但是|不过|再|现在?|已经?|于是|最后|最终|并|被|可|因此|因故|临时|经|协商|双方|您|你|他们?|后面|马上|立刻|之后|就|决定|统一|要|需|请|其实|实际上?|会议?|时间|把|将|后又|而|都|给|所以)*"
)


@dataclass(frozen=True)
class Mention:
    """A value's place, its kind, and whether it may take another's place."""

    start: int
    end: int
    kind: str


class Reader:
    """Reads what one folded text asserts.

    >>> text = "不是周三,是周四"
    >>> reader = Reader(text, [Mention(2, 4, "date"), Mention(6, 8, "date")])
    >>> reader.polarity(2, 4, "date"), reader.polarity(6, 8, "date")
    ('denied', 'asserted')
    """

    def __init__(self, text: str, mentions: Sequence[Mention]) -> None:
        self.text = text
        self.mentions = tuple(mentions)
        self._breaks = [match.start() for match in _BREAK.finditer(text)]
        self._refusals = [match.span() for match in REFUSAL.finditer(text)]
        self._changes = tuple(_CHANGE.finditer(text))
        self._rules = [match.end() for match in _BY_THIS.finditer(text)]

    def polarity(self, start: int, end: int, kind: str) -> Polarity:
        """Whether the value at `start:end` is asserted, denied or left open."""
        text = self.text
        if len(text) > 4 * _NEAR:
            return self._near(start, end).polarity(
                min(start, _NEAR), min(start, _NEAR) + end - start, kind
            )
        first, last = self._clause(start, end)
        first, last = max(first, start - _REACH), min(last, end + _REACH)
        before = text[first:start]
        others = [
            m for m in self.mentions if m.kind == kind and not (start < m.end and m.start < end)
        ]
        near = [m for m in others if first <= m.start < last]
        if self._is_refused(first, last, start):
            return "open"
        is_revealed = before.endswith("原来是") and "以为" in text[:first]
        if _DENIED_BEFORE.search(before) or (_TAKEN_BACK_BEFORE.search(before) and not is_revealed):
            return "denied"
        if any(m.end <= start for m in near) and _IN_ANOTHER_PLACE_BEFORE.search(before):
            return "denied"
        if _SUPPOSED_BEFORE.search(before) or self._is_choice(start, end, others):
            return "open"
        if self._is_alternative(start, end, others):
            return "open"
        if any(
            found and not any(m.start == found.end() for m in others)
            for found in (_DENIED_AFTER.match(text, end), _GIVEN_UP_AFTER.match(text, end))
        ):
            return "denied"
        if self._is_changed(start, end, others) or self._falls_out(end, others):
            return "denied"
        is_new = any(self._follows(change, Mention(start, end, kind)) for change in self._changes)
        if not is_new and self._is_history(before, start, end, others):
            return "denied"
        if self._is_overruled(start, others):
            return "denied"
        if _ASKED_BEFORE.search(before) or _ASKED_AFTER.match(text, end):
            return "asserted" if _YES.match(text, end) else "open"
        return "asserted"

    def _near(self, start: int, end: int) -> Reader:
        """A reader of the surroundings of a place in a long text."""
        low, high = max(0, start - _NEAR), end + _NEAR
        first = bisect.bisect_left(self.mentions, low, key=lambda m: m.start)
        last = bisect.bisect_left(self.mentions, high, key=lambda m: m.start)
        around = [Mention(m.start - low, m.end - low, m.kind) for m in self.mentions[first:last]]
        return Reader(self.text[low:high], around)

    def _clause(self, start: int, end: int) -> tuple[int, int]:
        first = max((b + 1 for b in self._breaks if b < start), default=0)
        last = min((b for b in self._breaks if b >= end), default=len(self.text))
        return first, last

    def _is_refused(self, first: int, last: int, start: int) -> bool:
        """Whether the clause says that it does not know, or the next says so of this one."""
        text = self.text
        for refusal_start, refusal_end in self._refusals:
            if first <= refusal_start < last:
                return True
            clause, _ = self._clause(refusal_start, refusal_end)
            is_next = last < len(text) and text[last] in ",(" and clause == last + 1
            is_hedged = clause > last and bool(_HEDGED.search(text[first:last]))
            is_hedged = is_hedged and not _SENTENCE_END.search(text, last, clause)
            if (is_next or is_hedged) and _BACKWARD_REFUSAL.match(text[clause:refusal_start]):
                rest = re.match(r"[^,。!?;]*", text[refusal_end:])
                return not rest or len(rest.group()) <= 2 or "是" in rest.group()
            if (
                clause < first
                and text[first - 1] == ","
                and _HEDGE.match(text[first:start] or text[first:])
            ):
                return True
        return False

    def _is_choice(self, start: int, end: int, others: Sequence[Mention]) -> bool:
        text = self.text
        return any(
            (m.start >= end and _CHOICE_BETWEEN.fullmatch(text, end, m.start))
            or (m.end <= start and _CHOICE_BETWEEN.fullmatch(text, m.end, start))
            for m in others
        ) or bool(re.match(r"[^,。!?;\n]{0,4}还是", text[end:]))

    def _is_alternative(self, start: int, end: int, others: Sequence[Mention]) -> bool:
        """Whether a question puts the value and another one up for choice, in clauses of their own."""
        first = max((m.end() for m in _SENTENCE_END.finditer(self.text, 0, start)), default=0)
        last = _SENTENCE_END.search(self.text, end)
        if not last or last.group() != "?" or "还是" not in self.text[first : last.start()]:
            return False
        return any(first <= m.start < last.start() for m in others)

    def _is_changed(self, start: int, end: int, others: Sequence[Mention]) -> bool:
        """Whether a verb of change puts another value in this one's place: 周三改到周四."""
        for change in self._changes:
            taken = [m for m in others if self._follows(change, m)]
            if change.group("no"):
                if self._follows(change, Mention(start, end, "")):
                    return True
                continue
            if change.start() >= end and taken and self._belongs(end, change.start()):
                return True
        return False

    def _follows(self, change: re.Match[str], mention: Mention) -> bool:
        """Whether a value is what a change leads to: nothing but values and 的 in between."""
        position = change.end()
        if mention.start < position or mention.start - position > 12:
            return False
        between = self.text[position : mention.start]
        for other in sorted(self.mentions, key=lambda m: -m.start):
            if position <= other.start and other.end <= mention.start:
                between = between[: other.start - position] + between[other.end - position :]
        return not re.sub(r"[的在到为是了那这个下成由去让请找]|\"|“", "", between)

    def _belongs(self, end: int, change: int) -> bool:
        """Whether a change speaks of the value before it, in the clause or in one that goes on."""
        between = self.text[end:change]
        if _SENTENCE_END.search(between):
            return False
        tail = _BREAK.split(between)[-1]
        if not _BREAK.search(between):
            return len(between) <= 16
        return bool(_BETWEEN_CLAUSES.fullmatch(tail)) and len(between) <= 24

    def _is_history(self, before: str, start: int, end: int, others: Sequence[Mention]) -> bool:
        """Whether the value was said at first and another one afterwards."""
        if not others or not _HISTORY_BEFORE.search(before) or _NEW_BEFORE.search(before):
            return False
        later = [m for m in others if m.start >= end]
        if later and _CONTRAST.search(self.text, end, later[0].start):
            return True
        if (
            later
            and re.match(r"先|最初|开始|起初|开头", before[-12:])
            and _CONTRAST.search(self.text, end)
        ):
            return True
        return any(m.end <= start for m in others) and (
            self.text[start - len(before) - 1 : start - len(before)] == "("
            or bool(_CONTRAST.search(self.text, 0, start))
        )

    def _falls_out(self, end: int, others: Sequence[Mention]) -> bool:
        """Whether the value is dropped for another one, here or at last."""
        if not others:
            return False
        found = _FALLS_OUT_AFTER.match(self.text, end)
        if found and not any(end <= m.start <= found.end() for m in others):
            return True
        return any(
            m.start >= end
            and _AT_LAST_BEFORE.search(self.text, max(0, m.start - 16), m.start)
            and not _SENTENCE_END.search(self.text, end, m.start)
            and any(change.start() < m.start for change in self._changes)
            for m in others
        )

    def _is_overruled(self, start: int, others: Sequence[Mention]) -> bool:
        """Whether 以周四为准 puts another value of the kind above this one."""
        return not self._rules_here(start) and any(self._rules_here(m.start) for m in others)

    def _rules_here(self, start: int) -> bool:
        return any(
            0 <= start - rule < 6 and not _BREAK.search(self.text, rule, start)
            for rule in self._rules
        )
