"""Which of a transcript's characters are still the recogniser's tokens after cleaning.

Cleaning works on text. Its result is aligned with what was recognised, and falls into pieces:

    a token       all of its characters came through, side by side
    other text    what cleaning put in, and what it left of a token that it cut

What cleaning dropped is in no piece. The pieces put together are the cleaned text, character by
character, whatever the alignment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from voicebench.llm.token_table import starts_latin
from voicebench.types import Token, join_tokens


class Piece(NamedTuple):
    """A piece of a cleaned transcript; `token` is None where it is no token of the recogniser.

    The text of a Latin word has a space before it where the transcript has one.
    """

    text: str
    token: Token | None


def split_into_pieces(cleaned: str, tokens: Sequence[Token]) -> list[Piece]:
    """Splits a cleaned transcript into recogniser tokens and other text.

    Args:
        cleaned: What cleaning made of the tokens' text.
        tokens: What was recognised.

    >>> heard = [Token(text=t, start_s=0, end_s=0, confidence=1) for t in ("嗯", "开", "ppt", "app")]
    >>> [(piece.text, piece.token is not None) for piece in split_into_pieces("开ppt app，", heard)]
    [('开', True), ('ppt', True), (' app', True), ('，', False)]
    """
    said = join_tokens([token.text for token in tokens])
    places = _places(said, cleaned)
    pieces: list[Piece] = []
    num_split = position = 0
    for token in tokens:
        # the only text between tokens is the space before a Latin word
        start = position + said.startswith(" ", position)
        position = start + len(token.text)
        place = places[start] if token.text else -1
        if place < 0 or places[start:position] != list(range(place, place + len(token.text))):
            continue
        is_spaced = place > num_split and cleaned[place - 1] == " " and starts_latin(token.text)
        if gap := cleaned[num_split : place - is_spaced]:
            pieces.append(Piece(gap, None))
        num_split = place + len(token.text)
        pieces.append(Piece(cleaned[place - is_spaced : num_split], token))
    if rest := cleaned[num_split:]:
        pieces.append(Piece(rest, None))
    return pieces


def _places(said: str, cleaned: str) -> list[int]:
    """For every character said its place in the cleaned text, -1 where it did not come through."""
    if said == cleaned:
        return list(range(len(said)))
    import jiwer

    # Backwards: of what was said twice the later one is kept, which is the one that was meant.
    output = jiwer.process_words(
        "",
        "",
        reference_transform=lambda _: [list(reversed(said))],  # type: ignore[arg-type]
        hypothesis_transform=lambda _: [list(reversed(cleaned))],  # type: ignore[arg-type]
    )
    places = [-1] * len(said)
    for chunk in output.alignments[0]:
        if chunk.type == "equal":
            for offset in range(chunk.ref_end_idx - chunk.ref_start_idx):
                place = len(cleaned) - 1 - chunk.hyp_start_idx - offset
                places[len(said) - 1 - chunk.ref_start_idx - offset] = place
    return places
