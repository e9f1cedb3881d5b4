"""What a speaker takes back, with and without punctuation; what only looks like it stays."""

from __future__ import annotations

import pytest

from voicebench.cleaning.corrections import resolve_corrections, retracted_values
from voicebench.cleaning.presets import clean


@pytest.mark.parametrize(
    ("said", "meant", "retracted"),
    [
        ("帮我订明天下午三点不对四点的会议室", "帮我订明天下午四点的会议室", ("三点",)),
        ("帮我订明天下午三点，不对，是四点的会议室", "帮我订明天下午四点的会议室", ("三点",)),
        ("三点不对不对是四点", "四点", ("三点",)),
        ("三点不对四点不对五点开会", "五点开会", ("三点", "四点")),
        ("三点我说错了应该是四点", "四点", ("三点",)),
        ("三点应该是四点吧", "四点吧", ("三点",)),
        ("三点呃不是四点", "四点", ("三点",)),
        ("三点不是是四点", "四点", ("三点",)),
        ("嗯明天啊不后天", "嗯后天", ("明天",)),
        ("明天下午三点不对后天上午十点", "后天上午十点", ("明天下午三点",)),
        ("周三下午三点不对周四的会议", "周四下午三点的会议", ("周三",)),
        ("订明天上午九点半更正一下是十点", "订明天上午十点", ("九点半",)),
        ("会议在二月三号更正一下是二月五号", "会议在二月五号", ("二月三号",)),
        ("订 9:30 不对 10:15 的", "订 10:15 的", ("9:30",)),
        ("三百块哦不五百块", "五百块", ("三百块",)),
        ("订三个不对四的", "订四个的", ("三个",)),
        ("三箱苹果不对五箱苹果", "五箱苹果", ("三箱",)),
        ("三号会议室不对五号会议室", "五号会议室", ("三号",)),
        ("涨了百分之三说错了百分之五", "涨了百分之五", ("百分之三",)),
        ("电话一三八零零不对一三九零零", "电话一三九零零", ("一三八零零",)),
        ("叫张伟不对李强来开会", "叫李强来开会", ("张伟",)),
        ("叫王小明哦不陈丽来", "叫陈丽来", ("王小明",)),
        ("找陈总不对刘总", "找刘总", ("陈总",)),
        ("去上海不对北京的票", "去北京的票", ("上海",)),
        ("去上海不对去杭州的票", "去杭州的票", ("去上海",)),
        ("给王小明发邮件说错了给李华发邮件", "给李华发邮件", ("给王小明发邮件",)),
        ("人民医院不对中心医院", "中心医院", ("人民医院",)),
        ("大杯不对中杯拿铁", "中杯拿铁", ("大杯",)),
        ("东西放在超市不是是邮局", "东西放在邮局", ("超市",)),
        ("晚饭在农家菜馆不对不对是饺子店吃", "晚饭在饺子店吃", ("农家菜馆",)),
        ("钱付给房产中介我说错了应该是电力公司", "钱付给电力公司", ("房产中介",)),
        ("跟郭超谈项目进度哦不安全生产", "跟郭超谈安全生产", ("项目进度",)),
        ("会议不是周三是周四", "会议周四", ("周三",)),
        ("不是周三的会是周四的会", "周四的会", ("周三",)),
    ],
)
def test_the_value_put_in_its_place_stays(
    said: str, meant: str, retracted: tuple[str, ...]
) -> None:
    assert resolve_corrections(said) == meant
    assert retracted_values(said) == retracted


@pytest.mark.parametrize(
    "said",
    [
        "",
        "这个答案不对你再看看",
        "这样不对那样也不对",
        "对不对三点",
        "会议时间应该是三点",
        "是三点不是四点",
        "这不是我的错是他的错",
        "要是不是三点是四点",
        "明天应该是周三",
        "三个不对四点见",
        "是不是三点",
        "我觉得价格不对",
        "他在公司不对你去说",
        "不对上课时间是两点",
        "不对",
        "说错了",
        "我去明天嗯不是是嗯",
        "去上海不是是看看",
    ],
)
def test_what_only_looks_like_a_correction_stays(said: str) -> None:
    assert resolve_corrections(said) == said
    assert retracted_values(said) == ()


def test_the_full_preset_hears_a_correction_among_hesitations() -> None:
    cleaned = clean("嗯那个我想订明天明天下午三点呃不对四点的票", "full")
    assert cleaned.text == "我想订明天下午四点的票"
    assert cleaned.retracted == ("三点",)


def test_the_seed_preset_takes_nothing_back() -> None:
    assert clean("三点不对四点", "baseline").retracted == ()


def test_the_full_preset_never_turns_a_correction_it_missed_into_a_denial() -> None:
    assert clean("呃打扫哦不整理资料啊", "full").text == "打扫哦不整理资料"
    assert clean("锅不对不对是碗", "disfluency").text == "锅不对不对是碗"
    assert clean("锅不是是碗", "disfluency").text == "锅不是是碗"
