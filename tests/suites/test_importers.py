"""Each corpus layout is read from a small folder of its shape, and from spoilt ones."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.suites.tones import end_of_tone, write_tone
from voicebench.errors import MissingPackageError, SuiteError
from voicebench.metrics.conditions import is_meeting
from voicebench.suites.check import check_suite
from voicebench.suites.importers import FORMATS, language_of, read_corpus
from voicebench.suites.importers.alimeeting import read_textgrid
from voicebench.suites.load import load_suite
from voicebench.suites.make import Making, make_suite
from voicebench.suites.recordings import Found
from voicebench.suites.schema import SuiteInfo


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _aishell1(root: Path) -> Path:
    lines = [
        "BAC009S0002W0122 而 对 楼市 成交 抑制 作用 最 大 的 限 购",
        "BAC009S0764W0121 甚至 出现 交易 几乎 停滞 的 情况",
        "BAC009S0764W0122 一二 线 城市",
        "BAC009S0765W0121 用 ｐｐｔ",
    ]
    _write(root / "transcript" / "aishell_transcript_v0.8.txt", "\n".join(lines) + "\n")
    for speaker, number in (("S0764", 121), ("S0764", 122), ("S0764", 499), ("S0765", 121)):
        write_tone(root / "wav" / "test" / speaker / f"BAC009{speaker}W0{number}.wav", 0.5)
    return root


def _kespeech(root: Path) -> Path:
    part = root / "Tasks" / "ASR" / "test"
    for number, text in ((1, "今天<SPOKEN_NOISE>很好"), (2, "明天见")):
        name = f"100000{number}_3d2f4a"
        wav = f"Audio/100000{number}/phase1/{name}.wav"
        write_tone(root / wav, 0.5)
        for table, value in (
            ("wav.scp", wav), ("text", text), ("utt2spk", f"100000{number}"),
            ("utt2subdialect", "Southwestern"),
        ):  # fmt: skip
            path = part / table
            before = path.read_text(encoding="utf-8") if path.is_file() else ""
            _write(path, f"{before}{name} {value}\n")
    return root


def _interval(number: int, start: float, end: float, text: str) -> str:
    return (
        f"        intervals [{number}]:\n            xmin = {start} \n            xmax = {end} \n"
        f'            text = "{text}" \n'
    )


def _tier(number: int, name: str, intervals: list[tuple[float, float, str]]) -> str:
    body = "".join(_interval(i, *each) for i, each in enumerate(intervals, start=1))
    return (
        f'    item [{number}]:\n        class = "IntervalTier" \n        name = "{name}" \n'
        f"        xmin = 0 \n        xmax = 3 \n        intervals: size = {len(intervals)} \n{body}"
    )


def _alimeeting(root: Path) -> Path:
    far = root / "Test_Ali" / "Test_Ali_far"
    write_tone(far / "audio_dir" / "R8002_M8002_MS802.wav", 2.5, channels=8)
    tiers = _tier(1, "N_SPK8005", [(0.0, 0.9, "我们开会<sil>，好"), (2.0, 2.4, "说完了")])
    tiers += _tier(2, "N_SPK8006", [(0.0, 0.5, ""), (0.8, 1.5, "嗯<%>可以"), (1.6, 1.7, "<->")])
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0 \nxmax = 3 \n'
    text = f"{head}tiers? <exists> \nsize = 2 \nitem []: \n{tiers}"
    _write(far / "textgrid_dir" / "R8002_M8002.TextGrid", text)
    return root


def _common_voice(root: Path) -> Path:
    header = "client_id\tpath\tsentence_id\tsentence\tup_votes\tage\tgender\taccents\tlocale"
    rows = [
        'ab12cd34ef56ab12\tcommon_voice_yue_1.mp3\tx1\t佢話:「"唔該」。\t2\ttwenties\t\t\tyue',
        "ff12cd34ef56ab12\tcommon_voice_yue_2\tx2\t聽日見\t2\t\t\t出生地：香港\tyue",
    ]
    folder = root / "yue"
    _write(folder / "test.tsv", "\n".join([header, *rows]) + "\n")
    for number in (1, 2):
        write_tone(folder / "clips" / f"common_voice_yue_{number}.mp3", 0.5)
    return folder


def _voicebench(root: Path) -> Path:
    folder = root / "sd-qa"
    rows = [
        {"file_name": "0.wav", "prompt": "What's the capital of Peru?", "reference": "Lima"},
        {"file_name": "1.wav", "prompt": "Tell me a story.", "reference": ""},
    ]
    _write(folder / "usa" / "metadata.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    for number in (0, 1):
        write_tone(folder / "usa" / f"{number}.wav", 0.5)
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "aishell1": _aishell1, "kespeech": _kespeech, "alimeeting": _alimeeting,
    "common_voice": _common_voice, "voicebench": _voicebench,
}  # fmt: skip
SPLITS = {"voicebench": "usa"}


def _read(name: str, folder: Path) -> Found:
    return read_corpus(name, folder, SPLITS.get(name, ""))


def test_every_format_has_a_small_folder() -> None:
    assert MAKERS.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", FORMATS)
def test_a_corpus_becomes_a_suite_that_passes_its_check(name: str, tmp_path: Path) -> None:
    found = _read(name, MAKERS[name](tmp_path / name))
    assert found.problems == []
    info = SuiteInfo(name="corpus", title="Corpus", description="Two or three.")
    making = Making(info, tmp_path / "corpus", copies_audio=False, end_of_speech=end_of_tone)
    made = make_suite(found, making)
    assert made.problems == []
    assert made.num_cases == len(found.recordings) > 0
    assert check_suite(tmp_path / "corpus", vocabulary=frozenset()) == ()


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("aishell1", ("BAC009S0764W0121", "甚至 出现 交易 几乎 停滞 的 情况", ("speaker:S0764",))),
        ("kespeech", ("1000001_3d2f4a", "今天 很好", ("speaker:1000001", "dialect:Southwestern"))),
        ("alimeeting", ("R8002_M8002", "我们开会好 嗯可以 说完了", ("speakers:2",))),
        ("common_voice", ("common_voice_yue_1", '佢話:「"唔該」。', ("speaker:ab12cd34ef56",))),
        ("voicebench", ("sd-qa-usa-0", "What's the capital of Peru?", ())),
    ],
)
def test_what_is_read(name: str, first: tuple[str, str, tuple[str, ...]], tmp_path: Path) -> None:
    recording = _read(name, MAKERS[name](tmp_path)).recordings[0]
    assert (recording.id, recording.text, recording.tags) == first
    assert isinstance(recording.audio, Path)
    assert recording.audio.is_file()


def test_aishell_takes_one_split_and_counts_what_the_corpus_lacks(tmp_path: Path) -> None:
    found = _read("aishell1", _aishell1(tmp_path / "data_aishell"))
    assert len(found.recordings) == 3
    assert [Path(gap.place).stem for gap in found.left_out] == ["BAC009S0764W0499"]
    assert read_corpus("aishell1", tmp_path, "test").recordings == found.recordings


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("aishell1", "一二 线 城市", "涨 了 5%"),
        ("kespeech", "明天见", "<SPOKEN_NOISE>"),
        ("common_voice", "聽日見", "……"),
        ("voicebench", "Tell me a story.", "What is 3 + 4?"),
    ],
)
def test_what_the_corpus_says_that_cannot_be_a_reference_is_left_out(
    name: str, old: str, new: str, tmp_path: Path
) -> None:
    folder = MAKERS[name](tmp_path)
    paths = {"aishell1": _TRANSCRIPT, "kespeech": "Tasks/ASR/test/text", "common_voice": "test.tsv",
             "voicebench": "usa/metadata.jsonl"}  # fmt: skip
    before = _read(name, folder)
    _edit(paths[name], old, new)(folder)
    after = _read(name, folder)
    assert len(after.recordings) == len(before.recordings) - 1
    assert len(after.left_out) == len(before.left_out) + 1
    assert after.problems == []


def test_a_meeting_keeps_who_said_what_when(tmp_path: Path) -> None:
    found = _read("alimeeting", _alimeeting(tmp_path / "corpus"))
    info = SuiteInfo(name="ali", title="Ali", description="One.")
    make_suite(found, Making(info, tmp_path / "ali", False, end_of_tone))
    turn = load_suite(tmp_path / "ali").cases[0].turns[0]
    assert isinstance(turn.spoken, tuple)
    assert [(s.speaker, s.text, s.start_s, s.end_s) for s in turn.spoken] == [
        ("SPK8005", "我们开会好", 0.0, 0.9),
        ("SPK8006", "嗯可以", 0.8, 1.5),
        ("SPK8005", "说完了", 2.0, 2.4),
    ]
    assert turn.reference == "我们开会好嗯可以说完了"
    assert turn.t_eos_s == 2.4
    assert is_meeting(turn)


def test_a_quote_in_a_textgrid_is_doubled(tmp_path: Path) -> None:
    text = 'File type = "ooTextFile"\n' + "item []:\n" + _tier(1, "A", [(0, 1, '说""好""了')])
    assert [s.text for s in read_textgrid(_write(tmp_path / "a.TextGrid", text))] == ['说"好"了']


def test_the_answer_of_a_voicebench_question_is_a_suggestion(tmp_path: Path) -> None:
    found = _read("voicebench", _voicebench(tmp_path))
    assert [[fact.value for fact in each.facts] for each in found.recordings] == [["Lima"], []]


@pytest.mark.parametrize(
    ("name", "gone", "message"),
    [
        ("aishell1", "transcript/aishell_transcript_v0.8.txt", r"transcript_v0\.8\.txt is missing"),
        ("aishell1", "wav", r"wav is missing, so this is no AISHELL-1 folder"),
        ("kespeech", "Tasks/ASR/test/text", r"text:1: cannot be read"),
        ("kespeech", "Tasks/ASR/test/wav.scp", r"wav\.scp:1: cannot be read"),
        ("alimeeting", "Test_Ali/Test_Ali_far/textgrid_dir", r"textgrid_dir is missing"),
        ("common_voice", "test.tsv", r"no split 'test' in .*Splits there: none"),
        ("common_voice", "clips", r"clips is missing, so this is no Common Voice"),
        ("voicebench", "usa/metadata.jsonl", r"no split 'usa' in .*sd-qa"),
    ],
)
def test_a_corpus_without_its_transcripts_is_refused(
    name: str, gone: str, message: str, tmp_path: Path
) -> None:
    folder = MAKERS[name](tmp_path)
    (folder / gone).rename(tmp_path / "elsewhere")
    with pytest.raises(SuiteError, match=message):
        _read(name, folder)


def _edit(path: str, old: str, new: str) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        file = folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    return spoil


def _remove(pattern: str) -> Callable[[Path], object]:
    return lambda folder: next(folder.glob(pattern)).unlink()


_GRID = "Test_Ali/Test_Ali_far/textgrid_dir/R8002_M8002.TextGrid"
_TRANSCRIPT = "transcript/aishell_transcript_v0.8.txt"


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("aishell1", _remove("wav/test/S0764/*0122.wav"), f"{_TRANSCRIPT}:3: there is no audio"),
        (
            "aishell1",
            _edit(_TRANSCRIPT, "0122 一二 线 城市", "0122"),
            f"{_TRANSCRIPT}:3: BAC009S0764W0122 stands alone",
        ),
        (
            "aishell1",
            _edit(_TRANSCRIPT, "S0765W0121", "S0764W0122"),
            f"{_TRANSCRIPT}:4: id 'BAC009S0764W0122' is already on line 3",
        ),
        ("kespeech", _remove("Audio/1000002/*/*.wav"), "Tasks/ASR/test/text:2: there is no audio"),
        (
            "kespeech",
            _edit("Tasks/ASR/test/wav.scp", "1000002_", "1000009_"),
            "Tasks/ASR/test/text:2: 1000002_3d2f4a is not in",
        ),
        (
            "kespeech",
            _edit("Tasks/ASR/test/text", "1000002_3d2f4a 明天见\n", ""),
            "Tasks/ASR/test/wav.scp:2: 1000002_3d2f4a has no line in",
        ),
        ("alimeeting", _remove("*/*/audio_dir/*.wav"), f"{_GRID}:1: there is no audio file"),
        (
            "alimeeting",
            _edit(_GRID, "intervals: size = 3", "intervals: size = 4"),
            f"{_GRID}:23: tier 'N_SPK8006' declares 4 intervals and holds 3",
        ),
        ("alimeeting", _edit(_GRID, "ooTextFile", "x"), f"{_GRID}:1: is no TextGrid"),
        ("alimeeting", _edit(_GRID, "xmax = 0.9", "xmax = -1"), f"{_GRID}:15: tier 'N_SPK8005' has"),
        ("common_voice", _remove("clips/*_2.mp3"), "test.tsv:3: there is no audio file"),
        ("common_voice", _edit("test.tsv", "聽日見", ""), "test.tsv:3: the cell sentence is empty"),
        ("common_voice", _edit("test.tsv", "\t\tyue\n", "\n"), "test.tsv:2: has 7 cells, the header 9"),
        ("voicebench", _remove("usa/1.wav"), "usa/metadata.jsonl:2: there is no audio file"),
        (
            "voicebench",
            _edit("usa/metadata.jsonl", '"prompt"', '"question"'),
            "usa/metadata.jsonl:1: has no prompt; its columns are file_name, question, reference",
        ),
        (
            "voicebench",
            _edit("usa/metadata.jsonl", '"file_name"', '"file"'),
            "usa/metadata.jsonl:1: is no JSON object with file_name",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_line(
    name: str, spoil: Callable[[Path], object], told: str, tmp_path: Path
) -> None:
    folder = MAKERS[name](tmp_path)
    spoil(folder)
    problems = [str(each).removeprefix(f"{folder}/") for each in _read(name, folder).problems]
    assert problems
    assert problems[0].startswith(told)


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = _common_voice(tmp_path)
    _edit("test.tsv", "\tsentence\t", "\tsentense\t")(folder)
    with pytest.raises(SuiteError, match=r"test\.tsv:1 has no column 'sentence'.*sentense"):
        _read("common_voice", folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("aishell1", "Splits there: test"),
        ("kespeech", "Splits there: test"),
        ("alimeeting", "Splits there: Test"),
        ("common_voice", "Splits there: test"),
        ("voicebench", "Splits there: usa"),
    ],
)
def test_an_unknown_split_lists_those_that_are_there(
    name: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(SuiteError, match=f"there is no split 'tset'.*{message}"):
        read_corpus(name, MAKERS[name](tmp_path), "tset")


def test_archives_that_are_not_unpacked_are_told(tmp_path: Path) -> None:
    folder = _aishell1(tmp_path)
    (folder / "wav" / "test").rename(tmp_path / "elsewhere")
    _write(folder / "wav" / "S0764.tar.gz", "")
    with pytest.raises(SuiteError, match=r"1 archives that are not unpacked.*tar xzf"):
        _read("aishell1", folder)


def test_an_unknown_format_or_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"'aishell'.*Did you mean 'aishell1'\?"):
        read_corpus("aishell", tmp_path)
    with pytest.raises(SuiteError, match="there is no folder"):
        read_corpus("aishell1", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("locale", "language"), [("zh-CN", "zh"), ("zh-HK", "yue"), ("yue", "yue"), ("en", "en")]
)
def test_a_common_voice_folder_tells_its_language(locale: str, language: str) -> None:
    assert language_of("common_voice", Path("cv-corpus") / locale) == language


def test_parquet_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    _write(tmp_path / "test-00000-of-00001.parquet", "")
    with pytest.raises(MissingPackageError, match="pip install pyarrow"):
        read_corpus("voicebench", tmp_path)


@pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="VoiceBench as published needs pyarrow"
)
def test_parquet_is_read_row_by_row(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    contents = [write_tone(tmp_path / f"{n}.wav", 0.3 + n / 10).read_bytes() for n in range(3)]
    table = pyarrow.table(
        {
            "prompt": ["one", "two", "three"],
            "audio": [{"bytes": each, "path": None} for each in contents],
            "reference": ["1", "2", None],
        }
    )
    shard = tmp_path / "sd-qa" / "usa-00000-of-00001.parquet"
    shard.parent.mkdir()
    pyarrow.parquet.write_table(table, shard, row_group_size=2)
    found = read_corpus("voicebench", shard.parent, "usa")
    assert [each.text for each in found.recordings] == ["one", "two", "three"]
    assert [each.audio() for each in found.recordings if callable(each.audio)] == contents
