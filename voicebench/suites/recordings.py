"""Recordings with transcripts, as they lie in a folder, before they become a suite.

Two forms are read: a `.txt` beside each audio file, or one table `transcripts.tsv` (or `.csv`) with
the columns `file` and `text` and, if wanted, `meaning` and `t_eos_s`. Every fault is found before
anything is made, each with its place.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voicebench.errors import SuiteError, did_you_mean
from voicebench.suites.load import Problem
from voicebench.types import Fact, SpokenSegment

AUDIO_SUFFIXES = frozenset(
    (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".mp4", ".webm", ".aac", ".aif", ".aiff",
     ".pcm", ".raw")
)  # fmt: skip
TABLES = ("transcripts.tsv", "transcripts.csv")
_NEEDED, _WANTED = ("file", "text"), ("meaning", "t_eos_s")

_CJK = "㐀-䶿一-鿿豈-﫿぀-ヿ\U00020000-\U0003ffff"
_GAP = re.compile(rf"(?<![^\W_{_CJK}]) | (?![^\W_{_CJK}])")
_READ_ALOUD = frozenset("%‰°¥$€£¢+=@&#×÷/⁄±≈≠≥≤≦≧№")
_SIGNS = frozenset("-−‐‑‒–~<>*")
"""Read aloud before a digit; elsewhere marks like others."""
_NUM_DIGITS_SHOWN = 3


@dataclass(frozen=True)
class Recording:
    """One recording and its transcript.

    Attributes:
        id: Unique in its suite, without white space.
        place: `file:line` of its transcript.
        text: Transcript as written, markers of the corpus taken out.
        audio: The file, or what gives the bytes of one.
        meaning: The transcript as meant, where somebody wrote it down.
        t_eos_s: End of speech, where somebody annotated it.
        spoken: Who said what when, where several people speak.
        facts: What the corpus holds for a right answer.
        tags: Of the case.
    """

    id: str
    place: str
    text: str
    audio: Path | Callable[[], bytes]
    meaning: str = ""
    t_eos_s: float | None = None
    spoken: tuple[SpokenSegment, ...] = ()
    facts: tuple[Fact, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass
class Found:
    """What a folder holds.

    Attributes:
        recordings: The sound ones, in order of their ids.
        problems: What is wrong.
        warnings: What can be used and makes figures hard to believe.
        left_out: What a published corpus lacks in every copy, so that nobody here can mend it.
        is_published: Whether it is such a corpus; texts that cannot be references are left out then.
    """

    recordings: list[Recording] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    left_out: list[Problem] = field(default_factory=list)
    is_published: bool = False

    def add(self, recording: Recording) -> None:
        """Takes a recording, or names what is wrong with its text or file."""
        fault = text_fault(recording.text) or text_fault(recording.meaning or recording.text)
        audio = recording.audio
        if isinstance(audio, Path) and not audio.is_file():
            self.problems.append(Problem(recording.place, f"there is no audio file {audio}"))
        elif fault and self.is_published:
            self.left_out.append(Problem(recording.place, fault))
        elif fault:
            self.problems.append(Problem(recording.place, fault))
        else:
            self.recordings.append(recording)
            if shown := numbers_in_digits(f"{recording.text} {recording.meaning}"):
                message = f"the text has digits ({shown}), which a recogniser may write in words"
                way_out = "Write numbers as they were said, or compare with the normalizer itn."
                self.warnings.append(Problem(recording.place, message, way_out))

    def sorted(self) -> Found:
        """In order of ids, the same id twice named as a problem."""
        self.recordings.sort(key=lambda each: each.id)
        first: dict[str, Recording] = {}
        for each in self.recordings:
            known = first.setdefault(each.id, each)
            if known is not each:
                self.problems.append(_clash(each, known))
        return dataclasses.replace(self, recordings=[*first.values()])


def _clash(second: Recording, first: Recording) -> Problem:
    """Two recordings of one id: the same file named twice, or two files."""
    if not isinstance(second.audio, Path) or not isinstance(first.audio, Path):
        message = f"id {second.id!r} is already that of {first.place}"
        return Problem(second.place, message, "Rename one of them.")
    if second.audio == first.audio:
        message = f"{second.audio.name} is already named at {first.place}"
        return Problem(second.place, message, "Take one of the lines away.")
    message = (
        f"{second.audio.name} and {first.audio.name} ({first.place}) both get the id {second.id!r}"
    )
    return Problem(second.place, message, "Rename one of the files.")


def to_reference(text: str) -> str:
    """A transcript as a recogniser would write it: no punctuation, no spaces beside Hanzi.

    >>> to_reference("明天，３ 点半 用 PPT 讲。")
    '明天3点半用PPT讲'
    >>> to_reference("It’s 3.5 – isn't it?")
    "It's 3.5 isn't it"
    """
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("ʼ", "'")
    kept = "".join(char if _is_said(text, at) else " " for at, char in enumerate(text))
    joined = _GAP.sub("", " ".join(kept.split()))
    return unicodedata.normalize("NFKC", joined)  # an accent may have met its letter


def _is_said(text: str, at: int) -> bool:
    if unicodedata.category(text[at])[0] not in "PSC":
        return True
    return text[at] in "'-." and text[at - 1 : at].isalnum() and text[at + 1 : at + 2].isalnum()


def text_fault(text: str) -> str:
    """Why a text cannot be a reference; empty when it can."""
    if not any(char.isalnum() for char in to_reference(text)):
        return "the text is empty" if not text.strip() else f"the text {text!r} holds no words"
    if signs := sorted(set(_signs(text))):
        return f"the text has {' '.join(signs)}, which is read aloud: write it as it was said"
    return ""


def _signs(text: str) -> Iterator[str]:
    """Signs that are read aloud, and that a reference would be without: %, the colon of 3:30, ½."""
    forms = [unicodedata.normalize("NFKC", char) for char in text]
    origin = [
        char if len(form) > 1 else form
        for char, form in zip(text, forms, strict=True)
        for _ in form
    ]
    folded = "".join(forms)
    for at, char in enumerate(folded):
        if char in _READ_ALOUD:
            yield origin[at]
        elif unicodedata.category(char)[0] in "PS" and not _is_said(folded, at):
            before, after = folded[:at].rstrip()[-1:], folded[at + 1 :].lstrip()[:1]
            if after.isdigit() and (before.isdigit() or char in _SIGNS):
                yield origin[at]


def numbers_in_digits(text: str) -> str:
    """The first numbers that a text writes in digits, each with the character behind it.

    >>> numbers_in_digits("3点在2楼，用MP3听Ａ4的③首")
    '3点, 2楼, 3首'
    """
    folded = unicodedata.normalize("NFKC", text)
    found = re.findall(r"(?<![A-Za-z\d.])\d[\d.,]*[^\W\d_]?", folded)
    more = ", …" if len(found) > _NUM_DIGITS_SHOWN else ""
    return ", ".join(found[:_NUM_DIGITS_SHOWN]) + more


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a text file with their numbers, blank ones left out.

    Raises:
        SuiteError: The file is missing or not UTF-8.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield number, line.strip()


def read_text(path: Path) -> str:
    """A text file whole, without byte order mark.

    Raises:
        SuiteError: The file is missing or not UTF-8.
    """
    content = _decode(path)
    if isinstance(content, Problem):
        raise SuiteError(f"{content.place}: {content.message}", content.way_out)
    return content


def _decode(path: Path) -> str | Problem:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return Problem(f"{path}:{line}", "is not UTF-8", "Save it as UTF-8.")
    except OSError as error:
        return Problem(f"{path}:1", f"cannot be read: {error.strerror}")


def find_audio(folder: Path) -> list[Path]:
    """Audio files under a folder, at any depth, hidden ones left out, sorted."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    return sorted(path for path in found if path.is_file() and not _is_hidden(path, folder))


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def recording_id(path: Path, folder: Path) -> str:
    """An id from where a file lies: `ward 2/a.wav` is `ward_2-a`."""
    parts = path.relative_to(folder).with_suffix("").parts
    return unicodedata.normalize("NFC", "-".join("_".join(part.split()) for part in parts))


def read_folder(folder: Path) -> Found:
    """Reads a folder of one's own recordings.

    Raises:
        SuiteError: There is no such folder, no audio in it, or no telling which table to read.
    """
    if not folder.is_dir():
        raise SuiteError(f"there is no folder {folder}", "Name the folder with the recordings.")
    audio = find_audio(folder)
    tables = sorted(path for path in folder.iterdir() if path.name.lower() in TABLES)
    if len(tables) > 1:
        names = " and ".join(path.name for path in tables)
        raise SuiteError(f"{folder} holds both {names}", "Keep one of them.")
    if not audio and not tables:
        raise SuiteError(f"{folder} holds no audio", f"Known: {' '.join(sorted(AUDIO_SUFFIXES))}.")
    found, named = _read_table(folder, tables[0], audio) if tables else _read_texts(folder, audio)
    for path in audio:
        if path not in named:
            way_out = f"Add it to {tables[0].name}." if tables else f"Write {path.stem}.txt."
            found.problems.append(Problem(str(path), "has no transcript", way_out))
    return found.sorted()


def _key(path: Path) -> str:
    """One spelling of a path: file systems write é and が in one character or in two."""
    return unicodedata.normalize("NFC", path.as_posix())


def _texts_of(folder: Path, audio: Sequence[Path]) -> dict[Path, list[Path]]:
    """Text files under a folder, and the audio files of their name: A.WAV is that of A.TXT, and of a.txt
    where nothing is nearer."""
    texts = [path for path in folder.rglob("*") if path.suffix.lower() == ".txt"]
    by_text: dict[Path, list[Path]] = {
        path: [] for path in sorted(texts) if path.is_file() and not _is_hidden(path, folder)
    }
    exact = {_key(path.with_suffix("")): path for path in by_text}
    folded = {key.casefold(): path for key, path in exact.items()}
    for path in audio:
        key = _key(path.with_suffix(""))
        if text := exact.get(key) or folded.get(key.casefold()):
            by_text[text].append(path)
    return by_text


def _read_texts(folder: Path, audio: Sequence[Path]) -> tuple[Found, set[Path]]:
    """Texts beside audio files, and the audio files that have one."""
    found, named = Found(), set[Path]()
    for beside, recorded in _texts_of(folder, audio).items():
        place = f"{beside}:1"
        named.update(recorded)
        if not recorded:
            message = "there is no audio file of this name beside it"
            found.problems.append(Problem(place, message, "Add it or take the text away."))
        elif len(recorded) > 1:
            names = " and ".join(path.name for path in recorded)
            message = f"is the text of {names}, and can be that of one"
            found.problems.append(Problem(place, message, "Keep one of them, or rename it."))
        elif isinstance(text := _decode(beside), Problem):
            found.problems.append(text)
        else:
            path = recorded[0]
            found.add(Recording(recording_id(path, folder), place, text.strip(), path))
    return found, named


def _read_table(folder: Path, table: Path, audio: Sequence[Path]) -> tuple[Found, set[Path]]:
    """Rows of a table, and the audio files that it names."""
    found, named = Found(), set[Path]()
    there = {_key(path): path for path in audio}
    for number, row, fault in table_rows(table, _NEEDED, _WANTED):
        place, path = f"{table}:{number}", folder / row.get("file", "")
        path = there.get(_key(path), path)
        named.add(path)
        end = row.get("t_eos_s", "")
        if not path.resolve().is_relative_to(folder.resolve()):
            fault = f"{row['file']!r} is not inside {folder}"
        elif end and not _is_positive_number(end):
            fault = f"t_eos_s must be seconds after 0, got {end!r}"
        if fault:
            found.problems.append(Problem(place, fault))
            continue
        if not path.is_file():
            way_out = _hint(row["file"], [each.relative_to(folder).as_posix() for each in audio])
            found.problems.append(Problem(place, f"there is no audio file {path}", way_out))
            continue
        found.add(
            Recording(
                id=recording_id(path, folder),
                place=place,
                text=row["text"],
                audio=path,
                meaning=row.get("meaning", ""),
                t_eos_s=float(end) if end else None,
            )
        )
    return found, named


def _hint(name: str, known: Sequence[str]) -> str:
    """The way out where a table names a file that is not there."""
    slashed = name.replace("\\", "/").removeprefix("./")
    if slashed in known:
        return f"Write it as {slashed}."
    same = [each for each in known if each.casefold() == slashed.casefold()]
    if same:
        return f"Did you mean {same[0]!r}?"
    return "Write folders with /." if "\\" in name else did_you_mean(name, known)


def _is_positive_number(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d*)?|\.\d+", text) is not None and float(text) > 0


def table_rows(
    table: Path, needed: Sequence[str], wanted: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, str], str]]:
    """Rows of a table with a header line: line number, cells by column, and what is wrong.

    Args:
        table: Tab-separated where it ends in `.tsv`, else comma-separated.
        needed: Columns that must be there.
        wanted: Columns that may be there; None allows any.

    Raises:
        SuiteError: The table is missing, empty, not UTF-8, or its columns are others.
    """
    lines = io.StringIO(read_text(table), newline="")
    if table.suffix.lower() == ".tsv":
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines)
    header = _without_blank_end(next(reader, []))
    _check_columns(table, header, needed, wanted)
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        cells = _without_blank_end(cells, len(header))
        if len(cells) != len(header):
            yield reader.line_num, {}, f"has {len(cells)} cells, the header {len(header)}"
            continue
        row = dict(zip(header, cells, strict=True))
        empty = [name for name in needed if not row[name]]
        fault = f"the cell {' and '.join(empty)} is empty ({row[needed[0]]})" if empty else ""
        yield reader.line_num, row, fault


def _without_blank_end(cells: Sequence[str], num_kept: int = 0) -> list[str]:
    """Cells without white space around them, and without blank ones at the end, which spreadsheets
    leave; at least `num_kept` stay."""
    stripped = [cell.strip() for cell in cells]
    while len(stripped) > num_kept and not stripped[-1]:
        stripped.pop()
    return stripped


def _check_columns(
    table: Path, header: Sequence[str], needed: Sequence[str], wanted: Sequence[str] | None
) -> None:
    if "" in header:
        message = f"{table}:1 has no name in column {header.index('') + 1}"
        raise SuiteError(message, "Name it, or take the column away.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        way_out = "Rename one of them, or take it away."
        raise SuiteError(f"{table}:1 names a column twice: {' '.join(twice)}", way_out)
    missing = [name for name in needed if name not in header]
    known = (*needed, *(wanted or ()))
    strange = [name for name in header if name not in known] if wanted is not None else []
    if missing or strange:
        what = f"has no column {missing[0]!r}" if missing else f"has the column {strange[0]!r}"
        hint = did_you_mean(strange[0] if strange else missing[0], known if strange else header)
        raise SuiteError(
            f"{table}:1 {what}; its header is {' '.join(header) or 'empty'}",
            hint or f"Columns: {', '.join(known)}.",
        )
