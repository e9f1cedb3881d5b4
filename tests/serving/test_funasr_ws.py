"""FunASR's protocol: what its clients send, and the fields that they read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import connect

from tests.pipeline.scripted import CodedRecognizer, ScriptedRecognizer, coded, tone
from tests.serving.served import Served, make_settings, serving, wav
from voicebench.pipeline.ready import share_recognizer
from voicebench.serving.timed_text import timed_text
from voicebench.types import Token

pytestmark = pytest.mark.usefixtures("loudness_vad")
QUIET = tone(1.2, loud=False)
TWO_SENTENCES = np.concatenate([QUIET, tone(1.5), QUIET, tone(0.9), QUIET])


def recognise(
    served: Served, first: dict[str, Any], data: bytes, last: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """One recording as FunASR's client sends it: settings, frames of 60 ms, the end."""

    async def run() -> list[dict[str, Any]]:
        url = served.url.replace("http", "ws")
        async with connect(url, subprotocols=["binary"], proxy=None) as line:  # type: ignore[list-item]
            assert line.subprotocol == "binary"
            settings = {"chunk_size": [5, 10, 5], "chunk_interval": 10, "wav_name": "demo"}
            await line.send(json.dumps({**settings, "is_speaking": True, **first}))
            for start in range(0, len(data), 1920):
                await line.send(data[start : start + 1920])
            await line.send(json.dumps(last or {"is_speaking": False}))
            got: list[dict[str, Any]] = []
            while True:
                message = json.loads(await asyncio.wait_for(line.recv(), 20))
                got.append(message)
                wanted = "is_end" if (last or {}).get("is_end") else "is_final"
                if message.get(wanted):
                    return got

    return asyncio.run(run())


def pcm(samples: NDArray[np.float32]) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def test_offline_gives_one_message_a_file_with_times_in_the_recording(served: Served) -> None:
    (message,) = recognise(served, {"mode": "offline", "itn": True}, pcm(TWO_SENTENCES))
    assert (message["mode"], message["wav_name"]) == ("offline", "demo")
    assert message["is_final"] is True
    times = json.loads(message["timestamp"])
    assert len(times) == len(message["text"])
    assert 900 <= times[0][0] <= 1400
    assert message["stamp_sents"][0]["ts_list"] == times
    first = message["text"].index("明", 1)  # the second sentence is another segment
    assert times[first][0] > times[first - 1][1] + 800


def of_mode(messages: list[dict[str, Any]], mode: str) -> str:
    return "".join(message["text"] for message in messages if message["mode"] == mode)


@pytest.fixture(scope="module")
def coded_served(loudness_vad: None) -> Iterator[Served]:
    """A service that hears in `coded` audio just what is in it."""
    with serving(recognizer=CodedRecognizer()) as running:
        yield running


SAID = ("明天下午三点在北京人民大会堂", "二楼会议室开请带上昨的材料", "和电脑不要迟到谢家")
TALK = coded("      ".join(("", *SAID, "")))


@pytest.mark.parametrize("chunk_size", [[5, 10, 5], "0, 8, 4", [5, 40, 5]])
def test_online_gives_every_word_once_as_it_is_spoken(
    coded_served: Served, chunk_size: Any
) -> None:
    got = recognise(coded_served, {"mode": "online", "chunk_size": chunk_size}, pcm(TALK))
    assert {message["mode"] for message in got} == {"online"}
    assert [message["is_final"] for message in got] == [False] * (len(got) - 1) + [True]
    assert of_mode(got, "online") == "".join(SAID)
    assert len(got) > len(SAID)


def test_the_first_online_text_comes_after_less_than_a_second_of_speech(
    coded_served: Served,
) -> None:
    async def run() -> float:
        url = coded_served.url.replace("http", "ws")
        async with connect(url, proxy=None) as line:
            await line.send(json.dumps({"mode": "2pass", "chunk_size": [5, 10, 5]}))
            for sent, start in enumerate(range(0, len(TALK), 960), start=1):
                await line.send(pcm(TALK[start : start + 960]))
                with contextlib.suppress(TimeoutError):
                    message = json.loads(await asyncio.wait_for(line.recv(), 0.2))
                    assert message["mode"] == "2pass-online"
                    return sent * 0.06 - 1.2  # of silence before it
        return float("inf")

    assert asyncio.run(run()) <= 0.96  # 0.6 s, the look-ahead, and a frame


def test_2pass_never_sends_online_text_of_a_stretch_after_its_offline_text(
    coded_served: Served,
) -> None:
    got = recognise(coded_served, {"mode": "2pass"}, pcm(TALK))
    assert of_mode(got, "2pass-offline") == "".join(SAID)
    online = ""
    offline = iter(SAID)
    for message in got[:-1]:
        if message["mode"] == "2pass-online":
            online += message["text"]
        else:
            stretch = next(offline)
            assert message["text"] == stretch
            assert stretch.startswith(online)  # of this stretch alone
            assert len(online) > len(stretch) / 2
            online = ""
        assert message["is_final"] is False
    assert online == ""
    assert (got[-1]["mode"], got[-1]["text"]) == ("2pass-offline", "")
    assert got[-1]["is_final"] is True


def test_the_last_words_are_in_the_last_message_where_little_silence_follows(
    coded_served: Served,
) -> None:
    for mode in ("2pass", "online"):
        got = recognise(coded_served, {"mode": mode}, pcm(coded(SAID[0] + "  ")))
        assert got[-1]["is_final"] is True
        assert got[-1]["text"]
        assert of_mode(got, "2pass-offline" if mode == "2pass" else "online") == SAID[0]


def test_a_recording_after_another_on_one_connection(coded_served: Served) -> None:
    async def run() -> list[str]:
        url = coded_served.url.replace("http", "ws")
        texts = []
        async with connect(url, proxy=None) as line:
            for said in SAID:
                await line.send(json.dumps({"mode": "offline", "is_speaking": True}))
                await line.send(pcm(coded(said)))
                await line.send(json.dumps({"is_speaking": False}))
                texts.append(json.loads(await asyncio.wait_for(line.recv(), 20))["text"])
        return texts

    assert asyncio.run(run()) == list(SAID)


# ---------------------------------------------------------------- numbers, marks, hotwords


NUMBERS = ScriptedRecognizer(says="涨了百分之三十五")


@pytest.mark.parametrize(
    ("itn", "text"), [(True, "涨了35%"), (False, "涨了百分之三十五"), (None, "涨了35%")]
)
@pytest.mark.parametrize("mode", ["offline", "2pass"])
def test_itn_writes_numbers_in_digits_with_the_times_of_what_was_said(
    loudness_vad: None, mode: str, itn: bool | None, text: str
) -> None:
    first = {"mode": mode} if itn is None else {"mode": mode, "itn": itn}
    with serving(recognizer=NUMBERS) as served:
        got = recognise(served, first, pcm(tone(3.0)))
    message = got[-1]
    assert message["text"] == text
    times = json.loads(message["timestamp"])
    assert len(times) == len(text)
    assert times == sorted(times)
    assert times[2][0] == 600  # 百 is where 3 is
    assert message["stamp_sents"][0]["text_seg"] == " ".join(text)


@pytest.mark.parametrize(
    "hotwords", ['{"阿里巴巴": 20}', {"阿里巴巴": 20}, "阿里巴巴", "阿里巴巴,魔搭", "魔搭 阿里巴巴"]
)
def test_hotwords_that_a_model_cannot_use_are_said_in_the_first_message(
    served: Served, hotwords: Any
) -> None:
    got = recognise(served, {"mode": "2pass", "hotwords": hotwords}, pcm(TWO_SENTENCES))
    assert "'阿里巴巴': this model takes no hotwords" in got[0]["warning"]
    assert all("warning" not in message for message in got[1:])
    assert got[0]["text"]


class HotwordRecognizer(ScriptedRecognizer):
    """Hears its hotwords; knows none that begins with 未."""

    def refused_hotwords(self, words: Sequence[str]) -> dict[str, str]:
        return {word: "no token for '未'" for word in words if word[0] == "未"}

    def with_hotwords(self, words: Sequence[str]) -> HotwordRecognizer:
        return HotwordRecognizer(says="".join(words))


def test_hotwords_are_those_of_the_connection(loudness_vad: None) -> None:
    with serving(recognizer=share_recognizer(HotwordRecognizer(), 4)) as served:
        first = {"mode": "offline", "hotwords": '{"阿里巴巴": 20, "未知": 5}'}
        (message,) = recognise(served, first, pcm(tone(3.0)))
        assert message["text"] == "阿里巴巴"
        assert message["warning"] == "hotwords not used: '未知': no token for '未'"
        (message,) = recognise(served, {"mode": "offline"}, pcm(tone(3.0)))
        assert message["text"].startswith("明天下午")
        assert "warning" not in message


@pytest.mark.parametrize("hotwords", ["{阿里", " ".join(map(str, range(201)))])
def test_hotwords_that_are_none_are_refused(served: Served, hotwords: str) -> None:
    first = {"mode": "offline", "hotwords": hotwords}
    message = recognise(served, first, b"", {"is_speaking": False, "is_end": True})[-1]
    assert "hotwords" in message["error"]


@pytest.mark.parametrize(
    ("words", "punctuated", "expected"),
    [
        ("打开 ppt 吧", None, "打开 ppt 吧"),
        ("hello world", None, "hello world"),
        ("ok 十 五 号", None, "ok 15号"),
        ("你 好 再 见", "你好，再见。", "你好，再见。"),
        ("三 点 五 公 斤", None, "3.5 kg"),
        ("", None, ""),
    ],
)
def test_there_is_a_time_for_each_unit_but_marks(
    words: str, punctuated: str | None, expected: str
) -> None:
    units = [unit for word in words.split() for unit in ([word] if word.isascii() else word)]
    tokens = [
        Token(text=unit, start_s=at, end_s=at + 1, confidence=0.9) for at, unit in enumerate(units)
    ]
    timed = timed_text(tokens, punctuated, itn=True)
    assert timed.text == expected
    counted = [u for u in re.findall(r"[A-Za-z]+|[^\sA-Za-z]", expected) if u not in "，。."]
    assert len(timed.times) == len(counted)
    assert list(timed.times) == sorted(timed.times)
    assert all(0 <= start <= end <= 1000 * len(units) for start, end in timed.times)
    assert sum(len(each["ts_list"]) for each in timed.sentences) == len(timed.times)


def test_the_newest_client_gets_its_acknowledgement(served: Served) -> None:
    last = {"is_speaking": False, "is_end": True}
    got = recognise(served, {"mode": "offline"}, pcm(tone(1.5)), last)
    assert got[-1] == {"is_end": True, "is_final": True, "wav_name": "demo"}
    assert got[-2]["text"].startswith("明天下午")


def test_other_rates_and_whole_files(served: Served) -> None:
    at_8k = pcm(tone(3.0)[::2])
    heard = recognise(served, {"mode": "offline", "audio_fs": 8000}, at_8k)[-1]["text"]
    assert heard == recognise(served, {"mode": "offline"}, pcm(tone(3.0)))[-1]["text"]
    file = recognise(served, {"mode": "offline", "wav_format": "others"}, wav())[-1]
    assert file["text"].startswith("明天下午")


def test_silence_ends_too(served: Served) -> None:
    for mode in ("offline", "online", "2pass"):
        (message,) = recognise(served, {"mode": mode}, pcm(QUIET))
        assert (message["text"], message["is_final"]) == ("", True)


@pytest.mark.parametrize(
    ("first", "data"),
    [
        ({"mode": "dictation"}, b""),
        ({"audio_fs": 1}, b""),
        ({"mode": "offline", "wav_format": "mp3"}, b"junk" * 100),
        ({"mode": "offline"}, pcm(tone(3.0))),
    ],
)
def test_what_is_wrong_ends_the_stream_with_a_reason(
    loudness_vad: None, first: dict[str, Any], data: bytes
) -> None:
    with serving(make_settings(limits={"max_audio_s": 2.0})) as served:
        message = recognise(served, first, data, {"is_speaking": False, "is_end": True})[-1]
        assert (message["is_end"], message["is_final"]) == (True, False)
        assert message["error"]
