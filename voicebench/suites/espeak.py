"""espeak-ng through ctypes, and a server that speaks in a fresh process each time.

espeak-ng keeps state across calls, so the same text gives other bytes the second time. The server
therefore forks once per batch, from a process that never initialised the library: as reproducible
as starting a program each time, at 20 milliseconds instead of half a second.

This file imports nothing of voicebench and is run by path, so the server stays small. It reads
batches of requests as JSON lines, and answers each request with one JSON line and the samples:

    echo '[{"voice": "cmn", "text": "你好", "rate": 180, "pitch": 50}]' | python espeak.py | head -1

espeak-ng is GPL-3 and therefore an optional extra, used to make speech and never to recognise it.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any, BinaryIO

import espeakng_loader

_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: the callback gets the samples before espeak_Synth returns
_RATE, _PITCH = 1, 3  # espeak_PARAMETER
_UTF8 = 1
_WORD_EVENT, _LIST_END = 1, 0  # espeak_EVENT_TYPE


_NOISE_SEED = 1


class _EventId(ctypes.Union):
    _fields_ = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Speaker:
    """espeak-ng in this process, initialised once and for good."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data_path = espeakng_loader.get_data_path().encode()
        self._rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data_path, 0)
        self._samples = bytearray()
        self._words: list[tuple[int, int, int]] = []
        self._callback = _Callback(self._collect)  # must outlive the synthesis
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, wave: Any, num_samples: int, events: Any) -> int:
        index = 0
        while events[index].type != _LIST_END:
            event = events[index]
            if event.type == _WORD_EVENT:
                self._words.append((event.text_position - 1, event.length, event.sample))
            index += 1
        if wave:
            self._samples.extend(ctypes.string_at(wave, num_samples * 2))
        return 0

    def speak(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Speaks once.

        Args:
            request: `voice` (with an optional `+variant`), `text`, `rate` in words a minute,
                `pitch` in [0, 100].

        Returns:
            `{"rate_hz", "num_bytes", "words"}`, `words` being (character offset, characters, start
            in samples) of each spoken word, and the samples as native int16. On failure
            `{"error": ...}`.
        """
        if self._rate_hz <= 0:
            return {"error": f"espeak-ng did not start (code {self._rate_hz})"}, b""
        if self._library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
            return {"error": f"espeak-ng has no voice {request['voice']!r}"}, b""
        self._samples.clear()
        self._words.clear()
        self._library.espeak_SetParameter(_RATE, request["rate"], 0)
        self._library.espeak_SetParameter(_PITCH, request["pitch"], 0)
        text = request["text"].encode()
        # At its start espeak-ng seeds the noise of its voices with the time of day.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(_NOISE_SEED))
        self._library.espeak_Synth(text, len(text) + 1, 0, 0, 0, _UTF8, None, None)
        samples = bytes(self._samples)
        return {"rate_hz": self._rate_hz, "num_bytes": len(samples), "words": self._words}, samples


def _answer(out: BinaryIO, header: dict[str, Any], payload: bytes = b"") -> None:
    out.write(json.dumps(header).encode() + b"\n" + payload)
    out.flush()


def serve(batches: BinaryIO, out: BinaryIO) -> None:
    """Answers batches in order until the input ends, each from a child forked for it alone."""
    while line := batches.readline():  # not iteration, which reads ahead past the fork
        child = os.fork()
        if child == 0:
            try:
                speaker = Speaker()
                for request in json.loads(line):
                    _answer(out, *speaker.speak(request))
                os._exit(0)
            except BaseException as error:  # the child must never return into the server's loop
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if status != 0:
            sys.exit(f"espeak-ng ended with status {status}")


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
