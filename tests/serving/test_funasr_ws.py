"""FunASR's protocol: what its clients send, and the fields that they read."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import connect

from tests.pipeline.scripted import tone
from tests.serving.served import Served, make_settings, serving, wav
from voicebench.serving.segmenter import Segmenter

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
            got = []
            while True:
                message = json.loads(await asyncio.wait_for(line.recv(), 20))
                got.append(message)
                wanted = "is_end" if (last or {}).get("is_end") else "is_final"
                if message.get(wanted):
                    return got

    return asyncio.run(run())


def pcm(samples: NDArray[np.float32]) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def test_offline_gives_each_sentence_with_times_in_the_recording(served: Served) -> None:
    first, last, end = recognise(served, {"mode": "offline", "itn": True}, pcm(TWO_SENTENCES))
    assert (first["mode"], first["wav_name"], first["is_final"]) == ("offline", "demo", False)
    assert (last["is_final"], end["is_final"], end["text"]) == (False, True, "")
    assert first["text"].startswith("明天下午")
    times = json.loads(first["timestamp"])
    assert len(times) == len(first["text"])
    assert 900 <= times[0][0] <= 1400
    assert first["stamp_sents"][0]["ts_list"] == times
    assert json.loads(last["timestamp"])[0][0] > times[-1][1]


def test_online_gives_text_as_it_settles(served: Served) -> None:
    got = recognise(served, {"mode": "online"}, pcm(tone(6.0)))
    assert {message["mode"] for message in got} == {"online"}
    assert [message["is_final"] for message in got[:-1]] == [False] * (len(got) - 1)
    assert len(got) >= 2
    assert got[-1]["is_final"] is True
    assert "".join(message["text"] for message in got).startswith("明天下午三")


def test_2pass_gives_both(served: Served) -> None:
    got = recognise(served, {"mode": "2pass"}, pcm(np.concatenate([tone(3.0), TWO_SENTENCES])))
    modes = [message["mode"] for message in got]
    assert set(modes) == {"2pass-online", "2pass-offline"}
    assert modes.index("2pass-online") < modes.index("2pass-offline")
    assert got[-1]["is_final"] is True


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


def test_a_segmenter_loses_no_speech_and_bounds_its_stretches() -> None:
    segmenter = Segmenter(silence_s=0.6, max_s=4.0)
    stretches = segmenter.feed(np.concatenate([TWO_SENTENCES, tone(10.0)]))
    last = segmenter.finish()
    assert last is not None
    stretches.append(last)
    loud_s = [
        float(np.abs(s.samples).astype(bool).mean() * len(s.samples)) / 16_000 for s in stretches
    ]
    assert sum(loud_s) == pytest.approx(12.4, abs=0.05)
    assert all(len(s.samples) <= 4.4 * 16_000 for s in stretches)
    assert stretches[0].start_s < 1.2 < stretches[0].start_s + 1.0
    assert Segmenter().finish() is None
