"""One turn on a time axis: the waveform with its windows, and what the pipeline did meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voicebench.metrics.latency import token_times_s
from voicebench.report.drawing import COLOURS, HATCHES, Drawing, begin_rows, finish, style
from voicebench.report.figures import Figure
from voicebench.report.spans import LANES, Span, turn_spans
from voicebench.types import SAMPLE_RATE_HZ, Guard, Turn
from voicebench.words import translate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN = 9.0
_COLUMNS = 1200
_MOST_LABELLED = 16
_THINNEST = 0.002  # of the axis: what is shorter would not be seen
_LANES = LANES[1:]  # speech is drawn under the waveform
_UNSURE = Guard().min_confidence


def timeline_figure(turn: Turn, samples: NDArray[np.float32] | None, footer: str) -> Figure:
    """A turn's timeline.

    Args:
        turn: Its whole record.
        samples: Its audio at 16 kHz, shape (num_samples,); None where there is none to be had.
        footer: The run id.
    """
    spans = [span for span in turn_spans(turn) if span.lane != "waterfall"]
    lanes = [lane for lane in _LANES if any(span.lane == lane for span in spans)] or ["windows"]
    times = token_times_s(turn)
    end_s = max([turn.audio_s, *times[-1:], *(span.end_s for span in spans)])
    drawing = _draw(turn, samples, spans, lanes, end_s, footer)
    caption = translate(
        "{windows} windows, {tokens} tokens. Above the waveform with the speech that was detected, "
        "below what was worked on when; numbers in windows are their confidence, hatched ones are "
        "under {bound}. Dashed: true end of speech; solid: turn committed; dotted: first answer "
        "token.",
        windows=len(turn.windows), tokens=len(turn.hypothesis.tokens), bound=_UNSURE,
    )  # fmt: skip
    return Figure("timeline", drawing, caption)


def _draw(
    turn: Turn,
    samples: NDArray[np.float32] | None,
    spans: list[Span],
    lanes: list[str],
    end_s: float,
    footer: str,
) -> Drawing:
    waves = 1 if samples is not None else 0
    heights = (1.1,) * waves + (0.34 * len(lanes) + 0.2,)
    number = translate("turn {turn}", turn=turn.turn_index + 1)
    title = f"{turn.suite} / {turn.case_id}, {number}, {turn.variant}"
    with style():
        figure, rows = begin_rows(title, heights, 1.1 + sum(heights), footer, WIDTH_IN)
        if samples is not None:
            _draw_wave(rows[0], samples, [span for span in spans if span.lane == "speech"])
        axes = rows[-1]
        for row, lane in enumerate(lanes):
            of_lane = [span for span in spans if span.lane == lane]
            for place, span in enumerate(of_lane):
                width_s = max(span.end_s - span.start_s, _THINNEST * end_s)
                has_label = len(of_lane) <= _MOST_LABELLED
                _draw_span(axes, (row, place), span, width_s, has_label=has_label)
        axes.set_yticks(range(len(lanes)), [translate(lane) for lane in lanes])
        axes.set_ylim(len(lanes) - 0.5, -0.5)
        axes.set_xlim(0, 1.01 * end_s or 1.0)
        axes.set_xlabel(translate("s from the first audio sample"))
        for each in rows:
            _draw_marks(each, turn)
        return finish(figure)


def _draw_wave(axes: Axes, samples: NDArray[np.float32], speech: list[Span]) -> None:
    """Lowest and highest sample of each column of pixels."""
    step = max(1, len(samples) // _COLUMNS)
    whole = samples[: len(samples) // step * step].reshape(-1, step)
    times_s = np.arange(len(whole)) * step / SAMPLE_RATE_HZ
    for span in speech:
        axes.axvspan(span.start_s, span.end_s, color="#E8F1F8", zorder=0)
    axes.fill_between(times_s, whole.min(axis=1), whole.max(axis=1), color="#33485c", linewidth=0.3)
    axes.set_ylabel(translate("amplitude\n(of full scale)"))
    peak = float(np.abs(samples).max(initial=0.0))
    axes.set_ylim(-1.05 * peak or -1.0, 1.05 * peak or 1.0)


def _draw_span(
    axes: Axes, at: tuple[int, int], span: Span, width_s: float, *, has_label: bool
) -> None:
    """A span in its row, the `at[1]`-th there."""
    row, place = at
    position = LANES.index(span.lane)
    is_window = span.lane == "windows"
    confidence = float(span.data.get("confidence", 1.0))
    is_dropped = span.data.get("outcome") == "speculation_dropped"
    offset = 0.2 * (place % 2) - 0.1 if is_window else 0.0  # windows overlap
    is_doubtful = is_dropped or (is_window and confidence < _UNSURE)
    axes.barh(
        row + offset,
        width_s,
        left=span.start_s,
        height=0.34 if is_window else 0.56,
        color=COLOURS[(position - 1) % len(COLOURS)],
        alpha=0.25 + 0.75 * max(0.0, min(1.0, (confidence - 0.4) / 0.6)) if is_window else 1.0,
        hatch=HATCHES[1] if is_doubtful else "",
        edgecolor="white" if is_window or is_doubtful else COLOURS[(position - 1) % len(COLOURS)],
        linewidth=0.6,
    )
    if is_window and has_label:
        axes.text(
            (span.start_s + span.end_s) / 2, row + offset, f"{confidence:.2f}", fontsize=7,
            ha="center", va="center", color="white" if confidence > 0.75 else "black",
        )  # fmt: skip


def _draw_marks(axes: Axes, turn: Turn) -> None:
    committed = [event.t_s for event in turn.events if event.kind == "turn_committed"]
    first = token_times_s(turn)[:1]
    marks = [(turn.t_eos_s, "--"), *((t, "-") for t in committed), *((t, ":") for t in first)]
    for at_s, line in marks:
        if at_s is not None and turn.events:
            axes.axvline(at_s, color="black", linestyle=line, linewidth=1.1, zorder=5)
