"""Writes the shipped suites' `cases.jsonl` again."""

from __future__ import annotations

from training.suites import write_all
from voicebench.suites.load import DATASETS_FOLDER

if __name__ == "__main__":
    write_all(DATASETS_FOLDER)
