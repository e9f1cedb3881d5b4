"""Where the sound lies in a WAV file, and in which form.

FFmpeg takes what a WAV header says for what the file holds: it reads samples as wide as their valid
bits, though they lie in wider containers, and stops without a word where the first header says that
the sound ends. So the header is read here. Samples of plain forms (integers, floats, A-law, µ-law) then
go to FFmpeg as raw PCM; every other codec goes to it with its header.

- **Containers.** A sample is as wide as its container (`block_align / channels`). Its valid bits are
  the highest ones, as the standard has it, so a container is decoded as a whole.
- **Several files, one after the other.** Each is a piece. So is each of several data chunks.
- **No length.** A writer to a pipe puts 0 or the largest number that it can; its sound goes on to
  the next header or to the end of the file.
- **More sound than the header counts** is refused: nothing says where it ends.

RIFF, RIFX (big-endian), RF64 and BW64 are read.
Source: Microsoft, "Multiple channel audio data and WAVE files" (2007); EBU Tech 3306 (RF64).
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from voicebench.errors import AudioError

FORMS = (b"RIFF", b"RIFX", b"RF64", b"BW64")
MIN_TAIL_S = 0.1
"""Bytes behind the last chunk that are less sound than this hold no syllable and are ignored."""

_UNKNOWN_SIZE = 0x7FFF_0000  # writers to a pipe put the largest value that they can
_MAX_LOOKS = 50_000  # at headers of chunks; a crafted file could make it look for hours
_NEXT_FORM = re.compile(rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE(?:fmt |JUNK|ds64|bext|LIST)", re.DOTALL)
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")  # text that music players append
_EXTENSIBLE = 0xFFFE
_SUBFORMATS = (  # the end of a GUID whose first two bytes are a format tag
    bytes.fromhex("000000001000800000aa00389b71"),
    bytes.fromhex("00002107d3118644c8c1ca000000"),  # ambisonic
)
_ENCODINGS = {
    (1, 1): "u8", (1, 2): "s16", (1, 3): "s24", (1, 4): "s32",
    (3, 4): "f32", (3, 8): "f64", (6, 1): "alaw", (7, 1): "mulaw",
}  # fmt: skip


@dataclass(frozen=True)
class WavPiece:
    """A stretch of sound in a file.

    Attributes:
        start: Its first byte: of the samples, or of the header where `encoding` is None.
        end: The byte after its last one.
        encoding: FFmpeg's name of the raw form; None for a codec that needs its header.
        rate_hz: Sample rate that the header declares.
        channels: Channels that the header declares.
    """

    start: int
    end: int
    encoding: str | None = None
    rate_hz: int = 0
    channels: int = 0


class FileWindow(io.RawIOBase):
    """Some bytes of a file as a file of their own, read-only."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file, self._start, self._size, self._at = file, start, end - start, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._start + self._at)
        content = self._file.read(max(0, min(len(buffer), self._size - self._at)))
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


@dataclass(frozen=True)
class _Format:
    encoding: str | None
    rate_hz: int
    channels: int
    frame_bytes: int
    bytes_per_s: int


def read_pieces(file: BinaryIO, name: str) -> list[WavPiece]:
    """The sound of a WAV file, in order.

    Args:
        file: Opened for reading; its first bytes are one of `FORMS`.
        name: For messages.

    Raises:
        AudioError: The file ends before its sound does, or holds more sound than its header counts.
    """
    return _Reader(file, name).read()


class _Reader:
    """Walks from chunk to chunk through all forms of a file."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self._num_bytes = file.seek(0, io.SEEK_END)
        self._num_looks = 0

    def read(self) -> list[WavPiece]:
        pieces: list[WavPiece] = []
        start: int | None = 0
        while start is not None:
            found, start = self._read_form(start)
            pieces += found
        return pieces

    def _read_form(self, start: int) -> tuple[list[WavPiece], int | None]:
        """Pieces of the form that begins at `start`, and where the next form begins."""
        magic, riff_size = struct.unpack("<4sI", self._bytes(start, 8))
        order = ">" if magic == b"RIFX" else "<"
        sound: list[tuple[int, int]] = []
        form: _Format | None = None
        long_size = 0
        at, next_form = start + 12, None
        while self._is_chunk(at, order):
            if self._is_form(at):
                next_form = at
                break
            kind, size = struct.unpack(f"{order}4sI", self._bytes(at, 8))
            if kind == b"ds64":
                (long_size,) = struct.unpack("<Q", self._bytes(at + 16, 8).ljust(8, b"\0"))
            elif kind == b"fmt ":
                form = _read_format(self._bytes(at + 8, min(size, 64)), order)
            elif kind == b"data":
                size = self._sound_size(at + 8, size, long_size, order)
                sound.append((at + 8, at + 8 + size))
            at = self._after(at + 8, size, order)
        if form and sound:
            if magic == b"RIFF" and riff_size < _UNKNOWN_SIZE:
                self._check_end(start + 8 + riff_size, form)
            if next_form is None:
                self._check_tail(at, form, sum(end - first for first, end in sound))
        if form is None or form.encoding is None or not sound:
            return [WavPiece(start, next_form or self._num_bytes)], next_form
        return [
            WavPiece(
                first, end - (end - first) % form.frame_bytes,
                form.encoding, form.rate_hz, form.channels,
            )
            for first, end in sound
        ], next_form  # fmt: skip

    def _sound_size(self, start: int, size: int, long_size: int, order: str) -> int:
        """Bytes of a data chunk whose header says `size`, or refers to `long_size` (RF64)."""
        left = self._num_bytes - start
        if size == 0xFFFF_FFFF and 0 < long_size < 1 << 62:
            size = long_size
        elif size == 0 or size >= max(left, _UNKNOWN_SIZE):
            is_empty = size == 0 and self._is_chunks(start, order)
            return 0 if is_empty else self._find_form(start) - start
        if size > left:
            self._raise_truncated(f"{left} bytes of the {size} of sound that its header declares")
        return size

    def _check_end(self, end: int, form: _Format) -> None:
        """Some writers count 8 bytes too many, so only what could be sound is missed."""
        if (end - self._num_bytes) / form.bytes_per_s >= MIN_TAIL_S:
            self._raise_truncated(f"{self._num_bytes} bytes of the {end} that its header declares")

    def _raise_truncated(self, reason: str) -> None:
        raise AudioError(f"{self._name} is truncated: {reason}", "Record or copy it again")

    def _is_chunks(self, at: int, order: str) -> bool:
        """Whether chunks, and nothing else, fill the file from `at` on."""
        while self._is_chunk(at, order) and not self._is_form(at):
            (size,) = struct.unpack(f"{order}I", self._bytes(at + 4, 4))
            at = self._after(at + 8, size, order)
        return at >= self._num_bytes or self._is_form(at)

    def _find_form(self, at: int) -> int:
        """Where the next form begins; the end of the file if there is none."""
        tail = b""
        self._file.seek(at)
        while piece := self._file.read(1 << 20):
            if found := _NEXT_FORM.search(tail + piece):
                return at - len(tail) + found.start()
            at, tail = at + len(piece), (tail + piece)[-15:]
        return self._num_bytes

    def _check_tail(self, at: int, form: _Format, num_counted: int) -> None:
        """Refuses sound behind the last chunk; text tags and padding are none."""
        num_bytes = self._num_bytes - at
        tail_s = num_bytes / form.bytes_per_s
        if tail_s < MIN_TAIL_S or self._bytes(at, 16).startswith(_TAGS) or self._is_zero(at):
            return
        raise AudioError(
            f"{self._name} holds {num_bytes} bytes ({tail_s:.2f} s) behind the "
            f"{num_counted / form.bytes_per_s:.2f} s of sound that its header counts",
            "Read it to its end: ffmpeg -ignore_length 1 -i FILE -ar 16000 -ac 1 out.wav",
        )

    def _is_zero(self, at: int) -> bool:
        self._file.seek(at)
        while piece := self._file.read(1 << 20):
            if piece.strip(b"\0"):
                return False
        return True

    def _bytes(self, at: int, num: int) -> bytes:
        self._file.seek(at)
        return self._file.read(num)

    def _is_form(self, at: int) -> bool:
        head = self._bytes(at, 12)
        return head[:4] in FORMS and head[8:] == b"WAVE"

    def _is_chunk(self, at: int, order: str) -> bool:
        """Whether a chunk's header is there, and the chunk ends in the file or is sound."""
        self._num_looks += 1
        if self._num_looks > _MAX_LOOKS:
            raise AudioError(f"{self._name} is damaged: its chunks are too many", "Record it again")
        head = self._bytes(at, 8)
        if len(head) < 8 or not _is_name(head[:4]):
            return False
        (size,) = struct.unpack(f"{order}4xI", head)
        return head[:4] == b"data" or self._is_form(at) or at + 8 + size <= self._num_bytes

    def _after(self, start: int, size: int, order: str) -> int:
        """Where the next chunk begins. One of odd size is padded, though some writers forget it."""
        end = start + size
        if size % 2 == 0:
            return end
        return end if self._is_chunk(end, order) and not self._is_chunk(end + 1, order) else end + 1


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)


def _read_format(content: bytes, order: str) -> _Format | None:
    """The chunk `fmt `; None where it is too short to be one."""
    if len(content) < 16:
        return None
    tag, channels, rate_hz, byte_rate, block_align, bits = struct.unpack(
        f"{order}HHIIHH", content[:16]
    )
    if tag == _EXTENSIBLE and content[26:40] in _SUBFORMATS:
        (tag,) = struct.unpack(f"{order}H", content[24:26])
    width = -(-bits // 8)
    if channels and block_align % channels == 0:
        width = max(width, block_align // channels)  # valid bits may be fewer than the container's
    encoding = _ENCODINGS.get((tag, width))
    if encoding and width > 1:
        encoding += "be" if order == ">" else "le"
    return _Format(encoding, rate_hz, channels, max(1, width * channels), max(1, byte_rate))
