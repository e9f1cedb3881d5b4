"""Loading both models and warming up everything that a first turn would otherwise wait for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.asr import random_weights as asr_random_weights
from voicebench.asr.base import Recognizer
from voicebench.asr.batcher import BatchingRecognizer
from voicebench.asr.companions import companions_of
from voicebench.asr.hotwords import check_hotwords
from voicebench.asr.kinds import build_recognizer
from voicebench.llm import random_weights as llm_random_weights
from voicebench.llm.base import Generator, chat_prompt, reset_prefix_cache
from voicebench.llm.kinds import build_generator
from voicebench.llm.prompts import build_messages
from voicebench.pipeline.endpoint import Endpoint
from voicebench.profiles.schema import LlmProfile, Profile
from voicebench.profiles.verification import require_asr, require_part
from voicebench.types import SAMPLE_RATE_HZ, Sampling, Variant

READY_LINE = "[ASR] READY | [LLM] READY | [PIPELINE] FULLY INITIALIZED"

_WARM_UP = Sampling(max_tokens=2)
_USUAL = Variant()
_PIECES_S = tuple(  # a window alone, with its context, and with that of recognizing it again
    _USUAL.window_s + context_s
    for context_s in (0.0, _USUAL.context_s, _USUAL.re_recognise_context_s)
)


def prepare_folders(profile: Profile, *, with_speakers: bool = False) -> tuple[Path, Path]:
    """Makes model folders of random weights, and checks all others; loads nothing.

    Args:
        profile: Which models.
        with_speakers: Whether its speaker model will be needed.

    Returns:
        The recogniser's and the language model's.

    Raises:
        ModelError, MissingPackageError, StorageError: A folder is not whole or cannot be made.
        ConfigError: The recogniser has no tokens for a hotword.
    """
    asr, llm = profile.asr, profile.llm
    if asr.random_weights:
        asr_random_weights.ensure_random_weights(Path(asr.folder), asr.random_weights)
    if llm.random_weights:
        llm_random_weights.ensure_random_weights(Path(llm.folder), llm.random_weights)
    require_asr(asr, with_speakers=with_speakers)
    require_part(llm)
    check_hotwords(asr)
    return Path(asr.folder), Path(llm.folder)


def load_and_warm_up(
    profile: Profile,
    announce: Callable[[str], None] = lambda _: None,
    *,
    num_streams: int = 1,
    recognizer: Recognizer | None = None,
) -> tuple[Recognizer, Generator]:
    """Loads a profile's models and runs each part of the pipeline once.

    Args:
        profile: Which models.
        announce: Told what goes on, and at the end `READY_LINE`.
        num_streams: Conversations that go on at once. Of several, what waits to be recognised goes
            into one call, and vLLM is told to answer all of them at once.
        recognizer: In place of the profile's.

    Each model computes on one thread of its own, in warm-up and in turns alike.

    Returns:
        The recogniser and the generator; closing them is the caller's.

    Raises:
        ModelError, MissingPackageError, ConfigError: A model cannot be loaded.
    """
    if recognizer is None:
        check_hotwords(profile.asr)
        announce("Loading the recogniser ...")
        recognizer = build_recognizer(profile.asr)
    recognizer = share_recognizer(recognizer, num_streams)
    try:
        announce("Loading the language model ...")
        generator = build_generator(_with_room_for(profile.llm, num_streams))
    except BaseException:
        recognizer.close()
        raise
    try:
        warm_up(recognizer, generator)
    except BaseException:
        generator.close()
        recognizer.close()
        raise
    announce(READY_LINE)
    return recognizer, generator


def share_recognizer(recognizer: Recognizer, num_streams: int) -> Recognizer:
    """A loaded recogniser on one thread, for so many streams at once; closing the result closes it.

    Of one stream no call is given up: the time of a turn's recognition is limited by the turn.
    """
    if num_streams > 1:
        return BatchingRecognizer(recognizer)
    return BatchingRecognizer(recognizer, max_batch=None, stuck_after_s=None)


def _with_room_for(llm: LlmProfile, num_streams: int) -> LlmProfile:
    return msgspec.structs.replace(llm, max_num_seqs=max(llm.max_num_seqs, num_streams))


def warm_up(recognizer: Recognizer, generator: Generator) -> None:
    """Recognises noise, looks for speech in it, sets marks and begins an answer, all for nothing.

    The prompt cache is emptied afterwards: the first turn must find what a fresh process has.

    Raises:
        StageError: The LLM cannot answer.
    """
    companions = companions_of(recognizer)
    for piece_s in _PIECES_S:
        noise = _noise(piece_s)
        Endpoint().feed(noise[: SAMPLE_RATE_HZ // 2])
        if companions.vad:
            Endpoint(vad=companions.vad.stream()).feed(noise[: SAMPLE_RATE_HZ // 2])
        recognizer.recognize(noise)
    if companions.punctuation:
        companions.punctuation.punctuate("你好")
    generator.generate([chat_prompt(generator, build_messages("baseline", (), "你好"))], _WARM_UP)
    reset_prefix_cache(generator)


def _noise(duration_s: float) -> NDArray[np.float32]:
    """A voice-like hum with noise: recognisers find words in it, so that all of them runs."""
    times = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    hum = np.sign(np.sin(2 * np.pi * 150 * times)) * (np.sin(2 * np.pi * 4 * times) > 0)
    noise = np.random.default_rng(0).normal(0, 0.02, len(times))
    return np.asarray(0.1 * hum + noise, np.float32)
