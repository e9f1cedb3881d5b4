"""Does the LLM know where a user's turn ends? P(<|im_end|>) after whole and after cut words.

Whole turns of a suite against their cuts at the silences inside (or at random places where there are
none), and a table of everyday sentences with their cuts, on gold text and through the folder's own
weights. AUROC, and how many ends are found at 5 % false ends. Try:

    python -m training.llm.end_of_turn --folder voicebench/bundled/llm --suite pauses --suite daily_qa
    python -m training.llm.end_of_turn --folder FOLDER --table training/held_out/everyday_sentences.tsv
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.language.prompts import SYSTEM_PROMPTS
from voicebench.suites.load import load_suite
from voicebench.types import CaseTurn

FALSE_ENDS = 0.05
RANDOM_CUTS = 2  # of a turn without silences inside
_MARKS = re.compile("[，。？！、；：…,.?!;:]")
SYSTEM = SYSTEM_PROMPTS["strict"][0]


def auroc(ends: Sequence[float], cuts: Sequence[float]) -> float:
    """Share of (end, cut) pairs in which the end is the likelier one; ties count half."""
    both = np.concatenate([ends, cuts])
    ranks = _mean_ranks(both)[: len(ends)]
    return float((ranks.sum() - len(ends) * (len(ends) + 1) / 2) / (len(ends) * len(cuts)))


def _mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import rankdata

    ranks: NDArray[np.float64] = rankdata(values)
    return ranks


def found_at(ends: Sequence[float], cuts: Sequence[float], false_ends: float) -> float:
    """Share of ends above the threshold that so many of the cuts pass."""
    return float((np.asarray(ends) > np.quantile(cuts, 1 - false_ends)).mean())


def cuts_of(turn: CaseTurn, rng: random.Random) -> list[str]:
    """What was said at each silence inside a turn; random beginnings where there is none."""
    said = [segment.spoken.replace("，", "") for segment in turn.segments]
    if len(said) > 1:
        return ["".join(said[:stop]) for stop in range(1, len(said))]
    text = turn.reference
    return [text[: rng.randint(2, len(text) - 2)] for _ in range(RANDOM_CUTS) if len(text) > 4]


def of_suite(name: str) -> Iterator[tuple[str, list[str]]]:
    """(whole, cuts) of each first turn."""
    rng = random.Random(name)
    for case in load_suite(name).cases:
        turn = case.turns[0]
        if turn.reference:
            yield turn.reference, cuts_of(turn, rng)


def of_table(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The same from a table with the columns `whole` and `cuts` (separated by |), without the marks,
    which no recognizer gives and which would tell the end."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            whole, cuts = (_MARKS.sub("", row[name]) for name in ("whole", "cuts"))
            yield whole, cuts.split("|")


class EndOfTurn:
    """P(<|im_end|>) after a user's words, by a Hugging Face folder."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self._torch = torch
        load_model: Any = AutoModelForCausalLM.from_pretrained
        load_tokenizer: Any = AutoTokenizer.from_pretrained
        self._model = load_model(folder, dtype=torch.float32).eval()
        self._tokenizer = load_tokenizer(folder)
        self._end = self._tokenizer.convert_tokens_to_ids("<|im_end|>")

    def __call__(self, text: str) -> float:
        head = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n"
        encode = self._tokenizer.backend_tokenizer.encode
        ids = self._torch.tensor([encode(head + text, add_special_tokens=False).ids])
        with self._torch.no_grad():
            logits = self._model(input_ids=ids).logits[0, -1]
        return float(self._torch.softmax(logits.float(), -1)[self._end])


def score(probability: EndOfTurn, pairs: Sequence[tuple[str, list[str]]]) -> dict[str, Any]:
    ends = [probability(whole) for whole, _ in pairs]
    cuts = [probability(cut) for _, of_whole in pairs for cut in of_whole]
    return {
        "ends": len(ends), "cuts": len(cuts), "auroc": round(auroc(ends, cuts), 4),
        "found_at_5_percent_false_ends": round(found_at(ends, cuts, FALSE_ENDS), 4),
        "median_end": round(float(np.median(ends)), 4), "median_cut": round(float(np.median(cuts)), 5),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--suite", action="append", default=[])
    parser.add_argument("--table", type=Path, action="append", default=[])
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    probability = EndOfTurn(args.folder)
    sets = {name: list(of_suite(name)) for name in args.suite}
    sets |= {path.stem: list(of_table(path)) for path in args.table}
    for name, pairs in sets.items():
        print(json.dumps({"set": name, **score(probability, pairs)}), flush=True)


if __name__ == "__main__":
    main()
