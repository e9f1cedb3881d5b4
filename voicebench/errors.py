"""Every error a user can meet, typed: the value, the place and the way out.

`UserError` and its subclasses are the user's to mend (exit code 2); `VoicebenchError` alone is ours
(exit code 1). The command line prints `str(error)` on one line, never a stack trace, for both.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence with the known name closest to `name`; empty when none is close.

    >>> did_you_mean("dayly_qa", ["daily_qa", "multi_turn"])
    "Did you mean 'daily_qa'?"
    >>> did_you_mean("x", ["daily_qa"])
    ''
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


class VoicebenchError(Exception):
    """Base of all errors raised on purpose here.

    Args:
        problem: What is wrong, naming the value and the place.
        way_out: What to do about it, as an imperative sentence or a command. May be empty.
    """

    exit_code = 1

    def __init__(self, problem: str, way_out: str = "") -> None:
        self.problem = problem
        self.way_out = way_out
        super().__init__(f"{problem}. {way_out}" if way_out else problem)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in a notebook's cell in place of the stack trace."""
        return [f"error: {self}"]


class UserError(VoicebenchError):
    """Something in the user's input or settings; exit code 2."""

    exit_code = 2


class AudioError(UserError):
    """Audio that is missing, empty, truncated, not audio, too short or too long."""


class ConfigError(UserError):
    """An unknown or impossible setting, profile, variant, cleaning or prompt."""


class SuiteError(UserError):
    """A suite or case that is missing or does not fit the schema."""


class ModelError(UserError):
    """A model folder that is missing, incomplete or does not fit its checksums."""


class BudgetError(UserError):
    """A model that the device's memory cannot hold, found before it is loaded."""


class MissingPackageError(UserError):
    """An optional package that the call needs is not installed."""


class RecordError(UserError):
    """A run or a record that cannot be read, or belongs to other settings."""


class StorageError(VoicebenchError):
    """The disk refused a write; everything recorded before stays readable."""


class StageError(VoicebenchError):
    """A stage of the pipeline failed or timed out on this turn.

    Args:
        stage: `audio`, `asr`, `cleaning`, `prompt`, `llm` or `endpoint`.
        problem: See `VoicebenchError`.
        way_out: See `VoicebenchError`.
    """

    def __init__(self, stage: str, problem: str, way_out: str = "") -> None:
        self.stage = stage
        super().__init__(problem, way_out)


class RuleError(StageError):
    """A cleaning rule or prompt function of the user's own raised, gave no text or never came to
    rest. It fails the turn, and says nothing against the pipeline; exit code 2."""

    exit_code = 2


class RequestRefusedError(StageError):
    """A stage refuses what one turn brings, such as a prompt that the engine cannot take; it says
    nothing about the stage."""


class PromptTooLongError(StageError):
    """The prompt leaves no room for an answer in the model's context."""


class StageTimeoutError(StageError):
    """A stage took longer than its setting allows; it may still be running."""


def nearest_name(name: object, known: Iterable[str]) -> str:
    """A way out for an unknown name: the closest known one, or all of them.

    >>> nearest_name("dtyp", ["dtype", "folder"])
    "Did you mean 'dtype'?"
    >>> nearest_name("x", ["dtype", "folder"])
    'Known: dtype, folder.'
    """
    names = list(known)
    return did_you_mean(str(name), names) or f"Known: {', '.join(names)}."
