"""A folder of own recordings is read whole, and everything wrong in it is named with its place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.suites.tones import write_tone
from voicebench.errors import SuiteError
from voicebench.suites.check import check_suite
from voicebench.suites.make import Making, make_suite
from voicebench.suites.recordings import Found, Recording, read_folder, text_fault, to_reference
from voicebench.suites.schema import SuiteInfo


@pytest.mark.parametrize(
    ("written", "reference"),
    [
        ("明天下午三点，见张三。", "明天下午三点见张三"),
        ("甚至 出现 交易 几乎 停滞 的 情况", "甚至出现交易几乎停滞的情况"),
        ("用 PPT 讲 web app", "用PPT讲web app"),
        ("它有３．５米，约 3 4 个", "它有3.5米约3 4个"),
        ("It’s “fine” – isn't it?", "It's fine isn't it"),
        ("well-known - or not-", "well-known or not"),
        ("马丁·路德《书》（一）", "马丁路德书一"),
        ("下晝𠮶個人 㗎 la～", "下晝𠮶個人㗎la"),
        ("。", ""),
    ],
)
def test_a_transcript_becomes_what_a_recogniser_would_write(written: str, reference: str) -> None:
    assert to_reference(written) == reference


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("三点见", ""),
        ("  ", "the text is empty"),
        ("……！", "the text '……！' holds no words"),
        ("涨了5%", "the text has %, which is read aloud: write it as it was said"),
        ("付￥30", "the text has ¥, which is read aloud: write it as it was said"),
        ("３：３０见", "the text has :, which is read aloud: write it as it was said"),
        ("要3~5天", "the text has ~, which is read aloud: write it as it was said"),
        ("要3–5天", "the text has –, which is read aloud: write it as it was said"),
        ("½杯水", "the text has ½, which is read aloud: write it as it was said"),
        ("1/2杯", "the text has /, which is read aloud: write it as it was said"),
        ("≥5个", "the text has ≥, which is read aloud: write it as it was said"),
        (">5个", "the text has >, which is read aloud: write it as it was said"),
        ("-5度", "the text has -, which is read aloud: write it as it was said"),
        ("今天，-5度", "the text has -, which is read aloud: write it as it was said"),
        ("−5℃", "the text has ℃ −, which is read aloud: write it as it was said"),
        ("付3,000元", "the text has ,, which is read aloud: write it as it was said"),
        ("3*5", "the text has *, which is read aloud: write it as it was said"),
        ("±2", "the text has ±, which is read aloud: write it as it was said"),
        ("3点在2楼，用A4纸", ""),
        ("好啊～", ""),
        ("well-known - or not", ""),
        ("他说：三点", ""),
    ],
)
def test_a_text_that_cannot_be_a_reference_is_told(text: str, fault: str) -> None:
    assert text_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("下午3点在2楼", "3点, 2楼"),
        ("１２个，３．５米，第③", "12个, 3.5米, 3"),
        ("3-5天", "3, 5天"),
        ("1号2号3号4号", "1号, 2号, 3号, …"),
        ("三点用MP3和A4", ""),
        ("三点", ""),
    ],
)
def test_digits_are_warned_about_with_the_line(folder: Path, text: str, shown: str) -> None:
    (folder / "a.txt").write_text(text, encoding="utf-8")
    found = read_folder(folder)
    assert found.problems == []
    told = [str(each).removeprefix(f"{folder}/") for each in found.warnings]
    assert told == [
        f"a.txt:1: the text has digits ({shown}), which a recogniser may write in words. Write numbers "
        "as they were said, or compare with the normalizer itn."
    ] * bool(shown)  # fmt: skip


@given(st.text(alphabet="三3点5½－-~:：/,.≥°天 A", max_size=10))
def test_a_text_with_numbers_is_taken_as_it_stands_or_refused(text: str) -> None:
    kept = to_reference(text)
    if not text_fault(text):
        digits = [char for char in unicodedata.normalize("NFKC", text) if char.isdigit()]
        assert [char for char in kept if char.isdigit()] == digits
        assert not set("~:/≥°⁄½").intersection(kept)
        between = re.findall(r"\d[^\w\s.'-]+\d", unicodedata.normalize("NFKC", text))
        assert between == []


@given(st.text(max_size=30))
def test_a_reference_is_a_reference_again(text: str) -> None:
    assert to_reference(to_reference(text)) == to_reference(text)


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tone(tmp_path_factory.mktemp("tone") / "a.wav", 0.2)


@settings(max_examples=60)
@given(text=st.text(alphabet="三点见见Ａb3.,'’-。？%“ ～\u200b\u3000é", max_size=12))
def test_what_is_taken_passes_the_check(
    text: str, tone: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = Found()
    found.add(Recording("a", "a.txt:1", text, tone))
    assert len(found.recordings) + len(found.problems) == 1
    if found.recordings:
        folder = tmp_path_factory.mktemp("suites") / "own"
        info = SuiteInfo(name="own", title="Own", description="One.")
        making = Making(info, folder, copies_audio=False, end_of_speech=lambda samples: 0.2)
        make_suite(found, making)
        assert check_suite(folder, vocabulary=frozenset()) == ()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two recordings with texts beside them, one in a folder below."""
    for name, text in (("a", "三点见"), ("ward 2/b", "\ufeff付三百块。\n")):
        write_tone(tmp_path / f"{name}.wav").with_suffix(".txt").write_text(text, encoding="utf-8")
    return tmp_path


def test_texts_beside_the_audio_are_read(folder: Path) -> None:
    (folder / ".trash").mkdir()
    (folder / ".trash" / "c.wav").write_bytes(b"")
    found = read_folder(folder)
    assert found.problems == []
    assert [(each.id, each.text) for each in found.recordings] == [
        ("a", "三点见"),
        ("ward_2-b", "付三百块。"),
    ]
    assert found.recordings[1].place == f"{folder / 'ward 2' / 'b.txt'}:1"


def _told(folder: Path) -> list[str]:
    return [str(problem).removeprefix(f"{folder}/") for problem in read_folder(folder).problems]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda f: (f / "a.txt").unlink(),
            "a.wav: has no transcript. Write a.txt.",
        ),
        (
            lambda f: (f / "a.wav").unlink(),
            "a.txt:1: there is no audio file of this name beside it. Add it or take the text away.",
        ),
        (lambda f: (f / "a.txt").write_text(" \n"), "a.txt:1: the text is empty"),
        (lambda f: (f / "a.txt").write_text("！"), "a.txt:1: the text '！' holds no words"),
        (
            lambda f: (f / "a.txt").write_bytes("三点\n见".encode("gb18030")),
            "a.txt:1: is not UTF-8. Save it as UTF-8.",
        ),
        (
            lambda f: write_tone(f / "a.MP3"),
            "a.txt:1: is the text of a.MP3 and a.wav, and can be that of one. Keep one of them, or "
            "rename it.",
        ),
    ],
)
def test_a_fault_beside_the_audio_is_named(
    folder: Path, spoil: Callable[[Path], object], told: str
) -> None:
    spoil(folder)
    assert _told(folder) == [told.replace("{f}", str(folder))]


def test_all_faults_are_named_at_once(folder: Path) -> None:
    (folder / "a.txt").unlink()
    (folder / "c.txt").write_text("没有录音")
    (folder / "ward 2" / "b.txt").write_text("")
    assert [each.split(":")[0] for each in _told(folder)] == ["c.txt", "ward 2/b.txt", "a.wav"]


def _file(folder: Path, name: str, text: str = "") -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    if path.suffix.lower() in (".wav", ".mp3"):
        write_tone(path)
    else:
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("audio", "text"),
    [
        ("A.WAV", "A.TXT"), ("A.wav", "A.Txt"), ("B.WAV", "b.txt"),
        ("café.wav", unicodedata.normalize("NFD", "café.txt")),
        (unicodedata.normalize("NFD", "café.wav"), "café.txt"),
        (unicodedata.normalize("NFD", "がí/é.wav"), "がí/é.txt"),
    ],
)  # fmt: skip
def test_a_name_is_the_same_in_any_case_and_form(tmp_path: Path, audio: str, text: str) -> None:
    _file(tmp_path, audio)
    _file(tmp_path, text, "三点见")
    found = read_folder(tmp_path)
    assert found.problems == []
    (only,) = found.recordings
    assert unicodedata.is_normalized("NFC", only.id)


def test_the_nearest_text_is_the_one(tmp_path: Path) -> None:
    for name in ("a.wav", "A.wav"):
        _file(tmp_path, name)
    _file(tmp_path, "a.txt", "小")
    _file(tmp_path, "A.txt", "大")
    assert {each.id: each.text for each in read_folder(tmp_path).recordings} == {
        "a": "小",
        "A": "大",
    }


@pytest.mark.parametrize("named", ["café.wav", unicodedata.normalize("NFD", "café.wav")])
@pytest.mark.parametrize("there", ["café.wav", unicodedata.normalize("NFD", "café.wav")])
def test_a_table_names_a_file_in_any_form(tmp_path: Path, named: str, there: str) -> None:
    _file(tmp_path, there)
    _write_table(tmp_path, f"file\ttext\n{named}\t好\n")
    found = read_folder(tmp_path)
    assert (found.problems, [each.id for each in found.recordings]) == ([], ["café"])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("wavs\\1.wav", "Write it as wavs/1.wav."),
        (".\\wavs\\1.wav", "Write it as wavs/1.wav."),
        ("other\\1.wav", "Write folders with /."),
        ("wavs/1.WAV", "Did you mean 'wavs/1.wav'?"),
        ("wavs/l.wav", "Did you mean 'wavs/1.wav'?"),
    ],
)
def test_a_file_that_is_not_there_gets_a_hint(tmp_path: Path, name: str, hint: str) -> None:
    _file(tmp_path, "wavs/1.wav")
    _write_table(tmp_path, f"file,text\n{name},好\n", "transcripts.csv")
    first = _told(tmp_path)[0]
    assert first == f"transcripts.csv:2: there is no audio file {tmp_path / name}. {hint}"


def test_two_recordings_of_one_id_are_named(tmp_path: Path) -> None:
    for name in ("x.wav", "x.mp3"):
        _file(tmp_path, name)
    _write_table(tmp_path, "file\ttext\nx.wav\t好\nx.mp3\t好\n")
    assert _told(tmp_path) == [
        f"transcripts.tsv:3: x.mp3 and x.wav ({tmp_path}/transcripts.tsv:2) both get the id 'x'. Rename "
        "one of the files."
    ]


@pytest.mark.parametrize("blank", [",", ",,,", " , ,"])
def test_blank_columns_at_the_end_are_none(folder: Path, blank: str) -> None:
    rows = f"file,text{blank}\na.wav,好{blank}\nward 2/b.wav,好\n{blank}\n"
    _write_table(folder, rows, "transcripts.csv")
    found = read_folder(folder)
    assert (found.problems, len(found.recordings)) == ([], 2)


def test_a_table_may_be_named_in_capitals(folder: Path) -> None:
    _write_table(folder, "file,text\na.wav,好\nward 2/b.wav,好\n", "Transcripts.CSV")
    assert len(read_folder(folder).recordings) == 2


def test_a_cell_without_a_column_is_named(folder: Path) -> None:
    _write_table(folder, "file,text,\na.wav,好,多\nward 2/b.wav,好\n", "transcripts.csv")
    assert _told(folder)[0] == "transcripts.csv:2: has 3 cells, the header 2"


def _write_table(folder: Path, text: str, name: str = "transcripts.tsv") -> None:
    for path in folder.rglob("*.txt"):
        path.unlink()
    (folder / name).write_text(text, encoding="utf-8")


def test_a_table_is_read(folder: Path) -> None:
    _write_table(folder, "file\ttext\tmeaning\tt_eos_s\na.wav\t两点不\"对三点见\t三点见\t0.9\n\n"
                         "ward 2/b.wav\t付三百块\t\t\n")  # fmt: skip
    found = read_folder(folder)
    assert found.problems == []
    first, second = found.recordings
    assert (first.text, first.meaning, first.t_eos_s) == ('两点不"对三点见', "三点见", 0.9)
    assert (second.id, second.meaning, second.t_eos_s) == ("ward_2-b", "", None)


def test_a_table_may_be_commas_with_quotes(folder: Path) -> None:
    _write_table(
        folder, '\ufefffile,text\r\na.wav,"三点,见"\r\nward 2/b.wav,好\r\n', "transcripts.csv"
    )
    assert [each.text for each in read_folder(folder).recordings] == ["三点,见", "好"]


_B = "ward 2/b.wav\t好\n"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("a.wav\t\n" + _B, ["transcripts.tsv:2: the cell text is empty (a.wav)"]),
        (
            "a.wav\n" + _B,
            ["transcripts.tsv:2: has 1 cells, the header 2", "a.wav: has no transcript"],
        ),
        ("a.wav\t好\nc.wav\t好\n" + _B, ["transcripts.tsv:3: there is no audio file {f}/c.wav"]),
        ("a.wav\t好\n../c.wav\t好\n" + _B, ["transcripts.tsv:3: '../c.wav' is not inside {f}"]),
        (
            "a.wav\t好\na.wav\t好\n" + _B,
            ["transcripts.tsv:3: a.wav is already named at {f}/transcripts.tsv:2"],
        ),
        ("a.wav\t好\n", ["ward 2/b.wav: has no transcript. Add it to transcripts.tsv."]),
    ],
)
def test_a_fault_in_a_table_is_named(folder: Path, rows: str, told: list[str]) -> None:
    _write_table(folder, "file\ttext\n" + rows)
    found = _told(folder)
    assert len(found) == len(told)
    for each, start in zip(found, told, strict=True):
        assert each.startswith(start.replace("{f}", str(folder)))


@pytest.mark.parametrize("end", ["soon", "0", "-1", "nan"])
def test_an_end_of_speech_must_be_seconds(folder: Path, end: str) -> None:
    _write_table(folder, f"file\ttext\tt_eos_s\na.wav\t好\t{end}\nward 2/b.wav\t好\t\n")
    assert _told(folder) == [f"transcripts.tsv:2: t_eos_s must be seconds after 0, got {end!r}"]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "file\ttxt",
            r"transcripts\.tsv:1 has no column 'text'; its header is file txt.*Did you mean 'text'\?",
        ),
        ("file\ttext\tt_eos", r"has the column 't_eos'.*Did you mean 't_eos_s'\?"),
        ("file\ttext\ttext", r":1 names a column twice: text\. Rename one"),
        ("file\t\ttext", r":1 has no name in column 2"),
        ("", r"its header is empty.*Columns: file, text, meaning, t_eos_s"),
    ],
)
def test_wrong_columns_are_refused(folder: Path, header: str, message: str) -> None:
    _write_table(folder, f"{header}\na.wav\t好\n")
    with pytest.raises(SuiteError, match=message):
        read_folder(folder)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="there is no folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(SuiteError, match=r"holds no audio.*\.wav"):
        read_folder(tmp_path)


def test_two_tables_are_refused(folder: Path) -> None:
    _write_table(folder, "file\ttext\n")
    _write_table(folder, "file,text\n", "transcripts.csv")
    with pytest.raises(SuiteError, match="holds both"):
        read_folder(folder)
