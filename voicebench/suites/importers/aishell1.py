"""AISHELL-1 (openslr.org/33).

    data_aishell/transcript/aishell_transcript_v0.8.txt     BAC009S0764W0121 甚至 出现 ...
    data_aishell/wav/{train,dev,test}/S0764/BAC009S0764W0121.wav

The corpus has a few hundred recordings without a transcript; they are left out and counted.
"""

from __future__ import annotations

from pathlib import Path

from voicebench.errors import SuiteError
from voicebench.suites.importers.layout import below, keyed_lines, need, unknown_split
from voicebench.suites.load import Problem
from voicebench.suites.recordings import Found, Recording

TRANSCRIPT = "aishell_transcript_v0.8.txt"


def read(folder: Path, split: str) -> Found:
    """Reads one split; see the package."""
    found = Found(is_published=True)
    root = below(folder, "data_aishell")
    path = need(root / "transcript" / TRANSCRIPT, "AISHELL-1", "Name the folder data_aishell.")
    wavs = need(root / "wav", "AISHELL-1", "Name the folder data_aishell.")
    audio = _audio_of_split(wavs, split)
    transcripts = keyed_lines(path, found)
    for utterance_id, wav in audio.items():
        if utterance_id not in transcripts:
            found.left_out.append(Problem(str(wav), "has no transcript in the corpus"))
    speakers = {wav.parent.name for wav in audio.values()}
    for utterance_id, (number, text) in transcripts.items():
        speaker = utterance_id[6:11]  # BAC009S0764W0121
        if speaker in speakers:
            wav = audio.get(utterance_id, wavs / split / speaker / f"{utterance_id}.wav")
            tags = (f"speaker:{speaker}",)
            found.add(Recording(utterance_id, f"{path}:{number}", text, wav, tags=tags))
    return found


def _audio_of_split(wavs: Path, split: str) -> dict[str, Path]:
    folder = wavs / split
    if not folder.is_dir():
        archives = sorted(wavs.glob("*.tar.gz"))
        if archives:
            raise SuiteError(
                f"{wavs} holds {len(archives)} archives that are not unpacked",
                f"cd {wavs} && for f in *.tar.gz; do tar xzf $f; done",
            )
        raise unknown_split(split, (p.name for p in wavs.iterdir() if p.is_dir()), wavs)
    return {path.stem: path for path in sorted(folder.glob("*/*.wav"))}
