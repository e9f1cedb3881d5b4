"""The page in all its languages, as one application for any ASGI server."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.types import ASGIApp

from voicebench.serving.page.allowlist import RouteAllowList
from voicebench.serving.page.bundle import make_bundle
from voicebench.serving.page.handlers import Handlers
from voicebench.serving.page.layout import build_blocks, theme
from voicebench.serving.page.tabs import Tabs
from voicebench.serving.page.words import WORDS
from voicebench.serving.service import Service


def build_page(service: Service, cache: Path) -> ASGIApp:
    """See `voicebench.serving.page.server.make_page`, which prepares what Gradio reads."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    tabs = Tabs(service.conversations)
    max_bytes = round(service.settings.limits.max_body_mib * 2**20)
    pages = {}
    for name, words in WORDS.items():
        other = next(f"/{each}/" for each in WORDS if each != name)
        handlers = Handlers(service, tabs, words, cache)
        pages[name] = build_blocks(handlers, service.settings, words, other)
    blocks = next(iter(pages.values()))
    bundle = make_bundle({each["type"] for each in blocks.get_config_file()["components"]})
    for name, blocks in pages.items():
        gr.mount_gradio_app(
            app, blocks, path=f"/{name}", theme=theme(), footer_links=[], run_history=False,
            show_error=False, max_file_size=max_bytes, ssr_mode=False, pwa=False,
            enable_monitoring=False, mcp_server=False,
        )  # fmt: skip
    return RouteAllowList(app, service.settings, cache, bundle)
