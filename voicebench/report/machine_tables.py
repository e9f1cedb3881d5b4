"""What a run says about its machine, and about the two models' speed on it."""

from __future__ import annotations

from typing import Any, Literal

from voicebench.metrics.summary_schema import MetricValue
from voicebench.report.data import Report
from voicebench.report.formatting import ABSENT
from voicebench.report.tables import Cell, Column, Table, columns_of


def machine_table(report: Report) -> Table:
    """Processor, memory, cards, and the profile's settings."""
    machine, profile = report.run.machine, report.run.profile
    rows = [
        ("processor", f"{machine.get('cpu')}", f"{machine.get('num_cores_usable')} cores"),
        ("memory", f"{machine.get('memory_gib')} GiB", ""),
        *((f"GPU {number}", str(gpu.get("name")), _of_gpu(gpu))
          for number, gpu in enumerate(machine.get("gpus", []))),
        ("profile", str(profile.get("name")), ""),
        *((part, ", ".join(f"{k} {v}" for k, v in settings.items()), "")
          for part, settings in profile.items() if isinstance(settings, dict)),
    ]  # fmt: skip
    if not machine.get("gpus"):
        rows.insert(2, ("GPU", "none", ""))
    return Table(
        columns_of(("what", "value")),
        tuple((Cell(name), Cell(value, detail)) for name, value, detail in rows),
        title="Machine and profile",
    )


def _of_gpu(gpu: dict[str, Any]) -> str:
    watts = gpu.get("power_limit_w")
    limit = f", power limit {watts:.0f} W" if watts else ""
    return f"{gpu.get('memory_gib')} GiB, driver {gpu.get('driver')}{limit}"


def speed_table(report: Report) -> Table:
    """RTF of the recogniser, time to first token and tokens a second of the LLM, by variant."""
    rows = []
    for group in report.whole:
        metrics = group["metrics"]
        tpot = metrics.get("tpot_ms")
        gap_ms = tpot.get("p50") if tpot else None
        rows.append(
            (
                Cell(group["variant"]),
                _times(metrics.get("rtf"), "value", 1.0, 4),
                _times(metrics.get("ttft_s"), "p50", 1000.0, 0),
                _times(metrics.get("ttft_s"), "p95", 1000.0, 0),
                _times(metrics.get("tpot_ms"), "p50", 1.0, 1),
                Cell(f"{1000 / gap_ms:.0f}" if gap_ms else ABSENT),
            )
        )
    columns = (
        *columns_of(("variant",)), Column("RTF", "s a second of audio"), Column("TTFT", "ms, p50"),
        Column("TTFT", "ms, p95"), Column("a token", "ms, p50"), Column("tokens", "a second"),
    )  # fmt: skip
    caption = (
        "Measured. The tokens of a draft that was kept come at once. In quality mode turns are "
        "batched, so there are no times of single turns."
    )
    return Table(columns, tuple(rows), title="Speed", caption=caption)


def _times(
    metric: MetricValue | None, name: Literal["value", "p50", "p95"], factor: float, digits: int
) -> Cell:
    value = metric.get(name) if metric else None
    if metric is None or value is None:
        return Cell(ABSENT)
    return Cell(f"{factor * value:.{digits}f}", f"n = {metric['n']:,}")


def memory_table(report: Report) -> Table | None:
    """Each card's memory, and what the profile gives the LLM's cache; None without a card."""
    gpus = report.run.machine.get("gpus", [])
    if not gpus:
        return None
    kv_gib = report.run.profile.get("llm", {}).get("kv_cache_gib")
    rows = tuple(
        (Cell(str(gpu.get("name"))), Cell(str(gpu.get("memory_gib", ABSENT))),
         Cell(ABSENT if kv_gib is None else str(kv_gib)))
        for gpu in gpus
    )  # fmt: skip
    columns = (*columns_of(("card",)), Column("memory", "GiB"), Column("KV cache", "GiB, set"))
    return Table(columns, rows, title="Memory of the cards")
