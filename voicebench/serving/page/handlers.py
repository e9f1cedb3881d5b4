"""What the page's controls do: each handler yields the chat whenever it has changed."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import gradio as gr
import msgspec

from voicebench.bundled.examples import examples
from voicebench.errors import UserError
from voicebench.serving.errors import ApiError
from voicebench.serving.page.microphone import Microphone
from voicebench.serving.page.tabs import Tab, Tabs
from voicebench.serving.page.turn import PageTurn
from voicebench.serving.page.view import ChatMessage, Shown, chat_messages
from voicebench.serving.page.words import Words
from voicebench.serving.service import Service
from voicebench.types import Sampling, Variant

PAUSE_S = 1.0
"""Silence that ends a question at the page: people think in mid-sentence."""
_UNUSED_S = 10.0

Chat = list[ChatMessage]


class Handlers:
    """Serves the page in one language. Gradio calls the methods, and gives each its request.

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
        self, given: dict[str, Any], tab_id: str, prompt: str, cleaning: str, request: gr.Request
    ) -> AsyncGenerator[tuple[Chat, Any], None]:
        """Answers what was typed, or an uploaded recording, of which Gradio has checked the path."""
        text, files = str(given.get("text") or "").strip(), given.get("files") or []
        if files:
            shown = Shown(state="recognising", recording=str(files[0]))
        elif text:
            shown = Shown(state="answering", typed=text)
        else:
            return
        composer: Any = {"text": "", "files": []}
        async for chat in self._play(shown, tab_id, prompt, cleaning, request):
            yield chat, composer
            composer = gr.skip()

    async def on_edit(
        self, _: Chat, tab_id: str, prompt: str, cleaning: str, event: gr.EditData,
        request: gr.Request,
    ) -> AsyncGenerator[Chat, None]:  # fmt: skip
        """Answers a question that was corrected."""
        if text := str(event.value).strip():
            shown = Shown(state="answering", typed=text)
            async for chat in self._play(shown, tab_id, prompt, cleaning, request):
                yield chat

    async def on_example(
        self, _: Chat, tab_id: str, prompt: str, cleaning: str, event: gr.SelectData,
        request: gr.Request,
    ) -> AsyncGenerator[Chat, None]:  # fmt: skip
        """Answers one of the bundled recordings."""
        path = self._cache / f"example-{event.index}.ogg"
        data = examples()[int(event.index)].path.read_bytes()
        await asyncio.to_thread(path.write_bytes, data)
        shown = Shown(state="recognising", recording=str(path))
        async for chat in self._play(shown, tab_id, prompt, cleaning, request):
            yield chat

    async def on_speech(
        self, _: Chat, tab_id: str, prompt: str, cleaning: str, event: gr.EventData,
        request: gr.Request,
    ) -> AsyncGenerator[Chat, None]:  # fmt: skip
        """Answers speech into a microphone from `open_microphone`."""
        if microphone := self._microphones.get(str(event.microphone)):
            shown = Shown(state="listening")
            async for chat in self._play(shown, tab_id, prompt, cleaning, request, microphone):
                yield chat

    async def _play(
        self, shown: Shown, tab_id: str, prompt: str, cleaning: str, request: gr.Request,
        microphone: Microphone | None = None,
    ) -> AsyncGenerator[Chat, None]:  # fmt: skip
        """The chat while a turn goes on, until another turn shows it."""
        tab = self._find_tab(tab_id, request)
        turn = PageTurn(self._service, self._words, shown, microphone)
        if microphone:
            microphone.turn = turn
        await tab.add(turn)
        turn.start(self._variant(prompt, cleaning), tab.conversation_id)
        async for _ in turn.updates():
            if tab.turns[-1:] != (turn,):
                return
            yield self._chat(tab)

    def _variant(self, prompt: str, cleaning: str) -> Variant:
        max_tokens = self._service.settings.limits.max_tokens
        sampling = Sampling(max_tokens=max_tokens, seed=secrets.randbelow(2**31))
        return msgspec.structs.replace(
            self._service.settings.variant, prompt=prompt, cleaning=cleaning, sampling=sampling,
            endpoint_silence_s=PAUSE_S,
        )  # fmt: skip

    # ------------------------------------------------------------ the microphone

    async def open_microphone(self, rate_hz: Any) -> dict[str, str]:
        """A microphone's id, or why it cannot be used."""
        try:
            microphone = Microphone(rate_hz, self._service.settings.limits, self._service.admission)
        except (ApiError, UserError) as error:
            code = error.code if isinstance(error, ApiError) else None
            return {"error": self._words.errors.get(code or "", self._words.failed)}
        self._microphones[microphone.id] = microphone
        asyncio.get_running_loop().call_later(_UNUSED_S, self._drop_unused, microphone)
        return {"id": microphone.id}

    async def feed_microphone(self, piece: Any) -> dict[str, bool]:
        """Takes a piece of audio; whether more is taken."""
        microphone = self._find_microphone(piece)
        if microphone is None:
            return {"listening": False}
        try:
            microphone.feed(str(piece.get("pcm", "")))
        except UserError:
            microphone.finish()
        if piece.get("end"):
            microphone.finish()
        return {"listening": microphone.is_open}

    async def wait_answered(self, message: Any) -> dict[str, bool]:
        """Waits for the end of a microphone's turn; whether the conversation goes on hands-free."""
        microphone = self._find_microphone(message)
        if microphone is None or microphone.turn is None:
            return {"again": False}
        turn: PageTurn = microphone.turn
        await turn.ended()
        self._microphones.pop(microphone.id, None)
        return {"again": turn.shown.state == "done" or bool(turn.shown.tokens)}

    def _find_microphone(self, message: Any) -> Microphone | None:
        return self._microphones.get(str(message.get("id"))) if isinstance(message, dict) else None

    def _drop_unused(self, microphone: Microphone) -> None:
        if microphone.turn is None:
            microphone.close()
            self._microphones.pop(microphone.id, None)

    # ------------------------------------------------------------ the chat

    async def on_load(self, tab_id: str, request: gr.Request) -> Chat:
        """The chat of a page that was opened or loaded again."""
        tab = self._find_tab(tab_id, request)
        await tab.stop()
        return self._chat(tab)

    async def on_clear(self, tab_id: str, request: gr.Request) -> Chat:
        """Forgets the conversation."""
        tab = self._find_tab(tab_id, request)
        await tab.stop()
        tab.turns = ()
        await self._service.conversations.forget(tab.conversation_id)
        return []

    async def on_stop(self, tab_id: str, request: gr.Request) -> None:
        """Stops the answer in progress."""
        await self._find_tab(tab_id, request).stop()

    async def on_unload(self, request: gr.Request) -> None:
        """A page was closed."""
        await self._tabs.leave(request.session_hash or "")

    def _find_tab(self, tab_id: str, request: gr.Request) -> Tab:
        return self._tabs.find(tab_id, request.session_hash or "")

    def _chat(self, tab: Tab) -> Chat:
        doubt_below = self._service.settings.variant.doubt_below
        return [
            message
            for turn in tab.turns
            for message in chat_messages(turn.shown, doubt_below, self._words)
        ]
