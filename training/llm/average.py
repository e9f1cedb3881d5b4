"""The weighted mean of several states of the bundled LLM's training, which no more training would give.

Further training learns what is new and loses some of what was learned before; a mean of the states
before and after keeps most of both, at the cost of a minute (Wortsman et al. 2022, "Model soups",
arXiv:2203.05482). The states have to come from one another (`llm.train --start-from`): of two trainings
from nothing a mean is noise. Try:

    python -m training.llm.average --out build/llm build/first=0.4 build/second=0.6
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from training.llm.train import trained_in_all
from training.model_card import read_curve


def _states(folder: Path, share: float) -> list[dict[str, float]]:
    """The training states in a folder, which may be a mean itself, with their shares of the whole."""
    curve = read_curve(folder)
    of_mean = [state for row in curve for state in row.get("averaged", ())]
    if of_mean:
        return [{**state, "share": round(share * state["share"], 4)} for state in of_mean]
    return [{"share": share, **trained_in_all(curve)}]


def last_of(shares: Mapping[Path, float], vocabulary: str) -> Path:
    """The last folder of a mean that can be made.

    Raises:
        ValueError: The shares are not 1 together, or two folders differ in their vocabulary.
    """
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(f"the shares are {sum(shares.values()):g} together, not 1")
    last = list(shares)[-1]
    for folder in shares:
        if (folder / vocabulary).read_bytes() != (last / vocabulary).read_bytes():
            raise ValueError(f"{folder} and {last} differ in {vocabulary}")
    return last


def average(shares: Mapping[Path, float], out: Path) -> None:
    """Writes the mean of trained folders to `out`, as a folder that vLLM loads.

    Args:
        shares: Folder to share, in order of training; the shares are 1 together.
        out: Gets the last folder's files, and a learning curve whose first line names the states.

    Raises:
        ValueError: The shares are not 1 together, or two folders have different tokenizers.
    """
    import torch
    from safetensors.torch import load_file, save_file

    last = last_of(shares, "tokenizer.json")
    states = {folder: load_file(folder / "model.safetensors") for folder in shares}
    mean = {
        name: torch.stack(
            [shares[folder] * state[name].float() for folder, state in states.items()]
        )
        .sum(0)
        .to(weights.dtype)
        for name, weights in states[last].items()
    }
    averaged = [row for folder, share in shares.items() for row in _states(folder, share)]
    out.mkdir(parents=True, exist_ok=True)
    for path in last.iterdir():
        if path.suffix in (".json", ".jinja") and path.name != "scores.json":
            shutil.copy2(path, out / path.name)
    save_file(mean, out / "model.safetensors", metadata={"format": "pt"})
    lines = [{"averaged": averaged}, *read_curve(last)]
    (out / "learning_curve.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in lines))


def _share(text: str) -> tuple[Path, float]:
    folder, _, share = text.rpartition("=")
    return Path(folder), float(share)


def run(average: Callable[[Mapping[Path, float], Path], None], description: str | None) -> None:
    """The command line of an average."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("states", nargs="+", type=_share, metavar="FOLDER=SHARE")
    args = parser.parse_args()
    average(dict(args.states), args.out)


if __name__ == "__main__":
    run(average, __doc__)
