"""A recogniser behind HTTP: what a service of its own looks like to the one that asks it.

    python bench/asr_service.py --profile bundled --port 8100

    POST /recognize   a mono 16 kHz WAV file of 16-bit samples; answers with the text, its mean token
                      confidence and the seconds that the model took
    GET  /health      answers once the model is loaded and warm

The whole recording goes through the model at once. Used by `run_joint_vs_separate.py`.
"""

from __future__ import annotations

import argparse
import io
import sys
import wave
from typing import Any

import numpy as np
import uvicorn
from _common import ROOT  # noqa: F401  (puts the repository on the path)
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from numpy.typing import NDArray

from voicebench.asr.base import Recognizer
from voicebench.asr.kinds import build_recognizer
from voicebench.clock import now_s
from voicebench.profiles.loader import load_profile
from voicebench.types import SAMPLE_RATE_HZ

KEEP_ALIVE_S = 600


def build_app(recognizer: Recognizer) -> FastAPI:
    """The service over a loaded recogniser."""
    app = FastAPI()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/recognize")
    async def recognize(request: Request) -> dict[str, Any]:
        samples = read_wav(await request.body())
        return await run_in_threadpool(_recognize, recognizer, samples)

    return app


def read_wav(content: bytes) -> NDArray[np.float32]:
    """Samples (num_samples,) of a WAV file; anything else than promised is refused with 400."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            pcm = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise HTTPException(400, f"not a WAV file: {error}") from error
    if form != (1, 2, SAMPLE_RATE_HZ):
        raise HTTPException(400, f"channels, bytes a sample, Hz are {form}, not (1, 2, 16000)")
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32768


def write_wav(samples: NDArray[np.float32]) -> bytes:
    """The file that `/recognize` takes."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def _recognize(recognizer: Recognizer, samples: NDArray[np.float32]) -> dict[str, Any]:
    started_s = now_s()
    hypothesis = recognizer.recognize(samples)
    compute_s = now_s() - started_s
    return {"text": hypothesis.text, "confidence": hypothesis.confidence, "compute_s": compute_s}


def main() -> int:
    """Serves until it is stopped; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="bundled")
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    recognizer = build_recognizer(load_profile(args.profile).asr)
    noise = np.random.default_rng(0).normal(0, 0.05, 3 * SAMPLE_RATE_HZ).astype(np.float32)
    recognizer.recognize(noise)
    uvicorn.run(
        build_app(recognizer),
        host="127.0.0.1",
        port=args.port,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
