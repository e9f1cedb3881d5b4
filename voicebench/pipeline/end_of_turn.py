"""Has the person finished? A probability at the onset of a pause, and the silence that follows from it.

The probability comes from a source that the variant names (`endpoint`): the LLM that will answer, which
says how probable the end of the user's message is after the words so far, or the last mark of the
punctuation model. One rule makes a silence of it: the shortest where the source is sure, the longest
where it is not, and the longest as long as nothing is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from voicebench.clock import TurnClock
from voicebench.errors import ConfigError
from voicebench.events import EndOfTurnEstimated, Event
from voicebench.llm.base import Generator, PredictsEndOfTurn
from voicebench.metrics.turn_taking import Rule
from voicebench.pipeline.endpoint import Endpoint
from voicebench.pipeline.pace import start_beside
from voicebench.types import Hypothesis, Variant

FINAL_MARKS = "。？！?!"
Source = Callable[[Hypothesis], Awaitable[float]]
"""The probability that a turn is over after these words."""


def rule_of(variant: Variant) -> Rule:
    """The variant's rule from probability to silence."""
    if variant.endpoint == "silence":
        return Rule(variant.endpoint_silence_s, variant.endpoint_silence_s)
    return Rule(
        variant.endpoint_min_silence_s,
        variant.endpoint_max_silence_s,
        variant.endpoint_sure_above,
        variant.endpoint_unsure_below,
    )


def check_source(variant: Variant, generator: Generator, *, punctuates: bool) -> None:
    """Refuses a variant whose models cannot say whether a turn is over.

    Raises:
        ConfigError: The language model does not tell, or there is no punctuation model.
    """
    way_out = "Use endpoint=silence."
    if variant.endpoint == "llm" and not isinstance(generator, PredictsEndOfTurn):
        raise ConfigError(
            f"variant {variant.name!r}: endpoint=llm needs a language model that gives probabilities",
            way_out,
        )
    if variant.endpoint == "punctuation" and not punctuates:
        raise ConfigError(
            f"variant {variant.name!r}: endpoint=punctuation needs a punctuation model",
            f"Name one in the profile (asr.punctuation), or: {way_out}",
        )


class EndOfTurn:
    """One turn's estimates; sets the endpointer's silence.

    Args:
        source: Gives the probability; what it raises leaves the longest silence.
        rule: From the probability to the silence.
        endpoint: Whose silence is set.
        clock: The turn's.
        emit: Takes `end_of_turn_estimated`.
        timeout_s: Longest time for an estimate.
    """

    def __init__(
        self,
        source: Source,
        rule: Rule,
        endpoint: Endpoint,
        clock: TurnClock,
        emit: Callable[[Event], None],
        timeout_s: float,
    ) -> None:
        self._source = source
        self._rule = rule
        self._endpoint = endpoint
        self._clock = clock
        self._emit = emit
        self._timeout_s = timeout_s
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, hypothesis: Hypothesis, at_s: float) -> None:
        """Begins an estimate on the words up to a pause; `at_s` is the end of speech before it."""
        self.reset()
        self._tasks.append(start_beside(self._clock, self._estimate(hypothesis, at_s)))

    def reset(self) -> None:
        """Speech goes on, or the turn is over: what is not known yet is not asked any more."""
        for task in self._tasks:
            task.cancel()
        self._endpoint.silence_s = self._rule.max_silence_s

    async def close(self) -> None:
        """Waits until nothing is left of it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _estimate(self, hypothesis: Hypothesis, at_s: float) -> None:
        started_s, probability, problem = self._clock.t_s(), None, None
        try:
            async with asyncio.timeout(self._timeout_s):
                probability = await self._source(hypothesis)
            if not 0 <= probability <= 1:
                problem, probability = f"{probability} is no probability", None
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        silence_s = self._rule.silence_s(probability)
        self._endpoint.silence_s = silence_s
        self._emit(
            EndOfTurnEstimated(
                t_s=self._clock.t_s(), at_s=at_s, probability=probability, silence_s=silence_s,
                started_s=started_s, error=problem,
            )
        )  # fmt: skip
