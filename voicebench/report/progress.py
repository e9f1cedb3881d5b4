"""Progress with the time left, as a line of a notebook that is written over."""

from __future__ import annotations

import sys
from datetime import timedelta
from html import escape
from typing import Any

from voicebench.clock import now_s

_SECONDS_BETWEEN = 0.5
_SHARE_BEFORE_ESTIMATE = 0.02


def running_notebook() -> Any:
    """IPython's shell, where its output is shown by a notebook; None elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell if shell is not None and hasattr(shell, "kernel") else None


class NotebookBar:
    """A bar in the output of the running cell; nothing where there is no notebook.

    Args:
        text: What goes on.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._started_s = now_s()
        self._last_s = float("-inf")
        self._share_at_start: float | None = None
        self._handle: Any = None

    def say(self, text: str) -> None:
        """Says what goes on now; the time left counts from here."""
        self._text, self._share_at_start, self._last_s = text, None, float("-inf")
        self.show(0.0)

    def show(self, share: float, detail: str = "") -> None:
        """Shows which share is done, in [0, 1], and the time left."""
        if self._share_at_start is None:
            self._started_s, self._share_at_start = now_s(), share
        if now_s() - self._last_s < _SECONDS_BETWEEN and share < 1:
            return
        self._last_s = now_s()
        value = f'value="{share:.4f}"' if share > 0 else ""
        self._display(
            f'<progress style="width: 16em" max="1" {value}></progress> '
            f"{escape(f'{self._text}{detail}{self._left(share)}')}"
        )

    def end(self, text: str) -> None:
        """Leaves one sentence in the place of the bar."""
        self._display(escape(text))

    def _left(self, share: float) -> str:
        done = share - (self._share_at_start or 0.0)
        if done < _SHARE_BEFORE_ESTIMATE or share >= 1:
            return ""
        left_s = (now_s() - self._started_s) / done * (1 - share)
        return f", about {timedelta(seconds=round(left_s))} left"

    def _display(self, html: str) -> None:
        if running_notebook() is None:
            return
        from IPython.display import HTML, display

        shown = HTML(f'<div class="vb-progress">{html}</div>')  # type: ignore[no-untyped-call]
        if self._handle is None:
            self._handle = display(shown, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(shown)
