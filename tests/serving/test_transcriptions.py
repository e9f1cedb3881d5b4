"""`/v1/audio/transcriptions` in its forms, and transcripts as they are written."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.serving.served import Served, wav
from voicebench.serving.partial import PartialTranscript
from voicebench.serving.transcripts import segments, srt, vtt
from voicebench.types import Token, Window

pytestmark = pytest.mark.usefixtures("loudness_vad")


def _tokens(*spans: tuple[str, float, float]) -> tuple[Token, ...]:
    return tuple(Token(text=t, start_s=a, end_s=b, confidence=0.9) for t, a, b in spans)


SAID = _tokens(("开", 0.0, 0.3), ("会", 0.3, 0.6), ("吗", 2.0, 2.25))


def test_the_official_client_gets_every_form(served: Served) -> None:
    with openai.OpenAI(
        base_url=served.url + "/v1", api_key="none", http_client=served.client(), max_retries=0
    ) as client:

        def ask(**options: Any) -> Any:
            return client.audio.transcriptions.create(
                model="bundled", file=("a.wav", wav()), **options
            )

        assert ask().text == "明天下午三"
        assert ask(response_format="text") == "明天下午三\n"
        verbose = ask(response_format="verbose_json", timestamp_granularities=["word", "segment"])
        assert (verbose.text, verbose.duration) == ("明天下午三", 1.5)
        assert [word.word for word in verbose.words] == list("明天下午三")
        assert verbose.words[1].start == pytest.approx(0.3)
        assert verbose.segments[0].text == "明天下午三"
        assert ask(response_format="verbose_json").words is None
        assert "00:00:00,000 --> 00:00:01,500\n明天下午三" in ask(response_format="srt")
        assert ask(response_format="vtt").startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500")


@pytest.mark.parametrize(
    ("fields", "data", "words"),
    [
        ({"response_format": "docx"}, wav(), "response_format"),
        ({"language": "fr"}, wav(), "language"),
        ({"stream": "perhaps"}, wav(), "stream"),
        ({"stream": "true", "response_format": "verbose_json"}, wav(), "streamed"),
        ({"stream": "true", "response_format": "srt"}, wav(), "streamed"),
        ({"stream": "true", "response_format": "vtt"}, wav(), "streamed"),
        ({"stream": "true"}, b"not audio" * 100, "not audio"),
        ({"temperature": "nan"}, wav(), "temperature"),
        ({}, b"", "empty"),
        ({}, b"not audio" * 100, "not audio"),
    ],
)
def test_what_is_wrong_is_refused(
    served: Served, fields: dict[str, str], data: bytes, words: str
) -> None:
    with served.client() as client:
        reply = client.post("/v1/audio/transcriptions", files={"file": ("a", data)}, data=fields)
        assert reply.status_code == 400
        assert words in reply.text
        assert client.post("/v1/audio/transcriptions", data=fields).status_code == 400


def test_a_name_is_never_a_path(served: Served) -> None:
    with served.client() as client:
        files = {"file": ("/etc/passwd", b"/etc/passwd")}
        reply = client.post("/v1/audio/transcriptions", files=files)
    assert reply.status_code == 400
    assert "root:" not in reply.text


def test_subtitles_are_cut_at_pauses() -> None:
    assert [len(part) for part in segments(SAID)] == [2, 1]
    assert srt(SAID) == (
        "1\n00:00:00,000 --> 00:00:00,600\n开会\n\n2\n00:00:02,000 --> 00:00:02,250\n吗\n"
    )
    assert vtt(SAID).split("\n\n")[1:] == [
        "00:00:00.000 --> 00:00:00.600\n开会",
        "00:00:02.000 --> 00:00:02.250\n吗\n",
    ]
    assert (srt(()), vtt(())) == ("", "WEBVTT\n")
    long = _tokens(*((str(n % 10), n / 10, (n + 1) / 10) for n in range(200)))
    assert all(sum(len(t.text) for t in part) <= 28 for part in segments(long))


def test_a_growing_transcript_is_told_once_and_never_taken_back() -> None:
    windows = [
        _tokens(("明", 0.0, 0.3), ("天", 0.4, 0.7), ("下", 2.1, 2.4)),
        _tokens(("下", 2.1, 2.4), ("午", 2.5, 2.8), ("三", 4.2, 4.5)),
    ]
    partial = PartialTranscript(reach_s=0.3)
    told = []
    for index, tokens in enumerate(windows):
        start_s = 2.1 * index
        window = Window(
            index=index, start_s=start_s, end_s=start_s + 2.4, tokens=tokens, compute_s=0.0
        )
        told.append(partial.take(window))
    assert told == ["明天", "下午"]
    assert partial.finish("明天下午三点") == "三点"
    assert partial.finish("明天上午") == "", "it came out otherwise: the final text tells"
