"""Quality mode: batched, every stage's result kept by content, and the two gold answers.

    audio + recogniser settings -> hypothesis
    transcript + cleaning       -> text
    prompt + sampling           -> answer

So variants that differ in cleaning or prompt never recognise the same audio twice. The results are
kept in memory for one run; another run may have other code, and computes anew.

Each turn is answered from three transcripts: recognised and cleaned, gold and cleaned, gold. Each
has its own conversation with its own earlier answers as history: what the recogniser lost in the
first turn is still its loss in the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from voicebench.asr.companions import SpeakerSpan, companions_of
from voicebench.asr.segments import recognition_settings
from voicebench.asr.speakers import said_by
from voicebench.cleaning.presets import Cleaned
from voicebench.clock import now_s
from voicebench.errors import ModelError, StageError
from voicebench.llm.base import Prompt
from voicebench.pipeline.assistant import Answer, Assistant, Transcript
from voicebench.pipeline.hints import NOTHING_LEFT, hint_of
from voicebench.pipeline.memory import Conversation
from voicebench.pipeline.turn import last_question, prompt_fields
from voicebench.runs.batching import Samples, content_key, transcribe_many
from voicebench.runs.plan import PlannedConversation, Work
from voicebench.runs.turns import begin_turn, make_audio
from voicebench.types import (
    SAMPLE_RATE_HZ,
    Degradation,
    Hypothesis,
    Message,
    Sampling,
    StageFailure,
    Token,
    Turn,
)

BATCH_CONVERSATIONS = 2048
BATCH_AUDIO_S = 1800.0
"""Audio of one batch's turns, each utterance counted once: about 115 MB of samples."""
PATHS = ("recognised", "gold_cleaned", "gold")
_RECOGNISER_UNIT = re.compile(r"[a-zA-Z]+|\S")


@dataclass
class StageCache:
    """Results by content, for one run."""

    transcripts: dict[str, Transcript | StageError] = field(default_factory=dict)
    speakers: dict[str, tuple[SpeakerSpan, ...] | StageError] = field(default_factory=dict)
    cleaned: dict[str, Cleaned] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)


@dataclass
class _Talk:
    """A conversation in progress: one history for each path."""

    planned: PlannedConversation
    assistant: Assistant
    histories: dict[str, Conversation]


@dataclass
class _Item:
    """A turn in progress."""

    talk: _Talk
    turn: Turn
    samples: Samples | None
    messages: dict[str, tuple[Message, ...]] = field(default_factory=dict)
    prompts: dict[str, Prompt] = field(default_factory=dict)
    hits: list[str] = field(default_factory=list)


def run_quality(work: Work) -> Iterator[Turn]:
    """Yields every turn that is left; conversations go side by side, turns of one in order.

    Raises:
        MissingPackageError, StorageError: No turn's audio can be made.
    """
    cache = StageCache()
    for planned in _batches(work.conversations):
        talks = [_begin_talk(work, each) for each in planned]
        for turn_index in range(max(len(each.case.turns) for each in planned)):
            taking_part = [t for t in talks if turn_index < len(t.planned.case.turns)]
            yield from _run_turns(work, cache, taking_part, turn_index)


def _batches(
    conversations: Sequence[PlannedConversation],
) -> Iterator[list[PlannedConversation]]:
    """Conversations in a row that run side by side: as many as the LLM may be asked at once, and as
    much audio as memory may hold."""
    batch: list[PlannedConversation] = []
    audio_s: dict[tuple[str, str], float] = {}
    for planned in conversations:
        case = planned.case
        longest_s = max(turn.t_eos_s for turn in case.turns)
        is_new = (case.suite, case.id) not in audio_s
        is_full = len(batch) >= BATCH_CONVERSATIONS or (
            is_new and sum(audio_s.values()) + longest_s > BATCH_AUDIO_S
        )
        if batch and is_full:
            yield batch
            batch, audio_s = [], {}
        batch.append(planned)
        audio_s[case.suite, case.id] = longest_s
    if batch:
        yield batch


def _begin_talk(work: Work, planned: PlannedConversation) -> _Talk:
    budget = planned.variant.history_budget_tokens
    return _Talk(
        planned,
        Assistant(work.models.recognizer, work.models.generator, planned.variant),
        {path: Conversation(budget) for path in PATHS},
    )


def _run_turns(
    work: Work, cache: StageCache, talks: Sequence[_Talk], turn_index: int
) -> Iterator[Turn]:
    items = []
    made: dict[tuple[str, str, float], tuple[Samples | None, Turn]] = {}
    for talk in talks:
        recorded = work.done.get(talk.planned.turn_keys[turn_index])
        if recorded is not None:
            _remember_recorded(talk, recorded)
            continue
        begun = begin_turn(work, talk.planned, turn_index)
        samples, begun = _audio_once(work, talk.planned, begun, made)
        items.append(_Item(talk, begun, samples))
    made.clear()
    _recognise(work, cache, items)
    for item in items:
        _understand(cache, item)
    _answer(cache, items)
    for item in items:
        yield _finish(cache, item)


def _audio_once(
    work: Work,
    planned: PlannedConversation,
    begun: Turn,
    made: dict[tuple[str, str, float], tuple[Samples | None, Turn]],
) -> tuple[Samples | None, Turn]:
    """As `make_audio`; variants that hear the same share the samples."""
    key = (planned.case.suite, planned.case.id, planned.variant.longest_silence_s)
    if key not in made:
        made[key] = make_audio(work, planned, begun)
    samples, like = made[key]
    return samples, msgspec.structs.replace(
        begun, t_eos_s=like.t_eos_s, t_eos_source=like.t_eos_source, failure=like.failure
    )


def _recognise(work: Work, cache: StageCache, items: Sequence[_Item]) -> None:
    """Fills in windows, hypothesis and recogniser seconds of every item that has audio."""
    wanted: dict[str, _Item] = {}
    keys: dict[int, str] = {}
    of_samples = {id(item.samples): item.samples for item in items}
    hashes = {number: content_key(each) for number, each in of_samples.items() if each is not None}
    for item in items:
        if item.samples is None:
            continue
        variant = item.talk.planned.variant
        settings = recognition_settings(variant)
        key = keys[id(item)] = content_key(hashes[id(item.samples)], settings)
        if key in cache.transcripts or key in wanted:
            item.hits.append("asr")
        else:
            wanted[key] = item
    pieces = [
        (item.samples, item.talk.planned.variant)
        for item in wanted.values()
        if item.samples is not None
    ]
    transcripts = transcribe_many(work.models.recognizer, pieces)
    cache.transcripts.update(zip(wanted, transcripts, strict=True))
    for item in items:
        if item.samples is not None:
            audio_s = len(item.samples) / SAMPLE_RATE_HZ
            item.turn = _with_transcript(item, cache.transcripts[keys[id(item)]], audio_s)
            if item.talk.planned.variant.speakers and item.turn.failure is None:
                item.turn = _with_speakers(cache, item, item.samples, hashes[id(item.samples)])
            item.samples = None


def _with_transcript(item: _Item, transcript: Transcript | StageError, audio_s: float) -> Turn:
    if isinstance(transcript, StageError):
        failure = StageFailure(
            stage=transcript.stage, type=type(transcript).__name__, message=str(transcript)
        )
        return msgspec.structs.replace(item.turn, audio_s=audio_s, failure=failure)
    was_computed = "asr" not in item.hits
    return msgspec.structs.replace(
        item.turn,
        audio_s=audio_s,
        recognition=item.talk.planned.variant.recognition,
        windows=transcript.windows,
        hypothesis=transcript.hypothesis,
        asr_compute_s=sum(w.compute_s for w in transcript.windows) if was_computed else 0.0,
    )


def _with_speakers(cache: StageCache, item: _Item, samples: Samples, key: str) -> Turn:
    """The record with who said what; one recording is gone through once."""
    speakers = companions_of(item.talk.assistant.recognizer).speakers
    assert speakers is not None  # the assistant refused otherwise
    if key not in cache.speakers:
        try:
            cache.speakers[key] = speakers.spans(samples)
        except ModelError:
            raise
        except Exception as error:  # whatever FunASR and its clustering raise
            cache.speakers[key] = StageError("speakers", f"{type(error).__name__}: {error}")
    found = cache.speakers[key]
    if isinstance(found, StageError):
        failure = StageFailure(stage="speakers", type=type(found).__name__, message=str(found))
        return msgspec.structs.replace(item.turn, failure=failure)
    return msgspec.structs.replace(item.turn, speakers=said_by(found, item.turn.hypothesis.tokens))


def _understand(cache: StageCache, item: _Item) -> None:
    """Cleans and words; a user's own rule or prompt that fails on a text fails that turn."""
    try:
        _clean_and_word(cache, item)
    except StageError as error:
        item.messages.clear()
        item.prompts.clear()
        failure = StageFailure(stage=error.stage, type=type(error).__name__, message=str(error))
        item.turn = msgspec.structs.replace(item.turn, failure=item.turn.failure or failure)


def _clean_and_word(cache: StageCache, item: _Item) -> None:
    """Cleans the three transcripts and words the prompt of each."""
    turn, talk = item.turn, item.talk
    gold = talk.planned.case.turns[turn.turn_index].reference
    texts = {"gold_cleaned": _clean(cache, talk, gold)[0].text, "gold": gold}
    item.turn = turn = msgspec.structs.replace(turn, gold_cleaned=texts["gold_cleaned"])
    heard = turn.hypothesis.text
    reason = talk.assistant.fallback_reason(turn.hypothesis)
    if turn.failure is None and reason:
        item.turn = _degraded(turn, reason)
    elif turn.failure is None:
        punctuated = talk.assistant.punctuate(turn.hypothesis)
        cleaned, was_kept = _clean(cache, talk, heard if punctuated is None else punctuated)
        if was_kept:
            item.hits.append("cleaning")
        item.turn = msgspec.structs.replace(
            turn,
            punctuated=punctuated or "",
            cleaned=cleaned.text,
            retracted=cleaned.retracted,
        )
        if cleaned.text.strip():
            texts["recognised"] = cleaned.text
        else:
            item.turn = _degraded(item.turn, NOTHING_LEFT)
    for path, text in texts.items():
        history = talk.histories[path].history()
        said = turn.hypothesis if path == "recognised" else _heard_well(gold)
        item.messages[path], item.prompts[path] = talk.assistant.build_prompt(
            history, text, said, talk.planned.case.tools
        )


def _heard_well(gold: str) -> Hypothesis:
    """A gold transcript as a recogniser would hand it over that is sure of every token."""
    return Hypothesis(
        tokens=tuple(
            Token(text=text, start_s=0.0, end_s=0.0, confidence=1.0)
            for text in _RECOGNISER_UNIT.findall(gold)
        ),
        is_final=True,
    )


def _clean(cache: StageCache, talk: _Talk, text: str) -> tuple[Cleaned, bool]:
    key = content_key(text, talk.planned.variant.cleaning)
    was_kept = key in cache.cleaned
    if not was_kept:
        cache.cleaned[key] = talk.assistant.clean(text)
    return cache.cleaned[key], was_kept


def _degraded(turn: Turn, reason: str) -> Turn:
    degradation = Degradation(reason=reason, hint=hint_of(reason))
    return msgspec.structs.replace(turn, degraded=degradation)


def _answer(cache: StageCache, items: Sequence[_Item]) -> None:
    """Answers every prompt that has no answer yet: one batch for all that sample alike."""
    wanted: dict[Sampling, dict[str, tuple[_Item, str]]] = {}
    for path in PATHS:  # the turn's own answer first: the gold ones are then the ones kept
        for item in items:
            if path not in item.prompts:
                continue
            key = _answer_key(item, path)
            of_sampling = wanted.setdefault(item.talk.planned.variant.sampling, {})
            if key not in cache.answers and key not in of_sampling:
                of_sampling[key] = (item, path)
            elif path == "recognised":
                item.hits.append("llm")
    for prompts in wanted.values():
        if not prompts:
            continue
        first, _ = next(iter(prompts.values()))
        started_s = now_s()
        answers = first.talk.assistant.answer_many(
            [item.prompts[path] for item, path in prompts.values()]
        )
        timed = [_since(started_s, answer) for answer in answers]
        cache.answers.update(zip(prompts, timed, strict=True))


def _since(started_s: float, answer: Answer) -> Answer:
    """Token times from the start of the batch: a batched turn has no clock of its own."""
    tokens = tuple(msgspec.structs.replace(t, t_s=t.t_s - started_s) for t in answer.tokens)
    return msgspec.structs.replace(answer, tokens=tokens)


def _answer_key(item: _Item, path: str) -> str:
    return content_key(item.prompts[path], item.talk.planned.variant.sampling)


def _finish(cache: StageCache, item: _Item) -> Turn:
    """The record of the turn; its three answers become history."""
    answers = {path: cache.answers[_answer_key(item, path)] for path in item.prompts}
    for path, answer in answers.items():
        _remember(item.talk, path, item.messages[path][-1].content, answer.text)
    turn = msgspec.structs.replace(
        item.turn,
        answer_from_gold_cleaned=_text_or_none(answers.get("gold_cleaned")),
        answer_from_gold=_text_or_none(answers.get("gold")),
        stage_cache_hits=tuple(item.hits),
    )
    if "recognised" not in answers:
        return turn
    answer = answers["recognised"]
    return msgspec.structs.replace(
        turn,
        messages=item.messages["recognised"],
        **prompt_fields(item.prompts["recognised"]),
        answer=answer.text,
        answer_tokens=answer.tokens,
        finish_reason=answer.finish_reason,
        failure=answer.failure,
    )


def _text_or_none(answer: Answer | None) -> str | None:
    return None if answer is None or answer.failure else answer.text


def _remember(talk: _Talk, path: str, user: str, answer: str) -> None:
    talk.histories[path].remember(talk.assistant.generator, user, answer)


def _remember_recorded(talk: _Talk, turn: Turn) -> None:
    """Takes a turn recorded before the run was stopped into the three histories."""
    gold = talk.planned.case.turns[turn.turn_index].reference
    for path, text, answer in (
        ("gold_cleaned", turn.gold_cleaned, turn.answer_from_gold_cleaned),
        ("gold", gold, turn.answer_from_gold),
    ):
        if text is not None and answer:
            user = talk.assistant.build_messages((), text)[-1].content
            _remember(talk, path, user, answer)
    _remember(talk, "recognised", last_question(turn), turn.answer)
