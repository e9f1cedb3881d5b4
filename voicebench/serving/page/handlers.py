"""What the page's controls do: each handler yields the chat whenever it has changed."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec

from voicebench.bundled.examples import examples
from voicebench.errors import UserError
from voicebench.pipeline.assistant import Assistant
from voicebench.serving.errors import ApiError
from voicebench.serving.page.microphone import Microphone
from voicebench.serving.page.tabs import Tab, Tabs
from voicebench.serving.page.turn import PageTurn
from voicebench.serving.page.view import ChatMessage, Shown, chat_messages
from voicebench.serving.page.words import Words
from voicebench.serving.service import Service
from voicebench.serving.sound import decode
from voicebench.types import Sampling, Variant

PAUSE_S = 1.0
"""Silence that ends a question at the page: people think in mid-sentence."""
_UNTAKEN_S = 10.0

Chat = list[ChatMessage]


class Handlers:
    """Serves the page in one language.

    Args:
        service: Models and limits.
        tabs: Of all languages.
        words: Of this language.
        cache: Folder of uploads.
    """

    def __init__(self, service: Service, tabs: Tabs, words: Words, cache: Path) -> None:
        self._service = service
        self._tabs = tabs
        self._words = words
        self._cache = cache
        self._microphones: dict[str, Microphone] = {}

    # ------------------------------------------------------------ questions

    async def on_submit(
        self, given: dict[str, Any], tab_id: str, prompt: str, cleaning: str, session: str
    ) -> AsyncGenerator[Chat, None]:
        """Answers what was typed, or an uploaded recording, of which Gradio has checked the path."""
        text, files = str(given.get("text") or "").strip(), given.get("files") or []
        tab = self._tabs.find(tab_id, session)
        if files:
            path = str(files[0])
            turn = self._begin(tab, Shown(state="recognising", recording=path))
            turn.start(self._recorded(turn, path, tab, prompt, cleaning))
        elif text:
            turn = self._begin(tab, Shown(state="answering", typed=text[:1000]))
            turn.start(self._typed(turn, text, tab, prompt, cleaning))
        else:
            return
        async for chat in self._chats(tab, turn):
            yield chat

    async def on_example(
        self, number: int, tab_id: str, prompt: str, cleaning: str, session: str
    ) -> AsyncGenerator[Chat, None]:
        """Answers one of the bundled recordings."""
        path = self._cache / f"example-{number}.ogg"
        await asyncio.to_thread(path.write_bytes, examples()[number].path.read_bytes())
        given = {"files": [str(path)]}
        async for chat in self.on_submit(given, tab_id, prompt, cleaning, session):
            yield chat

    async def on_speech(
        self, microphone_id: str, tab_id: str, prompt: str, cleaning: str, session: str
    ) -> AsyncGenerator[Chat, None]:
        """Answers what is said into a microphone from `open_microphone`."""
        microphone = self._microphones.get(microphone_id)
        if microphone is None:
            return
        tab = self._tabs.find(tab_id, session)
        turn = self._begin(tab, Shown(state="listening"))
        microphone.turn = turn
        turn.start(self._spoken(turn, microphone, tab, prompt, cleaning))
        async for chat in self._chats(tab, turn):
            yield chat

    # ------------------------------------------------------------ the microphone

    async def open_microphone(self, rate_hz: Any) -> dict[str, str]:
        """A microphone's id, or why it cannot be used."""
        try:
            if not isinstance(rate_hz, int):
                raise UserError("the rate is no number")
            microphone = Microphone(rate_hz, self._service.settings.limits, self._service.admission)
        except (ApiError, UserError) as error:
            code = error.code if isinstance(error, ApiError) else None
            return {"error": self._words.errors.get(code or "", self._words.failed)}
        self._microphones[microphone.id] = microphone
        asyncio.get_running_loop().call_later(_UNTAKEN_S, self._drop_untaken, microphone)
        return {"id": microphone.id}

    async def feed_microphone(self, piece: Any) -> dict[str, bool]:
        """Takes a piece of audio; whether more is taken."""
        microphone = self._find(piece)
        if microphone is None:
            return {"listening": False}
        try:
            microphone.feed(str(piece.get("pcm", "")))
        except UserError:
            microphone.finish()
        if piece.get("end"):
            microphone.finish()
        return {"listening": microphone.is_open}

    async def wait_answered(self, asked: Any) -> dict[str, bool]:
        """Waits for the end of a microphone's turn; whether the conversation goes on hands-free."""
        microphone = self._find(asked)
        if microphone is None or microphone.turn is None:
            return {"again": False}
        turn: PageTurn = microphone.turn
        await turn.ended()
        self._microphones.pop(microphone.id, None)
        return {"again": turn.shown.state == "done" or bool(turn.shown.tokens)}

    def _find(self, asked: Any) -> Microphone | None:
        return self._microphones.get(str(asked.get("id"))) if isinstance(asked, dict) else None

    def _drop_untaken(self, microphone: Microphone) -> None:
        if microphone.turn is None:
            microphone.close()
            self._microphones.pop(microphone.id, None)

    # ------------------------------------------------------------ around it

    def on_load(self, tab_id: str, session: str) -> Chat:
        """The chat of a page that was opened or loaded again."""
        tab = self._tabs.find(tab_id, session)
        tab.cancel()
        return self._chat(tab)

    async def on_clear(self, tab_id: str, session: str) -> Chat:
        """Forgets the conversation."""
        tab = self._tabs.find(tab_id, session)
        tab.clear()
        await self._service.conversations.forget(tab.conversation_id)
        return []

    async def on_stop(self, tab_id: str, session: str) -> None:
        """Stops the answer in progress."""
        tab = self._tabs.find(tab_id, session)
        if tab.turns:
            await tab.turns[-1].stop()

    def on_leave(self, session: str) -> None:
        """A page was closed."""
        self._tabs.leave(session)

    # ------------------------------------------------------------ turns

    def _begin(self, tab: Tab, shown: Shown) -> PageTurn:
        turn = PageTurn(self._service, self._words, shown)
        tab.add(turn)
        return turn

    async def _chats(self, tab: Tab, turn: PageTurn) -> AsyncGenerator[Chat, None]:
        async for _ in turn.updates():
            if not tab.turns or tab.turns[-1] is not turn:  # another turn shows the chat now
                return
            yield self._chat(tab)

    def _chat(self, tab: Tab) -> Chat:
        doubt_below = self._service.settings.variant.doubt_below
        return [
            message
            for turn in tab.turns
            for message in chat_messages(turn.shown, doubt_below, self._words)
        ]

    async def _typed(self, turn: PageTurn, text: str, tab: Tab, prompt: str, cleaning: str) -> None:
        if len(text) > self._service.settings.limits.max_text_characters:
            raise UserError("too_long")
        await turn.answer_typed(self._assistant(prompt, cleaning), text, tab.conversation_id)

    async def _recorded(
        self, turn: PageTurn, path: str, tab: Tab, prompt: str, cleaning: str
    ) -> None:
        data = await asyncio.to_thread(Path(path).read_bytes)
        samples = await decode(data, self._service.settings.limits)
        assistant = self._assistant(prompt, cleaning)
        await turn.answer_recording(assistant, samples, tab.conversation_id)

    async def _spoken(
        self, turn: PageTurn, microphone: Microphone, tab: Tab, prompt: str, cleaning: str
    ) -> None:
        try:
            assistant = self._assistant(prompt, cleaning, is_live=True)
            await turn.answer_speech(assistant, microphone, tab.conversation_id)
        finally:
            microphone.close()

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
