"""Number words: digits, powers of ten, traditional and formal characters."""

from __future__ import annotations

DIGITS = {char: i for i, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "幺": 1}
UNITS = {"十": 10, "百": 100, "千": 1000}
MYRIADS = {"万": 10_000, "亿": 100_000_000}
LATIN_SCALES = {"k": 1000, "w": 10_000}
"""3w块 is 三万块 in chats."""

SIMPLIFIED = str.maketrans(
    "兩萬億點號鐘塊週後個時間這來從離結過壹贰叁肆伍陆柒捌玖拾佰仟貳參陸負減兒禮滿歲淩銭錢",
    "两万亿点号钟块周后个时间这来从离结过一二三四五六七八九十百千二三六负减儿礼满岁凌钱钱",
) | {ord("俩"): "两个", ord("仨"): "三个", ord("廿"): "二十", ord("卅"): "三十", ord("卌"): "四十"}
"""Traditional, formal and contracted number words, and what is counted with them."""
