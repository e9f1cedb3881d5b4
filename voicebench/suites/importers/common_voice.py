"""Common Voice (commonvoice.mozilla.org), one language's folder.

    zh-CN/{train,dev,test,validated,...}.tsv    client_id  path  ...  sentence  ...
    zh-CN/clips/common_voice_zh-CN_18531536.mp3

Releases differ in their columns; `path` and `sentence` are in all of them.
"""

from __future__ import annotations

from pathlib import Path

from voicebench.suites.importers.layout import need, unknown_split
from voicebench.suites.load import Problem
from voicebench.suites.recordings import Found, Recording, table_rows


def read(folder: Path, split: str) -> Found:
    """Reads one split; see the package."""
    found = Found(is_published=True)
    languages = [path.parent.name for path in folder.glob("*/clips")]
    way_out = f"Name one language's folder: {', '.join(sorted(languages)) or 'it holds clips'}."
    clips = need(folder / "clips", "Common Voice language", way_out)
    table = folder / f"{split}.tsv"
    if not table.is_file():
        raise unknown_split(split, (path.stem for path in folder.glob("*.tsv")), folder)
    for number, row, fault in table_rows(table, ("path", "sentence")):
        place = f"{table}:{number}"
        if fault:
            found.problems.append(Problem(place, fault))
            continue
        clip = clips / row["path"]
        if not clip.suffix:  # the first releases left it out
            clip = clip.with_suffix(".mp3")
        tags = [f"speaker:{row['client_id'][:12]}"] if row.get("client_id") else []
        accent = row.get("accents") or row.get("accent")
        tags += [f"accent:{accent}"] if accent else []
        found.add(Recording(clip.stem, place, row["sentence"], clip, tags=tuple(tags)))
    return found
