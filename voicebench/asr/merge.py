"""Joining the tokens of two overlapping windows into one sequence.

A window's outermost tokens are the least to be trusted: there the sound is cut and the model sees
no context. Where two windows overlap, every way of keeping the first i tokens of the earlier and
the tokens from j on of the later is scored, and the best is taken: a kept token counts by its
distance from its window's cut edge and by its confidence, and a token kept from both windows is
counted against the cut by how far the two are the same (their overlap in time, or equal text at
about the same time, where neither has a nearer equal in the other window: a character said twice
is two). A cut in the middle of the overlap would not do: times are off by up to 0.1 s
at an edge, which loses or doubles a character at many seams.
"""

from __future__ import annotations

import bisect
import math

import msgspec

from voicebench.types import Token, is_letter

_HALF_TRUST_S = 0.04  # a token whose centre is this near to the cut edge is half trusted
_GAIN_ALONE = 0.5  # of a token that only one of the windows could hear
_SAME_TEXT_S = 0.2  # equal texts nearer than this are one; said twice, they are further apart
_REACH_S = 0.3  # tokens this far outside the overlap may still belong to the seam


def merge(
    previous: tuple[Token, ...],
    new: tuple[Token, ...],
    *,
    previous_end_s: float,
    new_start_s: float,
) -> tuple[Token, ...]:
    """Joins two windows' tokens; both sequences are in the order of their times.

    Args:
        previous: Tokens so far; trusted less towards `previous_end_s`.
        new: Tokens of the later window; trusted less towards `new_start_s`.
        previous_end_s: End of the audio behind `previous`.
        new_start_s: Start of the audio behind `new`.

    Returns:
        The first tokens of `previous`, then the last of `new`; starts and ends never fall.
    """
    first = _num_before(previous, new_start_s - _REACH_S)
    last = bisect.bisect_right(new, previous_end_s + _REACH_S, key=_centre_s)
    gains_before = [
        _gain(token, previous_end_s) if _centre_s(token) >= new_start_s else _GAIN_ALONE
        for token in previous[first:]
    ]
    gains_after = [
        _gain(token, new_start_s) if _centre_s(token) <= previous_end_s else _GAIN_ALONE
        for token in new[:last]
    ]
    pairs = _equal_pairs(previous[first:], new[:last])
    best_score, best_cut = -math.inf, (first, 0)
    for i in range(first, len(previous) + 1):
        for j in range(last + 1):
            if i and j < len(new) and previous[i - 1].start_s > new[j].start_s:
                continue
            score = sum(gains_before[: i - first]) + sum(gains_after[j:])
            if previous_end_s > new_start_s:
                score -= sum(
                    1.0 if (a, b) in pairs else _shared(previous[a + first], new[b])
                    for a in range(i - first)
                    for b in range(j, last)
                )
            if score > best_score:
                best_score, best_cut = score, (i, j)
    i, j = best_cut
    return _trimmed(previous[:i], new[j:])


def num_settled(tokens: tuple[Token, ...], new_start_s: float) -> int:
    """How many of the first tokens a window that starts at `new_start_s` leaves as they are.

    Letters at the end are not among them: the next one would be of the same word.
    """
    count = _num_before(tokens, new_start_s - _REACH_S)
    while count and is_letter(tokens[count - 1].text):
        count -= 1
    return count


def _num_before(tokens: tuple[Token, ...], time_s: float) -> int:
    return bisect.bisect_left(tokens, time_s, key=_centre_s)


def _centre_s(token: Token) -> float:
    return (token.start_s + token.end_s) / 2


def _gain(token: Token, edge_s: float) -> float:
    """What keeping a token is worth, -1/2 to 1/2: distance from its window's cut edge, confidence."""
    trust = 1 - 2 ** (-abs(_centre_s(token) - edge_s) / _HALF_TRUST_S)
    return trust * (1 + token.confidence) / 2 - 0.5


def _equal_pairs(before: tuple[Token, ...], after: tuple[Token, ...]) -> set[tuple[int, int]]:
    """Positions of tokens of equal text at about the same time, each the other's nearest equal."""
    apart_s = {
        (a, b): abs(_centre_s(one) - _centre_s(other))
        for a, one in enumerate(before)
        for b, other in enumerate(after)
        if one.text == other.text
    }
    return {
        (a, b)
        for (a, b), gap_s in apart_s.items()
        if gap_s <= _SAME_TEXT_S
        and all(gap_s <= other for (x, y), other in apart_s.items() if x == a or y == b)
    }


def _shared(a: Token, b: Token) -> float:
    """How much of the shorter of two tokens is also the other's time: 0 to 1."""
    shared_s = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    shorter_s = min(a.end_s - a.start_s, b.end_s - b.start_s)
    return max(0.0, min(1.0, shared_s / shorter_s)) if shorter_s > 0 else float(shared_s >= 0)


def _trimmed(before: tuple[Token, ...], after: tuple[Token, ...]) -> tuple[Token, ...]:
    if before and after and before[-1].end_s > after[0].start_s:
        before = (*before[:-1], msgspec.structs.replace(before[-1], end_s=after[0].start_s))
    return before + after
