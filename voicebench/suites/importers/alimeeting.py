"""AliMeeting (openslr.org/119), the far-field recordings.

    Test_Ali/Test_Ali_far/audio_dir/R8002_M8002_MS802.wav       8 channels, 15 to 30 minutes
    Test_Ali/Test_Ali_far/textgrid_dir/R8002_M8002.TextGrid     one tier a speaker

A meeting is one case; who said what when is kept. The end of its last utterance is its `t_eos_s`.
The channels are averaged when the audio is read. The near-field recordings, one headset each, are
not read: nobody hears a meeting so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from voicebench.errors import SuiteError
from voicebench.suites.importers.layout import below, need, unknown_split
from voicebench.suites.load import Problem
from voicebench.suites.recordings import Found, Recording, read_text, to_reference
from voicebench.types import SpokenSegment

_MARKER = re.compile(r"<[^<>]*>")  # <sil>, <%>, <->, ...
_NAME = re.compile(r'name = "((?:[^"]|"")*)"')
_INTERVAL = re.compile(
    r'intervals\s*\[\d+\]:?\s*xmin = ([\d.eE+-]+)\s*xmax = ([\d.eE+-]+)\s*text = "((?:[^"]|"")*)"'
)
_CLASS = re.compile(r'class = "(\w+)"')


def read(folder: Path, split: str) -> Found:
    """Reads one split; see the package."""
    found = Found(is_published=True)
    root = below(folder, f"{split}_Ali", f"{split}_Ali_far")
    parts = {path.name for path in (folder, *folder.rglob("*_Ali_far")) if path.is_dir()}
    known = {name.removesuffix("_Ali_far") for name in parts if name.endswith("_Ali_far")}
    if known and root.resolve().name != f"{split}_Ali_far":
        raise unknown_split(split, known, folder)
    way_out = f"Name the folder that holds {split}_Ali."
    grids = need(root / "textgrid_dir", "AliMeeting", way_out)
    wavs = need(root / "audio_dir", "AliMeeting", way_out)
    for grid in sorted(grids.rglob("*.TextGrid")):
        recording = _read_meeting(grid, wavs, found)
        if recording is not None:
            found.add(recording)
    return found


def _read_meeting(grid: Path, wavs: Path, found: Found) -> Recording | None:
    audio = sorted(wavs.rglob(f"{grid.stem}*.wav"))
    if not audio:
        problem = Problem(f"{grid}:1", f"there is no audio file {wavs / grid.stem}*.wav")
        found.problems.append(problem)
        return None
    try:
        segments = sorted(read_textgrid(grid), key=lambda each: (each.start_s, each.end_s))
    except SuiteError as error:
        place, _, message = error.problem.partition(": ")
        found.problems.append(Problem(place, message, error.way_out))
        return None
    spoken = tuple(
        SpokenSegment(speaker=s.speaker, text=text, start_s=s.start_s, end_s=s.end_s)
        for s in segments
        if (text := to_reference(_MARKER.sub(" ", s.text)))
    )
    speakers = {segment.speaker for segment in spoken}
    return Recording(
        id=grid.stem,
        place=f"{grid}:1",
        text=" ".join(segment.text for segment in spoken),
        audio=audio[0],
        t_eos_s=max((segment.end_s for segment in spoken), default=None),
        spoken=spoken,
        tags=(f"speakers:{len(speakers)}",),
    )


def read_textgrid(path: Path) -> Iterator[SpokenSegment]:
    """Reads the intervals of Praat's long text form, tiers as speakers, empty intervals left out.

    Raises:
        SuiteError: The file is missing, or a tier is cut short, with its line.
    """
    content = read_text(path).replace("\r\n", "\n")
    starts = [match.start() for match in re.finditer(r"item\s*\[\d+\]:", content)]
    if "ooTextFile" not in content[:200] or not starts:
        raise SuiteError(f"{path}:1: is no TextGrid in Praat's long text form")
    for start, end in zip(starts, [*starts[1:], len(content)], strict=True):
        tier, line = content[start:end], content.count("\n", 0, start) + 1
        kind, name = _CLASS.search(tier), _NAME.search(tier)
        if name is None or kind is None:
            raise SuiteError(f"{path}:{line}: a tier without class or name")
        if kind[1] != "IntervalTier":
            continue
        intervals = list(_INTERVAL.finditer(tier))
        size = re.search(r"intervals: size = (\d+)", tier)
        if size is None or int(size[1]) != len(intervals):
            declared = size[1] if size else "no"
            message = f"tier {name[1]!r} declares {declared} intervals and holds {len(intervals)}"
            raise SuiteError(f"{path}:{line}: {message}")
        for interval in intervals:
            begin, stop, text = interval.groups()
            if float(stop) < float(begin):
                line += tier.count("\n", 0, interval.start())
                raise SuiteError(
                    f"{path}:{line}: tier {name[1]!r} has an interval {begin} to {stop}"
                )
            if text.strip():
                yield SpokenSegment(
                    speaker=name[1].rpartition("_")[2],  # N_SPK8013, R8001_M8004_N_SPK8013
                    text=text.replace('""', '"'),
                    start_s=float(begin),
                    end_s=float(stop),
                )
