"""Stand-ins for FunASR's server and vLLM's, for Pipecat to speak to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, File, Form, UploadFile
from fastapi.responses import StreamingResponse

ANSWER = ("三", "点", "。")


@contextlib.contextmanager
def running_stand_ins() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Both at one address, and what they were asked."""
    asked: list[dict[str, Any]] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(_build(asked), log_level="warning"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            server.should_exit = True
            thread.join()


def _build(asked: list[dict[str, Any]]) -> Any:
    app = FastAPI()

    @app.post("/v1/audio/transcriptions")
    def transcribe(file: UploadFile = File(), model: str = Form()) -> dict[str, str]:  # noqa: B008
        asked.append({"model": model, "size": len(file.file.read())})
        return {"text": "今 天 几 点"}

    @app.post("/v1/chat/completions")
    def chat(body: dict[str, Any]) -> StreamingResponse:
        asked.append(body)

        def lines() -> Iterator[str]:
            steps = [*(({"content": text}, None) for text in ANSWER), ({}, "stop")]
            for delta, reason in steps:
                choice = {"index": 0, "delta": delta, "finish_reason": reason}
                chunk = {
                    "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "llm",
                    "choices": [choice],
                }  # fmt: skip
                yield f"data: {json.dumps(chunk)}\n\n"
            yield "data: [DONE]\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    return app
