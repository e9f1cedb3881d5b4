"""`/v1/audio/transcriptions` in its forms, and transcripts as they are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import openai
import pytest
from numpy.typing import NDArray

from tests.pipeline.scripted import ScriptedRecognizer
from tests.serving.served import Served, as_base64, serving, sse, wav
from voicebench.serving.partial import PartialTranscript
from voicebench.serving.subtitles import segments, srt, vtt
from voicebench.types import Alternative, Hypothesis, Token, Window

PATH = "/v1/audio/transcriptions"
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
    assert [piece.text for piece in told] == ["明天", "下午"]
    assert [token.text for piece in told for token in piece.tokens] == list("明天下午")
    whole = _tokens(*((text, n / 2, n / 2 + 0.4) for n, text in enumerate("明天下午三点")))
    assert partial.finish(whole) == ("三点", whole[4:])
    other = _tokens(*((text, n / 2, n / 2 + 0.4) for n, text in enumerate("明天上午")))
    assert partial.finish(other) == ("", ()), "it came out otherwise: the final text tells"


@pytest.fixture(scope="module")
def doubtful(loudness_vad: None) -> Iterator[Served]:
    """A service whose recognizer has other readings of each token."""

    class Doubtful(ScriptedRecognizer):
        def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
            found = super().recognize(samples)
            readings = (Alternative(text="名", probability=0.1),)
            tokens = (msgspec.structs.replace(t, alternatives=readings) for t in found.tokens)
            return msgspec.structs.replace(found, tokens=tuple(tokens))

    with serving(recognizer=Doubtful()) as running:
        yield running


@pytest.mark.parametrize(
    "include", [[], ["alternatives"], ["logprobs"], ["logprobs", "alternatives"]]
)
@pytest.mark.parametrize("stream", ["true", "false"])
def test_other_readings_and_logprobs_come_to_who_asks(
    doubtful: Served, include: list[str], stream: str
) -> None:
    data = {"include[]": include, "stream": stream}
    with doubtful.client() as client:
        reply = client.post(PATH, files={"file": ("a.wav", wav())}, data=data)
    assert reply.status_code == 200
    bodies = [json.loads(reply.text)] if stream == "false" else sse(reply.text)
    for token in bodies[-1]["voicebench"]["tokens"]:
        readings = [{"text": "名", "probability": 0.1}] if "alternatives" in include else None
        assert token.get("alternatives") == readings
    for body in bodies:
        text = body.get("delta", body.get("text"))
        found = body.get("logprobs")
        assert ("logprobs" in body) == ("logprobs" in include)
        assert found is None or "".join(each["token"] for each in found) == text
        assert all(bytes(each["bytes"]).decode() == each["token"] for each in found or ())
        assert all(each["logprob"] == pytest.approx(-0.1054, abs=1e-4) for each in found or ())


def test_logprobs_of_a_form_that_has_no_place_for_them_are_refused(doubtful: Served) -> None:
    data = {"include[]": "logprobs", "response_format": "srt"}
    with doubtful.client() as client:
        reply = client.post(PATH, files={"file": ("a.wav", wav())}, data=data)
        unknown = client.post(PATH, files={"file": ("a.wav", wav())}, data={"include[]": "all"})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "include")
    assert unknown.status_code == 400


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("include", [None, [], ["alternatives"]])
def test_chat_replies_have_other_readings_for_who_asks(
    doubtful: Served, include: list[str] | None, stream: bool
) -> None:
    body = {"audio_base64": as_base64(wav()), "include": include, "stream": stream}
    with doubtful.client() as client:
        reply = client.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200
    assert reply.text.count('"alternatives"') == (10 if stream else 5) * bool(include)
