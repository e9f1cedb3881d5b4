"""The page's controls, and which handler each of them calls."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import gradio as gr

from voicebench.bundled.examples import examples
from voicebench.cleaning.presets import PRESETS
from voicebench.llm.prompts import PROMPTS
from voicebench.serving.page.handlers import Handlers
from voicebench.serving.page.words import Words
from voicebench.serving.settings import Settings

_SYSTEM_FONTS = ("system-ui", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif")
_EMPTY_CACHE_EVERY_S = 60
_KEEP_FILES_S = 600
_EXAMPLE_CHARACTERS = 10
_HTML: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
_EVENT: dict[str, Any] = {
    "show_progress": "hidden", "trigger_mode": "multiple", "concurrency_limit": None,
    "api_visibility": "private",
}  # fmt: skip
_WITH_TAB = "(given, tab, ...rest) => [given, voicebench.tab(), ...rest]"
"""The tab's id is filled in when a control is used: a question asked while the page still loads has
one, too."""
_TAB = "() => [voicebench.tab()]"


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
        input_placeholder_color_dark="*neutral_400",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_700",
    )


def build_blocks(handlers: Handlers, settings: Settings, words: Words, other: str) -> gr.Blocks:
    """The page in one language.

    Args:
        handlers: Behind its controls.
        settings: The profile's name, and the prompt and cleaning chosen at first.
        words: The language.
        other: Path of the page in the other language.
    """
    blocks = gr.Blocks(
        title=words.title, analytics_enabled=False,
        delete_cache=(_EMPTY_CACHE_EVERY_S, _KEEP_FILES_S), fill_height=True,
    )  # fmt: skip
    is_bundled = settings.profile == "bundled"
    with blocks:
        gr.HTML(_header(words, other), **_HTML)
        tab = gr.Textbox(visible="hidden", show_label=False, elem_id="vb-tab")
        chat = gr.Chatbot(
            show_label=False, elem_id="vb-chat", height=None, buttons=["copy"], editable="user",
            render_markdown=False, layout="bubble", scale=1,
            placeholder=escape(words.synthetic_only if is_bundled else words.ask),
            examples=_examples() if is_bundled else None,
        )  # fmt: skip
        composer = gr.MultimodalTextbox(
            show_label=False, sources=["upload"], file_types=["audio"], file_count="single",
            placeholder=words.type_placeholder, max_lines=6, elem_id="vb-composer",
            max_plain_text_length=100_000,
        )  # fmt: skip
        microphone = gr.HTML(
            _microphone(words),
            js_on_load="voicebench.microphone(element, trigger, server, 'start_recording')",
            server_functions=[
                _server_function(handlers.open_microphone),
                _server_function(handlers.feed_microphone),
                _server_function(handlers.wait_answered),
            ],
            apply_default_css=False,
            elem_id="vb-microphone",
        )
        with gr.Row(elem_id="vb-actions"):
            stop = gr.Button(words.stop, elem_id="vb-stop", size="sm", min_width=80)
            clear = gr.Button(words.new_conversation, elem_id="vb-clear", size="sm", min_width=80)
        with gr.Accordion(words.settings, open=False, elem_id="vb-settings"):
            prompt = _chooser(words.prompt, PROMPTS, words.prompts, settings.variant.prompt)
            cleaning = _chooser(words.cleaning, PRESETS, words.cleanings, settings.variant.cleaning)

        asked = [tab, prompt, cleaning]
        with_tab = {"js": _WITH_TAB, **_EVENT}
        turns = (
            composer.submit(handlers.on_submit, [composer, *asked], [chat, composer], **with_tab),
            chat.edit(handlers.on_edit, [chat, *asked], chat, **with_tab),
            chat.example_select(handlers.on_example, [chat, *asked], chat, **with_tab),
            microphone.start_recording(handlers.on_speech, [chat, *asked], chat, **with_tab),
        )
        for each in turns:
            each.then(None, js="() => voicebench.settle()")
        clear.click(handlers.on_clear, tab, chat, js=_TAB, **_EVENT)
        stop.click(handlers.on_stop, tab, None, js=_TAB, **_EVENT)
        blocks.load(handlers.on_load, tab, chat, js=_TAB, **_EVENT)
        blocks.unload(handlers.on_unload)
    queued: gr.Blocks = blocks.queue(api_open=False, default_concurrency_limit=None)
    return queued


def _server_function(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Gradio marks a function that it may call from the browser, and a method takes no mark."""

    @functools.wraps(method)
    async def call(message: Any) -> Any:
        return await method(message)

    return call


def _examples() -> list[Any]:
    """The bundled recordings by their first words; a phone shows all of them."""
    return [
        {"text": each.text, "display_text": f"▶ {each.text[:_EXAMPLE_CHARACTERS]}…"}
        for each in examples()
    ]


def _chooser(
    label: str, names: Mapping[str, Any], worded: Mapping[str, str], chosen: str
) -> gr.Radio:
    choices: list[str | int | float | tuple[str, str | int | float]] = [
        (worded.get(name, name), name) for name in names
    ]
    return gr.Radio(choices, value=chosen, label=label)


def _header(words: Words, other: str) -> str:
    return (
        f'<header class="vb-header"><h1>{escape(words.title)}</h1>'
        f'<a id="vb-language" href="{other}">{escape(words.other_language)}</a></header>'
    )


def _microphone(words: Words) -> str:
    texts = {
        "speak": words.speak, "finish": words.finish_speaking, "end": words.end_conversation,
        "refused": words.microphone_refused, "missing": words.microphone_missing,
        "failed": words.failed,
    }  # fmt: skip
    data = " ".join(f'data-{name}="{escape(text)}"' for name, text in texts.items())
    return (
        f'<div class="vb-microphone" {data}>'
        f'<button type="button" aria-pressed="false" aria-describedby="vb-microphone-note">'
        f'<span class="vb-dot" aria-hidden="true"></span><span class="vb-word">{escape(words.speak)}'
        f'</span></button><span class="vb-level" aria-hidden="true"><i></i></span>'
        f'<p id="vb-microphone-note" role="status">{escape(words.microphone_ready)}</p></div>'
    )
