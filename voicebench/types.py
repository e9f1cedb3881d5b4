"""The central types: frozen, validated when made, and read from JSON strictly.

They are `msgspec.Struct`s, so one declaration gives a frozen record, JSON both ways, and refusal of
unknown or mistyped fields with the path of the culprit. Times are seconds; inside a turn they are
counted from the turn's first audio sample (`t = 0`) on one monotonic clock. Nothing here imports
torch, funasr or vllm.
"""

from __future__ import annotations

from typing import Any, Literal, dataclass_transform

import msgspec

SAMPLE_RATE_HZ = 16_000

FactType = Literal[
    "number",
    "date",
    "time",
    "money",
    "person",
    "place",
    "organisation",
    "product",
    "term",
    "constraint",
]
Mode = Literal["latency", "quality"]
Pace = Literal["real_time", "fast"]
EventKind = Literal[
    # what happened to the audio
    "audio_started", "window_ready", "window_recognised", "window_recognised_again",
    "speech_started", "speech_stopped", "audio_ended", "turn_committed",
    # what became of it
    "transcript_final", "cleaned", "prompt_built", "request_submitted", "answer_token",
    "answer_finished",
    # early work and protection (DESIGN parts 4 and 10)
    "prefill_started", "prefill_finished", "speculation_started", "speculation_kept",
    "speculation_dropped", "breaker_opened", "breaker_half_open", "breaker_closed",
    # ends of a turn that went wrong
    "degraded", "failed",
]  # fmt: skip


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all types here: frozen, by keyword, unknown fields refused when read."""


def _refuse(condition: bool, message: str) -> None:
    if condition:
        raise ValueError(message)


def _is_latin(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "'-.")


def join_tokens(texts: list[str] | tuple[str, ...]) -> str:
    """Joins recogniser tokens to text: nothing between Hanzi, a space between Latin words.

    >>> join_tokens(["打", "开", "ppt", "app", "吧"])
    '打开ppt app吧'
    """
    joined = ""
    for text in texts:
        if joined and text and _is_latin(joined[-1]) and _is_latin(text[0]):
            joined += " "
        joined += text
    return joined


class Alternative(Record):
    """One of a token's top-k readings; `probability` in [0, 1]."""

    text: str
    probability: float


class Token(Record):
    """One recognised token (a Hanzi or a Latin word) with its time in the turn's audio."""

    text: str
    start_s: float
    end_s: float
    confidence: float
    alternatives: tuple[Alternative, ...] = ()

    def __post_init__(self) -> None:
        _refuse(self.end_s < self.start_s, f"token ends before it starts: {self}")
        _refuse(not 0.0 <= self.confidence <= 1.0 + 1e-6, f"confidence outside [0, 1]: {self}")


class Hypothesis(Record):
    """What the recogniser believes was said so far."""

    tokens: tuple[Token, ...] = ()
    is_final: bool = False

    @property
    def text(self) -> str:
        return join_tokens([token.text for token in self.tokens])

    @property
    def confidence(self) -> float:
        """Mean token confidence in [0, 1]; 0.0 when nothing was heard."""
        if not self.tokens:
            return 0.0
        return sum(token.confidence for token in self.tokens) / len(self.tokens)


class Window(Record):
    """One window through the recogniser: what went in, what came out, what it cost."""

    index: int
    start_s: float
    end_s: float
    tokens: tuple[Token, ...]
    compute_s: float
    pass_number: int = 1  # 2 when recognised again with more context

    @property
    def confidence(self) -> float:
        return Hypothesis(tokens=self.tokens).confidence


class Event(Record):
    """One thing that happened, `t_s` seconds after the turn's first audio sample."""

    t_s: float
    kind: EventKind
    data: dict[str, Any] = {}


class AnswerToken(Record):
    """One answer token: its id, the text it added (may be empty) and when it arrived."""

    id: int
    text: str
    t_s: float


class Message(Record):
    """One chat message."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class Sampling(Record):
    """How the LLM samples. Temperature 0 is greedy."""

    max_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        _refuse(self.max_tokens < 1, f"max_tokens must be at least 1, got {self.max_tokens}")
        _refuse(self.temperature < 0, f"temperature must not be negative, got {self.temperature}")
        _refuse(not 0 < self.top_p <= 1, f"top_p must be in (0, 1], got {self.top_p}")


class Variant(Record):
    """Every switch of the pipeline, as pure data; every field is a column of every table."""

    name: str = "seed"
    cleaning: str = "seed"
    prompt: str = "seed"
    prompt_template: str = ""  # user message with `{asr_text}` in it; empty: the transcript alone
    handoff: Literal["text", "token_map", "embeds", "soft_embeds", "marked"] = "text"
    window_s: float = 2.4
    overlap_s: float = 0.3
    re_recognise_below: float = 0.0  # confidence under which a window is recognised again; 0: never
    endpoint_silence_s: float = 0.5
    prefill: bool = False
    speculation: bool = False
    speculation_windows: int = 3
    speculation_confidence: float = 0.9
    history_budget_tokens: int = 1024
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        _refuse(self.window_s <= 0, f"window_s must be positive, got {self.window_s}")
        _refuse(
            not 0 <= self.overlap_s < self.window_s,
            f"overlap_s must be in [0, window_s), got {self.overlap_s}",
        )
        _refuse(self.endpoint_silence_s < 0, "endpoint_silence_s must not be negative")


# ---------------------------------------------------------------- cases


class Fact(Record):
    """Something a right answer states. `value` is canonical; `accepted` are further right forms;
    `forbidden` are values that must not be stated (what a self-correction took back)."""

    id: str
    type: FactType
    value: str
    accepted: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


class Segment(Record):
    """One voice speaking once. `voice` is an espeak-ng voice (`cmn`, `yue`, `en`) with an optional
    `+variant`; `spoken` is what is synthesised (numbers spelled out in Hanzi); `start_s` is where
    it starts in the turn's audio, None for straight after the segment before it."""

    voice: str
    spoken: str
    rate_wpm: int = 180
    pitch: int = 50
    pause_before_s: float = 0.0
    start_s: float | None = None
    speaker: str = ""


class CaseTurn(Record):
    """One thing the user says, and what a good answer to it states."""

    reference: str
    """Gold transcript, word for word, with disfluencies."""
    meaning: str
    """What the user meant: the gold transcript cleaned by a person."""
    t_eos_s: float
    """True end of speech in this turn's audio."""
    segments: tuple[Segment, ...] = ()
    """How to synthesise it; empty when `audio` names a recording."""
    audio: str = ""
    """Path of a recording relative to the suite folder; empty when synthesised."""
    facts: tuple[Fact, ...] = ()
    expects: Literal["answer", "refusal", "tool"] = "answer"
    max_sentences: int = 0
    """0: no limit asked for."""

    def __post_init__(self) -> None:
        _refuse(
            bool(self.segments) == bool(self.audio),
            "a turn is either synthesised (segments) or recorded (audio)",
        )


class Case(Record):
    """One item of a suite: a conversation of one or more turns."""

    id: str
    suite: str
    clock: str
    """The case's own now (ISO 8601, local): 今天 and 下周三 are relative to it."""
    turns: tuple[CaseTurn, ...]
    tags: tuple[str, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    licence: str = "CC0-1.0"

    def __post_init__(self) -> None:
        _refuse(not self.turns, f"case {self.id} has no turns")


# ---------------------------------------------------------------- records


class StageFailure(Record):
    """Why a turn failed: the stage, the error's type and its one-line message."""

    stage: str
    type: str
    message: str


class Degradation(Record):
    """Why a turn fell back to text input, and what the user was told."""

    reason: str
    hint: str


class Turn(Record):
    """The record of one turn: what happened, not what it means. Metrics are functions of it."""

    run_id: str
    suite: str
    case_id: str
    variant: str
    repeat: int
    turn_index: int
    mode: Mode
    pace: Pace
    is_warm_up: bool = False
    audio_s: float = 0.0
    t_eos_s: float | None = None
    t_eos_source: Literal["annotated", "vad", "none"] = "none"
    windows: tuple[Window, ...] = ()
    hypothesis: Hypothesis = Hypothesis()
    cleaned: str = ""
    retracted: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    prompt_token_ids: tuple[int, ...] = ()
    cached_prompt_tokens: int = 0
    answer: str = ""
    answer_tokens: tuple[AnswerToken, ...] = ()
    finish_reason: str = ""
    gold_cleaned: str | None = None
    """The gold transcript after this variant's cleaning; quality mode only."""
    answer_from_gold_cleaned: str | None = None
    answer_from_gold: str | None = None
    """The same LLM on the gold transcript, cleaned and not; quality mode only, for attribution."""
    events: tuple[Event, ...] = ()
    degraded: Degradation | None = None
    failure: StageFailure | None = None
    asr_compute_s: float = 0.0
    """Seconds inside the recogniser model over all passes."""
    stage_cache_hits: tuple[str, ...] = ()
    """Stages answered from the content cache (quality mode), whose cost is not in this record."""

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What makes a turn unique in its run."""
        return (self.suite, self.case_id, self.variant, self.repeat, self.turn_index)


class Run(Record):
    """Provenance of a run; its turns lie beside it, one JSON line each."""

    schema_version: int
    run_id: str
    created_at: str
    mode: Mode
    pace: Pace
    profile: dict[str, Any]
    variants: tuple[Variant, ...]
    suites: tuple[str, ...]
    suite_sha256: dict[str, str]
    model_sha256: dict[str, str]
    repeats: int
    seed: int
    num_turns_planned: int
    git_commit: str
    git_dirty: bool
    packages: dict[str, str]
    machine: dict[str, Any]
    """CPU model, cores, threads, GPU, driver, memory, power state where readable."""
    load_average_before: tuple[float, float, float] | None = None
    load_average_after: tuple[float, float, float] | None = None
    finished_at: str | None = None
    num_warm_up_turns: int = 0
    argv: tuple[str, ...] = ()
    request: dict[str, Any] = {}
    """What was asked for, defaults filled in (`runs.settings.RunSettings`): a run is continued
    with it."""
    suite_titles: dict[str, str] = {}
