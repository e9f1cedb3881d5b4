"""The central types: frozen, validated when made, and read from JSON strictly.

They are `msgspec.Struct`s, so one declaration gives a frozen record, JSON both ways, and refusal of
unknown or mistyped fields with the path of the culprit. Times are seconds; inside a turn they are
counted from the turn's first audio sample (`t = 0`) on one monotonic clock. Nothing here imports
torch, funasr or vllm.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
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
DegradedReason = Literal["silence", "low_confidence", "nothing_left_after_cleaning"]
Mode = Literal["latency", "quality"]
Pace = Literal["real_time", "fast"]
Recognition = Literal["windows", "segments"]
EventKind = Literal[
    # what happened to the audio
    "audio_started", "window_ready", "window_recognised", "window_recognised_again",
    "speech_started", "speech_stopped", "audio_ended", "turn_committed",
    # what became of it
    "transcript_final", "punctuated", "cleaned", "prompt_built", "request_submitted", "answer_token",
    "answer_finished",
    # tools called on the way to an answer
    "tool_called", "tool_answered",
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


def _refuse_not_finite(record: Record) -> None:
    """NaN passes every comparison that refuses, and JSON has neither it nor infinity."""
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value}")


_LATIN = re.compile(r"[A-Za-z0-9'.-]")


def _is_latin(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "'-.")


def is_letter(text: str) -> bool:
    """Whether a token is a single Latin letter, as of a word that is spelled."""
    return len(text) == 1 and text.isascii() and text.isalpha()


def group_letters(texts: Sequence[str]) -> list[range]:
    """Positions of the words that tokens make: a run of single letters is one, any other its own.

    >>> group_letters(["打", "开", "p", "p", "t"])
    [range(0, 1), range(1, 2), range(2, 5)]
    """
    groups: list[range] = []
    for at, text in enumerate(texts):
        if at and is_letter(text) and is_letter(texts[at - 1]):
            groups[-1] = range(groups[-1].start, at + 1)
        else:
            groups.append(range(at, at + 1))
    return groups


def spell(letters: Sequence[str]) -> str:
    """The word of a group of `group_letters`: of several letters, in upper case."""
    return "".join(letters).upper() if len(letters) > 1 else letters[0]


def join_tokens(texts: list[str] | tuple[str, ...]) -> str:
    """Joins recogniser tokens to text: nothing between Hanzi, a space between Latin words; spelled
    letters are one word in upper case, as FunASR writes them.

    >>> join_tokens(["打", "开", "ppt", "app", "吧"])
    '打开ppt app吧'
    >>> join_tokens(["a", "i", "和", "c", "e", "o"])
    'AI和CEO'
    """
    joined = "".join(texts)
    if not _LATIN.search(joined):
        return joined
    joined = ""
    for text in [spell(texts[group.start : group.stop]) for group in group_letters(texts)]:
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
        # tests first and words only if they fail: there are a hundred tokens a turn
        if self.end_s < self.start_s:
            raise ValueError(f"token ends before it starts: {self}")
        if not 0.0 <= self.confidence <= 1.0 + 1e-6:
            raise ValueError(f"confidence outside [0, 1]: {self}")


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
    """One window or segment through the recogniser: what went in, what came out, what it cost."""

    index: int
    start_s: float
    end_s: float
    tokens: tuple[Token, ...]
    """Letters that are spelled stand alone here: a window may have only some of a word's."""
    compute_s: float
    pass_number: int = 1  # 2 when recognised again with more context
    is_provisional: bool = False
    """Recognised at the onset of a pause that did not end the turn: no part of the hypothesis."""
    context_s: float = 0.0
    """Audio before `start_s` that was recognised with it, and has tokens, too."""

    @property
    def heard_from_s(self) -> float:
        """Where the audio that was recognised begins."""
        return self.start_s - self.context_s

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


class ToolCall(Record):
    """A tool that the LLM called: its name and its arguments by name, as JSON types."""

    name: str
    arguments: dict[str, Any]

    def __post_init__(self) -> None:
        _refuse(not self.name, "a tool call names no tool")


class Message(Record):
    """One chat message; only an assistant's has tool calls, after its content."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()


class Sampling(Record):
    """How the LLM samples. Temperature 0 is greedy."""

    max_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    """Texts that end the answer; they are no part of it."""
    json_schema: str = ""
    """A JSON schema, as JSON: the answer is a document that fits it. Empty: free text."""
    functions: str = ""
    """Functions (a JSON list of `name` and `parameters`): the answer is calls of them in the hermes
    form and nothing else, or a document where there is a `json_schema` too. Empty: the LLM calls what
    it was offered, or not."""
    max_calls: int = 8
    """Calls in such an answer at most."""
    are_calls_optional: bool = False
    """Whether free text may stand in place of calls and around them; each call is held to its
    function's schema all the same."""
    top_k: int = 0
    """Only so many of the likeliest tokens are drawn from; 0: all."""
    min_p: float = 0.0
    """Only tokens at least so likely, relative to the likeliest, are drawn from."""
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    """Subtracted from the logits of tokens in the answer so far: once, and each time."""

    def __post_init__(self) -> None:
        _refuse_not_finite(self)
        _refuse("" in self.stop, "stop holds an empty text, which would end every answer")
        _refuse(self.max_calls < 1, f"max_calls must be at least 1, got {self.max_calls}")
        _refuse(self.max_tokens < 1, f"max_tokens must be at least 1, got {self.max_tokens}")
        _refuse(self.temperature < 0, f"temperature must not be negative, got {self.temperature}")
        _refuse(not 0 < self.top_p <= 1, f"top_p must be in (0, 1], got {self.top_p}")
        _refuse(self.top_k < 0, f"top_k must not be negative, got {self.top_k}")
        _refuse(not 0 <= self.min_p <= 1, f"min_p must be in [0, 1], got {self.min_p}")
        for name in ("presence_penalty", "frequency_penalty"):
            value = getattr(self, name)
            _refuse(not -2 <= value <= 2, f"{name} must be in [-2, 2], got {value}")


class Mixture(Record):
    """A prompt position whose embedding is a mixture: the sum of the embeddings of `token_ids`, each
    times its probability."""

    position: int
    token_ids: tuple[int, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        _refuse(self.position < 0, f"a prompt has no position {self.position}")
        _refuse(not self.token_ids, f"a mixture of nothing at position {self.position}")
        _refuse(
            len(self.token_ids) != len(self.probabilities),
            f"{len(self.token_ids)} ids with {len(self.probabilities)} probabilities",
        )
        _refuse(
            abs(sum(self.probabilities) - 1.0) > 1e-6,
            f"probabilities sum to {sum(self.probabilities)}, not 1",
        )


class Guard(Record):
    """When a turn falls back to text input, and when speech is left off for a while.

    The limits of time are for what hangs, not for what is slow: a good turn meets none of them.
    """

    min_confidence: float = 0.65
    """Mean token confidence of a transcript under which it is not believed; 0: never."""
    max_illegal_tokens: int = 3
    """So many illegal answer tokens in a row end the answer."""
    open_after: int = 3
    """So many turns in a row with one kind of trouble open the breaker: one bad turn says
    something of the turn, several say something of the system."""
    cool_down_s: float = 30.0
    """How long the breaker stays open before a turn is let through on trial."""
    close_after: int = 1
    """So many trial turns in a row must succeed to close it."""
    audio_idle_s: float = 10.0
    """Longest wait for the next chunk of audio."""
    asr_timeout_s: float = 30.0
    """Longest time for one window."""
    llm_timeout_s: float = 120.0
    """Longest wait for the next answer token."""
    tool_timeout_s: float = 10.0
    """Longest time for one tool."""
    max_tool_rounds: int = 3
    """How often in one turn the LLM may call tools before it has to answer."""

    def __post_init__(self) -> None:
        _refuse_not_finite(self)
        _refuse(
            not 0 <= self.min_confidence <= 1,
            f"min_confidence must be in [0, 1], got {self.min_confidence}",
        )
        for name in ("max_illegal_tokens", "open_after", "close_after"):
            _refuse(getattr(self, name) < 1, f"{name} must be at least 1")
        for name in ("audio_idle_s", "asr_timeout_s", "llm_timeout_s", "tool_timeout_s"):
            _refuse(not getattr(self, name) > 0, f"{name} must be positive")
        _refuse(not self.cool_down_s >= 0, "cool_down_s must not be negative")
        _refuse(self.max_tool_rounds < 0, "max_tool_rounds must not be negative")


class Variant(Record):
    """Every switch of the pipeline, as pure data; every field is a column of every table."""

    name: str = "seed"
    cleaning: str = "seed"
    prompt: str = "seed"
    prompt_template: str = ""  # user message with `{asr_text}` in it; empty: the transcript alone
    handoff: Literal["text", "token_map", "embeds", "soft_embeds", "marked"] = "text"
    doubt_below: float = 0.7  # confidence under which a token is mixed or marked; 0: never
    doubt_top_k: int = 3  # readings of such a token that the LLM gets, the likeliest first
    recognition: Recognition = "windows"
    """`windows` while audio arrives, or `segments` between pauses, for a recording that is there as
    a whole; `window_s` and `overlap_s` mean nothing with segments."""
    window_s: float = 2.4
    overlap_s: float = 0.3
    context_s: float = 1.2  # audio before a window that is recognised with it
    re_recognise_below: float = 0.0  # confidence under which a window is recognised again; 0: never
    re_recognise_context_s: float = 2.4  # the same as context_s, for recognising again
    endpoint_silence_s: float = 0.5
    vad: Literal["profile", "silero"] = "profile"  # `profile`: FunASR's where the profile names it
    punctuation: Literal["profile", "none"] = "profile"  # marks before cleaning; likewise
    speakers: bool = False  # quality mode: who said what, by the profile's speaker model
    prefill: bool = False
    prefill_backend: Literal["prefix_cache", "resumable"] = "prefix_cache"
    double_buffering: bool = True  # prefill beside the next window's recognition, not before it
    speculation: bool = False
    speculation_windows: int = 3
    speculation_confidence: float = 0.9
    history_budget_tokens: int = 1024
    sampling: Sampling = Sampling()
    guard: Guard = Guard()

    @property
    def switches(self) -> dict[str, Any]:
        """Every switch but the name, flat: those of `sampling` and `guard` by their own names."""
        fields: dict[str, Any] = msgspec.structs.asdict(self)
        inner = {name: fields.pop(name) for name in ("sampling", "guard")}
        del fields["name"]
        for record in inner.values():
            fields |= msgspec.structs.asdict(record)
        return fields

    def __post_init__(self) -> None:
        _refuse_not_finite(self)
        _refuse(self.window_s <= 0, f"window_s must be positive, got {self.window_s}")
        _refuse(
            not 0 <= self.overlap_s < self.window_s,
            f"overlap_s must be in [0, window_s), got {self.overlap_s}",
        )
        for name in ("context_s", "re_recognise_context_s", "endpoint_silence_s"):
            _refuse(getattr(self, name) < 0, f"{name} must not be negative")
        _refuse(
            self.speculation_windows < 1,
            f"speculation_windows must be at least 1, got {self.speculation_windows}",
        )
        _refuse(
            not 0 <= self.speculation_confidence <= 1,
            f"speculation_confidence must be in [0, 1], got {self.speculation_confidence}",
        )
        _refuse(
            not 0 <= self.doubt_below <= 1, f"doubt_below must be in [0, 1], got {self.doubt_below}"
        )
        _refuse(self.doubt_top_k < 2, f"doubt_top_k must be at least 2, got {self.doubt_top_k}")


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


class SpokenSegment(Record):
    """What one person says in one stretch of a recording; stretches of several may overlap."""

    speaker: str
    text: str
    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        _refuse(self.end_s < self.start_s, f"segment ends before it starts: {self}")


class Condition(Record):
    """What the room, the microphone and the line do to a turn's audio.

    `level` is in the unit of its kind: `noise` and `babble` SNR in dB; `reverberation` seconds until
    the sound is down by 60 dB; `clipping` and `packet_loss` the share of samples in [0, 1).
    """

    kind: Literal["noise", "babble", "reverberation", "clipping", "packet_loss"]
    level: float
    seed: int = 0
    """The same turn, condition and seed give the same samples."""

    def __post_init__(self) -> None:
        _refuse_not_finite(self)
        is_share = self.kind in ("clipping", "packet_loss")
        _refuse(is_share and not 0 <= self.level < 1, f"{self.kind} is a share, got {self.level}")
        is_time = self.kind == "reverberation"
        _refuse(is_time and self.level <= 0, f"{self.kind} takes seconds, got {self.level}")

    @property
    def label(self) -> str:
        """Kind and level for tables: `noise 10 dB`."""
        level = {"noise": f"{self.level:g} dB", "babble": f"{self.level:g} dB",
                 "reverberation": f"{self.level:g} s"}  # fmt: skip
        return f"{self.kind} {level.get(self.kind, f'{100 * self.level:g} %')}"


class Sound(Record):
    """Sound in which nobody speaks, made from its seed."""

    kind: Literal["silence", "music", "noise", "crowd"]
    duration_s: float
    seed: int = 0

    def __post_init__(self) -> None:
        _refuse_not_finite(self)
        _refuse(self.duration_s <= 0, f"duration_s must be positive, got {self.duration_s}")


class CaseTurn(Record):
    """One thing the user says, and what a good answer to it states."""

    reference: str
    """Gold transcript, word for word, with disfluencies."""
    meaning: str
    """What the user meant: the gold transcript cleaned by a person."""
    t_eos_s: float
    """True end of speech in this turn's audio; 0 where nobody speaks."""
    segments: tuple[Segment, ...] = ()
    """How to synthesise it; empty when `audio` names a recording."""
    audio: str = ""
    """Path of a recording: relative to the suite folder, or absolute for a corpus that stays where
    it is; empty when synthesised."""
    facts: tuple[Fact, ...] = ()
    expects: Literal["answer", "refusal", "tool", "transcript", "degraded"] = "answer"
    """`degraded`: that the turn falls back to text input, for one of `degraded_as`.
    `transcript`: only what was heard is scored, because nobody has said what a good answer is;
    `facts` are then suggestions that wait for review."""
    max_sentences: int = 0
    """0: no limit asked for."""
    t_eos_source: Literal["annotated", "vad"] | msgspec.UnsetType = msgspec.UNSET
    """Who found `t_eos_s`; left out for the synthesiser and for people, who annotate it."""
    spoken: tuple[SpokenSegment, ...] | msgspec.UnsetType = msgspec.UNSET
    """Who said what when, in a recording of several people; `reference` is its time order."""
    sound: Sound | msgspec.UnsetType = msgspec.UNSET
    """What is heard where nobody speaks, in place of `segments` and `audio`."""
    condition: Condition | msgspec.UnsetType = msgspec.UNSET
    """What is done to the audio; left out where it is clean."""
    degraded_as: tuple[DegradedReason, ...] | msgspec.UnsetType = msgspec.UNSET
    """Right reasons to fall back to text input, where the turn expects that."""
    tool_calls: tuple[ToolCall, ...] | msgspec.UnsetType = msgspec.UNSET
    """The calls that a right answer makes, arguments as the user says them."""

    def __post_init__(self) -> None:
        sources = (self.segments, self.audio, self.sound is not msgspec.UNSET)
        _refuse(
            sum(map(bool, sources)) != 1,
            "a turn is either synthesised (segments) or recorded (audio), or nobody speaks (sound)",
        )
        _refuse(
            (self.expects == "degraded") != bool(self.degraded_as),
            "a turn that expects `degraded` lists its reasons in degraded_as, and no other does",
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
    recognition: Recognition = "windows"
    """What `windows` are: overlapping ones of a fixed length, or segments between pauses."""
    windows: tuple[Window, ...] = ()
    hypothesis: Hypothesis = Hypothesis()
    punctuated: str = ""
    """The transcript with marks, as cleaning got it; empty where no model sets any."""
    speakers: tuple[SpokenSegment, ...] = ()
    """Who said what, speakers counted as they come; empty where nobody told them apart."""
    cleaned: str = ""
    retracted: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    prompt_token_ids: tuple[int, ...] = ()
    prompt_as_embeddings: bool = False
    """Whether the LLM was given the embeddings of the ids instead of the ids."""
    prompt_mixtures: tuple[Mixture, ...] = ()
    """The positions whose embedding was not that of their id."""
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
    gpu_use: tuple[dict[str, Any], ...] = ()
    """Memory, power, clocks and temperature of each GPU while the run went on (`runs.gpu_use`);
    empty without a GPU."""
    load_average_before: tuple[float, float, float] | None = None
    load_average_after: tuple[float, float, float] | None = None
    finished_at: str | None = None
    num_warm_up_turns: int = 0
    argv: tuple[str, ...] = ()
    request: dict[str, Any] = {}
    """What was asked for, defaults filled in (`runs.settings.RunSettings`): a run is continued
    with it."""
    suite_titles: dict[str, str] = {}
