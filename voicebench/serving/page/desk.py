"""What the page does when it is asked something: the functions behind its controls."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec

from voicebench.errors import UserError
from voicebench.pipeline.assistant import Assistant
from voicebench.serving.errors import ApiError
from voicebench.serving.page import view
from voicebench.serving.page.line import Line
from voicebench.serving.page.talk import Talk
from voicebench.serving.page.view import Shown
from voicebench.serving.page.visitors import Visitor, Visitors
from voicebench.serving.page.words import Words
from voicebench.serving.service import Service
from voicebench.serving.sound import decode
from voicebench.types import Sampling, Variant

PAUSE_S = 1.0
"""Silence that ends what is said at the page: people think in mid-sentence."""
_UNTAKEN_S = 10.0

Screen = tuple[str, str]
"""The turn and the earlier ones, as HTML."""


class Desk:
    """Serves the page in one language.

    Args:
        service: Models and limits.
        visitors: Of all languages.
        words: Of this language.
    """

    def __init__(self, service: Service, visitors: Visitors, words: Words) -> None:
        self._service = service
        self._visitors = visitors
        self._words = words
        self._lines: dict[str, Line] = {}

    # ------------------------------------------------------------ asking

    async def answer_typed(
        self, text: str, visitor_id: str, prompt: str, cleaning: str, session: str
    ) -> AsyncGenerator[Screen, None]:
        """Answers what was typed."""
        text = text.strip()
        if not text:
            return
        visitor = self._visitors.find(visitor_id, session)
        talk = self._begin(visitor, Shown(state="answering", typed=text[:1000]))
        talk.start(self._typed(talk, text, visitor.conversation_id, prompt, cleaning))
        async for screen in self._screens(visitor, talk):
            yield screen

    async def answer_recording(
        self, path: str | None, visitor_id: str, prompt: str, cleaning: str, session: str
    ) -> AsyncGenerator[Screen, None]:
        """Answers an uploaded recording.

        Args:
            path: Of a file in Gradio's own upload cache, which Gradio has made sure of.
            visitor_id: See `Visitors`.
            prompt: Name of a prompt.
            cleaning: Name of a cleaning.
            session: Gradio's.
        """
        visitor = self._visitors.find(visitor_id, session)
        talk = self._begin(visitor, Shown(state="recognising"))
        talk.start(self._recorded(talk, path, visitor.conversation_id, prompt, cleaning))
        async for screen in self._screens(visitor, talk):
            yield screen

    async def answer_speech(
        self, line_id: str, visitor_id: str, prompt: str, cleaning: str, session: str
    ) -> AsyncGenerator[Screen, None]:
        """Answers what is said on a line from `open_line`."""
        line = self._lines.get(line_id)
        if line is None:
            return
        visitor = self._visitors.find(visitor_id, session)
        talk = self._begin(visitor, Shown(state="listening"))
        talk.start(self._spoken(talk, line, visitor.conversation_id, prompt, cleaning))
        async for screen in self._screens(visitor, talk):
            yield screen

    # ------------------------------------------------------------ the microphone

    async def open_line(self, rate_hz: Any) -> dict[str, str]:
        """A line for a microphone: its id, or why there is none."""
        try:
            if not isinstance(rate_hz, int):
                raise UserError("the rate is no number")
            line = Line(rate_hz, self._service.settings.limits, self._service.admission)
        except (ApiError, UserError) as error:
            code = error.code if isinstance(error, ApiError) else None
            return {"error": self._words.errors.get(code or "", self._words.failed)}
        self._lines[line.line_id] = line
        asyncio.get_running_loop().call_later(_UNTAKEN_S, self._drop_untaken, line)
        return {"line": line.line_id}

    async def feed_line(self, piece: Any) -> dict[str, bool]:
        """Takes a piece of a line; whether more is heard."""
        line = self._lines.get(str(piece.get("line"))) if isinstance(piece, dict) else None
        if line is None:
            return {"listening": False}
        try:
            line.feed(str(piece.get("pcm", "")))
        except UserError:
            line.finish()
        if piece.get("end"):
            line.finish()
        return {"listening": line.is_open}

    def _drop_untaken(self, line: Line) -> None:
        if not line.is_taken:
            line.close()
            self._lines.pop(line.line_id, None)

    # ------------------------------------------------------------ around it

    def greet(self, visitor_id: str, session: str) -> Screen:
        """What a page shows that was opened or loaded anew."""
        visitor = self._visitors.find(visitor_id, session)
        visitor.settle()
        return self._screen(None, visitor.past)

    async def start_anew(self, visitor_id: str, session: str) -> Screen:
        """Forgets the conversation."""
        visitor = self._visitors.find(visitor_id, session)
        visitor.forget()
        await self._service.conversations.forget(visitor.conversation_id)
        return self._screen(None, ())

    async def stop(self, visitor_id: str, session: str) -> None:
        """Stops the answer in progress."""
        visitor = self._visitors.find(visitor_id, session)
        if visitor.talk:
            await visitor.talk.stop()

    def leave(self, session: str) -> None:
        """A page was closed."""
        self._visitors.leave(session)

    # ------------------------------------------------------------ turns

    def _begin(self, visitor: Visitor, begun: Shown) -> Talk:
        talk = Talk(self._service, self._words, begun)
        visitor.begin(talk)
        return talk

    async def _screens(self, visitor: Visitor, talk: Talk) -> AsyncGenerator[Screen, None]:
        async for shown in talk.updates():
            if visitor.talk is not talk:  # another turn is on the screen now
                return
            yield self._screen(shown, visitor.past)

    def _screen(self, shown: Shown | None, past: tuple[Talk, ...]) -> Screen:
        doubt_below = self._service.settings.variant.doubt_below
        return (
            view.turn_panel(shown, doubt_below, self._words),
            view.history([talk.shown for talk in past], doubt_below, self._words),
        )

    async def _typed(
        self, talk: Talk, text: str, conversation_id: str, prompt: str, cleaning: str
    ) -> None:
        if len(text) > self._service.settings.limits.max_text_characters:
            raise UserError("too_long")
        await talk.typed(self._assistant(prompt, cleaning), text, conversation_id)

    async def _recorded(
        self, talk: Talk, path: str | None, conversation_id: str, prompt: str, cleaning: str
    ) -> None:
        if path is None:
            raise UserError("no_recording")
        data = await asyncio.to_thread(Path(path).read_bytes)
        samples = await decode(data, self._service.settings.limits)
        await talk.recorded(self._assistant(prompt, cleaning), samples, conversation_id)

    async def _spoken(
        self, talk: Talk, line: Line, conversation_id: str, prompt: str, cleaning: str
    ) -> None:
        line.is_taken = True
        try:
            assistant = self._assistant(prompt, cleaning, is_live=True)
            await talk.spoken(assistant, line, conversation_id)
        finally:
            line.close()
            self._lines.pop(line.line_id, None)

    def _assistant(self, prompt: str, cleaning: str, *, is_live: bool = False) -> Assistant:
        variant = self._variant(prompt, cleaning)
        return self._service.assistant(variant if is_live else self._service.for_uploads(variant))

    def _variant(self, prompt: str, cleaning: str) -> Variant:
        limits = self._service.settings.limits
        sampling = Sampling(max_tokens=limits.max_tokens, seed=secrets.randbelow(2**31))
        return msgspec.structs.replace(
            self._service.settings.variant,
            prompt=prompt,
            cleaning=cleaning,
            sampling=sampling,
            endpoint_silence_s=PAUSE_S,
        )
