"""`/v1/audio/transcriptions` with `stream`: told while it is recognised, and never taken back."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import numpy as np
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.pipeline.scripted import CodedRecognizer, ScriptedGenerator, coded, tone
from tests.serving.served import make_settings, serving, sse, wav
from voicebench.pipeline.assistant import Assistant
from voicebench.serving.transcripts import growing
from voicebench.types import Hypothesis, Token, Variant

pytestmark = pytest.mark.usefixtures("loudness_vad")
SAID = "明天下午三点在北京人民大会堂二楼会议室开请带上昨的材料和电脑"
LONG = np.tile(coded(SAID + "    "), 25)  # 165 s in 25 segments: a block, and what is left
PATH = "/v1/audio/transcriptions"


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_official_client_hears_the_transcript_grow(form: Any) -> None:
    recognizer = CodedRecognizer()
    with (
        serving(recognizer=recognizer) as served,
        openai.OpenAI(
            base_url=served.url + "/v1", api_key="none", http_client=served.client(), max_retries=0
        ) as client,
    ):
        events = list(
            client.audio.transcriptions.create(
                model="bundled",
                file=("a.wav", wav(LONG)),
                response_format=form,
                stream=True,
            )
        )
    *deltas, done = events
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert "".join(event.delta for event in deltas) == SAID * 25
    assert recognizer.num_calls == 25
    assert len(deltas) == 3  # a minute at a time in the first block
    assert (done.type, done.text) == ("transcript.text.done", SAID * 25)
    assert done.model_extra is not None
    extra = done.model_extra["voicebench"]
    assert [token["text"] for token in extra["tokens"]] == list(SAID * 25)
    assert extra["audio_s"] == pytest.approx(len(LONG) / 16_000)


def test_silence_has_no_deltas_and_an_end() -> None:
    with serving() as served, served.client() as client:
        files = {"file": ("a.wav", wav(tone(1.0, loud=False)))}
        reply = client.post(PATH, files=files, data={"stream": "true"})
    assert reply.headers["content-type"].startswith("text/event-stream")
    (done,) = sse(reply.text)
    assert (done["type"], done["text"]) == ("transcript.text.done", "")


def test_a_failure_in_the_middle_is_an_event_that_the_official_client_raises() -> None:
    with (
        serving(recognizer=CodedRecognizer(fails_at=15)) as served,
        openai.OpenAI(
            base_url=served.url + "/v1", api_key="none", http_client=served.client(), max_retries=0
        ) as client,
    ):
        events = client.audio.transcriptions.create(
            model="bundled", file=("a.wav", wav(LONG)), stream=True
        )
        told = [next(events)]
        with pytest.raises(openai.APIError, match="could not be recognised"):
            told += events
        assert [event.type for event in told] == ["transcript.text.delta"]
        served.wait_for(lambda: served.service.admission.is_idle, "the place")


def test_who_leaves_in_the_middle_ends_the_recognition() -> None:
    recognizer = CodedRecognizer(compute_s=0.05)
    settings = make_settings(limits={"max_turns": 1})
    with serving(settings, recognizer=recognizer) as served, served.client() as client:
        files = {"file": ("a.wav", wav(np.tile(LONG, 2)))}
        with client.stream("POST", PATH, files=files, data={"stream": "true"}) as reply:
            assert "delta" in next(reply.iter_lines())
        served.wait_for(lambda: served.service.admission.is_idle, "the only place")
        num_calls = recognizer.num_calls
        again = client.post(PATH, files={"file": ("a.wav", wav(coded("明")))})
        assert again.json()["text"] == "明"
        assert num_calls <= recognizer.num_calls - 1 < 40, "50 segments would have been recognized"


@pytest.mark.parametrize("recognition", ["windows", "segments"])
def test_a_long_recording_is_taken_in_slices_and_comes_out_the_same(recognition: Any) -> None:
    samples = np.tile(coded(SAID + " "), 24)
    variant = Variant(name="v", recognition=recognition)
    assistant = Assistant(CodedRecognizer(), ScriptedGenerator(), variant)

    async def run() -> list[str]:
        return [hypothesis.text async for hypothesis in growing(assistant, samples, timeout_s=60)]

    assert asyncio.run(run())[-1] == assistant.transcribe(samples).hypothesis.text == SAID * 24


class _Guessing:
    """Hears anything anywhere."""

    vocabulary: tuple[str, ...] = ()

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # hypothesis draws on its own thread only

    def recognize(self, samples: NDArray[np.float32]) -> Hypothesis:
        length_s, draw = len(samples) / 16_000, self._random
        edges = sorted(draw.uniform(0, length_s) for _ in range(draw.randrange(7)))
        return Hypothesis(
            tokens=tuple(
                Token(
                    text=draw.choice(["一", "二", "ppt", "app"]),
                    start_s=start_s,
                    end_s=end_s,
                    confidence=draw.random(),
                )
                for start_s, end_s in itertools.pairwise(edges)
            )
        )

    def recognize_batch(self, pieces: Any) -> list[Hypothesis]:
        return [self.recognize(piece) for piece in pieces]

    def close(self) -> None:
        pass


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    audio_s=st.floats(0.1, 50),
    again=st.sampled_from([0.0, 0.7]),
    context_s=st.sampled_from([0.0, 0.6]),
    recognition=st.sampled_from(["windows", "segments"]),
)
def test_whatever_is_heard_nothing_told_is_taken_back(
    seed: int, audio_s: float, again: float, context_s: float, recognition: Any
) -> None:
    variant = Variant(
        name="v", recognition=recognition, re_recognise_below=again, context_s=context_s
    )
    assistant = Assistant(_Guessing(seed), ScriptedGenerator(), variant)
    told = ""

    async def run() -> None:
        nonlocal told
        async for hypothesis in growing(assistant, tone(audio_s), timeout_s=60):
            assert hypothesis.text.startswith(told)
            told = hypothesis.text

    asyncio.run(run())
