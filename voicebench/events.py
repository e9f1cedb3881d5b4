"""What happens in a turn: one type of event for each kind, a union told apart by its tag.

    match event:
        case TranscriptFinal(text=text):
            ...

The pipeline makes them; records, metrics, the page and the service read them. In a record an event is
`{"kind": "answer_token", "t_s": 4.1, ...}` with the fields that differ from their defaults. Objects
that the record of the turn has in fields of its own (windows, the hypothesis, the prompt) travel with a
live event only: `recorded` drops them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import msgspec

from voicebench.elements import Hypothesis, Message, Mixture, Recognition, Record, Window

CommitReason = Literal["endpoint", "audio_end", "client"]
"""What ends a turn: silence, the end of the audio, or the client."""


class EventBase(Record, tag_field="kind", omit_defaults=True):
    """One thing that happened, `t_s` seconds after the turn's first audio sample."""

    t_s: float

    live_only: ClassVar[tuple[str, ...]] = ()
    """Fields that no record has."""

    @property
    def kind(self) -> str:
        """The tag."""
        return str(self.__struct_config__.tag)

    @property
    def data(self) -> dict[str, Any]:
        """What a table shows of it: the recorded fields but the time, without those of no value."""
        values = {name: getattr(self, name) for name in self._recorded_names()}
        return {n: value for n, value in values.items() if value is not None and n != "t_s"}

    def recorded(self) -> Event:
        """The event as a record has it."""
        fields = {name: getattr(self, name) for name in self._recorded_names()}
        return type(self)(**fields)  # type: ignore[return-value]  # the bases make no events

    def _recorded_names(self) -> list[str]:
        return [name for name in self.__struct_fields__ if name not in self.live_only]


# ---------------------------------------------------------------- what happened to the audio


class AudioStarted(EventBase, tag="audio_started"):
    """The first sample of the turn."""

    recognition: Recognition = "windows"


class WindowReady(EventBase, tag="window_ready"):
    """All audio of a window or segment is there."""

    index: int = 0
    start_s: float = 0.0
    end_s: float = 0.0


class RecognitionEvent(EventBase):
    """Recognition of one window or segment."""

    live_only = ("window",)

    index: int = 0
    compute_s: float = 0.0
    started_s: float | None = None
    num_tokens: int = 0
    confidence: float = 1.0
    window: Window | None = None


class WindowRecognized(RecognitionEvent, tag="window_recognised"):
    """A window or segment went through the recognizer."""


class WindowRecognizedAgain(RecognitionEvent, tag="window_recognised_again"):
    """The same with more context, since the first pass was not confident."""


class SpeechStarted(EventBase, tag="speech_started"):
    """The VAD found speech from `at_s` on; `started_s` is when it began on a whole block."""

    at_s: float | None = None
    started_s: float | None = None


class SpeechStopped(EventBase, tag="speech_stopped"):
    """The VAD found the end of speech at `at_s`; `started_s` as in `SpeechStarted`."""

    at_s: float | None = None
    started_s: float | None = None


class EndOfTurnEstimated(EventBase, tag="end_of_turn_estimated"):
    """How probable it is that the turn is over with the speech that ended at `at_s`, and so after
    which silence it is. Without a probability, why there is none."""

    at_s: float = 0.0
    probability: float | None = None
    silence_s: float = 0.0
    started_s: float | None = None
    error: str | None = None


class AudioEnded(EventBase, tag="audio_ended"):
    """No more audio is taken."""

    audio_s: float = 0.0


class TurnCommitted(EventBase, tag="turn_committed"):
    """The turn is over, after `silence_s` of silence."""

    reason: CommitReason = "endpoint"
    silence_s: float = 0.0


# ---------------------------------------------------------------- what became of it


class TranscriptFinal(EventBase, tag="transcript_final"):
    """The transcript; `from_pause_s` where that of a pause's onset was taken."""

    live_only = ("hypothesis",)

    text: str = ""
    confidence: float = 0.0
    from_pause_s: float | None = None
    hypothesis: Hypothesis = Hypothesis()


class Punctuated(EventBase, tag="punctuated"):
    """The transcript with marks."""

    text: str = ""
    started_s: float | None = None


class TranscriptCleaned(EventBase, tag="cleaned"):
    """The transcript after cleaning by a preset."""

    live_only = ("retracted",)

    text: str = ""
    preset: str = ""
    started_s: float | None = None
    retracted: tuple[str, ...] = ()


class PromptBuilt(EventBase, tag="prompt_built"):
    """The prompt that is answered."""

    live_only = ("messages", "token_ids", "as_embeddings", "mixtures")

    num_tokens: int = 0
    started_s: float | None = None
    messages: tuple[Message, ...] = ()
    token_ids: tuple[int, ...] = ()
    as_embeddings: bool = False
    mixtures: tuple[Mixture, ...] = ()


class RequestSubmitted(EventBase, tag="request_submitted"):
    """The prompt went to the LLM."""


class AnswerTokenShown(EventBase, tag="answer_token"):
    """A token of the answer."""

    index: int = 0
    id: int = -1
    text: str = ""


class AnswerFinished(EventBase, tag="answer_finished"):
    """The answer is complete."""

    finish_reason: str = ""
    num_tokens: int = 0
    num_illegal_tokens: int = 0
    cached_prompt_tokens: int = 0


class ToolCalled(EventBase, tag="tool_called"):
    """The LLM called a tool; a malformed call has no name, and its text as `arguments`."""

    name: str = ""
    arguments: str = ""
    round: int = 0
    num_tokens: int = 0


class ToolAnswered(EventBase, tag="tool_answered"):
    """A tool returned or failed."""

    name: str = ""
    outcome: str = ""
    content: str = ""
    round: int = 0


# ---------------------------------------------------------------- early work and protection


class PrefillStarted(EventBase, tag="prefill_started"):
    """The beginning of a prompt goes into the prefix cache."""

    part: str = "prefill"
    num_tokens: int = 0
    is_waited_for: bool = False


class PrefillFinished(EventBase, tag="prefill_finished"):
    """It is there, or the attempt ended; `engine_s` since it started."""

    outcome: Literal["done", "failed", "cancelled"] = "done"
    num_tokens: int = 0
    engine_s: float = 0.0
    cached_tokens: int | None = None
    error: str | None = None


class SpeculationStarted(EventBase, tag="speculation_started"):
    """A draft answer to the transcript `text`, cleaned to `cleaned`."""

    trigger: str = "a pause"
    text: str | None = None
    cleaned: str | None = None
    num_prompt_tokens: int = 0


class SpeculationKept(EventBase, tag="speculation_kept"):
    """The draft is the answer."""

    trigger: str = ""
    started_s: float | None = None
    first_token_s: float | None = None
    num_tokens: int = 0


class SpeculationDropped(EventBase, tag="speculation_dropped"):
    """The draft was aborted, or could not be started (no `started_s` then)."""

    trigger: str = ""
    reason: str = ""
    num_tokens: int = 0
    engine_s: float = 0.0
    started_s: float | None = None
    cached_prompt_tokens: int = 0
    error: str | None = None


class BreakerEvent(EventBase):
    """A circuit changed its state; `trouble` is its stage."""

    trouble: str = ""


class BreakerOpened(BreakerEvent, tag="breaker_opened"):
    """The circuit opened."""


class BreakerHalfOpen(BreakerEvent, tag="breaker_half_open"):
    """The circuit lets one turn through on trial."""


class BreakerClosed(BreakerEvent, tag="breaker_closed"):
    """The circuit closed."""


# ---------------------------------------------------------------- ends of a turn that went wrong


class TurnDegraded(EventBase, tag="degraded"):
    """The turn falls back to text input; `trouble` names the stages of open circuits."""

    reason: str = ""
    hint: str = ""
    trouble: str | None = None


class TurnFailed(EventBase, tag="failed"):
    """A stage failed."""

    stage: str = ""
    type: str = ""
    message: str = ""


# ---------------------------------------------------------------- all of them

Event: TypeAlias = (
    AudioStarted
    | WindowReady
    | WindowRecognized
    | WindowRecognizedAgain
    | SpeechStarted
    | SpeechStopped
    | EndOfTurnEstimated
    | AudioEnded
    | TurnCommitted
    | TranscriptFinal
    | Punctuated
    | TranscriptCleaned
    | PromptBuilt
    | RequestSubmitted
    | AnswerTokenShown
    | AnswerFinished
    | ToolCalled
    | ToolAnswered
    | PrefillStarted
    | PrefillFinished
    | SpeculationStarted
    | SpeculationKept
    | SpeculationDropped
    | BreakerOpened
    | BreakerHalfOpen
    | BreakerClosed
    | TurnDegraded
    | TurnFailed
)
EVENT_TYPES: Mapping[str, type[Event]] = {
    str(event.__struct_config__.tag): event for event in get_args(Event)
}
"""By kind."""


def make_event(kind: str, t_s: float, data: Mapping[str, Any] = {}) -> Event:
    """An event from its kind and data, as records had them before schema version 2.

    Args:
        kind: One of `EVENT_TYPES`.
        t_s: Seconds of the turn.
        data: By field; what the type has no field for is dropped.

    Raises:
        msgspec.ValidationError: The kind is unknown, or its data are of another type.
    """
    if kind not in EVENT_TYPES:
        raise msgspec.ValidationError(f"Invalid event kind {kind!r}")
    event = EVENT_TYPES[kind]
    known = {name: value for name, value in data.items() if name in event.__struct_fields__}
    return msgspec.convert({**known, "kind": kind, "t_s": t_s}, event)
