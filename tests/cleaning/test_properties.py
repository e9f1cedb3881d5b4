"""What holds for every text: cleaning twice is cleaning once, and facts come through whole."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebench.cleaning import corrections, rules
from voicebench.cleaning.presets import PRESETS, clean

RULES = {
    rule.__name__: rule
    for rule in (*PRESETS["baseline"], *PRESETS["disfluency"], *PRESETS["self_correction"])
}

NUMBERS = st.sampled_from(
    [
        "三",
        "十二",
        "138",
        "幺三八",
        "一三八零零一三八零零零",
        "123123",
        "3.5",
        "1,000",
        "百分之五",
        "两百二",
    ]
)
DATES = st.sampled_from(
    ["明天", "周三", "二月三号", "下周五上午", "三点半", "2026年3月5日", "9:30", "今天下午四点"]
)
NAMES = st.sampled_from(["张伟", "王小明", "李思思", "欧阳娜娜", "陈总", "上海", "林丹丹"])
TALK = st.sampled_from(
    [
        "嗯", "啊啊", "那个", "就是说", "我", "我我", "帮我订", "的票", "请问", "会议", "在哪里", "，", " ",
        "（笑）", "app", "看看", "是", "不是", "应该", "去", "给", "和", "改到", "怎么说呢", "这个",
    ]
)  # fmt: skip


def _spells_no_marker(pieces: list[str]) -> bool:
    """不是 with another 不是 or 是 behind it (不是是, 不是不是) takes back what stands before it."""
    return "不是" not in pieces or pieces.count("不是") + pieces.count("是") == 1


TALK_ALONE = st.lists(TALK, max_size=5).filter(_spells_no_marker).map("".join)
MARKERS = st.sampled_from(["不对", "哦不", "说错了", "应该是", "更正一下", "不是是", "我说错了是"])
SPEECH = st.lists(st.one_of(NUMBERS, DATES, NAMES, TALK, MARKERS), max_size=14).map("".join)


@pytest.mark.parametrize("name", RULES)
@given(text=st.one_of(SPEECH, st.text(max_size=40)))
@settings(max_examples=150)
def test_a_rule_applied_twice_is_the_rule_applied_once(name: str, text: str) -> None:
    once = RULES[name](text)
    assert RULES[name](once) == once


@pytest.mark.parametrize("preset", PRESETS)
@given(text=st.one_of(SPEECH, st.text(max_size=40)))
@settings(max_examples=150)
def test_a_preset_applied_twice_is_the_preset_applied_once(preset: str, text: str) -> None:
    once = clean(text, preset)
    again = clean(once.text, preset)
    assert again.text == once.text
    assert again.retracted == ()


@pytest.mark.parametrize("preset", ["baseline", "disfluency"])
@given(pieces=st.lists(st.one_of(NUMBERS, DATES, TALK), max_size=14))
@settings(max_examples=200)
def test_digits_and_numerals_come_through(preset: str, pieces: list[str]) -> None:
    said = "".join(pieces)
    numeral = re.compile(f"[{rules.NUMERALS}]")
    assert numeral.findall(clean(said, preset).text) == numeral.findall(said)


@pytest.mark.parametrize("preset", ["baseline", "disfluency", "full"])
@given(
    before=TALK_ALONE,
    value=st.one_of(DATES, NAMES),
    after=TALK_ALONE,
)
@settings(max_examples=200)
def test_a_date_or_a_name_comes_through_whole(
    preset: str, before: str, value: str, after: str
) -> None:
    assert value in clean(before + value + after, preset).text


@given(text=SPEECH)
@settings(max_examples=300)
def test_corrections_only_take_away_what_they_record_and_the_marker(text: str) -> None:
    resolved = corrections.resolve_corrections(text)
    assert len(resolved) <= len(text)
    if not corrections.retracted_values(text):
        assert resolved == text
    for value in corrections.retracted_values(text):
        assert value
