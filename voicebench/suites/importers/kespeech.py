"""KeSpeech, the tables of its recognition task.

    Tasks/ASR/{train_phase1,train_phase2,dev_phase1,dev_phase2,test}/
        wav.scp          1000001_3d2f4a Audio/1000001/phase1/1000001_3d2f4a.wav
        text             1000001_3d2f4a 今天天气<SPOKEN_NOISE>很好
        utt2spk, utt2subdialect

Paths in `wav.scp` are relative to the corpus. The regional form becomes a tag.
"""

from __future__ import annotations

import re
from pathlib import Path

from voicebench.suites.importers.layout import below, keyed_lines, need, unknown_split
from voicebench.suites.load import Problem
from voicebench.suites.recordings import Found, Recording

_MARKER = re.compile(r"<[A-Z_]+>")  # <SPOKEN_NOISE>


def read(folder: Path, split: str) -> Found:
    """Reads one split; see the package."""
    found = Found(is_published=True)
    root = below(folder, "KeSpeech")
    tasks = need(root / "Tasks" / "ASR", "KeSpeech", "Name the folder that holds Tasks and Audio.")
    part = tasks / split
    if not part.is_dir():
        raise unknown_split(split, (path.name for path in tasks.iterdir() if path.is_dir()), tasks)
    texts = keyed_lines(part / "text", found)
    paths = keyed_lines(part / "wav.scp", found)
    tables = {
        tag: keyed_lines(part / name, found) if (part / name).is_file() else {}
        for tag, name in (("speaker", "utt2spk"), ("dialect", "utt2subdialect"))
    }
    for utterance_id, (number, text) in texts.items():
        place = f"{part / 'text'}:{number}"
        if utterance_id not in paths:
            message = f"{utterance_id} is not in {part / 'wav.scp'}"
            found.problems.append(Problem(place, message))
            continue
        tags = [f"{tag}:{table[utterance_id][1]}" for tag, table in tables.items()
                if utterance_id in table]  # fmt: skip
        spoken = _MARKER.sub(" ", text)
        wav = root / paths[utterance_id][1]
        found.add(Recording(utterance_id, place, spoken, wav, tags=tuple(tags)))
    for utterance_id in paths.keys() - texts.keys():
        place = f"{part / 'wav.scp'}:{paths[utterance_id][0]}"
        found.problems.append(Problem(place, f"{utterance_id} has no line in {part / 'text'}"))
    found.problems.sort(key=lambda problem: problem.place)
    return found
