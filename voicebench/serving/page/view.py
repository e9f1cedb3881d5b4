"""What the chat shows of a turn: messages in Gradio's form, pure functions of what is known.

Everything that was said, typed or answered is plain text: the chat renders no Markdown, and what HTML
has a meaning for is escaped here.
What is of second interest (doubtful words, the cleaned text, the waterfall) is one line that opens.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, Literal

from voicebench.metrics.waterfall import Segment
from voicebench.serving.page.words import Words
from voicebench.types import Record, Token, join_tokens

State = Literal["listening", "recognising", "answering", "done", "stopped", "degraded", "error"]
BUSY: tuple[State, ...] = ("listening", "recognising", "answering")
ChatMessage = dict[str, Any]

_STEPS_PER_S = 100
_NUM_IN_TITLE = 2
_MAX_TYPED = 1000


class Shown(Record):
    """What is known of one turn.

    Attributes:
        state: What is going on.
        recording: Path of an uploaded recording, in the page's own cache.
        tokens: What was recognized so far.
        typed: What was typed; empty for speech.
        cleaned: What the LLM was asked, where it differs from the transcript.
        answer: As far as it has come.
        hint: Why the user is asked to repeat or type; a whole sentence.
        error: Why there was no turn; a whole sentence.
        segments: The waterfall; empty before the answer, and where it was typed.
    """

    state: State
    recording: str = ""
    tokens: tuple[Token, ...] = ()
    typed: str = ""
    cleaned: str = ""
    answer: str = ""
    hint: str = ""
    error: str = ""
    segments: tuple[Segment, ...] = ()

    @property
    def transcript(self) -> str:
        """What was recognized, as one text."""
        return join_tokens([token.text for token in self.tokens])


def as_text(text: str) -> str:
    """Text as HTML that shows it, character for character.

    >>> as_text("<img src=x> & 3 > 2")
    '&lt;img src=x&gt; &amp; 3 &gt; 2'
    """
    return html.escape(text, quote=False)


def chat_messages(shown: Shown, doubt_below: float, words: Words) -> list[ChatMessage]:
    """A turn as messages of the chat.

    Args:
        shown: What is known of it.
        doubt_below: Confidence under which a word is doubtful.
        words: Of the page.
    """
    messages: list[ChatMessage] = []
    if shown.recording:
        messages.append({"role": "user", "content": {"path": shown.recording}})
    if asked := shown.typed[:_MAX_TYPED] or shown.transcript:
        messages.append({"role": "user", "content": as_text(asked)})
    if shown.state not in BUSY:
        messages += _notes(shown, doubt_below, words)
    if shown.answer:
        mark = f" {words.interrupted}" if shown.state == "stopped" else ""
        messages.append({"role": "assistant", "content": as_text(shown.answer) + mark})
    elif shown.state == "stopped":
        messages.append({"role": "assistant", "content": words.states["stopped"]})
    if shown.state in BUSY and not shown.answer:
        messages.append(_note(words.states[shown.state], "", status="pending"))
    messages += [
        {"role": "assistant", "content": f"⚠ {as_text(text)}"}
        for text in (shown.hint, shown.error)
        if text
    ]
    if shown.segments and shown.state not in BUSY:
        messages.append(_note(*waterfall_text(shown.segments, words)))
    return messages


def _notes(shown: Shown, doubt_below: float, words: Words) -> list[ChatMessage]:
    doubtful = [token for token in shown.tokens if token.confidence < doubt_below]
    notes = []
    if doubtful:
        title = f"{words.doubtful} {' '.join(token.text for token in doubtful)}"
        notes.append(_note(title, "\n".join(_reading(token, words) for token in doubtful)))
    if shown.cleaned and shown.tokens and shown.cleaned != shown.transcript:
        notes.append(_note(words.cleaned, shown.cleaned))
    return notes


def _reading(token: Token, words: Words) -> str:
    others = [
        f"{other.text} {other.probability:.2f}"
        for other in token.alternatives
        if other.text != token.text
    ]
    readings = f"; {words.readings} {', '.join(others)}" if others else ""
    return f"{token.text}: {words.confidence} {token.confidence:.2f}{readings}"


def waterfall_text(segments: Sequence[Segment], words: Words) -> tuple[str, str]:
    """A response's time in one line, and stage by stage.

    The seconds shown are differences of rounded moments, so they add up to the total that is shown.
    Stages that round to nothing are left out.
    """
    start_s = segments[0].start_s
    steps = [
        (_steps(segment.end_s - start_s) - _steps(segment.start_s - start_s), segment)
        for segment in segments
    ]
    parts = [(f"{each / _STEPS_PER_S:.2f}", segment) for each, segment in steps if each]
    largest = sorted(parts, key=lambda part: -float(part[0]))[:_NUM_IN_TITLE]
    named = words.separator.join(f"{_stage(segment, words)} {took}" for took, segment in largest)
    total = f"{_steps(segments[-1].end_s - start_s) / _STEPS_PER_S:.2f} s"
    lines = [
        f"{took} s  {_stage(segment, words)} ({words.kinds.get(segment.tag, segment.tag)})"
        for took, segment in parts
    ]
    return words.waterfall.format(total=total, parts=named), "\n".join(lines)


def _stage(segment: Segment, words: Words) -> str:
    return str(words.stages.get(segment.stage, segment.stage))


def _steps(duration_s: float) -> int:
    return round(duration_s * _STEPS_PER_S)


def _note(title: str, content: str, status: Literal["pending", "done"] = "done") -> ChatMessage:
    """A line that opens; Gradio shows a turning wheel while it is pending."""
    metadata = {"title": as_text(title), "status": status}
    return {"role": "assistant", "content": as_text(content), "metadata": metadata}
