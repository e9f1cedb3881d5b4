"""Decoding: every format, any rate and channel count, every fault in one line."""

from __future__ import annotations

import base64
import io
import struct
import wave
from itertools import chain
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicebench.audio import PcmFormat, chunk_audio, load_audio, stream_audio
from voicebench.errors import AudioError

FORMATS = [
    ("wav", "pcm_s16le", 44_100),
    ("wav", "pcm_f32le", 8_000),
    ("mp3", "libmp3lame", 44_100),
    ("flac", "flac", 96_000),
    ("ogg", "libopus", 48_000),
    ("ipod", "aac", 44_100),
    ("webm", "libopus", 48_000),
    ("adts", "aac", 44_100),
    ("aiff", "pcm_s16be", 44_100),
]
TONE_HZ, TONE_PEAK = 440.0, 0.3


def tone(rate_hz: int, duration_s: float) -> NDArray[np.float32]:
    times = np.arange(round(rate_hz * duration_s)) / rate_hz
    return (TONE_PEAK * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.float32)


def encode(
    container: str, codec: str, rate_hz: int, layout: str = "mono", duration_s: float = 1.0
) -> bytes:
    """A tone, the same in all channels, in one of FFmpeg's formats."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz)
        stream.layout = layout
        samples = tone(rate_hz, duration_s)
        packed = np.repeat(samples, av.AudioLayout(layout).nb_channels)[None]
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=rate_hz)
        for piece in chain(resampler.resample(frame), resampler.resample(None)):
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def tone_peak(samples: NDArray[np.float32]) -> float:
    """The tone's amplitude in the middle of a recording, by correlation."""
    middle = samples[len(samples) // 4 : 3 * len(samples) // 4].astype(np.float64)
    wave = np.exp(-2j * np.pi * TONE_HZ * np.arange(len(middle)) / 16_000)
    return float(2 * abs(np.mean(middle * wave)))


@pytest.mark.parametrize(("container", "codec", "rate_hz"), FORMATS)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_every_format_gives_the_tone(container: str, codec: str, rate_hz: int, layout: str) -> None:
    samples = load_audio(encode(container, codec, rate_hz, layout))
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(16_000, abs=1_600)
    assert tone_peak(samples) == pytest.approx(TONE_PEAK, rel=0.1)


@settings(max_examples=25)
@given(
    rate_hz=st.integers(4_000, 192_000),
    layout=st.sampled_from(["mono", "stereo", "3.0", "5.1", "7.1(wide)"]),
    duration_s=st.floats(0.2, 1.0),
)
def test_any_rate_and_channel_count(rate_hz: int, layout: str, duration_s: float) -> None:
    samples = load_audio(encode("wav", "pcm_f32le", rate_hz, layout, duration_s))
    assert len(samples) == pytest.approx(16_000 * duration_s, abs=10)
    assert tone_peak(samples) == pytest.approx(TONE_PEAK, rel=0.02)


@pytest.mark.parametrize("channels", [1, 3, 7, 8])
def test_channels_without_a_layout(channels: int) -> None:
    raw = np.repeat(tone(16_000, 0.5), channels).tobytes()
    samples = load_audio(raw, pcm=PcmFormat(channels=channels, encoding="f32le"))
    np.testing.assert_allclose(samples, tone(16_000, 0.5), atol=1e-6)


def test_channels_are_averaged() -> None:
    left = np.stack([tone(16_000, 1.0), np.zeros(16_000, np.float32)], axis=1)
    samples = load_audio(left.tobytes(), pcm=PcmFormat(channels=2, encoding="f32le"))
    np.testing.assert_allclose(samples, tone(16_000, 1.0) / 2, atol=1e-6)


def test_path_bytes_and_base64_are_the_same(tmp_path: Path) -> None:
    data = encode("flac", "flac", 16_000)
    path = tmp_path / "misnamed.mp3"
    path.write_bytes(data)
    text = base64.b64encode(data).decode()
    for source in (path, str(path), text, f"data:audio/flac;base64,{text}"):
        np.testing.assert_array_equal(load_audio(source), load_audio(data))


@pytest.mark.parametrize(
    ("pcm", "dtype", "scale"),
    [
        (PcmFormat(), "<i2", 32_767),
        (PcmFormat(encoding="s32le"), "<i4", 2**31 - 1),
        (PcmFormat(encoding="f32le"), "<f4", 1),
    ],
)
def test_raw_pcm(pcm: PcmFormat, dtype: str, scale: float) -> None:
    said = tone(16_000, 0.5)
    raw = (said.astype(np.float64) * scale).astype(dtype).tobytes()
    np.testing.assert_allclose(load_audio(raw, pcm=pcm), said, atol=1e-4)


def test_a_pcm_file_is_16_khz_mono_unless_said_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "a.pcm"
    path.write_bytes((tone(16_000, 0.5) * 32_767).astype("<i2").tobytes())
    np.testing.assert_allclose(load_audio(path), tone(16_000, 0.5), atol=1e-4)
    assert len(load_audio(path, pcm=PcmFormat(rate_hz=8_000))) == pytest.approx(16_000, abs=20)


@pytest.mark.parametrize("chunk_s", [0.01, 0.1, 0.333, 5.0])
def test_streamed_chunks_are_the_whole(chunk_s: float) -> None:
    data = encode("mp3", "libmp3lame", 44_100, duration_s=1.2)
    chunks = list(stream_audio(data, chunk_s))
    assert {len(chunk) for chunk in chunks[:-1]} <= {round(chunk_s * 16_000)}
    np.testing.assert_array_equal(np.concatenate(chunks), load_audio(data))


def test_chunks_know_their_time() -> None:
    chunks = list(chunk_audio(tone(16_000, 0.25), 0.1))
    assert [(chunk.start_s, round(chunk.end_s, 6)) for chunk in chunks] == [
        (0.0, 0.1),
        (0.1, 0.2),
        (0.2, 0.25),
    ]


def test_silence_decodes() -> None:
    samples = load_audio(bytes(32_000), pcm=PcmFormat())
    assert samples.shape == (16_000,)
    assert not samples.any()


def test_values_that_are_no_numbers_become_bounded() -> None:
    broken = np.full(4_000, np.nan, np.float32)
    broken[::2] = np.inf
    samples = load_audio(broken.tobytes(), pcm=PcmFormat(encoding="f32le"))
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1.0


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(("container", "codec", "rate_hz"), FORMATS)
def test_truncated_files_say_so(container: str, codec: str, rate_hz: int) -> None:
    whole = encode(container, codec, rate_hz, duration_s=2.0)
    with pytest.raises(AudioError, match="truncated"):
        load_audio(whole[: len(whole) * 6 // 10 + 1])


@pytest.mark.parametrize(("container", "codec", "rate_hz"), [*FORMATS, ("mp4", "aac", 44_100)])
def test_one_file_behind_another_is_decoded_whole_or_refused(
    container: str, codec: str, rate_hz: int
) -> None:
    content = encode(container, codec, rate_hz)
    try:
        num_samples = len(load_audio(content * 2))
    except AudioError as error:
        assert error.way_out  # noqa: PT017 (either will do)
    else:
        assert num_samples == pytest.approx(2 * len(load_audio(content)), abs=800)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"Minutes of the meeting " * 50, "is not audio"),
        (b"\x89PNG\r\n\x1a\n" + bytes(1_000), "is not audio"),
        (b"RIFF\0\0\0\0WAVE", "damaged or truncated"),
        (b"OggS" + bytes(100), "truncated"),
        (b"fLaC" + bytes(100), "damaged or truncated"),
        (b"\0\0\0\x20ftyp" + bytes(100), "damaged or truncated"),
        (b"\xff\xfb" + bytes(1_000), "damaged or truncated"),
        (encode("wav", "pcm_s16le", 16_000, duration_s=0.01), r"holds 0\.010 s"),
        (encode("wav", "pcm_s16le", 100, duration_s=20.0), "sample rate of 100 Hz"),
    ],
)
def test_faulty_bytes_give_one_line(data: bytes, message: str) -> None:
    with pytest.raises(AudioError, match=message) as caught:
        load_audio(data)
    assert "\n" not in str(caught.value)
    assert caught.value.way_out


def test_faulty_paths_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    for path, message in [
        (tmp_path / "nowhere.wav", "there is no audio file"),
        (tmp_path, "is a folder"),
        (tmp_path / "empty.wav", r"is empty \(0 bytes\)"),
    ]:
        with pytest.raises(AudioError, match=message) as caught:
            load_audio(path)
        assert str(path) in str(caught.value)


def test_broken_base64_says_so() -> None:
    with pytest.raises(AudioError, match="not valid base64"):
        load_audio("data:audio/wav;base64,####")


def test_too_many_channels_are_refused() -> None:
    with pytest.raises(AudioError, match="has 9 channels"):
        load_audio(bytes(2 * 9 * 4_000), pcm=PcmFormat(channels=9))


MIB = 1 << 20  # what is read at a time


@pytest.mark.parametrize(
    "at", [None, MIB - 6, MIB - 2, MIB]
)  # in a piece, cut in its name, its size
@pytest.mark.parametrize("size", [0, 1, 16])
def test_immersive_audio_never_reaches_its_parser(at: int | None, size: int) -> None:
    crafted = encode("mp4", "aac", 16_000)
    assert len(load_audio(crafted)) > 0
    if at is not None:
        num_free = at - len(crafted)
        crafted += struct.pack(">I4s", num_free, b"free").ljust(num_free, b"\0")
    with pytest.raises(AudioError, match="immersive audio"):
        load_audio(crafted + struct.pack(">I4s8x", size, b"iacb"))


def test_sound_that_only_spells_the_name_of_a_box_is_read() -> None:
    whole = encode("mp4", "aac", 16_000)
    named = whole + struct.pack(">I4s", 16, b"free") + b"\xff\xff\xff\xffiacb"
    assert np.array_equal(load_audio(named), load_audio(whole))


def test_odd_bytes_of_pcm_are_truncated() -> None:
    with pytest.raises(AudioError, match="truncated"):
        load_audio(bytes(32_001), pcm=PcmFormat())


def test_three_hours_are_refused_from_the_header(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    num_bytes = 3 * 3_600 * 8_000
    empty = io.BytesIO()
    with wave.open(empty, "wb") as writer:
        writer.setparams((1, 1, 8_000, 0, "NONE", "not compressed"))
    header = empty.getvalue()
    with path.open("wb") as file:  # a sparse file: 86 MB that take no room
        file.write(header[:4] + (num_bytes + 36).to_bytes(4, "little") + header[8:40])
        file.write(num_bytes.to_bytes(4, "little"))
        file.truncate(num_bytes + 44)
    with pytest.raises(AudioError, match=r"long\.wav is longer than 3600 s"):
        next(stream_audio(path))


def test_the_limit_holds_while_decoding_what_declares_no_length() -> None:
    data = encode("adts", "aac", 44_100, duration_s=4.0)
    chunks = stream_audio(data, 0.5, max_duration_s=2.0)
    assert [len(next(chunks)) for _ in range(3)] == [8_000] * 3
    with pytest.raises(AudioError, match="longer than 2 s"):
        list(chunks)


def test_recordings_decode(speech_dir: Path) -> None:
    wav = load_audio(speech_dir / "funasr_asr_example.wav")
    mp3 = load_audio(speech_dir / "funasr_asr_example.mp3")
    assert len(wav) == len(mp3) == 88_747
    assert np.corrcoef(wav, mp3)[0, 1] > 0.95
