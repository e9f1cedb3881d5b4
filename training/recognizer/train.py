"""Makes the bundled recogniser from nothing: speech, training, time stamps, folder, scores.

    python -m training.recognizer.train --out build/asr --threads 1 --hours 110

A training that was stopped goes on from its last checkpoint when started again with the same
`--work`; with fewer `--hours` than before it goes straight to the decay of the learning rate.
`--start-from` takes a recogniser that an earlier form of the recipe trained further, at a lower rate.
`--hours` are hours of speech heard, an utterance counted anew each time, rather than of the clock: a
busy machine takes longer and gives the same model.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from training.model_card import read_curve
from training.recognizer import corpora, data
from training.recognizer.batches import Batch, batches, collate
from training.recognizer.data import Array, Corpus
from training.recognizer.decode import batch_references, error_rate, greedy
from training.recognizer.model import build_final, build_trainable, save_folder

CTC_WEIGHT = 0.05  # FunASR's CTC loss is per utterance, its attention loss per token
PEAK_RATE = 1.2e-3  # AdamW: vectors, convolutions, embeddings, output layers
PEAK_MATRIX_RATE = 0.01  # Muon: the other matrices
LAST_SHARE = 0.01  # of the peak, when the decay ends
FURTHER_RATE = 0.4  # of the peaks, where training starts from a trained folder
WARM_UP_STEPS = 300
DECAY_SHARE = 0.28  # of the hours, at the end
TIME_STAMP_SHARE = 0.08  # of the hours, after the rest
CHECKPOINT_EVERY_S = 240.0
HEARD = "hours heard, each time augmented anew"
HEARD_BEFORE = "hours heard before, in earlier forms of the recipe"


def schedule(step: int, share_heard: float) -> float:
    """Share of the peak rates: up by steps, then 1, then down over the last `DECAY_SHARE`."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    left = min(1.0, max(0.0, (1.0 - share_heard) / DECAY_SHARE))
    return warm * (LAST_SHARE + (1.0 - LAST_SHARE) * left)


def optimizers(model: Any) -> list[tuple[Any, float]]:
    """Each optimizer with its peak rate: Muon for the matrices inside the blocks, AdamW for all else."""
    import torch

    named = dict(model.named_parameters())
    outside = ("embed", "output", "ctc")
    matrices = [
        name for name, p in named.items() if p.ndim == 2 and not any(w in name for w in outside)
    ]
    others = [p for name, p in named.items() if name not in matrices]
    return [
        (
            torch.optim.Muon([named[name] for name in matrices], PEAK_MATRIX_RATE, 0.01),
            PEAK_MATRIX_RATE,
        ),
        (torch.optim.AdamW(others, PEAK_RATE, (0.9, 0.98), fused=True), PEAK_RATE),
    ]


def half_precision(module: Any, device: str) -> None:
    """Runs a module's matrix products in bfloat16 and hands float32 on: 1.6 times the speed on a
    processor with AVX-512 BF16, and CIF needs float32."""
    import torch

    forward = module.forward

    def run(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        with torch.autocast(device, torch.bfloat16):
            outputs = forward(*args, **kwargs)
        return tuple(
            value.float() if torch.is_tensor(value) and value.is_floating_point() else value
            for value in outputs
        )

    module.forward = run


def _on(device: str, batch: Batch) -> Batch:
    names = ("speech", "speech_lengths", "ids", "id_lengths", "passed")
    return dataclasses.replace(batch, **{name: getattr(batch, name).to(device) for name in names})


def dev_error_rate(model: Any, dev: Corpus, mean: Array, deviation: Array, device: str) -> float:
    """CER on the dev corpus, ten at a time."""
    references: list[list[int]] = []
    heard: list[list[int]] = []
    model.eval()
    for first in range(0, len(dev), 10):
        examples = [dev[index] for index in range(first, min(first + 10, len(dev)))]
        batch = _on(device, collate(examples, mean, deviation))
        references += batch_references(batch)
        heard += greedy(model, batch)
    model.train()
    return error_rate(references, heard)


class Training:
    """The state of one training, saved and resumed as a whole."""

    def __init__(
        self,
        work: Path,
        spoken: tuple[Corpus, Corpus, list[Array]],
        seed: int,
        trained: Path | None = None,
    ) -> None:
        import torch

        self.work, self.seed = work, seed
        self.train, self.dev, self.noises = spoken
        self.mean, self.deviation = corpora.statistics(self.train, seed)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(seed)
        self.num_tokens = len(corpora.vocabulary())
        self.model = build_trainable(self.num_tokens, CTC_WEIGHT).to(self.device)
        half_precision(self.model.encoder, self.device)
        half_precision(self.model.decoder, self.device)
        self.optimizers = optimizers(self.model)
        self.step, self.elapsed_s, self.audio_s = 0, 0.0, 0.0
        self.highest = 1.0
        self.time_stamp_head: dict[str, Any] = {}
        self.hours_before = 0.0
        if trained:
            self._start_from(trained)
        if (work / "checkpoint.pt").exists():
            self._resume()

    def _resume(self) -> None:
        import torch

        state = torch.load(self.work / "checkpoint.pt", map_location=self.device)
        self.model.load_state_dict(state["model"])
        for (optimizer, _), saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.elapsed_s, self.audio_s = (
            state["step"],
            state["elapsed_s"],
            state["audio_s"],
        )

    def _start_from(self, folder: Path) -> None:
        """Takes a trained folder's weights; CTC, which no folder keeps, begins anew.

        Raises:
            ValueError: The folder hears other tokens than the recipe's.
        """
        import torch

        if json.loads((folder / "tokens.json").read_text()) != corpora.vocabulary():
            raise ValueError(f"{folder}: its tokens are not the recipe's; train from nothing")
        saved = torch.load(folder / "model.pt", map_location=self.device)["state_dict"]
        weights = {name: weight.float() for name, weight in saved.items()}
        mine = set(self.model.state_dict())
        missing = self.model.load_state_dict(
            {name: weight for name, weight in weights.items() if name in mine}, strict=False
        ).missing_keys
        assert all(name.startswith("ctc.") for name in missing), missing
        self.highest = FURTHER_RATE
        facts = [row["facts"] for row in read_curve(folder) if "facts" in row]
        self.hours_before = sum(facts[-1].get(name, 0.0) for name in (HEARD, HEARD_BEFORE))
        self.time_stamp_head = {n: w for n, w in weights.items() if n.startswith("predictor.")}

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all."""
        import torch

        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer, _ in self.optimizers],
            "step": self.step,
            "elapsed_s": self.elapsed_s,
            "audio_s": self.audio_s,
        }
        torch.save(state, self.work / "checkpoint.part")
        (self.work / "checkpoint.part").replace(self.work / "checkpoint.pt")

    def log(self, **values: Any) -> None:
        """Adds a line to the learning curve and shows it."""
        line = {"step": self.step, "elapsed_s": round(self.elapsed_s), **values}
        with (self.work / "curve.jsonl").open("a") as out:
            out.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    def facts(self, model: Any) -> dict[str, Any]:
        """What the card says of this training."""
        voices = len(set(data.VARIANTS_TRAIN))
        return {
            "parameters of the folder": sum(weight.numel() for weight in model.parameters()),
            "utterances": len(self.train),
            "hours of speech": round(self.train.hours, 1),
            "tokens spoken": self.train.num_tokens,
            "voice variants, Mandarin and Cantonese": voices,
            "voice variants held out": len(data.VARIANTS_HELD_OUT),
            "steps": self.step,
            HEARD: round(self.audio_s / 3600, 1),
            **({HEARD_BEFORE: round(self.hours_before, 1)} if self.hours_before else {}),
            "minutes on one thread": round(self.elapsed_s / 60, 1),
            "seed": self.seed,
        }

    def run(self, budget_s: float) -> None:
        """Trains until so many seconds of speech, earlier runs included, have been heard."""
        import torch

        stream = batches(self.train, self.noises, self.mean, self.deviation, self.seed, self.step)
        sums: dict[str, float] = {"loss_att": 0.0, "loss_pre": 0.0, "acc": 0.0}
        counted, next_save_s = 0, self.elapsed_s + CHECKPOINT_EVERY_S / 2
        self.model.train()
        while self.audio_s < budget_s:
            started_s = time.monotonic()
            rate = schedule(self.step, self.audio_s / budget_s)
            for optimizer, peak in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = peak * rate * self.highest
            batch = _on(self.device, next(stream))
            loss, stats, _ = self.model(
                batch.speech, batch.speech_lengths, batch.ids, batch.id_lengths
            )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            for optimizer, _ in self.optimizers:
                optimizer.step()
                optimizer.zero_grad()
            self.step += 1
            self.audio_s += batch.audio_s
            self.elapsed_s += time.monotonic() - started_s
            counted += 1
            for name in sums:
                sums[name] += float(stats[name])
            if self.elapsed_s >= next_save_s or self.audio_s >= budget_s:
                means = {name: round(value / counted, 4) for name, value in sums.items()}
                dev = dev_error_rate(self.model, self.dev, self.mean, self.deviation, self.device)
                self.log(
                    **means, dev_cer=round(dev, 4), rate=round(rate, 4), audio_h=self.audio_s / 3600
                )
                self.save()
                sums, counted = dict.fromkeys(sums, 0.0), 0
                next_save_s = self.elapsed_s + CHECKPOINT_EVERY_S


def train_time_stamps(training: Training, budget_s: float) -> Any:
    """Trains the time-stamp head alone, by when espeak-ng began each token.

    FunASR's loss for this head asks only for the number of tokens; here the running integral is
    asked to be right at every 20 ms, which includes it.

    Returns:
        The finished `SeacoParaformer`.
    """
    import torch

    weights = training.time_stamp_head | training.model.state_dict()
    model = build_final(training.num_tokens, weights).to(training.device).eval()
    half_precision(model.encoder, training.device)
    head = [model.predictor.upsample_cnn, model.predictor.blstm, model.predictor.cif_output2]
    parameters = [weight for part in head for weight in part.parameters()]
    optimizer = torch.optim.AdamW(parameters, 2e-3, fused=True)
    stream = batches(
        training.train, training.noises, training.mean, training.deviation, training.seed + 1, 0
    )
    heard_s, total, steps = 0.0, 0.0, 0
    while (share := heard_s / budget_s) < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1.0, 2.0 * (1.0 - share)) + 1e-5
        batch = _on(training.device, next(stream))
        with torch.no_grad():
            encoded, lengths = model.encode(batch.speech, batch.speech_lengths)
        reach = torch.arange(encoded.shape[1], device=encoded.device)[None] < lengths[:, None]
        _, _, alphas, _ = model.predictor.get_upsample_timestamp(encoded, reach[:, None].float())
        steps_heard = reach.repeat_interleave(alphas.shape[1] // reach.shape[1], dim=1).float()
        wrong = (alphas.cumsum(1) - batch.passed).abs() * steps_heard
        loss = wrong.sum() / steps_heard.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        optimizer.zero_grad()
        heard_s, total, steps = heard_s + batch.audio_s, total + float(loss), steps + 1
        if steps % 50 == 0:
            training.log(time_stamp_loss=round(total / 50, 4))
            total = 0.0
    return model


def main(argv: list[str] | None = None) -> int:
    """Runs the recipe; returns the exit code."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True, help="the FunASR folder to write")
    parser.add_argument("--work", type=Path, default=Path("build/asr-work"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--hours", type=float, default=110.0, help="of speech heard in training")
    parser.add_argument("--utterances", type=int, default=28_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start-from", type=Path, help="folder of a trained recogniser")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    corpora.make_corpora(args.work, args.utterances, args.seed, lambda line: print(line))
    spoken = corpora.load_corpora(args.work, args.utterances, args.seed)
    training = Training(args.work, spoken, args.seed, args.start_from)
    training.run(args.hours * 3600 * (1 - TIME_STAMP_SHARE))
    model = train_time_stamps(training, args.hours * 3600 * TIME_STAMP_SHARE)
    tokens = corpora.vocabulary()
    save_folder(args.out, model, tokens, training.mean, training.deviation)
    training.log(facts=training.facts(model))
    shutil.copy2(args.work / "curve.jsonl", args.out / "learning_curve.jsonl")
    print(f"saved {args.out}")
    return 0


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    sys.exit(main())
