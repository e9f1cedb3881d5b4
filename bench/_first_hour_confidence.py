"""Confidences of what was right and of what was wrong, from transcripts with a known reference."""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING

from _thresholds import Samples

if TYPE_CHECKING:
    from _first_hour_clips import Clip

    from voicebench.types import Token

WINDOW_S = 2.4
GOOD_CER = 0.1


def folded(text: str) -> str:
    """Lower case, without marks and spaces."""
    from voicebench.metrics.normalize import get_normalizer

    return "".join(get_normalizer("basic")(text).split())


def samples_of(
    rows: list[tuple[Clip, tuple[Token, ...], float]], in_noise: tuple[Token, ...]
) -> tuple[Samples, Samples, Samples]:
    """Confidences of tokens, transcripts and windows whose reference is known, right and wrong.

    A window is a slice of the whole transcript by time: its tokens were recognised with more context
    than a window of a turn gives.
    """
    from voicebench.metrics.error_rate import cer

    tokens: dict[bool, list[float]] = {True: [], False: [each.confidence for each in in_noise]}
    transcripts: dict[bool, list[float]] = {True: [], False: []}
    windows: dict[bool, list[float]] = {True: [], False: []}
    for clip, recognized, _ in rows:
        if clip.text is None or not recognized:
            continue
        is_right = _right_tokens(clip.text, recognized)
        for token, right in zip(recognized, is_right, strict=True):
            tokens[right].append(token.confidence)
        rate = cer(clip.text, " ".join(token.text for token in recognized)).rate
        good = rate is not None and rate <= GOOD_CER
        transcripts[good].append(statistics.fmean(token.confidence for token in recognized))
        slices = itertools.groupby(
            zip(recognized, is_right, strict=True), key=lambda pair: int(pair[0].start_s / WINDOW_S)
        )
        for _, group in slices:
            pairs = list(group)
            mean = statistics.fmean(token.confidence for token, _ in pairs)
            windows[all(right for _, right in pairs)].append(mean)
    found = (
        Samples(tuple(each[True]), tuple(each[False])) for each in (tokens, transcripts, windows)
    )
    first, second, third = found
    return first, second, third


def _right_tokens(reference: str, recognized: tuple[Token, ...]) -> list[bool]:
    """Whether every character of each token stands in the reference at its place."""
    from voicebench.metrics.error_rate import align

    pieces = [folded(token.text) for token in recognized]
    owners = [index for index, piece in enumerate(pieces) for _ in piece]
    wrong = {index for index, piece in enumerate(pieces) if not piece}
    at = 0
    for step in align(list(folded(reference)), list("".join(pieces))).steps:
        here = owners[at : at + len(step.hypothesis)]
        at += len(here)
        if step.operation != "equal":
            wrong.update(here)
    return [index not in wrong for index in range(len(recognized))]
