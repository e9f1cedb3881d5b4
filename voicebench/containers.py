"""What kind of file it is, and what FFmpeg forgives it without a word.

sniff              the container, from the first bytes
check_container    half an Ogg page, a second file behind the first, immersive audio
has_length_header  whether a declared duration can be believed
"""

from __future__ import annotations

import io
import re
import struct
from typing import BinaryIO

from voicebench.errors import AudioError
from voicebench.wav import FORMS, FileWindow

CONVERT = "Convert it with: ffmpeg -i FILE -ar 16000 -ac 1 out.wav"

_IAMF_BOX = re.compile(rb"(.{4})iacb", re.DOTALL)
_MAX_BOXES = 50_000  # of an MP4; a fragmented one has two a second


def sniff(file: BinaryIO) -> str | None:
    """FFmpeg's name of the container, from the first bytes after any ID3 tag."""
    start = 0
    file.seek(0)
    head = file.read(16)
    while head[:3] == b"ID3" and len(head) >= 10:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]  # 7 bits a byte
        start += 10 + size
        file.seek(start)
        following = file.read(16)
        if len(following) < 2 or following[:3] == b"\0\0\0":  # padding beyond the declared size
            return "mp3"
        head = following
    if head[:4] in FORMS and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "mov"
    for magic, container in (
        (b"fLaC", "flac"),
        (b"OggS", "ogg"),
        (b"\x1a\x45\xdf\xa3", "matroska"),
    ):
        if head.startswith(magic):
            return container
    if len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0x06 == 0 else "mp3"  # layer bits: 0 is ADTS
    return "mp3" if start else None


def check_container(file: BinaryIO, name: str, container: str) -> None:
    """Refuses what FFmpeg would read in part or should not read at all.

    Raises:
        AudioError: Half an Ogg page, a second AIFF or MP4 behind the first, immersive audio.
    """
    if container == "ogg":
        _check_last_page(file, name)
    if container == "aiff":
        _refuse_second_aiff(file, name)
    if container == "mov":
        _refuse_iamf(file, name)
        _refuse_second_mp4(file, name)


def _refuse_second_aiff(file: BinaryIO, name: str) -> None:
    file.seek(0)
    (size,) = struct.unpack(">4xI", file.read(8))
    file.seek(8 + size + size % 2)
    head = file.read(12)
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        _raise_second(name, "AIFF")


def _refuse_second_mp4(file: BinaryIO, name: str) -> None:
    """An MP4 has one box `moov` at its top level, wherever it lies."""
    at, num_bytes, num_moov = 0, file.seek(0, io.SEEK_END), 0
    for _ in range(_MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack(">Q", head[8:])
        num_moov += kind == b"moov"
        if num_moov > 1:
            _raise_second(name, "MP4")
        if size < 8:  # 0: to the end of the file
            return
        at = min(at + size, num_bytes)


def _raise_second(name: str, kind: str) -> None:
    raise AudioError(
        f"{name} holds a second {kind} file behind the first one, which would not be read",
        "Join recordings with: ffmpeg -i A -i B -filter_complex concat=n=2:v=0:a=1 out.wav",
    )


def _check_last_page(file: BinaryIO, name: str) -> None:
    """Refuses half an Ogg page, which FFmpeg forgives silently."""
    num_bytes = file.seek(0, io.SEEK_END)
    file.seek(max(0, num_bytes - 70_000))  # a page has at most 65,307 bytes
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]]):
        raise AudioError(
            f"{name} is truncated: its last Ogg page is not complete", "Record or copy it again"
        )


def _refuse_iamf(file: BinaryIO, name: str) -> None:
    """Keeps immersive audio in an MP4 from FFmpeg: a crafted one overflows the heap in its parser
    (GHSA-m52c-39rh-f3gp), and no recorder of speech makes any.
    """
    num_bytes, tail = file.seek(0, io.SEEK_END), b""
    file.seek(0)
    while piece := file.read(1 << 20):
        piece = tail + piece
        for found in _IAMF_BOX.finditer(piece):
            (size,) = struct.unpack(">I", found[1])
            if size < num_bytes:  # sound that happens to have the name hardly has a size as well
                raise AudioError(f"{name} holds immersive audio (IAMF), which is not read", CONVERT)
        tail = piece[-7:]


def has_length_header(file: BinaryIO | FileWindow, container: str) -> bool:
    """False where FFmpeg guesses the duration from the bit rate, which may be far off."""
    if container == "mp3":
        file.seek(0)
        head = file.read(10)
        if head[:3] == b"ID3":
            file.seek(10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]))
        return re.search(rb"Xing|Info|VBRI", file.read(4096)) is not None
    return container != "aac"
