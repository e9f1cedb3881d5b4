"""Counts the operations of a window through the recogniser, and times it, beside FunASR's own functions.

    python bench/run_forward.py --profile dummy-4b --device cpu --rounds 9

Both arms get the same features and give logits and the weights of the timestamp head. An operation is
one that computes or copies (views are left out): on a GPU each is a launch of 6 to 10 µs, whatever the
size of the window, and on a CPU it is not what a window costs. Times are of rounds in turns: processor time
on a CPU, so that a busy machine does not show, else time of the wall.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from _common import finish

from voicebench.asr.folder import load_folder
from voicebench.asr.forward import Forward
from voicebench.profiles.loader import load_profile
from voicebench.types import Variant

USUAL = Variant()
WINDOW_S = USUAL.window_s + USUAL.context_s
_VIEWS = ("_unsafe_view", "detach")
COLUMNS = ("windows", "arm", "operations", "median ms", "min ms", "of FunASR's")


def by_funasr(model: Any, features: Any, frames: list[int]) -> Any:
    """FunASR's functions, as its `inference` calls them, the head window by window."""
    import torch

    ends = torch.tensor(frames, device=features.device)
    states = model.encode(features, ends)[0]
    embeddings, totals = model.calc_predictor(states, ends)[:2]
    counts = totals.round().long()
    logits = model.decoder(states, ends, embeddings[:, : counts.max()], counts)[0]
    heads = [
        model.calc_predictor_timestamp(states[at : at + 1], ends[at : at + 1], counts[at : at + 1])
        for at in range(len(frames))
    ]
    return logits.cpu(), [head[2].cpu() for head in heads]


def by_forward(forward: Forward, features: Any, frames: list[int]) -> Any:
    """The pass of `voicebench.asr.forward`."""
    states = forward.encode(features, frames)
    embeddings, counts, _ = forward.predict(states, frames)
    logits = forward.decode(states, frames, embeddings, counts)
    return logits.cpu(), forward.timestamp_weights(states, frames)


def count_operations(run: Callable[[], Any]) -> Counter[str]:
    """What computes or copies, by name."""
    from torch.utils._python_dispatch import TorchDispatchMode

    names: Counter[str] = Counter()

    class Count(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            name = func.overloadpacket.__name__
            if not func.is_view and name not in _VIEWS:
                names[name] += 1
            return func(*args, **(kwargs or {}))

    with Count():
        run()
    return names


def main() -> int:
    """Runs the bench; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="dummy-4b")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--windows", type=int, nargs="+", default=[1, 8], help="in one call")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    import torch

    asr = msgspec.structs.replace(load_profile(args.profile).asr, device=args.device, int8=False)
    model, settings = load_folder(asr)
    settings["frontend"].dither = 0.0
    forward = Forward(model)
    rows, figures = [], []
    for num in args.windows:
        noise = np.random.default_rng(0).normal(0, 0.1, (num, round(WINDOW_S * 16_000)))
        waves = torch.from_numpy(noise.astype(np.float32))
        features, lengths = settings["frontend"](waves, torch.full((num,), waves.size(1)))
        features, frames = features.to(args.device), lengths.tolist()
        arms: dict[str, Callable[[], Any]] = {
            "FunASR": lambda: by_funasr(model, features, frames),  # noqa: B023
            "voicebench": lambda: by_forward(forward, features, frames),  # noqa: B023
        }
        ms: dict[str, list[float]] = {arm: [] for arm in arms}
        with torch.no_grad():
            counted = {arm: count_operations(run) for arm, run in arms.items()}
            clock = time.process_time if args.device == "cpu" else time.perf_counter
            for _ in range(args.rounds):
                for arm, run in arms.items():
                    started_s = clock()
                    run()
                    ms[arm].append(1000 * (clock() - started_s))
        whole = {arm: counted[arm].total() for arm in arms}
        ratios = [b / a for a, b in zip(ms["FunASR"], ms["voicebench"], strict=True)]
        for arm in arms:
            median, least = statistics.median(ms[arm]), min(ms[arm])
            ratio = f"{statistics.median(ratios):.2f}" if arm == "voicebench" else ""
            rows.append([str(num), arm, str(whole[arm]), f"{median:.1f}", f"{least:.1f}", ratio])
            figures.append({
                "windows": num, "arm": arm, "operations": whole[arm], "ms": ms[arm],
                "most_frequent": counted[arm].most_common(12),
            })  # fmt: skip
    finish("forward", COLUMNS, rows, {
        "profile": args.profile, "device": args.device, "window_s": WINDOW_S,
        "rounds": args.rounds, "forward": figures,
    })  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
