"""Which writings are one, and which are not: the table of what error rates forgive."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.metrics.error_rate import cer
from voicebench.metrics.normalize import NORMALIZERS, simplify
from voicebench.metrics.number_forms import spell_cardinal

BY_NUMBER = ["itn", "tn"]

SAME = """
三点半 = 3点半; 三点半 = 3:30; 三点三十分 = 3:30; 三点三十 = 3点30分;
十一月三十号 = 11月30号; 十一月三十日 = 11月30号; 三点五公斤 = 3.5公斤;
三点五公斤 = 3.5kg; 三百块 = 300块; 两百三十五 = 235; 二百三十五 = 235;
两百三十五 = 二百三十五; 一九九八年 = 1998年; 二零二六年三月五日 = 2026年3月5日;
二〇二六年三月五号 = 2026-03-05; 九八年 = 98年;
幺三八零零一三八零零零 = 13800138000; 一三八零零一三八零零零 = 138-0013-8000;
零一零六二三四五六七八 = 010-62345678; 四零零八二零八八二零 = 400-820-8820;
十万 = 100000; 十万 = 100,000; 十万 = 10万; 三万五 = 35000;
三万五千 = 3.5万; 三万五 = 3万5; 三万五 = 3万5千; 三点五万 = 35000;
一点五亿 = 1.5亿; 一点五亿 = 150000000; 三千五百万 = 35000000;
三千五百万 = 3500万; 一亿三千万 = 1.3亿; 两亿 = 200000000; 一百零八 = 108;
一千零五 = 1005; 一千零五十 = 1050; 一万零三百 = 10300; 三万零五 = 30005;
两千三 = 2300; 三百五 = 350; 三百五十 = 350; 十五 = 15; 二十 = 20;
一百一十五 = 115; 一百一 = 110; 两点四十 = 2:40; 两点四十 = 2点40;
下午三点一刻 = 下午3:15; 三点三刻 = 3:45; 三点零五分 = 3:05;
下午三点零五 = 下午3:05; 十五点三十分二十秒 = 15:30:20; 九点 = 9:00;
百分之五十 = 50%; 百分之十二点五 = 12.5%; 千分之三 = 3‰; 负百分之三 = -3%;
百分之负三 = -3%; 百分之百 = 100%; 三分之二 = 2/3; 三分之二 = ⅔;
二分之一杯 = ½杯; 一又二分之一 = 1½; 二比三 = 2:3; 负十五度 = -15度;
零下十五度 = -15℃; 零下十五度 = -15度; 零下十五度 = 零下15度; 十五摄氏度 = 15℃;
负三点五 = -3.5; 三千元 = ¥3,000; 三千元 = 3,000元; 负五十元 = -¥50;
负五十元 = ¥-50; 一百美元 = $100; 三百五十万元 = ¥350万; 三到五天 = 3~5天;
三到五天 = 3-5天; 三至五天 = 3-5天; 三点到五点 = 3点-5点;
三点到五点 = 3:00-5:00; 二零二零到二零二四年 = 2020-2024年; 三四个 = 3~4个;
两三百块 = 200~300块; 三四十个 = 30~40个; 十七八岁 = 17~18岁;
二十几个 = 20几个; 十几个 = 10几个; 第三 = 第3; 二楼 = 2楼; 周三 = 周3;
五公里 = 5km; 三十八度五 = 38.5度; 一块二毛五 = 1块2毛5; 一米七五 = 1.75米;
三块五 = 3.5块; 三零二室 = 302室; 房间号是五零一 = 房间号是501; 三斤二两 = 3斤2两;
一万两千三百四十五点六七 = 12,345.67; 三万亿 = 3万亿; 三万五千亿 = 35000亿;
三公斤 = 3kg; 零点五 = 0.5; 五G = 5G; 两个人 = 2个人; 一二三四 = 1234;
三点钟 = 3点钟; 三点整 = 3点整; 八五折 = 八五折; 一天两次 = 1天2次;
三十号下午四点二十五分 = 30号下午4:25; 一百二三十 = 120~130; 十月一号 = 10月1日;
二零年 = 20年; 五十公里每小时 = 50km/h; 三十平方米 = 30㎡;
一千三百二十元五角 = 1320元5角; 三点五千克 = 3.5千克; 他考了九十九点五分 = 他考了99.5分;
七点二十出发 = 7:20出发
"""

DIFFERENT = """
负十五度 ≠ 十五度; 负百分之三 ≠ 百分之三; 三分之二 ≠ 二比三; 三十分之一 ≠ 一点三十分;
-5度 ≠ 5度; −5度 ≠ 5度; 三点半 ≠ 三点; 三点五 ≠ 三点五十; 三点五 ≠ 三点零五;
三十五 ≠ 三五; 三四个 ≠ 三十四个; 零下五度 ≠ 五度; 百分之五 ≠ 五; 千分之五 ≠ 百分之五;
四分之三 ≠ 三比四; 五分之一 ≠ 一点五分; 二分之一 ≠ 一比二; 3.5 ≠ 35;
3:30 ≠ 330; 1/2 ≠ 12; 3-5天 ≠ 35天; -3元 ≠ 3元; 三千 ≠ 三万;
三七二十一 ≠ 三千七百二十一; 十一月三十号 ≠ 十月三十一号; 三百零五 ≠ 三百五; 一万零五 ≠ 一万五;
负五到五度 ≠ 五到五度; 三点一刻 ≠ 三点一; 三点五公斤 ≠ 三点五十公斤; 三元 ≠ 三美元;
千万别 ≠ 一千万别; 三点五分 ≠ 三点五十分; 三分之一 ≠ 一分之三; 一点三十分 ≠ 一点三分;
二十一 ≠ 二一
"""


def pairs(table: str, sign: str) -> list[tuple[str, str]]:
    return [tuple(pair.strip().split(f" {sign} ")) for pair in re.split("[;\n]+", table) if pair]  # type: ignore[misc]


@pytest.mark.parametrize("name", BY_NUMBER)
@pytest.mark.parametrize(("said", "written"), pairs(SAME, "="))
def test_readings_of_one_written_form_are_one(name: str, said: str, written: str) -> None:
    assert cer(said, written, name).errors == 0, NORMALIZERS[name](said)
    assert cer(f"请问{said}吗", f"请问{written}吗？", name).errors == 0


@pytest.mark.parametrize("name", BY_NUMBER)
@pytest.mark.parametrize(("one", "other"), pairs(DIFFERENT, "≠"))
def test_what_means_something_else_stays_apart(name: str, one: str, other: str) -> None:
    assert cer(one, other, name).errors > 0, NORMALIZERS[name](one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-5度", "5度"), ("−5度", "5度"), ("－5度", "5度"), ("气温–5度", "气温5度"), ("-¥50", "¥50"),
        ("3:30", "330"), ("1/2", "12"), ("½", "12"), ("3-5天", "35天"), ("3~5天", "35天"), ("3.5", "35"),
        ("5%", "5"), ("5‰", "5"),
    ],
)  # fmt: skip
def test_signs_of_numbers_are_no_punctuation(one: str, other: str) -> None:
    assert cer(one, other).errors > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3,000元", "3000元"), ("３，０００元", "3000元"), ("138-0013-8000", "13800138000"),
        ("010-62345678", "01062345678"), ("state-of-the-art", "state of the art"), ("（三点）", "三点"),
        ("他说——好", "他说好"),
    ],
)  # fmt: skip
def test_marks_that_are_not_read_aloud_are_nothing(one: str, other: str) -> None:
    assert cer(one, other).errors == 0


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [
        ("聽日下晝三點喺會議室開會", "听日下昼三点喺会议室开会"),
        ("他說裏面沒有電話號碼", "他说里面没有电话号码"),
        ("衞生署啓用新説明", "卫生署启用新说明"),
        ("你看著什麼", "你看着什么"),
        ("嗰個靚仔係邊個㗎", "嗰个靓仔系边个㗎"),
        ("乾隆皇帝的著作", "乾隆皇帝的着作"),
    ],
)
@pytest.mark.parametrize("name", ["basic", "itn", "tn"])
def test_traditional_script_is_simplified(name: str, traditional: str, simplified: str) -> None:
    assert cer(traditional, simplified, name).errors == 0
    assert cer(traditional, simplified, "none").errors > 0


@given(st.text(alphabet="裏說么麼著乾嘅㗎a1。𠮶", max_size=12))
def test_simplifying_again_changes_nothing(text: str) -> None:
    assert simplify(simplify(text)) == simplify(text)
    assert len(simplify(text)) == len(text)


@given(st.integers(0, 10**15))
def test_every_number_is_read_back(number: int) -> None:
    assert NORMALIZERS["itn"](f"共{spell_cardinal(number)}元") == f"共{number}元"
    assert NORMALIZERS["itn"](f"共{number:,}元") == f"共{number}元"
    assert cer(f"共{number}元", f"共¥{number:,}", "tn").errors == 0


@given(st.integers(0, 23), st.integers(0, 59))
def test_every_time_is_one(hour: int, minute: int) -> None:
    said = f"{spell_cardinal(hour)}点"
    if minute:
        said += ("零" if minute < 10 else "") + spell_cardinal(minute) + "分"
    for name in BY_NUMBER:
        assert cer(f"在{said}见", f"在{hour}:{minute:02}见", name).errors == 0


SIGNS = "三五十百千万亿零两点负半月号日年度元个到比分之%:/-,.¥~见"
NUMERIC = st.lists(
    st.sampled_from([*SIGNS, "分之", "百分之", "15", "2026"]),
    max_size=9,
).map("".join)  # fmt: skip


@given(NUMERIC)
def test_any_run_of_numbers_is_normalized_without_a_fault(text: str) -> None:
    for name in ("basic", "itn", "tn"):
        assert cer(text, text, name).errors == 0
    basic = NORMALIZERS["basic"]
    assert basic(basic(text)) == basic(text)


@pytest.mark.parametrize(
    "text",
    [
        "万一来不及",
        "千万别忘",
        "百姓",
        "三七二十一",
        "九九八十一",
        "三五个",
        "千千万万",
        "五一放假",
        "万亿",
        "负责",
    ],
)
def test_words_that_only_look_like_numbers_stay(text: str) -> None:
    assert NORMALIZERS["itn"](text) == text


@pytest.mark.parametrize(
    "text", ["三" * 5_000, "1,000" * 2_000, "三点" * 3_000, "-" * 9_000, "一万" * 3_000]
)
def test_long_runs_are_normalized(text: str) -> None:
    assert cer(text, text, "tn").errors == 0  # matching that backtracks would not come back


@pytest.mark.parametrize("name", ["basic", "itn", "tn"])
def test_nothing_stays_nothing(name: str) -> None:
    assert NORMALIZERS[name]("") == NORMALIZERS[name]("，。 ！") == ""
