"""What the page shows of a turn, as HTML: pure functions of what is known.

Everything that was said, typed or answered goes through `as_text`, and so stays text: neither the
browser nor Gradio, which reads `${...}` and `{{...}}` in what it shows, takes any of it for more.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Literal

from voicebench.metrics.waterfall import Segment
from voicebench.serving.page.words import Words
from voicebench.types import Record, Token, join_tokens

State = Literal["listening", "recognising", "answering", "done", "stopped", "degraded", "error"]

_SPECIAL_TO_GRADIO = str.maketrans({char: f"&#{ord(char)};" for char in "{}$`"})
_STEPS_PER_MS = 10


class Shown(Record):
    """What is known of one turn.

    Attributes:
        state: What is going on.
        tokens: What was heard so far.
        typed: What was typed; empty for speech.
        cleaned: What the LLM was asked, where it differs from what was heard.
        answer: As far as it has come.
        hint: Why the person is asked to type instead; a whole sentence.
        error: Why there was no turn; a whole sentence.
        segments: The waterfall; empty before the answer, and where it was typed.
        first_token_s: Of an answer to what was typed.
    """

    state: State
    tokens: tuple[Token, ...] = ()
    typed: str = ""
    cleaned: str = ""
    answer: str = ""
    hint: str = ""
    error: str = ""
    segments: tuple[Segment, ...] = ()
    first_token_s: float | None = None


def as_text(text: str) -> str:
    """Text as HTML that shows it, character for character.

    >>> as_text('<img src=x> ${1+1} {{x}}')
    '&lt;img src=x&gt; &#36;&#123;1+1&#125; &#123;&#123;x&#125;&#125;'
    """
    return html.escape(text, quote=True).translate(_SPECIAL_TO_GRADIO)


def marked_transcript(tokens: Sequence[Token], doubt_below: float, words: Words) -> str:
    """A transcript with its doubtful words marked, the confidence as their title.

    Args:
        tokens: What was heard.
        doubt_below: Confidence under which a word is doubtful.
        words: Of the page.
    """
    marked, text_so_far = [], ""
    for token in tokens:
        joined = join_tokens([text_so_far, token.text])
        space = joined[len(text_so_far) : len(joined) - len(token.text)]
        text_so_far = joined
        shown = as_text(token.text)
        if token.confidence < doubt_below:
            title = as_text(_title(token, words))
            shown = f'<mark class="vb-doubt" title="{title}">{shown}</mark>'
        marked.append(space + shown)
    return "".join(marked)


def _title(token: Token, words: Words) -> str:
    others = [
        f"{other.text} {other.probability:.2f}"
        for other in token.alternatives
        if other.text != token.text
    ]
    readings = f"; {words.readings} {', '.join(others)}" if others else ""
    return f"{words.confidence} {token.confidence:.2f}{readings}"


def waterfall_table(segments: Sequence[Segment], words: Words) -> str:
    """The stages of a response in ms, with a bar each; nothing without stages.

    The times shown are differences of rounded moments: they add up to the total that is shown.
    """
    if not segments:
        return ""
    start_s = segments[0].start_s
    total = _steps(segments[-1].end_s - start_s)
    rows = [_row(segment, start_s, total, words) for segment in segments]
    return (
        f'<table class="vb-waterfall"><caption>{as_text(words.waterfall)}</caption><thead><tr>'
        f'<th scope="col">{as_text(words.stage)}</th><td></td><th scope="col">ms</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody>"
        f'<tfoot><tr><th scope="row">{as_text(words.total)}</th><td></td>'
        f"<td>{total / _STEPS_PER_MS:.1f}</td></tr></tfoot></table>"
    )


def _row(segment: Segment, start_s: float, total: int, words: Words) -> str:
    left, right = _steps(segment.start_s - start_s), _steps(segment.end_s - start_s)
    stage = as_text(words.stages.get(segment.stage, segment.stage))
    kind = as_text(words.kinds.get(segment.tag, segment.tag))
    scale = 100 / max(total, 1)
    bar = f"margin-left:{max(0, left) * scale:.2f}%;width:{max(0, right - left) * scale:.2f}%"
    return (
        f'<tr><th scope="row">{stage} <small>{kind}</small></th>'
        f'<td><span class="vb-bar vb-{segment.tag}" style="{bar}"></span></td>'
        f"<td>{(right - left) / _STEPS_PER_MS:.1f}</td></tr>"
    )


def _steps(duration_s: float) -> int:
    return round(duration_s * 1000 * _STEPS_PER_MS)


def turn_panel(shown: Shown | None, doubt_below: float, words: Words) -> str:
    """The turn that goes on, or the latest."""
    heading = f"<h2>{as_text(words.this_turn)}</h2>"
    if shown is None:
        ask = f'<p class="vb-quiet">{as_text(words.ask)}</p>'
        return f'<section class="vb-panel">{heading}<div class="vb-turn">{ask}</div></section>'
    state = as_text(words.states[shown.state])
    is_busy = shown.state in ("listening", "recognising", "answering")
    parts = [
        f'<p class="vb-state vb-{shown.state}" role="status">{state}</p>',
        _said(shown, doubt_below, words),
        _telling(shown, words),
        waterfall_table(shown.segments, words),
    ]
    if shown.first_token_s is not None:
        first_ms = f"{shown.first_token_s * 1000:.1f} ms"
        parts.append(f'<p class="vb-quiet">{as_text(words.first_token)} {first_ms}</p>')
    busy = "true" if is_busy else "false"
    return (
        f'<section class="vb-panel">{heading}<div class="vb-turn" aria-live="polite" '
        f'aria-busy="{busy}">{"".join(parts)}</div></section>'
    )


def history(past: Sequence[Shown], doubt_below: float, words: Words) -> str:
    """Earlier turns, the oldest first."""
    heading = f"<h2>{as_text(words.history)}</h2>"
    if not past:
        none = f'<p class="vb-quiet">{as_text(words.no_history)}</p>'
        return f'<section class="vb-past">{heading}{none}</section>'
    turns = [
        f"<li>{_said(shown, doubt_below, words, with_legend=False)}{_telling(shown, words)}</li>"
        for shown in past
    ]
    listed = f'<ol class="vb-history">{"".join(turns)}</ol>'
    return f'<section class="vb-past">{heading}{listed}</section>'


def _said(shown: Shown, doubt_below: float, words: Words, *, with_legend: bool = True) -> str:
    if shown.typed:
        return _line("vb-typed", words.typed, as_text(shown.typed))
    if not shown.tokens:
        return ""
    said = _line("vb-heard", words.heard, marked_transcript(shown.tokens, doubt_below, words))
    if with_legend and any(token.confidence < doubt_below for token in shown.tokens):
        said += f'<p class="vb-quiet vb-legend">{as_text(words.doubtful)}</p>'
    if shown.cleaned and shown.cleaned != join_tokens([token.text for token in shown.tokens]):
        said += _line("vb-cleaned", words.cleaned, as_text(shown.cleaned))
    return said


def _telling(shown: Shown, words: Words) -> str:
    told = _line("vb-answer", words.answered, as_text(shown.answer)) if shown.answer else ""
    if shown.hint:
        told += f'<p class="vb-hint" role="alert" lang="zh-CN">{as_text(shown.hint)}</p>'
    if shown.error:
        told += f'<p class="vb-error" role="alert">{as_text(shown.error)}</p>'
    return told


def _line(name: str, label: str, content: str) -> str:
    return f'<p class="{name}"><b>{as_text(label)}</b> <span>{content}</span></p>'
