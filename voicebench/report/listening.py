"""One turn with everything about it: its sound, what was heard, asked and answered, and when."""

from __future__ import annotations

import base64
import io
import wave
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicebench.errors import VoicebenchError
from voicebench.metrics.judge import judge_turn
from voicebench.metrics.waterfall import waterfall
from voicebench.report.figures import Figure, segment_title
from voicebench.report.html import (
    folded,
    fragment,
    image_html,
    list_html,
    note_html,
    table_html,
)
from voicebench.report.plots import Bar, stacked
from voicebench.report.tables import Cell, Column, Table, columns_of
from voicebench.report.timeline import timeline_figure
from voicebench.report.worst import compare_texts, verdicts_of
from voicebench.suites.render import render_turn
from voicebench.types import SAMPLE_RATE_HZ, Case, Guard, Token, Turn
from voicebench.words import kind_title, stage_title, translate

_UNSURE = Guard().min_confidence


@dataclass(frozen=True)
class Listened:
    """A turn to look at and listen to.

    Attributes:
        turn: Its whole record.
        case: What was said and asked; None for a question outside any suite.
        samples: Its audio at 16 kHz, shape (num_samples,); None where it cannot be had.
        no_audio: Why there is none.
        footer: The run id.
    """

    turn: Turn
    case: Case | None
    samples: NDArray[np.float32] | None
    no_audio: str
    footer: str

    def _repr_html_(self) -> str:
        turn = self.turn
        return fragment(
            self._audio(),
            image_html(timeline_figure(turn, self.samples, self.footer)),
            _trouble(turn),
            list_html(self._texts()),
            self._facts(),
            self._waterfall(),
            folded(translate("Prompt"), _prompt(turn)),
            folded(translate("Events: {num}", num=len(turn.events)), table_html(event_table(turn))),
        )

    def __repr__(self) -> str:
        turn = self.turn
        said = [f"reference    {self._reference()}"] if self.case else []
        lines = [f"heard        {turn.hypothesis.text}", f"cleaned      {turn.cleaned}",
                 f"answer       {turn.answer or '(none)'}"]  # fmt: skip
        facts = [f"{v.verdict:<13}{v.text}" for v in verdicts_of(turn, self.case)]
        return "\n".join([f"{turn.suite} / {turn.case_id}, {turn.variant}", *said, *lines, *facts])

    def _waterfall(self) -> str:
        figure = turn_waterfall(self.turn, self.footer)
        if figure is None:
            return ""
        table = folded(translate("The same as a table"), table_html(waterfall_table(self.turn)))
        return image_html(figure) + table

    def _reference(self) -> str:
        return self.case.turns[self.turn.turn_index].reference if self.case else ""

    def _audio(self) -> str:
        if self.samples is None:
            return note_html(translate("No sound: {why}", why=self.no_audio), is_bad=True)
        content = base64.b64encode(wav_bytes(self.samples)).decode()
        return f'<audio controls preload="metadata" src="data:audio/wav;base64,{content}"></audio>'

    def _texts(self) -> list[tuple[str, str]]:
        turn = self.turn
        texts = [("heard, by confidence", tokens_html(turn.hypothesis.tokens))]
        if self.case:
            pieces = compare_texts(self._reference(), turn.hypothesis.text)
            compared = "".join(
                f'<span class="{kind}">{escape(text)}</span>' for kind, text in pieces
            )
            texts = [("reference", escape(self._reference())), *texts,
                     ("reference → heard", compared)]  # fmt: skip
        texts.append(("cleaned", escape(turn.cleaned) or "(nothing)"))
        if turn.retracted:
            texts.append(("taken back", escape(", ".join(turn.retracted))))
        texts.append(("answer", answer_html(turn, self.case)))
        for name, answer in (("from gold, cleaned", turn.answer_from_gold_cleaned),
                             ("from gold", turn.answer_from_gold)):  # fmt: skip
            if answer is not None and answer != turn.answer:
                texts.append((name, escape(answer) or "(none)"))
        return texts

    def _facts(self) -> str:
        items = "".join(
            f'<li class="{v.verdict}">{escape(v.text)}: {escape(translate(v.verdict))}</li>'
            for v in verdicts_of(self.turn, self.case)
        )
        return f'<ul class="facts" aria-label="Facts">{items}</ul>' if items else ""


def listen_to(turn: Turn, case: Case | None, folder: Path | None, footer: str) -> Listened:
    """Lays a turn out; without its sound where that cannot be made.

    Args:
        turn: Its whole record.
        case: Its case.
        folder: Its suite's folder; None where it is gone.
        footer: The run id.
    """
    samples, why = None, ""
    asked = case.turns[turn.turn_index] if case else None
    if asked is None:
        why = f"case {turn.case_id} is not among the run's cases."
    elif asked.audio and folder is None and not Path(asked.audio).is_absolute():
        why = (
            f"the folder of suite {turn.suite}, with {asked.audio}, is gone. Put it back where the "
            "run had it, or run the suite again where it lies now."
        )
    else:
        try:
            samples, _ = render_turn(asked, folder or Path())
        except (VoicebenchError, OSError) as error:
            why = str(error)
    return Listened(turn, case, samples, why, footer)


def wav_bytes(samples: NDArray[np.float32]) -> bytes:
    """A WAV file: 16 kHz, mono, 16 bits."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        scaled = np.clip(samples * 32767, -32768, 32767)
        file.writeframes(np.rint(scaled).astype("<i2").tobytes())
    return content.getvalue()


def tokens_html(tokens: tuple[Token, ...]) -> str:
    """Recognised tokens, the darker the less sure; what else they may be shows on pointing."""
    if not tokens:
        return "(nothing)"
    pieces = []
    for token in tokens:
        doubt = max(0.0, min(1.0, (1 - token.confidence) / 0.6))
        others = ", ".join(f"{a.text} {a.probability:.2f}" for a in token.alternatives)
        about = f"{token.confidence:.2f}, {token.start_s:.2f} to {token.end_s:.2f} s; {others}"
        unsure = "; border-bottom: 2px solid #b3400b" if token.confidence < _UNSURE else ""
        pieces.append(
            f'<span style="background: rgba(230, 159, 0, {0.9 * doubt:.2f}){unsure}" '
            f'title="{escape(about, quote=True)}">{escape(token.text)}</span>'
        )
    mean = sum(token.confidence for token in tokens) / len(tokens)
    note = translate("mean {mean}, underlined: under {bound}", mean=f"{mean:.2f}", bound=_UNSURE)
    return f'<span class="tokens">{"".join(pieces)}</span> <small>{escape(note)}</small>'


def answer_html(turn: Turn, case: Case | None) -> str:
    """An answer with the pieces marked that decided about its facts."""
    if not turn.answer:
        return "(none)"
    marks: list[tuple[int, int, str]] = []
    if case and case.turns[turn.turn_index].expects != "transcript" and turn.failure is None:
        judged = judge_turn(turn, case)
        wanted = [(fact.evidence, fact.verdict) for fact in judged.facts]
        for piece, kind in [*wanted, *((text, "unsupported") for text in judged.unsupported)]:
            start = turn.answer.find(piece) if piece else -1
            end = start + len(piece)
            if start >= 0 and all(end <= other[0] or start >= other[1] for other in marks):
                marks.append((start, end, kind))
    html, at = "", 0
    for start, end, kind in sorted(marks):
        html += escape(turn.answer[at:start])
        html += f'<mark class="{kind}" title="{kind}">{escape(turn.answer[start:end])}</mark>'
        at = end
    return html + escape(turn.answer[at:])


def turn_waterfall(turn: Turn, footer: str) -> Figure | None:
    """Where one turn's response latency went; None without an answer, or where it was premature."""
    segments = waterfall(turn)
    parts: dict[str, float] = {}
    for s in segments:
        name = segment_title(s.stage, s.tag)
        parts[name] = parts.get(name, 0.0) + 1000 * s.duration_s
    if not parts or sum(parts.values()) <= 0:
        return None
    drawing = stacked(
        [Bar(f"{translate('this turn')}\nn = 1", tuple(parts.items()))],
        title=translate("From the end of speech to the first token"), axis="ms", footer=footer,
    )  # fmt: skip
    caption = translate("What this turn waited for, stage by stage.")
    return Figure("turn_waterfall", drawing, caption)


def waterfall_table(turn: Turn) -> Table:
    """Where one turn's response latency went."""
    segments = waterfall(turn)
    rows = [
        (
            Cell(stage_title(s.stage)),
            Cell(kind_title(s.tag)),
            Cell(f"{s.start_s:.3f}"),
            Cell(f"{1000 * s.duration_s:.1f}"),
        )
        for s in segments
    ]
    total = Cell(f"{1000 * sum(s.duration_s for s in segments):.1f}")
    columns = (*columns_of(("stage", "kind")), Column("from", "s"), Column("time", "ms"))
    return Table(
        columns,
        (*rows, (Cell(translate("response latency")), Cell(""), Cell(""), total)),
    )


def event_table(turn: Turn) -> Table:
    """Everything that happened, in order."""
    rows = tuple(
        (Cell(f"{event.t_s:.3f}"), Cell(event.kind),
         Cell(", ".join(f"{k} {_short(v)}" for k, v in event.data.items())))
        for event in turn.events
    )  # fmt: skip
    return Table((Column("t", "s"), *columns_of(("event", "data"))), rows)


def _short(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _prompt(turn: Turn) -> str:
    given = translate("embeddings" if turn.prompt_as_embeddings else "token ids")
    cached = translate(
        "{num} of {total} tokens were cached", num=turn.cached_prompt_tokens,
        total=len(turn.prompt_token_ids),
    )  # fmt: skip
    messages = [
        (message.role, escape(message.content or str(message.tool_calls)))
        for message in turn.messages
    ]
    return list_html([*messages, ("given as", escape(f"{given}; {cached}"))])


def _trouble(turn: Turn) -> str:
    if turn.failure:
        return note_html(
            f"{translate('failed in {stage}', stage=turn.failure.stage)}: {turn.failure.type}: "
            f"{turn.failure.message}",
            is_bad=True,
        )
    if turn.degraded:
        return note_html(
            f"{translate('fell back')}: {translate(turn.degraded.reason.replace('_', ' '))}. "
            f"{turn.degraded.hint}",
            is_bad=True,
        )
    return ""
