"""WAV as recorders, streaming writers and `cat` leave it: the same speech, or one line that says why not."""

from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicebench.audio import load_audio, stream_audio
from voicebench.errors import AudioError

RATE_HZ = 16_000
PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")
FLOAT_GUID = bytes.fromhex("0300000000001000800000aa00389b71")


def tone(duration_s: float = 1.0, hz: float = 440.0, peak: float = 0.3) -> NDArray[np.float64]:
    times = np.arange(round(RATE_HZ * duration_s)) / RATE_HZ
    return peak * np.sin(2 * np.pi * hz * times)


def s16(samples: NDArray[np.float64]) -> bytes:
    return (samples * 32_767).astype("<i2").tobytes()


def left_aligned(samples: NDArray[np.float64], valid_bits: int, container_bytes: int) -> bytes:
    """Integers of `valid_bits` in the highest bits of little-endian containers."""
    full = np.round(samples * (2 ** (valid_bits - 1) - 1)).astype(np.int64)
    shifted = full << (8 * container_bytes - valid_bits)
    return b"".join(int(x).to_bytes(container_bytes, "little", signed=True) for x in shifted)


def chunk(name: bytes, content: bytes, size: int | None = None, pad: bool = True) -> bytes:
    head = struct.pack("<4sI", name, len(content) if size is None else size)
    return head + content + b"\0" * (pad and len(content) % 2)


def plain_format(
    bits: int = 16,
    channels: int = 1,
    tag: int = 1,
    container_bytes: int = 0,
    rate_hz: int = RATE_HZ,
) -> bytes:
    align = channels * (container_bytes or -(-bits // 8))
    return chunk(
        b"fmt ", struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * align, align, bits)
    )


def extensible(
    valid_bits: int, container_bytes: int, channels: int = 1, guid: bytes = PCM_GUID
) -> bytes:
    align = channels * container_bytes
    head = struct.pack(
        "<HHIIHH", 0xFFFE, channels, RATE_HZ, RATE_HZ * align, align, 8 * container_bytes
    )
    return chunk(b"fmt ", head + struct.pack("<HHI", 22, valid_bits, 0) + guid)


def form(*chunks: bytes, magic: bytes = b"RIFF", size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return struct.pack("<4sI", magic, len(body) if size is None else size) + body


def wav(samples: NDArray[np.float64]) -> bytes:
    return form(plain_format(), chunk(b"data", s16(samples)))


def assert_is(heard: NDArray[np.float32], said: NDArray[np.float64], atol: float = 1e-4) -> None:
    assert len(heard) == len(said)
    np.testing.assert_allclose(heard, said, atol=atol)


# ---------------------------------------------------------------- forms of samples


@pytest.mark.parametrize(
    ("valid_bits", "container_bytes"),
    [
        (16, 4),
        (20, 4),
        (24, 4),
        (32, 4),
        (12, 4),
        (16, 3),
        (20, 3),
        (24, 3),
        (8, 2),
        (12, 2),
        (16, 2),
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_valid_bits_are_the_highest_of_their_container(
    valid_bits: int, container_bytes: int, channels: int
) -> None:
    packed = np.repeat(tone(), channels)
    data = left_aligned(packed, valid_bits, container_bytes)
    whole = form(extensible(valid_bits, container_bytes, channels), chunk(b"data", data))
    assert_is(load_audio(whole), tone(), atol=2.0 ** (2 - min(valid_bits, 22)))
    other, _ = soundfile.read(io.BytesIO(whole), always_2d=True)
    assert_is(load_audio(whole), other.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (plain_format(24, container_bytes=4), left_aligned(tone(), 24, 4)),
        (plain_format(20), left_aligned(tone(), 20, 3)),
        (plain_format(12), left_aligned(tone(), 12, 2)),
        (extensible(16, 2, guid=PCM_GUID).replace(struct.pack("<HH", 22, 16), struct.pack("<HH", 22, 0)),
         s16(tone())),
        (extensible(32, 4, guid=FLOAT_GUID), tone().astype("<f4").tobytes()),
        (extensible(64, 8, guid=FLOAT_GUID), tone().astype("<f8").tobytes()),
        (extensible(24, 4, guid=FLOAT_GUID), tone().astype("<f4").tobytes()),
    ],
    ids=["24 in 32 without extension", "20", "12", "no valid bits", "float", "double",
         "float, wrong valid bits"],
)  # fmt: skip
def test_other_headers_of_the_same_speech(header: bytes, data: bytes) -> None:
    assert_is(load_audio(form(header, chunk(b"data", data))), tone(), atol=1e-3)


EXACT = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
WRITTEN = [
    (container, subtype)
    for container in ("WAV", "WAVEX", "RF64")
    for subtype in (*EXACT, "IMA_ADPCM", "MS_ADPCM")
    if soundfile.check_format(container, subtype)
]


@pytest.mark.parametrize(("container", "subtype"), WRITTEN)
@pytest.mark.parametrize("channels", [1, 2])
def test_libsndfile_reads_the_same(container: str, subtype: str, channels: int) -> None:
    buffer, said = io.BytesIO(), np.repeat(tone()[:, None], channels, axis=1)
    soundfile.write(buffer, said, RATE_HZ, subtype=subtype, format=container)
    heard = load_audio(buffer.getvalue())
    other = soundfile.read(io.BytesIO(buffer.getvalue()), always_2d=True)[0].mean(axis=1)
    assert_is(heard[: len(other)], other[: len(heard)], atol=1e-4 if subtype in EXACT else 0.1)
    assert len(heard) == pytest.approx(len(other), abs=0 if subtype in EXACT else 1_024)


def test_big_endian_is_read() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(), RATE_HZ, subtype="PCM_16", endian="BIG", format="WAV")
    assert buffer.getvalue().startswith(b"RIFX")
    assert_is(load_audio(buffer.getvalue()), tone())


# ---------------------------------------------------------------- where the sound ends

LOW, HIGH = tone(), tone(0.5, 880.0)
TWO_BYTES = chunk(b"LIST", b"INFOx", pad=True)


def rf64(samples: NDArray[np.float64], magic: bytes, data_size: int | None = None) -> bytes:
    data = s16(samples)
    sizes = struct.pack("<QQQI", 0, len(data) if data_size is None else data_size, 0, 0)
    parts = (chunk(b"ds64", sizes), plain_format(), chunk(b"data", data, size=0xFFFF_FFFF))
    return form(*parts, magic=magic, size=0xFFFF_FFFF)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (wav(LOW) + wav(HIGH), [LOW, HIGH]),
        (wav(LOW) + wav(HIGH) + wav(LOW), [LOW, HIGH, LOW]),
        (wav(LOW) + rf64(HIGH, b"RF64"), [LOW, HIGH]),
        (form(plain_format(), chunk(b"data", s16(LOW)), TWO_BYTES) + wav(HIGH), [LOW, HIGH]),
        (form(plain_format(), chunk(b"data", s16(LOW)), chunk(b"data", s16(HIGH))), [LOW, HIGH]),
        (form(plain_format(), chunk(b"data", s16(LOW) + wav(HIGH))), None),
        (form(chunk(b"JUNK", bytes(27)), plain_format(), chunk(b"data", s16(LOW))), [LOW]),
        (form(plain_format(), chunk(b"note", b"odd", pad=False), chunk(b"data", s16(LOW))), [LOW]),
        (form(plain_format(), chunk(b"note", b"odd", pad=True), chunk(b"data", s16(LOW))), [LOW]),
        (rf64(LOW, b"RF64"), [LOW]),
        (rf64(LOW, b"BW64"), [LOW]),
        (rf64(LOW, b"RF64", 0), [LOW]),
        (form(plain_format(), chunk(b"data", s16(LOW), size=0), size=0), [LOW]),
        (form(plain_format(), chunk(b"data", s16(LOW), size=0)), [LOW]),
        (form(plain_format(), chunk(b"data", s16(LOW), size=0xFFFF_FFFF), size=0xFFFF_FFFF), [LOW]),
        (form(plain_format(), chunk(b"data", s16(LOW), size=0x7FFF_FFDB), size=0x7FFF_FFFF), [LOW]),
        (form(plain_format(), chunk(b"data", s16(LOW), size=0xFFFF_FFFF), size=0xFFFF_FFFF)
         + form(plain_format(), chunk(b"data", s16(HIGH), size=0xFFFF_FFFF), size=0xFFFF_FFFF),
         [LOW, HIGH]),
        (form(plain_format(), chunk(b"data", s16(LOW), size=0), size=0)
         + form(plain_format(), chunk(b"data", s16(HIGH), size=0), size=0), [LOW, HIGH]),
        (form(plain_format(), chunk(b"data", s16(LOW)), size=44 + 2 * len(LOW)), [LOW]),
        (wav(LOW) + b"\0" * 4096, [LOW]),
        (wav(LOW) + b"\r\n", [LOW]),
        (wav(LOW) + b"TAG" + b"title".ljust(125), [LOW]),
        (wav(LOW) + b"APETAGEX" + b"\1" * 20_000, [LOW]),
        (wav(LOW) + chunk(b"LIST", b"INFO" + b"i" * 20_000), [LOW]),
    ],
    ids=["two files", "three files", "a file and RF64", "a file with text, a file", "two data chunks",
         "a file in a data chunk", "junk before", "no padding", "padding", "RF64", "BW64",
         "RF64 open", "size 0", "data size 0", "largest size", "SoX's size", "two open files",
         "two files of size 0", "8 bytes too many", "padded to a block", "a line end", "ID3v1", "APE",
         "text behind the header's end"],
)  # fmt: skip
def test_all_of_the_sound_is_decoded(
    content: bytes, said: list[NDArray[np.float64]] | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    if said is None:  # the header counts both: a click between them, and nothing lost
        assert len(load_audio(path)) == len(LOW) + len(HIGH) + 22
    else:
        assert_is(load_audio(path), np.concatenate(said))


def test_pieces_of_several_rates_and_forms_follow_one_another() -> None:
    slow = form(plain_format(rate_hz=8_000), chunk(b"data", s16(tone()[::2])))
    wide = form(extensible(24, 4, 2), chunk(b"data", left_aligned(np.repeat(HIGH, 2), 24, 4)))
    heard = load_audio(wav(LOW) + slow + wide)
    assert len(heard) == pytest.approx(2.5 * RATE_HZ, abs=20)
    assert_is(heard[:RATE_HZ], LOW)
    assert_is(heard[-len(HIGH) :], HIGH)


def test_a_coded_file_before_another_is_decoded() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, LOW, RATE_HZ, subtype="IMA_ADPCM", format="WAV")
    heard = load_audio(buffer.getvalue() + wav(HIGH))
    assert len(heard) == pytest.approx(len(LOW) + len(HIGH), abs=1_024)
    assert_is(heard[-len(HIGH) :], HIGH)


def test_a_header_that_counts_only_the_first_piece_is_refused() -> None:
    content = wav(LOW) + s16(HIGH)
    with pytest.raises(AudioError) as caught:
        load_audio(content)
    assert str(caught.value) == (
        f"audio of {len(content)} bytes holds 16000 bytes (0.50 s) behind the 1.00 s of sound that its "
        "header counts. Read it to its end: ffmpeg -ignore_length 1 -i FILE -ar 16000 -ac 1 out.wav"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (form(plain_format(), chunk(b"data", s16(LOW) + s16(HIGH), size=2 * len(LOW))), "0.50 s"),
        (form(plain_format(), chunk(b"data", s16(LOW))) + s16(HIGH) + wav(LOW), "behind the 1.00 s"),
        (wav(LOW) + s16(tone(0.11)), "behind the 1.00 s"),
        (wav(LOW)[:-8_000], "is truncated: 24000 bytes of the 32000 of sound"),
        (wav(LOW) + wav(HIGH)[:-8_000], "is truncated: 8000 bytes of the 16000"),
        (rf64(LOW, b"RF64")[:-8_000], "is truncated"),
        (form(plain_format(), chunk(b"data", s16(LOW)), size=80_000), "is truncated"),
        (form(plain_format(), chunk(b"data", b"")), "holds 0.000 s"),
        (form(plain_format(), chunk(b"data", b""), chunk(b"LIST", b"INFO" + b"i" * 9_000)), "holds 0.000 s"),
        (form(plain_format(rate_hz=0), chunk(b"data", s16(LOW))), "sample rate of 0 Hz"),
        (form(plain_format(channels=9), chunk(b"data", s16(LOW))), "has 9 channels"),
        (form(plain_format(), b"data"), "damaged or truncated"),
        (form(plain_format(), b"data\0\0\0\0" * 100_000), "chunks are too many"),
        (form(chunk(b"fmt ", b"\1\0\1\0"), chunk(b"data", s16(LOW))), "damaged or truncated"),
        (form(plain_format(channels=0), chunk(b"data", s16(LOW))), "."),
    ],
)  # fmt: skip
def test_what_cannot_be_read_whole_says_so(content: bytes, message: str) -> None:
    with pytest.raises(AudioError, match=message) as caught:
        load_audio(content)
    assert "\n" not in str(caught.value)
    assert caught.value.way_out


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_damage_brings_more_than_one_line(data: st.DataObject) -> None:
    whole = bytearray(wav(tone(0.3)) + form(extensible(20, 4), chunk(b"data", bytes(8_000))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.one_of(st.integers(0, 80), st.integers(9_640, 9_720)))
        whole[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(whole)), st.integers(1, len(whole))))
    with contextlib.suppress(AudioError):  # nothing else
        assert np.abs(load_audio(bytes(whole[:cut]))).max() <= 1.0


# ---------------------------------------------------------------- what would lose the speech


def floats(samples: NDArray[np.float64], channels: int = 1) -> bytes:
    return form(plain_format(32, channels, tag=3), chunk(b"data", samples.astype("<f4").tobytes()))


@pytest.mark.parametrize("full_scale", [32_767.0, 32_768.0, 128.0, 2.0**23, 2.0**31, 10.0])
@pytest.mark.parametrize("lead_in_s", [0.0, 1.5])
def test_integers_stored_as_floats_are_refused(full_scale: float, lead_in_s: float) -> None:
    said = np.concatenate([np.zeros(round(lead_in_s * RATE_HZ)), tone(peak=1.0) * full_scale])
    with pytest.raises(AudioError, match=r"full scale of floats is 1\. .*divide them by") as caught:
        load_audio(floats(said))
    assert f"samples of {full_scale:.6g}"[:13] in str(caught.value)


@pytest.mark.parametrize("peak", [1.0, 1.2, 1.9])
def test_a_little_beyond_full_scale_is_clipped(peak: float) -> None:
    np.testing.assert_allclose(
        load_audio(floats(tone(peak=peak))), np.clip(tone(peak=peak), -1, 1), atol=1e-6
    )


def stereo(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([left, right], axis=1).ravel()


NOISE = np.random.default_rng(0).normal(0, 0.1, (2, RATE_HZ))
SILENCE = np.zeros(RATE_HZ)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (tone(), -tone()),
        (tone(), -0.8 * tone()),
        (NOISE[0], -NOISE[0] + 0.05 * NOISE[1]),
        (np.concatenate([NOISE[0], NOISE[1]]), np.concatenate([-NOISE[0], NOISE[1]])),
    ],
    ids=[
        "inverted",
        "inverted and quieter",
        "inverted with noise",
        "inverted for half of the time",
    ],
)
@pytest.mark.parametrize("form_of", ["float", "s16"])
def test_channels_that_cancel_are_refused(
    left: NDArray[np.float64], right: NDArray[np.float64], form_of: str
) -> None:
    packed = stereo(left, right)
    content = form(plain_format(channels=2), chunk(b"data", s16(packed)))
    with pytest.raises(AudioError, match=r"2 channels that cancel.*opposite polarity.*pan=mono"):
        load_audio(floats(packed, 2) if form_of == "float" else content)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (tone(), tone()),
        (tone(), SILENCE),
        (SILENCE, SILENCE),
        (NOISE[0], NOISE[1]),
        (tone(), -0.3 * tone()),
        (tone(peak=1e-3), -tone(peak=1e-3)),
        (np.concatenate([tone(), 0.003 * NOISE[0]]), np.concatenate([tone(), -0.003 * NOISE[0]])),
        (tone(), np.roll(tone(), 7)),
    ],
    ids=["the same", "one silent", "silence", "unrelated", "one a little inverted",
         "a hum below -60 dB", "a hum between the words", "two microphones apart"],
)  # fmt: skip
def test_other_channels_are_averaged(left: NDArray[np.float64], right: NDArray[np.float64]) -> None:
    assert_is(load_audio(floats(stereo(left, right), 2)), (left + right) / 2, atol=1e-6)


def test_a_stream_ends_with_the_refusal() -> None:
    chunks = stream_audio(floats(stereo(tone(), -tone()), 2), 0.5)
    assert len(next(chunks)) == RATE_HZ // 2
    with pytest.raises(AudioError, match="cancel"):
        list(chunks)
