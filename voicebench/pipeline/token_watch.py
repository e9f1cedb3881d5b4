"""Watching an answer's tokens as they come: illegal ones, and none at all.

Illegal are control tokens (the end token is none: the engine keeps it to itself), ids that the
tokenizer does not know, and U+FFFD, which stands where bytes made no character. None is ever shown.
One may slip in; several in a row are an LLM that has lost its way, and the request is aborted. Random
weights never had one: of theirs every token is legal.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

import msgspec

from voicebench.errors import StageError, StageTimeoutError
from voicebench.llm.base import Delta, Generator, knows_tokens, may_answer_at_random
from voicebench.types import AnswerToken, Guard

REPLACEMENT_CHARACTER = "\ufffd"


class IllegalTokensError(StageError):
    """Too many illegal tokens in a row."""


def legality(generator: Generator) -> Callable[[AnswerToken], bool]:
    """Whether a token may stand in an answer: by id where the generator knows, and by text."""
    if may_answer_at_random(generator) and generator.answers_at_random:
        return lambda _: True
    is_legal_id = generator.is_legal_token if knows_tokens(generator) else None

    def is_legal(token: AnswerToken) -> bool:
        if REPLACEMENT_CHARACTER in token.text:
            return False
        return is_legal_id is None or is_legal_id(token.id)

    return is_legal


async def watched(
    deltas: AsyncGenerator[Delta, None], is_legal: Callable[[AnswerToken], bool], guard: Guard
) -> AsyncGenerator[Delta, None]:
    """The legal tokens of one answer; as soon as something is wrong the stream is closed, which
    aborts the request.

    Args:
        deltas: From `Generator.stream`.
        is_legal: From `legality`.
        guard: `max_illegal_tokens` and `llm_timeout_s`.

    Raises:
        IllegalTokensError: That many illegal tokens came in a row. What else was in the delta that
            held the last of them is not passed on.
        StageTimeoutError: Nothing came for that long.
        StageError: What the engine raised.
    """
    num_in_a_row = 0
    async with contextlib.aclosing(deltas):
        while (delta := await _next(deltas, guard.llm_timeout_s)) is not None:
            legal = []
            for token in delta.tokens:
                if is_legal(token):
                    legal.append(token)
                    num_in_a_row = 0
                    continue
                num_in_a_row += 1
                if num_in_a_row >= guard.max_illegal_tokens:
                    problem = f"{num_in_a_row} illegal tokens in a row, the last with id {token.id}"
                    raise IllegalTokensError("llm", problem)
            yield msgspec.structs.replace(delta, tokens=tuple(legal))


async def _next(deltas: AsyncGenerator[Delta, None], timeout_s: float) -> Delta | None:
    try:
        async with asyncio.timeout(timeout_s):
            return await anext(deltas, None)
    except TimeoutError:
        raise StageTimeoutError("llm", f"no answer token came for {timeout_s:g} s") from None
