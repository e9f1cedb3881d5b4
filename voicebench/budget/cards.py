"""Cards: how much memory, how fast it is read, how fast it computes.

Rates are the published dense peaks (no sparsity; tensor cores with float32 accumulation, as PyTorch
and vLLM use them), so a time computed from them is a floor that nothing beats, not a forecast.
`this_machine` measures the same figures of the CPU it runs on.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from voicebench.errors import ConfigError
from voicebench.types import Record

GIB = 2**30


class Card(Record):
    """What a card can do at most; `source` says who says so."""

    name: str
    memory_gib: float
    """Of the 4090 and 4090 D what torch reports, which vLLM's share is of; of others the data sheet's."""
    bandwidth_gb_s: float
    """10^9 bytes a second."""
    fp32_tflops: float
    """Outside the tensor cores, which is where PyTorch computes float32."""
    fp16_tflops: float
    """float16 and bfloat16 alike."""
    int8_tops: float
    source: str

    @property
    def memory_bytes(self) -> int:
        """All of it; the driver keeps some."""
        return int(self.memory_gib * GIB)

    def operations_per_s(self, dtype: str) -> float:
        """Peak of `float32`, `float16`, `bfloat16` or `int8`; 4-bit weights compute in 16 bits."""
        rates = {"float32": self.fp32_tflops, "int8": self.int8_tops}
        return rates.get(dtype, self.fp16_tflops) * 1e12


_ADA = "NVIDIA Ada GPU Architecture whitepaper 2.02, appendix A"
_AMPERE = "NVIDIA Ampere GA102 GPU Architecture whitepaper, table 2"
_HOPPER = "NVIDIA H100 Tensor Core GPU Architecture whitepaper, table 2 (dense); H100 data sheet"

CARDS: dict[str, Card] = {
    card.name: card
    for card in (
        Card(
            name="4090d", memory_gib=23.65, bandwidth_gb_s=1008, fp32_tflops=73.5, fp16_tflops=147.1,
            int8_tops=588.4,
            source="NVIDIA GeForce RTX 4090 D: 14,592 cores at 2.52 GHz, 21 Gb/s x 384 bit; rates "
            "are the 4090's by cores",
        ),
        Card(
            name="4090", memory_gib=23.65, bandwidth_gb_s=1008, fp32_tflops=82.6, fp16_tflops=165.2,
            int8_tops=660.6, source=_ADA,
        ),
        Card(
            name="3090", memory_gib=24, bandwidth_gb_s=936, fp32_tflops=35.6, fp16_tflops=71.0,
            int8_tops=284.0, source=_AMPERE,
        ),
        Card(
            name="l40s", memory_gib=48, bandwidth_gb_s=864, fp32_tflops=91.6, fp16_tflops=362.05,
            int8_tops=733.0, source="NVIDIA L40S data sheet (dense)",
        ),
        Card(
            name="l4", memory_gib=24, bandwidth_gb_s=300, fp32_tflops=30.3, fp16_tflops=121.0,
            int8_tops=242.5, source="NVIDIA L4 data sheet (half of its figures with sparsity)",
        ),
        Card(
            name="a10", memory_gib=24, bandwidth_gb_s=600, fp32_tflops=31.2, fp16_tflops=125.0,
            int8_tops=250.0, source="NVIDIA A10 data sheet (dense)",
        ),
        Card(
            name="a100", memory_gib=80, bandwidth_gb_s=2039, fp32_tflops=19.5, fp16_tflops=312.0,
            int8_tops=624.0, source="NVIDIA A100 80 GB SXM data sheet (dense)",
        ),
        Card(
            name="h100", memory_gib=80, bandwidth_gb_s=3350, fp32_tflops=66.9, fp16_tflops=989.4,
            int8_tops=1978.9, source=_HOPPER,
        ),
        Card(
            name="h200", memory_gib=141, bandwidth_gb_s=4800, fp32_tflops=66.9, fp16_tflops=989.4,
            int8_tops=1978.9, source="NVIDIA H200 SXM data sheet; rates as H100 SXM",
        ),
    )
}  # fmt: skip
"""By the name that `--gpu` takes. SXM where a card comes in several forms."""

THIS_MACHINE = "cpu"


def find_card(name: str) -> Card:
    """A card by name; `cpu` measures this machine, which takes a few seconds.

    Raises:
        ConfigError: No such card.
    """
    if name.lower() == THIS_MACHINE:
        return this_machine()
    if name.lower() not in CARDS:
        raise ConfigError(
            f"unknown card {name!r}",
            f"Known: {', '.join((*CARDS, THIS_MACHINE))} (this machine, measured)",
        )
    return CARDS[name.lower()]


def card_of_gpu(name: str) -> Card | None:
    """The card that a driver calls `name`; None where it is not listed here.

    >>> card_of_gpu("NVIDIA GeForce RTX 4090 D").name, card_of_gpu("NVIDIA H100 80GB HBM3").name
    ('4090d', 'h100')
    >>> card_of_gpu("NVIDIA A10G"), card_of_gpu("NVIDIA GeForce RTX 4090 Laptop GPU")
    (None, None)
    """
    words = re.split(r"[\s-]+", name.lower())
    joined = [left + right for left, right in itertools.pairwise(words)]
    if "laptop" in words:
        return None
    return next((CARDS[word] for word in (*joined, *words) if word in CARDS), None)


def this_machine() -> Card:
    """The CPU this runs on, measured now (`voicebench.budget.measure`).

    Raises:
        ConfigError: It could not be measured.
    """
    command = [sys.executable, "-m", "voicebench.budget.measure"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ConfigError(
            f"this machine could not be measured: {reason}", "Name a card instead of cpu."
        )
    memory_gib = memory_limit_bytes() / GIB
    return Card(name=THIS_MACHINE, memory_gib=memory_gib, **json.loads(done.stdout))


def memory_limit_bytes() -> int:
    """Memory this process may use: the machine's, or its control group's where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no control group, or no limit ("max")
        return total
