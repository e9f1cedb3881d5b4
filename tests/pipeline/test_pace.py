"""Audio as it would arrive: waited for, or simulated."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from voicebench.audio import chunk_audio
from voicebench.pipeline.pace import SimulatedClock, make_clock, paced, start_beside
from voicebench.types import Pace


def _arrivals(pace: Pace, duration_s: float, work_s: float = 0.0) -> tuple[list[float], float]:
    """When each chunk arrived by the turn's clock, and how long that took in truth."""

    async def listen() -> list[float]:
        clock = make_clock(pace)
        arrivals = []
        async for _ in paced(chunk_audio(np.zeros(round(duration_s * 16_000), np.float32)), clock):
            arrivals.append(clock.t_s())
            time.sleep(work_s)
        return arrivals

    started_s = time.monotonic()
    return asyncio.run(listen()), time.monotonic() - started_s


@pytest.mark.parametrize("pace", ["real_time", "fast"])
def test_no_chunk_arrives_before_it_has_been_spoken(pace: Pace) -> None:
    arrivals, _ = _arrivals(pace, 0.5)
    assert len(arrivals) == 5
    assert all(arrived >= 0.1 * (n + 1) - 1e-6 for n, arrived in enumerate(arrivals))


def test_real_time_takes_as_long_as_the_audio() -> None:
    assert _arrivals("real_time", 0.5)[1] >= 0.5


def test_fast_pace_does_not_wait() -> None:
    arrivals, took_s = _arrivals("fast", 120.0)
    assert arrivals[-1] >= 120.0
    assert took_s < 60.0


def test_who_computes_longer_than_the_audio_lasts_falls_behind_at_fast_pace_too() -> None:
    arrivals, _ = _arrivals("fast", 0.3, work_s=0.2)
    assert arrivals[1] >= 0.1 + 0.2 - 1e-6
    assert arrivals[2] >= 0.1 + 0.4 - 1e-6


def test_a_simulated_clock_never_goes_back() -> None:
    clock = SimulatedClock()
    clock.jump_to(5.0)
    clock.jump_to(1.0)
    assert clock.t_s() >= 5.0


@pytest.mark.parametrize("pace", ["real_time", "fast"])
def test_work_beside_the_audio_gets_the_time_it_takes_and_no_more_is_waited(pace: Pace) -> None:
    async def listen() -> tuple[float, list[float]]:
        clock = make_clock(pace)
        done_s = []

        async def work() -> None:
            await asyncio.sleep(0.25)
            done_s.append(clock.t_s())

        arrivals = []
        async for chunk in paced(chunk_audio(np.zeros(9_600, np.float32)), clock):
            arrivals.append(clock.t_s())
            if chunk.start_s == 0.0:
                task = start_beside(clock, work())
        await task
        return done_s[0], arrivals

    done_s, arrivals = asyncio.run(listen())
    assert done_s - arrivals[0] >= 0.25 - 1e-3  # nor was the clock moved on under it
    assert sum(arrived < done_s for arrived in arrivals) >= 3
    assert arrivals == sorted(arrivals)
