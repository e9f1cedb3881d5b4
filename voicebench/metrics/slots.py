"""What stands in a name's place: another name of its make, of its line of brands, or another kind of value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from voicebench.lexicon import either, words
from voicebench.lexicon.brands import BRANDS
from voicebench.lexicon.people import CLEAR_SURNAMES, GIVEN_NAME_CHARS
from voicebench.lexicon.places import PLACE_HEADS
from voicebench.metrics.grounds import Grounds
from voicebench.metrics.names import PERSON_IN_PLACE
from voicebench.metrics.reading import Reading, Span, overlaps
from voicebench.metrics.roles import clause_at, clause_words, clauses
from voicebench.metrics.values.entity import VALUE_KINDS, Entity

_CUES: dict[str, str] = {
    "place": "目的地|地点|地址|地方|位置|出发地|终点站?|起点站?|到达地|会场|场地|集合地|见面地点|所在地|城市|目的城市",
    "person": "联系人|负责人|姓名|名字|主持人|收件人|收货人|主讲人?|参会人|参加人|预订人|订位人|经办人|医生|老师|司机|嘉宾|对接人|领导|同事|作者|寄件人|候选人",
    "time": "开始时间|结束时间|出发时间|会议时间|时间|时刻|几点",
    "date": "日期|日子|哪天|生日|截止日|开会日|交货日|截止日期",
    "money": "价格|金额|费用|总价|预算|价钱|单价|租金|房租|工资|薪水|押金|定金|学费|票价|成本|利润|收入|支出|总额|报价|运费|月薪",
    "number": "数量|人数|号码|电话|电话号码|手机号|门牌号|座位号|验证码|取件码|尾号|面积|重量|长度|高度|身高|体重|体温|气温|温度|页数|占比|比例|增长率|距离|年龄|时长",
    "organisation": "公司|单位|机构|银行|学校|客户|供应商|合作方|部门|医院|甲方|乙方",
    "product": "商品|产品|型号|品牌|机型|车型|菜品|货品|车|手机|电脑|药|药品|礼物|饮料",
    "term": "主题|议题|科目|课程|项目|状态|操作|专业|话题|内容|部门|科室|职位",
}  # fmt: skip
_CUE = {
    kind: re.compile(rf"(?:{words})(?:应该|就|仍|还|现在|已)?(?:是|为|定在|在|:|叫)$")
    for kind, words in _CUES.items()
}
_HANZI = r"[\u4e00-\u9fff]"
_FILLER = re.compile(rf"{_HANZI}{{3,8}}(?=[,。!;]|$)")
_NO_FILLER = re.compile(
    "[的了不没未待再什哪几怎否按由看以和另随您我你请全整价时后前早晚今明定免固样同面些很有能会要需可]|多少|根据|公开|现在"
)
"""What says of a value how it is, not which: 价格是一样的."""
_MAY_STAND_FOR = {
    "time": {"date"}, "date": {"time"}, "money": set(), "number": set(),
    "product": {"number", "organisation", "term"}, "term": {"product", "organisation", "place"},
    "organisation": {"place", "product", "person"}, "place": {"organisation", "number", "term"}, "person": {"term"},
}  # fmt: skip
"""Kinds that a slot's word also allows: 时间是周四."""
_ORGANISATION_HEADS = words(
    """
    公司 银行 局 医院 厂 店 馆 社 集团 学校 大学 中学 小学 研究所 研究院 事务所 协会 委员会 中介
    饭店 酒店 餐厅 超市 出版社 部 处 科 保险 证券 基金 快递 航空 中心 法院
    """
)
ORGANISATION_HEAD = re.compile(either(_ORGANISATION_HEADS))
_FUNCTION = re.compile(r".*[在到去的是于从往给找这那该个本叫为了请您我你他她把被将让由向至订约选]")
_BRAND_LINES = {word: line for line, words in BRANDS.items() for word in words}
_BRAND = re.compile(either(_BRAND_LINES))
_OF_GOODS = re.compile(rf"({_HANZI}{{1,5}}?)(?=[,。!?;)]|$|和|以及|还有|、)")
_NO_NAME = re.compile(r"[了着过的不要是在到完好吗呢吧也都就再又还可能会把给您我]")
_TAKING = "买订要点带拿来加喝吃寄送取选修换租卖用退购挂学谈讲考报份杯盒瓶箱台部个张件只碗盘袋双条"


def other_kind(fact_type: str, answer: Reading, asserted: Sequence[Entity]) -> list[Span]:
    """Values of another kind where a word announces one of this kind: 目的地是中午十二点半."""
    cue = _CUE.get(fact_type)
    if cue is None:
        return []
    return [
        (e.start, e.end)
        for e in asserted
        if e.kind != fact_type and (not e.is_weak or e.kind == "time")
        and e.kind not in _MAY_STAND_FOR.get(fact_type, ())
        and not (e.kind == "number" and not e.unit)
        and cue.search(answer.text[: e.start])
    ]  # fmt: skip


def no_value(fact_type: str, answer: Reading) -> list[Span]:
    """Words without a value where a word announces one: 时间是中央公园."""
    if fact_type not in VALUE_KINDS:
        return []
    found = [
        _FILLER.match(answer.text, cue.end())
        for cue in re.finditer(rf"(?:{_CUES[fact_type]})(?:是|为)", answer.text)
    ]
    return [
        match.span()
        for match in found
        if match and not _NO_FILLER.search(match.group())
        and not overlaps(match.span(), [(e.start, e.end) for e in answer.entities if e.kind in VALUE_KINDS])
    ]  # fmt: skip


def people(answer: Reading, grounds: Grounds) -> list[Span]:
    """Names in a name's place that were not given."""
    return [
        match.span(1)
        for match in PERSON_IN_PLACE.finditer(answer.text)
        if match.group(1) not in grounds.text
        and not overlaps(match.span(1), [(e.start, e.end) for e in answer.entities])
        and answer.polarity(*match.span(1), "person") == "asserted"
    ]


_ROLE = re.compile(r"(?:(?:[员师长任手理板人军事友家生主演]|名字)(?:是|为|:|叫)|由|(?<=请)|联系)$")
_DUTY = re.compile("负责|主持|主讲|值班|跟进")


def surely_people(answer: Reading, grounds: Grounds) -> list[Span]:
    """Those of them with a common surname, common given names, and a word that announces a person."""
    return [
        (start, end)
        for start, end in people(answer, grounds)
        if answer.text[start] in CLEAR_SURNAMES
        and set(answer.text[start + 1 : end]) <= GIVEN_NAME_CHARS
        and (_ROLE.search(answer.text[:start]) or _DUTY.match(answer.text, end))
    ]


def other_brand(name: str, answer: Reading, grounds: Grounds) -> Iterator[Span]:
    """Brands of the expected one's line: 小米14 for 华为Mate60."""
    own = _BRAND.search(name)
    if own is None:
        return
    line = _BRAND_LINES[own.group()]
    for match in _BRAND.finditer(answer.text):
        brand = match.group()
        if _BRAND_LINES[brand] == line and brand not in name and brand not in grounds.text:
            yield match.span()


def other_of_head(name: str, kind: str, answer: Reading, grounds: Grounds) -> Iterator[Span]:
    """Names that end in the same noun with something else before it: 大会议室 for 三号会议室."""
    heads = {"place": PLACE_HEADS, "organisation": _ORGANISATION_HEADS}.get(kind, ())
    head = max((h for h in heads if name.endswith(h) and len(h) < len(name)), key=len, default="")
    if len(head) < 1:
        return
    for match in re.finditer(
        rf"([^\W_]{{1,6}}){head}(?!(?<=路)[线程况费口桥]|(?<=[站门])[内口])", answer.text
    ):
        modifier = _FUNCTION.sub("", match.group(1))
        found = modifier + head
        if not modifier or found == name or name.endswith(found) or found in grounds.text:
            continue
        if len(head) == 1 and len(modifier) > 4:
            continue
        yield match.end() - len(found), match.end()


def other_of_stem(name: str, kind: str, answer: Reading, grounds: Grounds) -> Iterator[Span]:
    """Names that begin the same and end in another noun: 同济医院 for 同济大学."""
    heads = {"place": PLACE_HEADS, "organisation": _ORGANISATION_HEADS}.get(kind, ())
    head = max((h for h in heads if name.endswith(h)), key=len, default="")
    stem = name.removesuffix(head)
    if head and len(stem) > 1:
        for match in re.finditer(rf"{re.escape(stem)}(?:{either(heads)})", answer.text):
            if match.group() not in grounds.text and not name.startswith(match.group()):
                yield match.span()


def in_clause(name: str, kind: str, answer: Reading, grounds: Grounds) -> Iterator[Span]:
    """Names of the kind in a clause that speaks of what the fact's own clause does: 向税务局投诉."""
    heads = {"place": PLACE_HEADS, "organisation": _ORGANISATION_HEADS}.get(kind, (name[-1],))
    topics = [
        clause_words(reading, clause_at(reading, span)) - set(name)
        for reading, span in grounds.spans(name)
    ]
    for clause in clauses(answer) if topics and len(name) > 1 else ():
        words = clause_words(answer, clause)
        if max(len(words & topic) for topic in topics) < 2:
            continue
        for match in re.finditer(
            rf"({_HANZI}{{1,8}}?)(?:{either(heads)})", answer.text[slice(*clause)]
        ):
            found = _FUNCTION.sub("", match.group(1)) + match.group()[len(match.group(1)) :]
            end = clause[0] + match.end()
            is_cut = found != match.group() and len(found) > 1
            if is_cut and found not in grounds.text and found not in name and name not in found:
                yield end - len(found), end


def other_goods(thing: str, amount_end: int, answer: Reading, grounds: Grounds) -> Span | None:
    """What is counted instead: 奶茶 in 两杯奶茶 where 两杯乌龙茶 is meant."""
    match = _OF_GOODS.match(answer.text, amount_end)
    if match is None or match.group(1) == thing or _NO_NAME.search(match.group(1)):
        return None
    return None if match.group(1) in grounds.text or thing in match.group(1) else match.span(1)


def in_frame(name: str, kind: str, answer: Reading, grounds: Grounds) -> Iterator[Span]:
    """Something else after the words that the name follows in the context: 买香蕉 for 买苹果."""
    for reading, (start, _) in grounds.spans(name):
        for size in (4, 3, 2, 1):
            frame = re.search(rf"[^\W_]{{{size}}}$", reading.text[:start])
            if frame is None or frame.group()[-1] not in _TAKING + (
                "是为叫去到在找系" if size > 1 else ""
            ):
                continue
            pattern = rf"{re.escape(frame.group())}([^\W_]{{2,6}})(?=[,。!?;]|$)"
            for match in re.finditer(pattern, answer.text):
                if match.group(1) not in grounds.text and _is_of_kind(match.group(1), name, kind):
                    yield match.span(1)


def _is_of_kind(found: str, name: str, kind: str) -> bool:
    """Whether some words are such as names of the kind are made of."""
    if _NO_NAME.search(found) or found in name or name in found:
        return False
    if kind == "term":
        return found[-1] == name[-1] and len(found) == len(name)
    heads = {"organisation": _ORGANISATION_HEADS, "place": PLACE_HEADS}
    return kind == "product" or found.endswith(heads.get(kind, ()))
