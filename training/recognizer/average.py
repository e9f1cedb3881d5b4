"""The weighted mean of two states of the bundled recogniser's training (see `training.llm.average`).

Further training on other sentences (`recognizer.train --start-from`) learns those and forgets some names and
numbers; the mean of the states before and after keeps both. Try:

    python -m training.recognizer.average --out build/asr build/before=0.4 build/after=0.6
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from training.llm.average import last_of, run
from training.model_card import read_curve
from training.recognizer.data import Array
from training.recognizer.model import NUM_MELS, write_cmvn

COPIED = ("config.yaml", "tokens.json", "seg_dict")


def average(shares: Mapping[Path, float], out: Path) -> None:
    """Writes the mean of trained folders to `out`, as a folder that FunASR loads.

    Args:
        shares: Folder to share, in order of training; the shares are 1 together.
        out: Gets the last folder's files, and a learning curve whose last line tells the shares.

    Raises:
        ValueError: The shares are not 1 together, or two folders hear different tokens.
    """
    import torch

    last = last_of(shares, "tokens.json")
    states = {folder: torch.load(folder / "model.pt")["state_dict"] for folder in shares}
    mean = {
        name: sum(share * states[folder][name].float() for folder, share in shares.items()).to(
            weights.dtype
        )
        for name, weights in states[last].items()
    }
    out.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copy2(last / name, out / name)
    torch.save({"state_dict": mean}, out / "model.pt")
    shift, scale = (
        sum(share * _cmvn(folder)[part] for folder, share in shares.items()) for part in (0, 1)
    )
    deviation = np.asarray(1 / scale, np.float32)
    write_cmvn(out / "am.mvn", np.asarray(-shift, np.float32), deviation)
    curve = read_curve(last)
    facts = next(row["facts"] for row in reversed(curve) if "facts" in row)
    facts |= {
        f"share of state {number} in the mean": share
        for number, share in enumerate(shares.values(), 1)
    }
    lines = [*(row for row in curve if "facts" not in row), {"facts": facts}]
    (out / "learning_curve.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in lines))


def _cmvn(folder: Path) -> tuple[Array, Array]:
    """What is added to the frames of one moment and what they are multiplied with, (80,) each."""
    rows = re.findall(r"\[([^\]]+)\]", (folder / "am.mvn").read_text())
    vectors = [np.array(row.split(), np.float32) for row in rows]
    shift, scale = (vector[:NUM_MELS] for vector in vectors if len(vector) > NUM_MELS)
    return shift, scale


if __name__ == "__main__":
    run(average, __doc__)
