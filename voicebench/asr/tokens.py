"""From a recogniser's frames, pieces and letters to timed words: pure functions, no model needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from voicebench.types import Alternative, Token, group_letters, is_letter, spell

Floats = NDArray[np.float64]

PIECE_MARK = "@@"
"""Ends a piece whose word goes on in the next piece: `pre@@ sen@@ tation`."""

_FIRE_SHIFT_FRAMES = -1.5  # the weight of a token peaks after its start; value of FunASR
_MAX_TOKEN_S = 0.4  # what follows a fire for longer is silence; a slow syllable lasts 0.35 s


def token_times(
    weights: NDArray[np.float32], num_tokens: int, frame_s: float
) -> list[tuple[float, float]]:
    """Start and end of every token by integrate-and-fire.

    The weights are scaled to `num_tokens + 1` fires: fire k, shifted by -1.5 frames, starts token
    k, the next fire ends it (https://arxiv.org/abs/2301.12343).

    Args:
        weights: Shape (num_frames,), the non-negative weight of every frame.
        num_tokens: Tokens to place.
        frame_s: Seconds of one frame.

    Returns:
        `num_tokens` pairs (start_s, end_s): ends not before starts, starts never falling.
    """
    if num_tokens == 0:
        return []
    duration_s = len(weights) * frame_s
    sums = np.cumsum(weights, dtype=np.float64)
    if not len(sums) or not math.isfinite(sums[-1]) or sums[-1] <= 0:
        edges_s = np.linspace(0.0, duration_s, num_tokens + 1)
    else:
        wanted = np.arange(1, num_tokens + 2) * sums[-1] / (num_tokens + 1)
        fires = np.searchsorted(sums, wanted * (1 - 1e-6))
        edges_s = np.clip((fires + _FIRE_SHIFT_FRAMES) * frame_s, 0.0, duration_s)
    return [
        (float(start), float(min(end, start + _MAX_TOKEN_S))) for start, end in pairwise(edges_s)
    ]


def token_centres(weights: NDArray[np.float32], num_tokens: int, frame_s: float) -> Floats:
    """Where the predictor hears each token: its integral passes k + 1/2 in the middle of token k.

    Args:
        weights: Shape (num_frames,), the predictor's weights: token k is made of the frames between
            its k-th and next whole number.
        num_tokens: Tokens that the predictor counted.
        frame_s: Seconds of one frame.

    Returns:
        Shape (num_tokens,), seconds, never falling.
    """
    sums = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    centres: Floats = np.interp(np.arange(num_tokens) + 0.5, sums, np.arange(len(sums)) * frame_s)
    return centres


def centred(
    times: Sequence[tuple[float, float]], centres_s: Floats, duration_s: float
) -> list[tuple[float, float]]:
    """Moves each token to its centre; where two then overlap, they meet in the middle.

    The timestamp head knows how long a token lasts, but drifts over an utterance, and in a window
    cut out of speech it is off by half a token; the predictor does not drift, since it makes the
    tokens.
    """
    if not times:
        return []
    lengths = np.array([end - start for start, end in times])
    starts, ends = centres_s - lengths / 2, centres_s + lengths / 2
    meeting = (ends[:-1] + starts[1:]) / 2
    is_overlap = ends[:-1] > starts[1:]
    ends[:-1] = np.where(is_overlap, meeting, ends[:-1])
    starts[1:] = np.where(is_overlap, meeting, starts[1:])
    starts = np.maximum.accumulate(np.clip(starts, 0.0, duration_s))
    ends = np.maximum(np.clip(ends, 0.0, duration_s), starts)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def join_pieces(pieces: Sequence[Token]) -> tuple[Token, ...]:
    """Joins `@@` pieces to words. A word's readings are the likeliest products of its pieces'.

    >>> pieces = [Token(text="he@@", start_s=0.0, end_s=0.2, confidence=0.5),
    ...           Token(text="llo", start_s=0.2, end_s=0.4, confidence=0.5)]
    >>> [(word.text, word.end_s, word.confidence) for word in join_pieces(pieces)]
    [('hello', 0.4, 0.25)]
    """
    words: list[Token] = []
    started: list[Token] = []
    for piece in pieces:
        if started and not piece.text[:1].isascii():  # a word cannot go on in a Hanzi
            words.append(_word(started))
            started = []
        started.append(piece)
        if not piece.text.endswith(PIECE_MARK):
            words.append(_word(started))
            started = []
    if started:
        words.append(_word(started))
    return tuple(words)


def join_letters(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Joins runs of single letters to words in upper case, as FunASR does: `p p t` to `PPT`.

    A word lasts from its first letter to its last. Its confidence is the geometric mean of theirs,
    which thresholds set for single tokens fit; its readings are the likeliest products.

    >>> letters = [Token(text=t, start_s=s, end_s=s + 0.2, confidence=c)
    ...            for t, s, c in (("a", 0.0, 0.9), ("i", 0.2, 0.4))]
    >>> [(word.text, word.end_s, round(word.confidence, 2)) for word in join_letters(letters)]
    [('AI', 0.4, 0.6)]
    """
    groups = group_letters([token.text for token in tokens])
    if len(groups) == len(tokens):
        return tuple(tokens)
    return tuple(_spelled(tokens[group.start : group.stop]) for group in groups)


def _spelled(letters: Sequence[Token]) -> Token:
    if len(letters) == 1:
        return letters[0]
    readings = _products([[a for a in each.alternatives if is_letter(a.text)] for each in letters])
    confidences = [letter.confidence for letter in letters]
    return Token(
        text=spell([letter.text for letter in letters]),
        start_s=letters[0].start_s,
        end_s=max(letter.end_s for letter in letters),
        confidence=math.prod(confidences) ** (1 / len(confidences)),
        alternatives=tuple(Alternative(text=t.upper(), probability=p) for t, p in readings),
    )


def _word(pieces: Sequence[Token]) -> Token:
    if len(pieces) == 1 and not pieces[0].text.endswith(PIECE_MARK):
        whole = tuple(a for a in pieces[0].alternatives if not a.text.endswith(PIECE_MARK))
        return msgspec.structs.replace(pieces[0], alternatives=whole)
    readings = _products([piece.alternatives for piece in pieces])
    return Token(
        text="".join(piece.text.removesuffix(PIECE_MARK) for piece in pieces),
        start_s=pieces[0].start_s,
        end_s=max(piece.end_s for piece in pieces),
        confidence=math.prod(piece.confidence for piece in pieces),
        alternatives=tuple(Alternative(text=t, probability=p) for t, p in readings),
    )


def _products(parts: Sequence[Sequence[Alternative]]) -> list[tuple[str, float]]:
    """The likeliest texts of parts that are read one after another, as many as a part has at most."""
    most = max(map(len, parts))
    readings = [("", 1.0)]
    for part in parts:
        longer = [
            (text + reading.text.removesuffix(PIECE_MARK), probability * reading.probability)
            for text, probability in readings
            for reading in part
        ]
        readings = sorted(longer, key=lambda item: -item[1])[:most]
    return readings
