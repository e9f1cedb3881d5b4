"""What `voicebench ask` shows: a page for a terminal, or one JSON object a file."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from voicebench.asr.base import Recognizer
from voicebench.events import (
    AnswerFinished,
    AnswerTokenShown,
    Event,
    TranscriptCleaned,
    TranscriptFinal,
    TurnDegraded,
)
from voicebench.llm.base import Generator
from voicebench.metrics.latency import latencies, turn_rtf
from voicebench.metrics.waterfall import Segment, framework_overhead_ms, waterfall
from voicebench.pipeline.ready import READY_LINE, load_and_warm_up
from voicebench.profiles.schema import Profile
from voicebench.types import Guard, Hypothesis, Turn

UNSURE_BELOW = Guard().min_confidence

_INDENT = 12

Models = tuple[Recognizer, Generator]


class View(Protocol):
    """Who shows what happens."""

    def loading(self, profile: Profile) -> contextlib.AbstractContextManager[Models]:
        """The models, loaded on entering and closed on leaving."""
        ...

    def begin(self, name: str, num_files: int) -> None:
        """A file is next."""
        ...

    def show(self, event: Event) -> None:
        """Something happened."""
        ...

    def end(self, name: str, turn: Turn) -> None:
        """The file's turn is over."""
        ...


@contextlib.contextmanager
def _loaded(profile: Profile, *, is_quiet: bool = False) -> Iterator[Models]:
    """Loads both models with progress on a terminal's stderr; keeps their prints off stdout."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # read when torch is imported
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    console = Console(stderr=True, highlight=False)
    with contextlib.ExitStack() as stack:
        with contextlib.redirect_stdout(sys.stderr):
            status = console.status("Loading ...")
            with status if console.is_terminal else contextlib.nullcontext():
                recognizer, generator = load_and_warm_up(
                    profile, lambda text: status.update(escape(text))
                )
            stack.callback(recognizer.close)
            stack.callback(generator.close)
        if not is_quiet:
            console.print(READY_LINE, markup=False)
        if profile.has_random_weights:
            console.print(f"{profile.name}: random weights, so times and never quality")
        yield recognizer, generator


class JsonView:
    """One JSON object a line and file; nothing else on stdout."""

    def loading(self, profile: Profile) -> contextlib.AbstractContextManager[Models]:
        """See `View`."""
        return _loaded(profile, is_quiet=True)

    def begin(self, name: str, num_files: int) -> None:
        """See `View`."""

    def show(self, event: Event) -> None:
        """See `View`."""

    def end(self, name: str, turn: Turn) -> None:
        """See `View`."""
        print(json.dumps(describe(name, turn), ensure_ascii=False), flush=True)


class TerminalView:
    """Every step as it happens, low confidence marked, the answer as it is made."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._is_answering = False

    def loading(self, profile: Profile) -> contextlib.AbstractContextManager[Models]:
        """See `View`."""
        return _loaded(profile)

    def begin(self, name: str, num_files: int) -> None:
        """See `View`."""
        self._is_answering = False
        if num_files > 1:
            self._console.rule(name)

    def show(self, event: Event) -> None:
        """See `View`."""
        match event:
            case TranscriptFinal():
                self._line("heard", _marked(event.hypothesis))
            case TranscriptCleaned():
                self._line("cleaned", Text(event.text))
            case AnswerTokenShown():
                if not self._is_answering:
                    self._console.print(_label("answer"), end="")
                    self._is_answering = True
                self._console.print(Text(event.text), end="", soft_wrap=True)
                self._console.file.flush()
            case AnswerFinished() if self._is_answering:
                self._console.print()
            case TurnDegraded():
                self._line("degraded", Text(f"{event.hint} ({event.reason})"))
            case _:
                pass

    def end(self, name: str, turn: Turn) -> None:
        """See `View`."""
        if turn.failure is not None:
            if self._is_answering:
                self._console.print()
            failure = turn.failure
            print(f"error: {name}: {failure.stage} failed: {failure.message}", file=sys.stderr)
        self._line("", _timing(turn))
        if segments := waterfall(turn):
            pace = turn.pace.replace("_", "-")
            title = f"From the end of speech to the first token, at {pace} pace"
            self._line("waterfall", Text(title, style="dim"))
            self._console.print(_waterfall_table(segments))

    def _line(self, label: str, text: Text) -> None:
        self._console.print(_label(label) + text, soft_wrap=True)


def describe(name: str, turn: Turn) -> dict[str, Any]:
    """What is known of a turn, as JSON types; metrics under their names in METRICS.md."""
    rtf = turn_rtf(turn)
    segments = waterfall(turn)
    return {
        "file": name,
        "transcript": turn.hypothesis.text,
        "confidence": turn.hypothesis.confidence,
        "tokens": msgspec.to_builtins(turn.hypothesis.tokens),
        "cleaned": turn.cleaned,
        "retracted": list(turn.retracted),
        "answer": turn.answer,
        "finish_reason": turn.finish_reason,
        "degraded": msgspec.to_builtins(turn.degraded),
        "failure": msgspec.to_builtins(turn.failure),
        "pace": turn.pace,
        "recognition": turn.recognition,
        "segments" if turn.recognition == "segments" else "windows": [
            {"start_s": window.start_s, "end_s": window.end_s, "confidence": window.confidence}
            for window in turn.windows
            if window.pass_number == 1
        ],
        "waterfall": [
            {
                "stage": segment.stage,
                "tag": segment.tag,
                "start_s": segment.start_s,
                "duration_s": segment.duration_s,
            }
            for segment in segments
        ],
        "metrics": {
            "audio_s": turn.audio_s,
            "t_eos_s": turn.t_eos_s,
            "rtf": rtf.rtf if rtf else None,
            **latencies(turn),
            "framework_overhead_ms": framework_overhead_ms(segments),
            "answer_length_tokens": len(turn.answer_tokens),
            "answer_length_characters": len(turn.answer),
            "prompt_tokens": len(turn.prompt_token_ids),
            "cached_prompt_tokens": turn.cached_prompt_tokens,
        },
    }


def _label(text: str) -> Text:
    return Text(f"{text:>{_INDENT - 2}}  ", style="bold", end="")


def _marked(hypothesis: Hypothesis) -> Text:
    """The transcript; where the recogniser was unsure, the confidence stands behind the word."""
    marked = Text()
    for token in hypothesis.tokens:
        is_unsure = token.confidence < UNSURE_BELOW
        if marked and token.text.isascii() and marked.plain[-1:].isascii():
            marked.append(" ")
        marked.append(token.text, style="bold yellow" if is_unsure else "")
        if is_unsure:
            marked.append(f"({token.confidence:.2f})", style="dim yellow")
    marked.append(f"  [{hypothesis.confidence:.2f}]", style="dim")
    return marked


def _timing(turn: Turn) -> Text:
    rtf = turn_rtf(turn)
    num_pieces = sum(window.pass_number == 1 for window in turn.windows)
    parts = [f"{turn.audio_s:.1f} s of audio in {num_pieces} {turn.recognition}"]
    if rtf and rtf.rtf is not None:
        parts.append(f"RTF {rtf.rtf:.3f}")
    if turn.answer_tokens:
        parts.append(f"{len(turn.answer_tokens)} answer tokens")
        parts.append(
            f"{turn.cached_prompt_tokens}/{len(turn.prompt_token_ids)} prompt tokens cached"
        )
    return Text(" · ".join(parts), style="dim")


def _waterfall_table(segments: Sequence[Segment]) -> Padding:
    table = Table(box=None)
    table.add_column("stage")
    table.add_column("kind", style="dim")
    table.add_column("ms", justify="right")
    total_s = 0.0
    for segment in segments:
        table.add_row(segment.stage, segment.tag, f"{segment.duration_s * 1000:.1f}")
        total_s += segment.duration_s
    table.add_row("response_latency_s", "", f"{total_s * 1000:.1f}", style="bold")
    return Padding(table, (0, 0, 0, _INDENT))
