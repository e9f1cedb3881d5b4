from __future__ import annotations

import datetime
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.metrics.judge import entity_score
from voicebench.metrics.values.numerals import parse_number, plain
from voicebench.metrics.values.scan import find_entities

MONDAY = "2026-03-02T09:00"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("三万五", [("number", "35000", "")]),
        ("3.5万", [("number", "35000", "")]),
        ("35,000", [("number", "35000", "")]),
        ("幺三八零零幺三八零零零", [("number", "13800138000", "")]),
        ("取件码零零七", [("number", "007", "")]),
        ("今天", [("date", "2026-03-02", "")]),
        ("下周三", [("date", "2026-03-11", "")]),
        ("三月五号", [("date", "2026-03-05", "")]),
        ("下个月", [("date", "2026-04-01/2026-04-30", "")]),
        ("周三周四", [("date", "2026-03-04", ""), ("date", "2026-03-05", "")]),
        ("明晚八点", [("date", "2026-03-03", ""), ("time", "20:00", "")]),
        ("两点半", [("time", "02:30|14:30", "")]),
        ("下午三点", [("time", "15:00", "")]),
        ("14:30", [("time", "14:30", "")]),
        ("三百块", [("money", "300", "CNY")]),
        ("¥300", [("money", "300", "CNY")]),
        ("二十美元", [("money", "20", "USD")]),
        ("百分之三点五", [("number", "3.5", "%")]),
        ("三斤半", [("number", "1750", "克")]),
        ("一米七五", [("number", "1.75", "米")]),
        ("一小时三十分钟", [("number", "5400", "秒")]),
        ("下周三下午两点半付三百块", [("date", "2026-03-11", ""), ("time", "14:30", ""), ("money", "300", "CNY")]),
        ("王经理去上海", [("person", "王经理", ""), ("place", "上海", "")]),
        # turns of speech that only look like numbers
        ("我帮您做一下", []),
        ("十分感谢", []),
        ("千万别忘", []),
        ("七八个人", []),
        ("统一安排", []),
        ("每周一次", []),
        ("h200和mp3", []),
        ("", []),
    ],
)  # fmt: skip
def test_entities_and_their_values(text, found):
    entities = [e for e in find_entities(text, MONDAY) if not e.is_weak]
    assert [(e.kind, e.value, e.unit) for e in entities] == found


DIGITS = "零一二三四五六七八九"


def say(number):
    """A number below 100,000,000 in Hanzi, written the plain way."""
    if number >= 10_000:
        high, low = divmod(number, 10_000)
        gap = "零" if 0 < low < 1000 else ""
        return say(high) + "万" + gap + (say(low) if low else "")
    text, pending = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            text += ("零" if pending and text else "") + DIGITS[digit] + name
            pending = False
        else:
            pending = True
    return text or "零"


@given(st.integers(1, 99_999_999))
def test_a_number_said_is_the_number(number):
    assert plain(parse_number(say(number))) == str(number)


@given(st.dates(datetime.date(2026, 1, 5), datetime.date(2026, 12, 20)))
def test_a_date_in_full_is_the_same_in_every_spelling(day):
    forms = [
        f"{day.year}年{day.month}月{day.day}日",
        f"{say(day.month)}月{say(day.day)}号",
        day.isoformat(),
    ]
    values = {find_entities(form, day.isoformat() + "T08:00")[0].value for form in forms}
    assert values == {day.isoformat()}


@given(
    st.text(
        alphabet="今明下周三月五号点半两千万百分之块元斤个零幺0123456789.:-%¥ ，。不是", max_size=24
    )
)
def test_entities_never_overlap_and_never_fail(text):
    entities = find_entities(text, MONDAY)
    for before, after in itertools.pairwise(entities):
        assert before.end <= after.start


def test_entity_accuracy_is_by_value_and_leaves_out_speech_without_entities():
    same = entity_score("三万五千块下周三", "35000元3月11日", clock=MONDAY)
    lost = entity_score("三万五千块下周三", "35000元3月12日", clock=MONDAY)
    none = entity_score("你好", "您好", clock=MONDAY)
    assert (same.entity_accuracy, lost.entity_accuracy, none.entity_accuracy) == (1.0, 0.5, None)
    assert (same + lost + none).entity_accuracy == 0.75
