"""FunASR's CT-Transformer punctuation: marks in a transcript, and nothing else changed.

FunASR reads 20 words at a time, together with what it has read since the last full stop, and sets
the marks up to the last full stop for good. So what a text begins with gets the same marks however
it goes on, save near the end; and a transcript that grows is read from where it was left, not from
its beginning. FunASR's own call gives back text with its spaces and capitals rewritten; here its marks
alone are taken.
"""

from __future__ import annotations

import itertools
import re
import threading
from dataclasses import dataclass
from typing import Any

CHUNK_WORDS = 20
"""FunASR's `split_size`."""
_CUT_AT_COMMA_OVER = 200  # FunASR's `cache_pop_trigger_limit`, in words
_MAX_STATES = 4096
_WORD = re.compile(r"[\x21-\x7e]+|[^\x00-\x7f\s]")  # as FunASR divides: ASCII runs, else characters
_FULL_STOPS = ("。", "？")
_NO_MARKS = ("<unk>", "_")
_FULL_WIDTH = {",": "，", "?": "？"}
_ASCII = {"，": ",", "。": ".", "？": "?", "、": ","}


@dataclass(frozen=True)
class _State:
    """After some chunks of a text: the marks that stand, and the words read since the last of them.

    `marks` are those that the last chunk settled; those before it are in `before`.
    """

    number: int
    before: _State | None = None
    marks: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()

    def all_marks(self) -> list[str]:
        """Every mark that stands, from the first word on."""
        parts, state = [], self
        while state.before is not None:
            parts.append(state.marks)
            state = state.before
        return [mark for part in reversed(parts) for mark in part]


_BEGINNING = _State(number=0)


class CtPunctuation:
    """A `Punctuation` on a FunASR model.

    Args:
        model: A CTTransformer.
        settings: FunASR's, its tokenizer among them.
    """

    def __init__(self, model: Any, settings: dict[str, Any]) -> None:
        self._model = model
        self._tokenizer = settings["tokenizer"]
        # full-width in the published model, and not in FunASR's example config
        self._marks = [_FULL_WIDTH.get(mark, mark) for mark in model.punc_list]
        self._states: dict[tuple[int, tuple[str, ...]], _State] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def punctuate(self, text: str, *, is_final: bool = True) -> str:
        """See `Punctuation.punctuate`.

        Args:
            text: Without marks. Hanzi count as words of their own, as runs of other characters do.
            is_final: Whether it ends there: it then gets a full stop, unless the model says `？`.
        """
        spans = [match.span() for match in _WORD.finditer(text)]
        if not spans:
            return text
        marks = self._marks_of(tuple(text[start:end] for start, end in spans))
        if not is_final:
            marks[-1] = ""
        elif marks[-1] not in _FULL_STOPS:
            marks[-1] = "。"
        pieces, done = [], 0
        for (start, end), mark in zip(spans, marks, strict=True):
            is_ascii = text[start:end].isascii()
            pieces += [text[done:end], _ASCII.get(mark, mark) if is_ascii else mark]
            done = end
        return "".join(pieces) + text[done:]

    def _marks_of(self, words: tuple[str, ...]) -> list[str]:
        chunks = [words[at : at + CHUNK_WORDS] for at in range(0, len(words), CHUNK_WORDS)]
        with self._lock:
            state = _BEGINNING
            for chunk in chunks[:-1]:
                state = self._after(state, chunk)
            return [*state.all_marks(), *self._predict((*state.pending, *chunks[-1]))]

    def _after(self, state: _State, chunk: tuple[str, ...]) -> _State:
        """The state after a chunk that is not the last; kept, for texts that begin alike."""
        key = (state.number, chunk)
        if key not in self._states:
            if len(self._states) >= _MAX_STATES:
                self._states.clear()
            words = (*state.pending, *chunk)
            marks, settled = self._settle(self._predict(words))
            self._states[key] = _State(
                number=next(self._numbers),
                before=state,
                marks=tuple(marks[:settled]),
                pending=words[settled:],
            )
        return self._states[key]

    def _settle(self, marks: list[str]) -> tuple[list[str], int]:
        """Marks, and how many of them stand: up to the last full stop, which FunASR looks for from
        the third word to the last but one, or in a long sentence up to its last comma."""
        inner = range(len(marks) - 2, 1, -1)
        for at in inner:
            if marks[at] in _FULL_STOPS:
                return marks, at + 1
        commas = [at for at in inner if marks[at] == "，"]
        if len(marks) > _CUT_AT_COMMA_OVER and commas:
            return [*marks[: commas[0]], "。", *marks[commas[0] + 1 :]], commas[0] + 1
        return marks, 0

    def _predict(self, words: tuple[str, ...]) -> list[str]:
        """The model's mark behind each word; empty for none."""
        import torch

        ids = torch.tensor([self._tokenizer.encode(list(words))])
        with torch.inference_mode():
            scores, _ = self._model.punc_forward(text=ids, text_lengths=torch.tensor([len(words)]))
        found = [self._marks[index] for index in scores[0].argmax(-1).tolist()]
        return ["" if mark in _NO_MARKS else mark for mark in found]
