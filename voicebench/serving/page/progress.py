"""From a turn's events to what the page shows of it, step by step."""

from __future__ import annotations

import msgspec

from voicebench.asr.merge import merge
from voicebench.asr.tokens import join_letters
from voicebench.metrics.latency import token_times_s
from voicebench.metrics.waterfall import waterfall
from voicebench.serving.page.view import Shown, State
from voicebench.types import Event, Token, Turn, Window


class Progress:
    """One turn.

    Args:
        begun: What is known at its beginning.

    Attributes:
        shown: What is known now.
    """

    def __init__(self, begun: Shown) -> None:
        self.shown = begun
        self._tokens: tuple[Token, ...] = ()
        self._window_end_s = 0.0

    @property
    def heard(self) -> tuple[Token, ...]:
        """What was heard so far."""
        return self.shown.tokens

    def take(self, event: Event) -> bool:
        """Takes an event; whether there is something new to show."""
        before, data = self.shown, event.data
        match event.kind:
            case "window_recognised":
                self._hear(data["window"])
            case "turn_committed":
                self._change(state="recognising")
            case "transcript_final":
                self._change(tokens=data["hypothesis"].tokens)
            case "cleaned":
                self._change(cleaned=data["text"], state="answering")
            case "answer_token":
                self._change(answer=self.shown.answer + data["text"])
            case "degraded":
                self._change(state="degraded", hint=data["hint"])
            case _:
                pass
        return self.shown is not before

    def end(self, turn: Turn, *, is_stopped: bool) -> None:
        """The turn is over.

        Args:
            turn: Its record.
            is_stopped: Whether it was stopped before its end.
        """
        state: State = "stopped" if is_stopped else "degraded" if turn.degraded else "done"
        times = token_times_s(turn)
        first_s = times[0] if times and self.shown.typed else None
        segments = () if self.shown.typed else waterfall(turn)
        self._change(state=state, segments=segments, first_token_s=first_s)

    def fail(self, error: str) -> None:
        """There is no turn, or it broke off.

        Args:
            error: A sentence for the person.
        """
        self._change(state="error", error=error)

    def _hear(self, window: Window) -> None:
        if window.is_provisional or window.pass_number > 1:
            return
        self._tokens = merge(
            self._tokens,
            window.tokens,
            previous_end_s=self._window_end_s,
            new_start_s=window.heard_from_s,
        )
        self._window_end_s = window.end_s
        self._change(tokens=join_letters(self._tokens))

    def _change(self, **changes: object) -> None:
        self.shown = msgspec.structs.replace(self.shown, **changes)
