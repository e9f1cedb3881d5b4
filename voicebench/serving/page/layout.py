"""The page's controls, and which function of the desk each of them calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import gradio as gr

from voicebench.cleaning.presets import PRESETS
from voicebench.llm.prompts import PROMPTS
from voicebench.serving.page.desk import Desk, Screen
from voicebench.serving.page.view import as_text
from voicebench.serving.page.words import Words
from voicebench.types import Variant

_SYSTEM_FONTS = ("system-ui", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif")
_EMPTY_CACHE_EVERY_S = 60
_KEEP_FILES_S = 600
_PLAIN: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
_QUIET: dict[str, Any] = {
    "show_progress": "hidden", "trigger_mode": "multiple", "concurrency_limit": None,
    "api_visibility": "private",
}  # fmt: skip


def theme() -> gr.themes.Base:
    """Fonts of the system, and sizes in rem: they grow with the browser's own type size."""
    text = gr.themes.Size(
        name="text_rem", xxs="0.75rem", xs="0.8rem", sm="0.9rem", md="1rem",
        lg="1.15rem", xl="1.4rem", xxl="1.75rem",
    )  # fmt: skip
    base = gr.themes.Base(
        primary_hue="blue", text_size=text, font=_SYSTEM_FONTS, font_mono=("monospace",)
    )
    return base.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        input_placeholder_color="*neutral_500",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_700",
    )


def build_blocks(desk: Desk, variant: Variant, words: Words, other_path: str) -> gr.Blocks:
    """The page in one language.

    Args:
        desk: Behind its controls.
        variant: Whose prompt and cleaning are chosen at first.
        words: The language.
        other_path: Where the page is in the other language.
    """

    async def open_line(rate_hz: Any) -> dict[str, str]:
        return await desk.open_line(rate_hz)

    async def feed_line(piece: Any) -> dict[str, bool]:
        return await desk.feed_line(piece)

    blocks = gr.Blocks(
        title=words.title,
        analytics_enabled=False,
        delete_cache=(_EMPTY_CACHE_EVERY_S, _KEEP_FILES_S),
    )
    with blocks:
        gr.HTML(_header(words, other_path), **_PLAIN)
        visitor = gr.Textbox(visible="hidden", show_label=False, elem_id="vb-visitor")
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                microphone = gr.HTML(
                    _microphone(words),
                    js_on_load="voicebench.microphone(element, trigger, server, 'start_recording')",
                    server_functions=[open_line, feed_line],
                    apply_default_css=False,
                    elem_id="vb-microphone",
                )
                recording = gr.Audio(
                    label=words.recording, sources=["upload"], type="filepath", buttons=[],
                    editable=False, elem_id="vb-recording",
                )  # fmt: skip
                answer = gr.Button(words.answer_recording, variant="primary", elem_id="vb-answer")
                typed = gr.Textbox(
                    label=words.type_here, placeholder=words.type_placeholder, lines=1,
                    max_lines=6,
                    elem_id="vb-typed", max_length=100_000,
                )  # fmt: skip
                with gr.Row():
                    send = gr.Button(words.send, variant="primary", elem_id="vb-send")
                    stop = gr.Button(words.stop, elem_id="vb-stop")
                with gr.Accordion(words.settings, open=False, elem_id="vb-settings"):
                    prompt = _chooser(words.prompt, PROMPTS, words.prompts, variant.prompt)
                    cleaning = _chooser(words.cleaning, PRESETS, words.cleanings, variant.cleaning)
            with gr.Column(scale=3, min_width=300):
                turn = gr.HTML(elem_id="vb-turn", **_PLAIN)
                past = gr.HTML(elem_id="vb-past", **_PLAIN)
                anew = gr.Button(words.new_conversation, elem_id="vb-anew")

        async def on_typed(
            text: str, visitor_id: str, prompt: str, cleaning: str, request: gr.Request
        ) -> AsyncGenerator[tuple[str, str, Any], None]:
            screens = desk.answer_typed(text, visitor_id, prompt, cleaning, _session(request))
            is_first = True
            async for screen in screens:
                yield (*screen, "" if is_first else gr.skip())
                is_first = False

        async def on_recording(
            path: str | None, visitor_id: str, prompt: str, cleaning: str, request: gr.Request
        ) -> AsyncGenerator[Screen, None]:
            screens = desk.answer_recording(path, visitor_id, prompt, cleaning, _session(request))
            async for screen in screens:
                yield screen

        async def on_speech(
            visitor_id: str, prompt: str, cleaning: str, event: gr.EventData, request: gr.Request
        ) -> AsyncGenerator[Screen, None]:
            line_id = str(event.line)
            async for screen in desk.answer_speech(
                line_id, visitor_id, prompt, cleaning, _session(request)
            ):
                yield screen

        async def on_load(visitor_id: str, request: gr.Request) -> tuple[str, str, str]:
            return (*desk.greet(visitor_id, _session(request)), visitor_id)

        async def on_anew(visitor_id: str, request: gr.Request) -> Screen:
            return await desk.start_anew(visitor_id, _session(request))

        async def on_stop(visitor_id: str, request: gr.Request) -> None:
            await desk.stop(visitor_id, _session(request))

        async def on_unload(request: gr.Request) -> None:
            desk.leave(_session(request))

        asked, screen = [visitor, prompt, cleaning], [turn, past]
        turns = (
            gr.on(
                [typed.submit, send.click], on_typed, [typed, *asked], [*screen, typed], **_QUIET
            ),
            answer.click(on_recording, [recording, *asked], screen, **_QUIET),
            microphone.start_recording(on_speech, asked, screen, **_QUIET),
        )
        for each in turns:
            each.then(None, js="() => voicebench.settle()")
        anew.click(on_anew, visitor, screen, **_QUIET)
        stop.click(on_stop, visitor, None, **_QUIET)
        known = "() => [voicebench.visitor()]"
        blocks.load(on_load, visitor, [*screen, visitor], js=known, **_QUIET)
        blocks.unload(on_unload)
    queued: gr.Blocks = blocks.queue(api_open=False, default_concurrency_limit=None)
    return queued


def _session(request: gr.Request) -> str:
    return request.session_hash or ""


def _chooser(
    label: str, names: Mapping[str, Any], worded: Mapping[str, str], chosen: str
) -> gr.Radio:
    choices: list[str | int | float | tuple[str, str | int | float]] = [
        (worded.get(name, name), name) for name in names
    ]
    return gr.Radio(choices, value=chosen, label=label)


def _header(words: Words, other_path: str) -> str:
    return (
        f'<header class="vb-header"><h1>{as_text(words.title)}</h1><nav>'
        f'<button type="button" id="vb-larger" aria-pressed="false" '
        f'onclick="voicebench.enlarge()">{as_text(words.larger_type)}</button>'
        f'<a id="vb-language" href="{other_path}">{as_text(words.other_language)}</a></nav></header>'
    )


def _microphone(words: Words) -> str:
    told = {
        "speak": words.speak,
        "finish": words.finish_speaking,
        "refused": words.microphone_refused,
        "missing": words.microphone_missing,
        "failed": words.failed,
    }
    data = " ".join(f'data-{name}="{as_text(text)}"' for name, text in told.items())
    return (
        f'<div class="vb-microphone" {data}>'
        f'<button type="button" aria-pressed="false" aria-describedby="vb-microphone-note">'
        f'<span class="vb-dot" aria-hidden="true"></span><span class="vb-word">{as_text(words.speak)}'
        f'</span></button><span class="vb-level" aria-hidden="true"><i></i></span>'
        f'<p id="vb-microphone-note" role="status">{as_text(words.microphone_ready)}</p></div>'
    )
