"""FunASR's VAD, punctuation and speaker models, through FunASR's own classes and loaders."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.asr.companion_models import (
    MARK_BEHIND,
    write_punctuation,
    write_speakers,
    write_vad,
)
from tests.asr.tiny_model import write_tiny_model
from voicebench.asr.batcher import BatchingRecognizer
from voicebench.asr.companions import Companions, SpeakerSpan, companions_of
from voicebench.asr.funasr_companions import load_companions
from voicebench.asr.paraformer import load_recognizer
from voicebench.asr.speakers import CamSpeakers, said_by
from voicebench.errors import ModelError
from voicebench.pipeline.endpoint import Endpoint
from voicebench.profiles.schema import AsrProfile, AuxiliaryModelProfile
from voicebench.types import Token

pytestmark = pytest.mark.models
RATE = 16_000
TEXTS = st.lists(st.sampled_from([*MARK_BEHIND, *"今天去上海 ", "ok"]), max_size=130).map("".join)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, AuxiliaryModelProfile]:
    root = tmp_path_factory.mktemp("companions")
    made = {
        "vad": write_vad(root / "vad"),
        "punctuation": write_punctuation(root / "punctuation"),
        "speakers": write_speakers(root / "speakers"),
    }
    return {name: AuxiliaryModelProfile(folder=str(folder)) for name, folder in made.items()}


@pytest.fixture(scope="module")
def companions(folders: dict[str, AuxiliaryModelProfile]) -> Companions:
    return load_companions(AsrProfile(folder="unused", **folders))


def noise(duration_s: float, level: float, seed: int = 0) -> NDArray[np.float32]:
    samples = np.random.default_rng(seed).normal(0, level, round(duration_s * RATE))
    return samples.astype(np.float32)


def spoken(*pieces: tuple[float, bool]) -> NDArray[np.float32]:
    """Loud and faint noise by turns."""
    return np.concatenate([noise(s, 0.2 if loud else 1e-5) for s, loud in pieces])


# ---------------------------------------------------------------- VAD


def test_the_endpoint_is_found_with_the_profiles_vad(companions: Companions) -> None:
    audio = spoken((1.0, False), (1.5, True), (0.3, False), (1.0, True), (2.0, False))
    endpoint = Endpoint(0.5, companions.vad.stream())
    events = endpoint.feed(audio)
    assert [event.kind for event in events] == [
        "speech_started", "speech_stopped", "speech_started", "speech_stopped", "turn_ended",
    ]  # fmt: skip
    at_s = [event.at_s for event in events]
    assert at_s == pytest.approx([1.0, 2.5, 2.8, 3.8, 3.8], abs=0.07)  # two frames of look-ahead
    assert events[-1].decided_s - events[-1].at_s == pytest.approx(0.5, abs=0.033)


@pytest.mark.parametrize("chunk_samples", [100, 512, 4_000])
def test_chunks_do_not_matter_to_it(companions: Companions, chunk_samples: int) -> None:
    audio = spoken((0.4, False), (0.6, True), (0.8, False))
    whole = Endpoint(0.4, companions.vad.stream()).feed(audio)
    endpoint = Endpoint(0.4, companions.vad.stream())
    pieces = [audio[i : i + chunk_samples] for i in range(0, len(audio), chunk_samples)]
    assert [event for piece in pieces for event in endpoint.feed(piece)] == whole != []


def test_a_frontend_for_whole_recordings_is_made_a_streaming_one(
    companions: Companions, tmp_path: Path
) -> None:
    folder = write_vad(tmp_path / "vad", frontend="WavFrontend")
    vad = load_companions(
        AsrProfile(folder="unused", vad=AuxiliaryModelProfile(folder=str(folder)))
    ).vad
    audio = spoken((0.4, False), (0.6, True), (0.8, False))
    streams = vad.stream(), companions.vad.stream()
    events = [Endpoint(0.4, stream).feed(audio) for stream in streams]
    assert events[0] == events[1] != []
    assert vad.segments(audio) == companions.vad.segments(audio) != []


def test_streams_of_one_model_do_not_meet(companions: Companions) -> None:
    loud, faint = companions.vad.stream(), companions.vad.stream()
    audio = spoken((0.64, True)).reshape(-1, 512), spoken((0.64, False)).reshape(-1, 512)
    heard = [
        (loud.speech_probability(a), faint.speech_probability(b))
        for a, b in zip(*audio, strict=True)
    ]
    assert min(probability for probability, _ in heard[3:]) > 0.9
    assert max(probability for _, probability in heard[3:]) < 0.1


@pytest.mark.parametrize("block", [1, 2, 7, 60])
def test_frames_of_a_recording_are_as_those_of_a_stream(companions: Companions, block: int) -> None:
    audio = spoken((0.64, False), (0.96, True), (1.28, False), (0.96, True))
    one, many = companions.vad.stream(), companions.vad.stream()
    expected = [one.speech_probability(frame) for frame in audio.reshape(-1, 512)]
    found = [
        probability
        for start in range(0, len(audio), block * 512)
        for probability in many.speech_probabilities(audio[start : start + block * 512])
    ]
    assert found == pytest.approx(expected, abs=1e-4)
    assert len(many.speech_probabilities(audio[:0])) == 0


def test_a_recording_is_cut_where_nobody_speaks(companions: Companions) -> None:
    audio = spoken((1.0, False), (2.0, True), (2.0, False), (1.5, True), (1.5, False))
    (start_s, end_s), (next_start_s, next_end_s) = companions.vad.segments(audio)
    assert start_s <= 1.0 <= 3.0 <= end_s < next_start_s <= 5.0 <= 6.5 <= next_end_s
    assert companions.vad.segments(audio) == [(start_s, end_s), (next_start_s, next_end_s)]
    assert companions.vad.segments(spoken((1.0, False))) == []
    assert companions.vad.segments(np.zeros(0, np.float32)) == []


# ---------------------------------------------------------------- punctuation


@pytest.mark.parametrize(
    ("text", "final", "going_on"),
    [
        ("你好吗", "你好吗？", "你好吗"),
        ("今天去上海开会了明天在北京", "今天去上海开会了。明天在北京。", "今天去上海开会了。明天在北京"),
        ("我和你么", "我和、你么。", "我和、你么"),  # what ends with a comma ends with a full stop
        ("hello world了", "hello world了。", "hello world了"),
        ("今天去hello", "今天去hello.", "今天去hello"),  # an ASCII mark behind ASCII
        ("", "", ""),
    ],
)  # fmt: skip
def test_marks_are_set(companions: Companions, text: str, final: str, going_on: str) -> None:
    assert companions.punctuation.punctuate(text) == final
    assert companions.punctuation.punctuate(text, is_final=False) == going_on


@given(text=TEXTS)
def test_nothing_but_marks_is_added(companions: Companions, text: str) -> None:
    punctuated = companions.punctuation.punctuate(text)
    assert "".join(char for char in punctuated if char not in "，。？、,.?") == text


@given(text=TEXTS.filter(str.strip))
def test_marks_are_those_of_funasrs_own_call(companions: Companions, text: str) -> None:
    own: Any = companions.punctuation
    given_back, _ = own._model.inference(
        [text], key=["text"], tokenizer=own._tokenizer, device="cpu"
    )
    spaceless = "".join(given_back[0]["text"].split()).lower()
    assert "".join(own.punctuate(text).split()) == spaceless


def test_a_text_that_grows_is_read_from_where_it_was_left(companions: Companions) -> None:
    model: Any = companions.punctuation
    read: list[int] = []
    whole = model._model.punc_forward

    def counting(text: Any, **more: Any) -> Any:
        read.append(text.size(1))
        return whole(text=text, **more)

    long = "今天去上海开会了" * 100
    model._model.punc_forward = counting
    try:
        first = companions.punctuation.punctuate(long)
        num_read, read[:] = sum(read), []
        assert companions.punctuation.punctuate(long + "明天") == first + "明天。"
    finally:
        del model._model.punc_forward
    assert sum(read) < num_read / 20


# ---------------------------------------------------------------- speakers


def test_a_recording_goes_through_the_whole_speaker_pipeline(companions: Companions) -> None:
    audio = spoken((0.5, False), (12.0, True), (2.0, False), (8.0, True), (1.0, False))
    spans = companions.speakers.spans(audio)
    assert spans == companions.speakers.spans(audio) != ()
    assert spans[0].start_s <= 0.6
    assert spans[-1].end_s >= 22.4
    assert all(a.end_s <= b.start_s for a, b in itertools.pairwise(spans))
    assert {span.speaker for span in spans} == set(range(len({span.speaker for span in spans})))
    assert companions.speakers.spans(spoken((2.0, False))) == ()


class LoudestBand:
    """In the place of CAM++: an embedding that says which of four bands is the loudest."""

    def inference(
        self, waves: list[Any], device: str
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        import torch

        found = []
        for wave in waves:
            power = np.abs(np.fft.rfft(wave.numpy()))[:4000].reshape(4, -1).sum(1)
            found.append(power / np.linalg.norm(power))
        embeddings = torch.tensor(np.array(found), dtype=torch.float32)
        return [{"spk_embedding": embeddings}], {}


def test_two_who_take_turns_are_told_apart(companions: Companions) -> None:
    times = np.arange(6 * RATE) / RATE
    low, high = (0.3 * np.sin(2 * np.pi * hertz * times) for hertz in (220, 2_200))
    audio = np.concatenate([low, high, low, high]) + noise(24.0, 1e-3)
    speakers = CamSpeakers(companions.vad, lambda: (LoudestBand(), {"device": "cpu"}))
    spans = speakers.spans(audio.astype(np.float32))
    assert [span.speaker for span in spans] == [0, 1, 0, 1]
    assert [span.end_s for span in spans[:3]] == pytest.approx([6.0, 12.0, 18.0], abs=1.0)


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ((), [("", "你好再见")]),
        (((0.0, 9.0, 0),), [("0", "你好再见")]),
        (((0.0, 2.0, 0), (2.0, 4.0, 1)), [("0", "你好"), ("1", "再见")]),
        (((0.0, 1.0, 0), (1.0, 2.0, 1), (2.0, 3.0, 0)), [("0", "你"), ("1", "好"), ("0", "再见")]),
        (((0.0, 0.4, 0), (3.6, 9.0, 1)), [("0", "你好"), ("1", "再见")]),  # the nearest one
    ],
)
def test_who_said_what(
    spans: tuple[tuple[float, float, int], ...], said: list[tuple[str, str]]
) -> None:
    told = [SpeakerSpan(start_s=a, end_s=b, speaker=who) for a, b, who in spans]
    tokens = [
        Token(text=text, start_s=float(at), end_s=at + 1.0, confidence=1.0)
        for at, text in enumerate("你好再见")
    ]
    assert [(each.speaker, each.text) for each in said_by(told, tokens)] == said
    assert said_by(told, ()) == ()


# ---------------------------------------------------------------- loading


def test_they_come_with_the_recogniser(
    folders: dict[str, AuxiliaryModelProfile], tmp_path: Path
) -> None:
    profile = AsrProfile(folder=str(write_tiny_model(tmp_path / "asr")), **folders)
    recognizer = load_recognizer(profile)
    found = companions_of(recognizer)
    assert None not in (found.vad, found.punctuation, found.speakers)
    assert companions_of(BatchingRecognizer(recognizer)) is found
    alone = load_recognizer(AsrProfile(folder=profile.folder))
    assert companions_of(alone) == companions_of(object()) == Companions()


@pytest.mark.parametrize(
    ("role", "broken", "said"),
    [
        ("vad", "config.yaml", "lacks config.yaml"),
        ("vad", "am.mvn", "lacks am.mvn"),
        ("punctuation", "tokens.json", "lacks tokens.json"),
        ("punctuation", "model.pt", "lacks model.pt"),
        ("vad", "speakers", "holds a CAMPPlus, not a FsmnVADStreaming"),
        ("punctuation", "nowhere", "there is no punctuation model folder"),
    ],
)
def test_a_folder_that_is_none_is_named(
    folders: dict[str, AuxiliaryModelProfile], tmp_path: Path, role: str, broken: str, said: str
) -> None:
    if broken == "speakers":
        folder = Path(folders["speakers"].folder)
    else:
        folder = tmp_path / role
        if broken != "nowhere":
            write_vad(folder) if role == "vad" else write_punctuation(folder)
            (folder / broken).unlink()
    with pytest.raises(ModelError, match=said) as refused:
        load_companions(
            AsrProfile(folder="unused", **{role: AuxiliaryModelProfile(folder=str(folder))})
        )
    assert "voicebench models pull" in refused.value.way_out


def test_a_speaker_model_is_looked_for_when_it_is_needed(
    folders: dict[str, AuxiliaryModelProfile], companions: Companions, tmp_path: Path
) -> None:
    missing = AuxiliaryModelProfile(folder=str(tmp_path / "nowhere"), model="cam++")
    found = load_companions(AsrProfile(folder="unused", vad=folders["vad"], speakers=missing))
    with pytest.raises(ModelError, match="no speakers model folder") as refused:
        found.speakers.spans(spoken((2.0, True)))
    assert "voicebench models pull cam++" in refused.value.way_out


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    import torch

    folder = write_speakers(tmp_path / "speakers", checkpoint="model.pt")
    weights = torch.load(folder / "model.pt", weights_only=True)
    counters = [name for name in weights if name.endswith("num_batches_tracked")]
    for name in counters:  # older checkpoints have none of these
        del weights[name]
    torch.save({"model": weights}, folder / "model.pt")
    profile = AsrProfile(
        folder="unused",
        vad=AuxiliaryModelProfile(folder=str(write_vad(tmp_path / "vad"))),
        speakers=AuxiliaryModelProfile(folder=str(folder)),
    )
    assert load_companions(profile).speakers.spans(spoken((3.0, True)))
    del weights["xvector.dense.linear.weight"]
    torch.save(weights, folder / "model.pt")
    with pytest.raises(ModelError, match=r"lacks 1 weights .*xvector\.dense\.linear\.weight"):
        load_companions(profile).speakers.spans(spoken((3.0, True)))
