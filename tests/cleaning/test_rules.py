"""Cleaning rules as tables of text in and text out."""

from __future__ import annotations

import pytest

from voicebench.cleaning import rules
from voicebench.cleaning.presets import PRESETS, clean
from voicebench.cleaning.rules import Rule
from voicebench.errors import ConfigError


@pytest.mark.parametrize(
    ("rule", "said", "cleaned"),
    [
        (rules.drop_asides, "（咳嗽）明天[音乐]开会【笑】", "明天开会"),
        (rules.drop_asides, "明天(laughs)开会", "明天开会"),
        (rules.drop_asides, "（外（内）层）开会", "开会"),
        (rules.drop_asides, "会议室（三楼）和电话(138)", "会议室（三楼）和电话(138)"),
        (rules.drop_asides, "没有合上（括号", "没有合上（括号"),
        (rules.drop_interjections, "嗯嗯明天呃三点开会啊", "明天三点开会"),
        (rules.drop_interjections, "阿姨和李娥", "阿姨和李娥"),
        (rules.join_commas, "明天，，三点, ，四点", "明天，三点，四点"),
        (rules.join_commas, "1,000块", "1,000块"),
        (rules.fold_white_space, "  打开 \n\t app\u3000吧 ", "打开 app 吧"),
        (rules.drop_hesitations, "那个我想问那个文件发了吗", "我想问那个文件发了吗"),
        (rules.drop_hesitations, "就是说明天开会", "明天开会"),
        (rules.drop_hesitations, "也就是说明天开会", "也就是说明天开会"),
        (rules.drop_hesitations, "那个那个明天开会", "明天开会"),
        (rules.drop_hesitations, "我要那个蓝色的", "我要那个蓝色的"),
        (rules.drop_hesitations, "我喜欢的那个", "我喜欢的那个"),
        (rules.drop_repetitions, "帮我订帮我订明天明天的票", "帮我订明天的票"),
        (rules.drop_repetitions, "北京，北京的天气", "北京的天气"),
        (rules.drop_repetitions, "电话幺三八幺三八", "电话幺三八幺三八"),
        (rules.drop_repetitions, "编号 123123", "编号 123123"),
        (rules.drop_repetitions, "研究研究再看看妈妈", "研究研究再看看妈妈"),
        (rules.drop_repetitions, "哈哈哈哈", "哈哈哈哈"),
        (rules.drop_stutters, "我我我要要去那那个会议室", "我要去那个会议室"),
        (rules.drop_stutters, "看看妈妈和丽丽", "看看妈妈和丽丽"),
    ],
)
def test_rule(rule: Rule, said: str, cleaned: str) -> None:
    assert rule(said) == cleaned


@pytest.mark.parametrize(
    ("preset", "cleaned"),
    [
        ("none", "嗯（笑）那个我我想订三点不对四点的票"),
        ("baseline", "那个我我想订三点不对四点的票"),
        ("disfluency", "嗯（笑）我想订三点不对四点的票"),
        ("self_correction", "嗯（笑）那个我我想订四点的票"),
        ("full", "我想订四点的票"),
    ],
)
def test_presets_differ_in_what_they_take_away(preset: str, cleaned: str) -> None:
    assert clean("嗯（笑）那个我我想订三点不对四点的票", preset).text == cleaned


def test_the_seed_preset_is_the_four_rules_in_order() -> None:
    assert PRESETS["baseline"] == (
        rules.drop_asides,
        rules.drop_interjections,
        rules.join_commas,
        rules.fold_white_space,
    )


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"'tidy'.*none, baseline, disfluency, self_correction, full"
    ):
        clean("", "tidy")
