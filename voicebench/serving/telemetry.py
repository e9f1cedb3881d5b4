"""Figures for Prometheus: each a reader of turns, requests and the models, in a registry of its own."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from voicebench.asr.base import Recognizer
from voicebench.asr.batcher import BatchingRecognizer
from voicebench.events import BreakerEvent
from voicebench.llm.base import Generator, ServesRequests
from voicebench.metrics.latency import LATENCY_NAMES, latencies
from voicebench.metrics.waterfall import waterfall
from voicebench.pipeline.breaker import Breaker
from voicebench.pipeline.hints import SYSTEM_STAGES
from voicebench.serving.admission import Admission
from voicebench.types import Turn

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_STATES = {"closed": 0, "half_open": 1, "open": 2}
_SPECULATION = ("speculation_started", "speculation_kept", "speculation_dropped")


class Telemetry:
    """The figures of one service.

    Args:
        admission: Its queue.
        num_conversations: How many conversations are remembered.
    """

    def __init__(self, admission: Admission, num_conversations: Callable[[], int]) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "voicebench_http_requests", "HTTP requests answered", ["route", "status"],
            registry=registry,
        )  # fmt: skip
        self._request_s = Histogram(
            "voicebench_http_request_seconds", "From the request's head to the end of its answer",
            ["route"], buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._turns = Counter(
            "voicebench_turns", "Turns by how they ended", ["outcome"], registry=registry
        )
        self._degraded = Counter(
            "voicebench_degraded_turns", "Turns sent to text input, by reason", ["reason"],
            registry=registry,
        )  # fmt: skip
        self._stage_s = Histogram(
            "voicebench_stage_seconds",
            "From the end of speech to the first token: what each stage took of it",
            ["stage", "tag"], buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._latency_s = Histogram(
            "voicebench_latency_seconds", "Latencies of a turn, by their names in METRICS",
            ["name"], buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._asr_s = Counter(
            "voicebench_asr_compute_seconds", "Seconds in the recogniser", registry=registry
        )
        self._audio_s = Counter(
            "voicebench_audio_seconds", "Seconds of audio heard", registry=registry
        )
        self._tokens = Counter(
            "voicebench_tokens", "Tokens of prompts and answers", ["kind"], registry=registry
        )
        self._speculation = Counter(
            "voicebench_speculation", "Drafts begun, kept and dropped", ["event"],
            registry=registry,
        )  # fmt: skip
        self._breaker = Counter(
            "voicebench_breaker_changes", "Changes of the breaker", ["trouble", "event"],
            registry=registry,
        )  # fmt: skip
        for name, help_text, function in (
            ("running_turns", "Turns being answered", lambda: admission.num_running),
            ("queued_turns", "Turns waiting for a place", lambda: admission.num_waiting),
            ("open_streams", "Streams that send speech", lambda: admission.num_streams),
            ("conversations", "Conversations remembered", num_conversations),
        ):
            gauge = Gauge(f"voicebench_{name}", help_text, registry=registry)
            gauge.set_function(function)
        # a lookup by labels takes a lock and makes texts of them; a turn needs a dozen
        self._of = functools.cache(lambda metric, *labels: metric.labels(*labels))

    def watch(self, recognizer: Recognizer, generator: Generator, breaker: Breaker) -> None:
        """Adds the figures that are read off the models when asked for."""
        self.registry.register(_Models(recognizer, generator, breaker))

    def request(self, route: str, status: int, duration_s: float) -> None:
        """Takes an HTTP request that is over."""
        self._of(self._requests, route, str(status)).inc()
        self._of(self._request_s, route).observe(duration_s)

    def turn(self, turn: Turn, outcome: str) -> None:
        """Takes a turn that is over.

        Args:
            turn: Its record.
            outcome: `answered`, `transcribed`, `degraded`, `interrupted`, `timed_out` or `left`.
        """
        self._of(self._turns, outcome).inc()
        if turn.degraded:
            self._of(self._degraded, turn.degraded.reason).inc()
        for segment in waterfall(turn):
            self._of(self._stage_s, segment.stage, segment.tag).observe(
                max(0.0, segment.duration_s)
            )
        of_turn = latencies(turn)
        for name in LATENCY_NAMES:
            if name.endswith("_s") and (value := of_turn[name]) is not None:
                self._of(self._latency_s, name).observe(max(0.0, value))
        self._asr_s.inc(turn.asr_compute_s)
        self._audio_s.inc(turn.audio_s)
        self._of(self._tokens, "prompt").inc(len(turn.prompt_token_ids))
        self._of(self._tokens, "cached_prompt").inc(turn.cached_prompt_tokens)
        self._of(self._tokens, "answer").inc(len(turn.answer_tokens))
        for event in turn.events:
            if event.kind in _SPECULATION:
                self._of(self._speculation, event.kind.removeprefix("speculation_")).inc()
            elif isinstance(event, BreakerEvent):
                change = event.kind.removeprefix("breaker_")
                self._of(self._breaker, event.trouble, change).inc()

    def page(self) -> bytes:
        """All figures in Prometheus' text form."""
        return generate_latest(self.registry)


class _Models(Collector):
    """What is read off the models at the moment of asking."""

    def __init__(self, recognizer: Recognizer, generator: Generator, breaker: Breaker) -> None:
        self._recognizer = recognizer
        self._generator = generator
        self._breaker = breaker

    def collect(self) -> Iterable[Metric]:
        """See `Collector.collect`."""
        state = GaugeMetricFamily(
            "voicebench_breaker_state", "0 closed, 1 half open, 2 open", labels=["trouble"]
        )
        for kind in SYSTEM_STAGES:
            state.add_metric([kind], _STATES[self._breaker.state(kind)])
        yield state
        if isinstance(self._generator, ServesRequests):
            yield GaugeMetricFamily(
                "voicebench_llm_requests", "Requests in the engine",
                value=self._generator.num_requests,
            )  # fmt: skip
        if isinstance(self._recognizer, BatchingRecognizer):
            for name in ("num_calls", "num_pieces"):
                yield GaugeMetricFamily(
                    f"voicebench_asr_{name}", "Calls of the recogniser, and pieces in them",
                    value=getattr(self._recognizer, name),
                )  # fmt: skip
        yield _gpu_memory()


def _gpu_memory() -> GaugeMetricFamily:
    used = GaugeMetricFamily(
        "voicebench_gpu_memory_used_bytes", "Memory in use on each GPU", labels=["gpu"]
    )
    with contextlib.suppress(ImportError):
        import pynvml

        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            for index in range(pynvml.nvmlDeviceGetCount()):
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                used.add_metric([str(index)], pynvml.nvmlDeviceGetMemoryInfo(handle).used)
    return used
