"""The central types: frozen, validated when made, and read from JSON strictly.

They are `msgspec.Struct`s, so one declaration gives a frozen record, JSON both ways, and refusal of
unknown or mistyped fields with the path of the culprit. Times are seconds; inside a turn they are
counted from the turn's first audio sample (`t = 0`) on one monotonic clock. Nothing here imports
torch, funasr or vllm.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from voicebench.elements import SAMPLE_RATE_HZ as SAMPLE_RATE_HZ
from voicebench.elements import Alternative as Alternative
from voicebench.elements import AnswerToken as AnswerToken
from voicebench.elements import Hypothesis as Hypothesis
from voicebench.elements import Message as Message
from voicebench.elements import Mixture as Mixture
from voicebench.elements import Recognition as Recognition
from voicebench.elements import Record as Record
from voicebench.elements import Token as Token
from voicebench.elements import ToolCall as ToolCall
from voicebench.elements import Window as Window
from voicebench.elements import group_letters as group_letters
from voicebench.elements import is_letter as is_letter
from voicebench.elements import join_tokens as join_tokens
from voicebench.elements import refuse, refuse_not_finite
from voicebench.elements import spell as spell
from voicebench.events import Event as Event
from voicebench.renamed import RENAMED_PRESETS

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
        refuse_not_finite(self)
        refuse("" in self.stop, "stop holds an empty text, which would end every answer")
        refuse(self.max_calls < 1, f"max_calls must be at least 1, got {self.max_calls}")
        refuse(self.max_tokens < 1, f"max_tokens must be at least 1, got {self.max_tokens}")
        refuse(self.temperature < 0, f"temperature must not be negative, got {self.temperature}")
        refuse(not 0 < self.top_p <= 1, f"top_p must be in (0, 1], got {self.top_p}")
        refuse(self.top_k < 0, f"top_k must not be negative, got {self.top_k}")
        refuse(not 0 <= self.min_p <= 1, f"min_p must be in [0, 1], got {self.min_p}")
        for name in ("presence_penalty", "frequency_penalty"):
            value = getattr(self, name)
            refuse(not -2 <= value <= 2, f"{name} must be in [-2, 2], got {value}")


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
        refuse_not_finite(self)
        refuse(
            not 0 <= self.min_confidence <= 1,
            f"min_confidence must be in [0, 1], got {self.min_confidence}",
        )
        for name in ("max_illegal_tokens", "open_after", "close_after"):
            refuse(getattr(self, name) < 1, f"{name} must be at least 1")
        for name in ("audio_idle_s", "asr_timeout_s", "llm_timeout_s", "tool_timeout_s"):
            refuse(not getattr(self, name) > 0, f"{name} must be positive")
        refuse(not self.cool_down_s >= 0, "cool_down_s must not be negative")
        refuse(self.max_tool_rounds < 0, "max_tool_rounds must not be negative")


class Variant(Record):
    """Every switch of the pipeline, as pure data; every field is a column of every table."""

    name: str = "baseline"
    cleaning: str = "baseline"
    prompt: str = "baseline"
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
    endpoint: Literal["silence", "llm", "punctuation"] = "silence"
    """What says that the person has finished: a fixed silence, or a probability at the onset of a
    pause, from the LLM that will answer or from the last mark, which shortens or lengthens it."""
    endpoint_silence_s: float = 0.5  # of `endpoint=silence`
    endpoint_min_silence_s: float = 0.1  # of the others, where they are sure
    endpoint_max_silence_s: float = 1.2  # where they are not
    endpoint_sure_above: float = 0.5  # probability from which the shortest silence ends a turn
    endpoint_unsure_below: float = 0.02  # probability up to which only the longest does
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
    def longest_silence_s(self) -> float:
        """The silence after which a turn is over, whatever is known of it."""
        if self.endpoint == "silence":
            return self.endpoint_silence_s
        return self.endpoint_max_silence_s

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
        for field in ("cleaning", "prompt"):
            name = getattr(self, field)
            if name in RENAMED_PRESETS:  # of an older record or plan
                msgspec.structs.force_setattr(self, field, RENAMED_PRESETS[name])
        refuse_not_finite(self)
        refuse(self.window_s <= 0, f"window_s must be positive, got {self.window_s}")
        refuse(
            not 0 <= self.overlap_s < self.window_s,
            f"overlap_s must be in [0, window_s), got {self.overlap_s}",
        )
        for name in ("context_s", "re_recognise_context_s", "endpoint_silence_s",
                     "endpoint_min_silence_s"):  # fmt: skip
            refuse(getattr(self, name) < 0, f"{name} must not be negative")
        refuse(
            self.endpoint_min_silence_s > self.endpoint_max_silence_s,
            f"endpoint_min_silence_s {self.endpoint_min_silence_s:g} must not be above "
            f"endpoint_max_silence_s {self.endpoint_max_silence_s:g}",
        )
        refuse(
            not 0 <= self.endpoint_unsure_below <= self.endpoint_sure_above <= 1,
            f"endpoint_unsure_below {self.endpoint_unsure_below:g} and endpoint_sure_above "
            f"{self.endpoint_sure_above:g} must be in this order, within 0 and 1",
        )
        refuse(
            self.speculation_windows < 1,
            f"speculation_windows must be at least 1, got {self.speculation_windows}",
        )
        refuse(
            not 0 <= self.speculation_confidence <= 1,
            f"speculation_confidence must be in [0, 1], got {self.speculation_confidence}",
        )
        refuse(
            not 0 <= self.doubt_below <= 1, f"doubt_below must be in [0, 1], got {self.doubt_below}"
        )
        refuse(self.doubt_top_k < 2, f"doubt_top_k must be at least 2, got {self.doubt_top_k}")


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
        refuse(self.end_s < self.start_s, f"segment ends before it starts: {self}")


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
        refuse_not_finite(self)
        is_share = self.kind in ("clipping", "packet_loss")
        refuse(is_share and not 0 <= self.level < 1, f"{self.kind} is a share, got {self.level}")
        is_time = self.kind == "reverberation"
        refuse(is_time and self.level <= 0, f"{self.kind} takes seconds, got {self.level}")

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
        refuse_not_finite(self)
        refuse(self.duration_s <= 0, f"duration_s must be positive, got {self.duration_s}")


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
        refuse(
            sum(map(bool, sources)) != 1,
            "a turn is either synthesised (segments) or recorded (audio), or nobody speaks (sound)",
        )
        refuse(
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
        refuse(not self.turns, f"case {self.id} has no turns")


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
    request: dict[str, Any] = msgspec.field(default_factory=dict)
    """What was asked for, defaults filled in (`runs.settings.RunSettings`): a run is continued
    with it."""
    suite_titles: dict[str, str] = msgspec.field(default_factory=dict)
