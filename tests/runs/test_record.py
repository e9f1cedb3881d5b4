"""What a run on disk survives: kills, half-written lines, a full disk, other settings."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebench.errors import RecordError, StorageError
from voicebench.runs.record import (
    CASES_FILE,
    HALF_WRITTEN_FILE,
    RUN_FILE,
    TURNS_FILE,
    TurnWriter,
    iter_turns,
    read_cases,
    read_run,
    read_turns,
    write_run,
)
from voicebench.runs.resume import begin_or_continue
from voicebench.types import Case, CaseTurn, Run, Turn, Variant


def make_turn(case_id: str = "c1", turn_index: int = 0, is_warm_up: bool = False) -> Turn:
    return Turn(
        run_id="r", suite="s", case_id=case_id, variant="seed", repeat=0, turn_index=turn_index,
        mode="latency", pace="fast", is_warm_up=is_warm_up, answer="明天下午三点。",
    )  # fmt: skip


def make_run(**changes: object) -> Run:
    run = Run(
        schema_version=1, run_id="r", created_at="2026-01-01T00:00:00+00:00", mode="latency",
        pace="fast", profile={"name": "bundled", "llm": {"dtype": "float32"}},
        variants=(Variant(),), suites=("s",), suite_sha256={"s": "aa"}, model_sha256={"asr": "bb"},
        repeats=1, seed=0, num_turns_planned=3, git_commit="abc", git_dirty=False,
        packages={"numpy": "2"}, machine={"cpu": "x"},
    )  # fmt: skip
    return msgspec.structs.replace(run, **changes)


def make_case(case_id: str = "c1") -> Case:
    turn = CaseTurn(reference="你好", meaning="你好", t_eos_s=1.0, audio="a.wav")
    return Case(id=case_id, suite="s", clock="2026-01-01T08:00", turns=(turn,))


def record(folder: Path, *turns: Turn) -> None:
    with TurnWriter(folder) as writer:
        for turn in turns:
            writer.append(turn)


def test_turns_come_back_in_order(tmp_path: Path) -> None:
    turns = (make_turn("c1"), make_turn("c2"), make_turn("c2", 1))
    record(tmp_path, *turns[:2])
    record(tmp_path, turns[2])
    assert read_turns(tmp_path).turns == turns
    assert read_turns(tmp_path).half_written == b""


def test_a_run_without_turns_has_none(tmp_path: Path) -> None:
    assert read_turns(tmp_path).turns == ()


@settings(max_examples=40)
@given(cut=st.integers(min_value=0, max_value=10_000))
def test_a_file_cut_anywhere_keeps_every_whole_line(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    turns = tuple(make_turn(f"c{n}") for n in range(4))
    record(folder, *turns)
    path = folder / TURNS_FILE
    content = path.read_bytes()
    cut %= len(content) + 1
    path.write_bytes(content[:cut])

    num_whole = content[:cut].count(b"\n")
    read = read_turns(folder)
    assert read.turns == turns[:num_whole] == tuple(iter_turns(folder))
    record(folder, *turns[num_whole:])
    assert read_turns(folder).turns == turns
    side_file = folder / HALF_WRITTEN_FILE
    half = content[:cut].rpartition(b"\n")[2]
    kept = side_file.read_bytes() if side_file.exists() else b""
    assert kept == (half + b"\n" if half else b"")


@pytest.mark.parametrize("tail", [b"\0" * 500, b"\xff\xfe\r\x00{", b'{"run_id": "r"}\n', b"\n"])
def test_rubbish_at_the_end_is_set_aside(tmp_path: Path, tail: bytes) -> None:
    record(tmp_path, make_turn("c1"))
    with (tmp_path / TURNS_FILE).open("ab") as file:
        file.write(tail)
    assert read_turns(tmp_path).half_written == tail
    assert tuple(iter_turns(tmp_path)) == read_turns(tmp_path).turns
    record(tmp_path, make_turn("c2"))
    assert [turn.case_id for turn in read_turns(tmp_path).turns] == ["c1", "c2"]
    assert (tmp_path / HALF_WRITTEN_FILE).read_bytes() == tail + b"\n"


def test_damage_before_the_end_is_refused_with_its_line(tmp_path: Path) -> None:
    record(tmp_path, make_turn("c1"), make_turn("c2"), make_turn("c3"))
    path = tmp_path / TURNS_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:20] + b"\n" + lines[2])
    for read in (read_turns, lambda folder: list(iter_turns(folder))):
        with pytest.raises(RecordError, match=r"turns\.jsonl line 2 .*"):
            read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"repeat": "one"}, "repeat"), ({"colour": "red"}, "colour"), ({"mode": "both"}, "mode")],
)
def test_reading_is_strict(tmp_path: Path, change: dict[str, object], message: str) -> None:
    fields = msgspec.to_builtins(make_turn()) | change
    lines = [msgspec.json.encode(fields), msgspec.json.encode(make_turn("c2"))]
    (tmp_path / TURNS_FILE).write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(RecordError, match=message):
        read_turns(tmp_path)


def test_a_turn_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    record(tmp_path, make_turn("c1"), make_turn("c1"))
    for read in (read_turns, lambda folder: list(iter_turns(folder))):
        with pytest.raises(RecordError, match="twice"):
            read(tmp_path)


def test_warm_up_turns_may_repeat_a_key(tmp_path: Path) -> None:
    warm_up = make_turn("c1", is_warm_up=True)
    record(tmp_path, warm_up, warm_up, make_turn("c1"))
    assert len(read_turns(tmp_path).turns) == 3


def test_two_processes_cannot_write_one_run(tmp_path: Path) -> None:
    with TurnWriter(tmp_path), pytest.raises(RecordError, match="another process"):
        TurnWriter(tmp_path)


def run_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


WRITE_FOREVER = """
    import sys
    from pathlib import Path
    from voicebench.runs.record import TurnWriter
    from voicebench.types import Turn
    with TurnWriter(Path(sys.argv[1])) as writer:
        for n in range(len(writer.recorded.turns), 10**9):
            writer.append(Turn(run_id="r", suite="s", case_id=str(n), variant="v", repeat=0,
                               turn_index=0, mode="quality", pace="fast", answer="话" * 20_000))
            print(n, flush=True)
"""


def test_a_killed_writer_loses_no_turn_that_it_reported(tmp_path: Path) -> None:
    for delay_s in (0.0, 0.01, 0.05, 0.1):
        process = run_python(WRITE_FOREVER, str(tmp_path))
        assert process.stdout is not None
        reported = [int(process.stdout.readline())]
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        reported += [int(line) for line in process.stdout.read().splitlines()]
        process.stdout.close()
        process.wait()
        ids = [int(turn.case_id) for turn in read_turns(tmp_path).turns]
        assert ids == list(range(len(ids)))
        assert len(ids) >= reported[-1] + 1


WRITE_UNTIL_FULL = """
    import resource, sys
    from pathlib import Path
    from voicebench.errors import StorageError
    from voicebench.runs.record import TurnWriter
    from voicebench.types import Turn
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        with TurnWriter(Path(sys.argv[1])) as writer:
            for n in range(100):
                writer.append(Turn(run_id="r", suite="s", case_id=str(n), variant="v", repeat=0,
                                   turn_index=0, mode="quality", pace="fast", answer="话" * 1_000))
    except StorageError as error:
        print(error)
"""


def test_a_refused_write_leaves_everything_earlier_readable(tmp_path: Path) -> None:
    process = run_python(WRITE_UNTIL_FULL, str(tmp_path))
    message, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"{tmp_path / TURNS_FILE} cannot be written" in message
    assert "--out" in message
    read = read_turns(tmp_path)
    assert len(read.turns) > 5
    assert read.half_written == b""
    record(tmp_path, make_turn("after room was made"))
    assert len(read_turns(tmp_path).turns) == len(read.turns) + 1


def test_a_full_disk_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / f".{RUN_FILE}.new").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=os.strerror(errno.ENOSPC)):
        write_run(tmp_path, make_run())
    assert not (tmp_path / RUN_FILE).exists()


def test_run_json_comes_back(tmp_path: Path) -> None:
    write_run(tmp_path, make_run())
    assert read_run(tmp_path) == make_run()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not a run"),
        (b"{", "does not fit"),
        (b'{"schema_version": 99}', "schema version 99"),
        (b'{"schema_version": 1, "run_id": 7}', "run_id"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / RUN_FILE).write_bytes(content)
    with pytest.raises(RecordError, match=message):
        read_run(tmp_path)


def test_a_folder_that_is_not_there_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is not a run"):
        read_run(tmp_path / "nowhere")


def test_a_run_is_begun_with_its_cases(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    assert begin_or_continue(folder, make_run(), [make_case()]) == make_run()
    assert read_cases(folder) == {("s", "c1"): make_case()}


def test_a_run_continues_under_its_first_id(tmp_path: Path) -> None:
    begin_or_continue(tmp_path, make_run(), [make_case()])
    later = make_run(run_id="r2", created_at="2026-01-02T00:00:00+00:00", argv=("run",))
    assert begin_or_continue(tmp_path, later, [make_case()]).run_id == "r"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repeats": 2}, "repeats was 1, now 2"),
        ({"profile": {"name": "bundled", "llm": {"dtype": "auto"}}}, "profile.llm.dtype was"),
        ({"variants": (Variant(cleaning="none"),)}, r"variants\[0\].cleaning was 'baseline'"),
        ({"suite_sha256": {"s": "cc"}}, "suite_sha256.s"),
        ({"model_sha256": {"asr": "dd"}}, "model_sha256.asr"),
        ({"git_commit": "def"}, "git_commit was 'abc', now 'def'"),
        ({"packages": {"numpy": "3"}}, "packages.numpy"),
        ({"machine": {"cpu": "y"}}, "machine.cpu"),
        ({"num_turns_planned": 9, "seed": 1, "mode": "quality", "repeats": 2}, "; 1 more"),
    ],
)
def test_other_settings_are_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    begin_or_continue(tmp_path, make_run(), [make_case()])
    with pytest.raises(RecordError, match=message):
        begin_or_continue(tmp_path, make_run(**changes), [make_case()])


@pytest.mark.parametrize("below", ["", "a", "a/b"])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(RecordError, match=r"thesis\.txt"):
        begin_or_continue(tmp_path, make_run(), [make_case()])
    with pytest.raises(RecordError, match="is a file"):
        begin_or_continue(tmp_path / "thesis.txt" / below, make_run(), [make_case()])


def test_a_run_killed_before_it_began_begins(tmp_path: Path) -> None:
    (tmp_path / CASES_FILE).write_text("half a ca")
    (tmp_path / f".{RUN_FILE}.new").write_text('{"schema')
    begin_or_continue(tmp_path, make_run(), [make_case()])
    assert read_run(tmp_path) == make_run()
