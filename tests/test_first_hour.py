"""The first hour's bench stops at nothing, and its thresholds follow their rules."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

BENCH = Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))
import _thresholds  # noqa: E402
import first_hour  # noqa: E402
from _first_hour_findings import (  # noqa: E402
    Finding,
    read_doctor,
    read_driver,
    read_own,
    read_run,
)
from _thresholds import Samples, propose  # noqa: E402
from first_hour import Step, perform  # noqa: E402

NOW = (0.6, 0.65, 0.9)
NONE = Samples((), ())


def step(code: str, **changes: Any) -> Step:
    settings: dict[str, Any] = {
        "name": "one", "expects": "e", "otherwise": "o", "command": (sys.executable, "-c", code),
        "limit_s": 30.0, "read": read_own, **changes,
    }  # fmt: skip
    return Step(**settings)


@pytest.mark.parametrize(
    ("made", "status", "found"),
    [
        (step('print(\'{"passed": true, "found": "all well"}\')'), "passed", "all well"),
        (step('print("log"); print(\'{"passed": false, "found": "no"}\')'), "failed", "no"),
        (step("import sys; sys.exit(3)"), "failed", "exit code 3"),
        (step("print('rubbish')"), "failed", "cannot be read"),
        (step("import time; time.sleep(60)", limit_s=0.5), "timed out", "over 0.5 s"),
        (step("", command=("no-such-program",)), "failed", "no-such-program is not installed"),
        (step("", not_here="no card"), "not run", "no card"),
    ],
)
def test_whatever_a_step_does_is_a_result(
    made: Step, status: str, found: str, tmp_path: Path
) -> None:
    result = perform(made, tmp_path, 1)
    assert (result.status, found in result.found) == (status, True)


def test_what_a_step_started_ends_with_it(tmp_path: Path) -> None:
    marker = tmp_path / "alive"
    child = f"import time\nwhile True: open({str(marker)!r}, 'w').write('x'); time.sleep(0.1)"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    assert perform(step(code, limit_s=3.0), tmp_path, 1).status == "timed out"
    marker.unlink(missing_ok=True)
    time.sleep(0.5)
    assert not marker.exists()


def test_a_profile_whose_models_cannot_be_had_is_reported_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # discard: no server listens
    monkeypatch.setenv("VOICEBENCH_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(first_hour, "REPORTS", tmp_path)
    monkeypatch.setattr(first_hour, "ROOT", BENCH.parent)
    monkeypatch.setattr(
        sys, "argv", ["first_hour.py", "--profile", "cpu", "--only", "verify,budget"]
    )
    assert first_hour.main() == 1
    (folder,) = (tmp_path / "first_hour").iterdir()
    document = json.loads((folder / "report.json").read_text())
    found = {each["name"]: each["status"] for each in document["steps"]}
    assert found == {"audio": "passed", "verify": "failed", "budget": "passed"}
    text = (folder / "report.md").read_text()
    assert "missing: paraformer-zh, qwen3-0.6b (2 of 2)" in text
    assert "Otherwise: remove the file" in text


@pytest.mark.parametrize(
    ("driver", "passed"), [("550.120", False), ("579.99", False), ("580.65.06", True), ("", False)]
)
def test_a_driver_older_than_580_is_no_pass(driver: str, passed: bool) -> None:
    assert read_driver(0, f"NVIDIA GeForce RTX 4090 D, {driver}, 24564 MiB\n").passed is passed


def test_a_doctors_missing_things_come_with_their_commands() -> None:
    findings = [
        {"check": "LLM", "status": "missing", "detail": "not here", "fix": "pull it"},
        {"check": "GPU", "status": "ok", "detail": "a card", "fix": ""},
    ]
    read = read_doctor(1, json.dumps({"ok": False, "findings": findings}))
    assert read == Finding(
        False, "2 checks, 1 missing", {"missing": findings[:1]}, ["LLM: not here -> pull it"]
    )


@pytest.mark.parametrize(
    ("p50", "p95", "failed", "passed", "named"),
    [
        (0.4, 0.7, 0, True, "p50 0.400 s, p95 0.700 s, n 5; aims of 0.5 and 0.8 s met"),
        (0.4, None, 0, True, "p50 0.400 s, n 5; aims of 0.5 and 0.8 s met"),
        (0.4, 0.9, 0, True, "not met"),
        (0.6, 0.7, 1, False, "1 failed turns"),
    ],
)
def test_latencies_stand_beside_the_aims(
    p50: float, p95: float | None, failed: int, passed: bool, named: str
) -> None:
    latency = {"p50": p50, "p95": p95, "n": 5}
    group = {
        "variant": "plain",
        "counts": {"failed": failed},
        "metrics": {"response_latency_s": latency},
    }
    read = read_run(0, json.dumps({"groups": [group]}))
    assert (read.passed, named in read.found) == (passed, True)


def test_too_few_samples_propose_nothing_and_say_how_many_it_takes() -> None:
    few = Samples((0.9,) * 57, (0.3,) * 60)
    proposals = propose(few, few, few, NOW)
    assert [each.proposed for each in proposals] == [None] * 3
    needed = ["57 right, 200 needed", "57 right, 100 needed", "57 right, 100 needed"]
    assert [each.reason for each in proposals] == needed


def test_thresholds_move_with_the_model() -> None:
    """Right tokens of a model trained with label smoothing lie lower: 0.85 to 0.9."""
    tokens = Samples(tuple(0.85 + index / 20_000 for index in range(1_000)), (0.2, 0.4, 0.87))
    doubt, believed, sure = propose(tokens, tokens, tokens, NOW)
    assert (doubt.proposed, believed.proposed, sure.proposed) == (0.85, 0.85, 0.85)
    assert "67 % (2/3) of wrong below" in doubt.row()[5]
    high = Samples(tuple(index / 1_000 for index in range(1_001)), ())
    assert [each.proposed for each in propose(high, high, high, NOW)] == [0.02, 0.01, 0.05]


@given(st.lists(st.floats(0, 1), min_size=100, max_size=300))
def test_a_proposal_keeps_what_its_rule_promises(means: list[float]) -> None:
    samples = Samples(tuple(means), ())
    for each in propose(NONE, samples, samples, NOW)[1:]:
        below = sum(mean < each.proposed for mean in means)
        assert below <= each.share * len(means) + 1


def test_every_sample_is_in_the_histogram() -> None:
    rows = _thresholds.histogram(Samples((0.0, 0.5, 0.999, 1.0, 1.0000001), (0.2,)))
    assert len(rows) == _thresholds.BINS
    counts = [[int(cell) for cell in row.split()[1:3]] for row in rows]
    assert [sum(column) for column in zip(*counts, strict=True)] == [5, 1]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--profile", "nosuch"], "unknown profile 'nosuch'"),
        (["--suites", "daily_qa,nosuch"], "no suite 'nosuch'"),
        (["--recordings", "/absent"], "no folder /absent"),
        (["--cases", "0"], "1 at least"),
        (["--turns", "-3"], "1 at least"),
        (["--only", "doctor,nosuch"], "no step nosuch; there are: driver; imports"),
    ],
)
def test_a_wrong_argument_is_one_line_before_any_step(
    arguments: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(first_hour, "REPORTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["first_hour.py", *arguments])
    with pytest.raises(SystemExit) as stopped:
        first_hour.main()
    assert stopped.value.code == 2
    assert named in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
