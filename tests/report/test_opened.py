"""A run opened in a notebook: typed, at once, the same as read whole; and what is said when not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.runs import HEARD_WRONG, latency_turns, make_turn, quality_turns, write
from voicebench.errors import ConfigError, RecordError, VoicebenchError
from voicebench.report import listen, open_run, store
from voicebench.report.data import load_report
from voicebench.report.store import open_store
from voicebench.runs.record import RUN_FILE, TURNS_FILE, TurnWriter, split_turns


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "r1", [make_turn("a", is_warm_up=True), *quality_turns()],
                 num_turns_planned=6)  # fmt: skip


@pytest.mark.parametrize("turns", [quality_turns(), latency_turns(), []])
def test_what_is_kept_is_what_the_records_say(tmp_path: Path, turns: list) -> None:
    mode = turns[0].mode if turns else "quality"
    folder = write(tmp_path / "r1", turns, mode=mode)
    assert open_run(folder).report == load_report(folder)
    assert open_run(folder).report == load_report(folder)  # and when it is there already


def test_it_is_made_again_only_when_the_records_have_changed(folder: Path) -> None:
    first = open_store(folder).stat()
    assert open_store(folder).stat().st_ino == first.st_ino
    with TurnWriter(folder) as writer:
        writer.append(make_turn("a", repeat=1))
    assert len(open_run(folder).to_pandas()) == 7
    open_store(folder).write_bytes(b"damaged")
    assert len(open_run(folder).to_pandas()) == 7


def test_several_cores_measure_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = open_run(folder).report
    open_store(folder).unlink()
    monkeypatch.setattr(store, "_PART_BYTES", 2000)
    assert len(split_turns(folder, 2000)) > 2
    assert open_run(folder).report == whole
    content = (folder / TURNS_FILE).read_bytes()
    (folder / TURNS_FILE).write_bytes(content + content.splitlines(keepends=True)[1])
    with pytest.raises(RecordError, match="'a', 'plain', 0, 0\\) twice"):
        open_store(folder)
    (folder / TURNS_FILE).write_bytes(content[:4000] + b"\n" + content[4000:])
    with pytest.raises(RecordError, match="does not fit the record schema"):
        open_store(folder)


@given(st.lists(st.integers(1, 60), max_size=12), st.integers(1, 100), st.booleans())
def test_parts_are_whole_lines_and_all_of_them(
    lengths: list[int], part_bytes: int, is_cut: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        content = b"".join(b"x" * length + b"\n" for length in lengths) + b"half" * is_cut
        (Path(name) / TURNS_FILE).write_bytes(content)
        parts = split_turns(Path(name), part_bytes)
    assert b"".join(content[start:end] for start, end in parts) == content
    assert all(content[:start].endswith(b"\n") for start, _ in parts if start)


def test_frames_are_typed(folder: Path) -> None:
    run = open_run(folder)
    turns = run.to_pandas()
    assert len(turns) == 6
    kinds = {
        name: str(turns[name].dtype) for name in ("suite", "repeat", "cer", "is_wrong", "heard")
    }
    assert kinds == {"suite": "category", "repeat": "Int32", "cer": "Float64",
                     "is_wrong": "boolean", "heard": "string"}  # fmt: skip
    assert turns["response_latency_s"].isna().all()  # quality mode has none: missing, not 0
    facts = run.to_pandas("facts")
    assert facts["verdict"].value_counts().to_dict() == {"correct": 5, "contradicted": 1}
    assert len(run.to_pandas("windows")) == 6
    assert len(run.to_pandas("tokens")) == 6 * len(HEARD_WRONG)
    assert isinstance(run.to_pandas("events"), pd.DataFrame)


def test_sql_sees_the_turns_that_count(folder: Path) -> None:
    run = open_run(folder)
    found = run.sql("SELECT variant, count(*) AS n, sum(cer_errors) AS e FROM turns "
                    "GROUP BY variant ORDER BY variant")  # fmt: skip
    assert found.to_dict("list") == {"variant": ["full", "plain"], "n": [3, 3], "e": [1, 0]}
    with pytest.raises(ConfigError, match="nothing_such"):
        run.sql("SELECT nothing_such FROM turns")


def test_a_part_of_a_run_is_complete_in_itself(folder: Path) -> None:
    part = open_run(folder, variants="full")
    assert {turn.variant for turn in part.report.turns} == {"full"}
    assert part.report.run.num_turns_planned == 3
    assert "Incomplete" not in repr(part)
    assert set(part.to_pandas()["variant"]) == {"full"}


@pytest.mark.parametrize("variant", ["plain", "full"])
def test_what_lies_behind_a_part_is_no_half_written_record(folder: Path, variant: str) -> None:
    assert open_run(folder, variants=variant).report.num_half_written == 0
    with (folder / TURNS_FILE).open("ab") as file:
        file.write(b'{"run_id"')
    assert open_run(folder, variants=variant).report.num_half_written == 9


def test_a_long_run_opens_in_a_plain_script(folder: Path, tmp_path: Path) -> None:
    """Its workers must not run the script again."""
    script = tmp_path / "script.py"
    script.write_text(
        "from voicebench.report import open_run, store\n"
        "store._PART_BYTES = 2000\n"
        f"print(open_run({str(folder)!r}).report.num_turns)\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "6\n", "")


def test_the_turn_shown_first_is_the_worst(folder: Path) -> None:
    run = open_run(folder)
    assert (run.turn().case_id, run.turn().variant) == ("b", "full")
    assert run.turn("b", variant="plain").hypothesis.tokens  # the whole record
    (folder / TURNS_FILE).write_bytes(b"{}\n" * 400)
    with pytest.raises(RecordError, match="does not fit the record schema"):
        run.turn("b")


BAD = [
    (lambda f: open_run(f.parent / "r2"), "there is no run", "r1"),
    (lambda f: open_run("rr1"), "there is no run 'rr1'", "Did you mean 'r1'"),
    (lambda f: open_run(f, suites="dayly_qa"), "no suite 'dayly_qa'", "Did you mean 'daily_qa'"),
    (lambda f: open_run(f, variants="x"), "no variant 'x'", "There are: plain, full"),
    (lambda f: open_run(f).turn("z"), "no turn of case 'z'", "There are: a, b, c"),
    (lambda f: open_run(f).turn("a", repeat=4), "no turn 0 of repeat 4", "(0, 0)"),
    (lambda f: open_run(f).to_pandas("turn"), "no frame 'turn'", "Did you mean 'turns'"),
    (lambda f: listen(open_run(f), variant="ful"), "no variant 'ful'", "Did you mean 'full'"),
]


@pytest.mark.parametrize(("call", "problem", "way_out"), BAD)
def test_every_mistake_is_named_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call, problem: str, way_out: str
) -> None:
    (folder.parent / "reports").mkdir()
    folder = folder.rename(folder.parent / "reports" / "r1")
    monkeypatch.chdir(folder.parent.parent)
    with pytest.raises(VoicebenchError) as caught:
        call(folder)
    (line,) = caught.value._render_traceback_()  # what IPython shows in the cell
    assert problem in line
    assert way_out in line


def test_an_older_record_is_named_with_the_way_out(folder: Path) -> None:
    run = msgspec.json.decode((folder / RUN_FILE).read_bytes())
    (folder / RUN_FILE).write_bytes(msgspec.json.encode(run | {"schema_version": 0}))
    with pytest.raises(RecordError, match=r"schema version 0.*git_commit"):
        open_run(folder)


def test_an_interrupted_run_opens_and_says_how_to_go_on(tmp_path: Path) -> None:
    folder = write(tmp_path / "r1", quality_turns()[:4], num_turns_planned=6, finished_at=None)
    with (folder / TURNS_FILE).open("ab") as file:
        file.write(b'{"run_id"')
    page = open_run(folder)._repr_html_()
    assert "Incomplete: 2 of 6 turns have not run yet." in page
    assert f"voicebench run --out {folder}" in page
    assert "A half-written record (9 bytes)" in page


def test_latest_is_the_one_begun_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "reports" / "z", quality_turns(), created_at="2026-01-05T08:00:00+08:00")
    write(tmp_path / "reports" / "a", quality_turns(), created_at="2026-01-06T08:00:00+08:00")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert open_run("latest").run.run_id == "a"
    assert open_run("z").run.run_id == "z"
