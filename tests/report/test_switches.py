"""Every switch of a variant is a field of `Variant` and a column of every table."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.report.test_report import REFERENCE, make_turn
from voicebench.cli import main
from voicebench.report.comparison import compare_report, comparison_tables
from voicebench.report.data import load_report, metrics_document
from voicebench.report.render import write_report
from voicebench.report.tables import Table, attribution_table, shared_settings, tables_of_mode
from voicebench.runs.record import SCHEMA_VERSION, TurnWriter, write_cases, write_run
from voicebench.types import Case, CaseTurn, Fact, Mode, Run, Variant

SWITCHES = Variant().switches
WHAT_MUST_BE_SWITCHES = {
    "windows": "window_s", "overlap": "overlap_s", "context": "context_s",
    "N": "speculation_windows", "threshold of a draft": "speculation_confidence",
    "threshold of doubt": "doubt_below", "threshold of the breaker": "min_confidence",
    "re-recognition": "re_recognise_below", "its context": "re_recognise_context_s",
    "prefill": "prefill", "its backend": "prefill_backend", "double buffering": "double_buffering", "speculation": "speculation",
    "hand-off": "handoff", "cleaning": "cleaning", "prompt": "prompt",
    "prompt template": "prompt_template", "endpoint silence": "endpoint_silence_s",
    "source of the end of turn": "endpoint", "its silences": "endpoint_min_silence_s", "its threshold": "endpoint_sure_above",
    "recognition": "recognition", "VAD": "vad", "punctuation": "punctuation", "speakers": "speakers",
    "sampling": "temperature", "its length": "max_tokens", "its nucleus": "top_p", "seed": "seed",
}  # fmt: skip
OTHER: dict[str, Any] = {
    "handoff": "marked", "prefill_backend": "resumable", "cleaning": "full", "prompt": "plain",
    "recognition": "segments", "endpoint": "llm", "prompt_template": "问：{asr_text}", "vad": "silero", "punctuation": "none", "stop": ("。",),
    "json_schema": '{"type": "object"}', "functions": '[{"name": "f", "parameters": {}}]',
}  # fmt: skip


def other(name: str) -> Any:
    value = SWITCHES[name]
    if name in OTHER:
        return OTHER[name]
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value / 2 or 0.5


def with_switch(name: str) -> Variant:
    """The default variant with one switch set otherwise, from flat names as on the command line."""
    inner = {
        field: msgspec.structs.replace(record, **{name: other(name)})
        for field in ("sampling", "guard")
        if name in (record := getattr(Variant(), field)).__struct_fields__
    }
    return msgspec.structs.replace(Variant(), name="other", **inner or {name: other(name)})


def write_run_of(folder: Path, variants: tuple[Variant, ...], mode: Mode) -> None:
    fact = Fact(id="f", type="time", value="三点", forbidden=("四点",))
    asked = CaseTurn(
        reference=REFERENCE, meaning=REFERENCE, t_eos_s=3.0, audio="a.wav", facts=(fact,)
    )
    suites = ("daily_qa", "dialect_mix")
    cases = [Case(id="a", suite=s, clock="2026-01-05T08:00", turns=(asked,)) for s in suites]
    write_cases(folder, cases)
    write_run(
        folder,
        Run(
            schema_version=SCHEMA_VERSION, run_id="r1", created_at="2026-01-05T08:00:00+08:00",
            mode=mode, pace="fast", profile={"name": "bundled"}, variants=variants, suites=suites,
            suite_sha256={}, model_sha256={}, repeats=1, seed=0, num_turns_planned=4,
            git_commit="abcdef123456", git_dirty=False, packages={}, machine={},
        ),
    )  # fmt: skip
    with TurnWriter(folder) as writer:
        for suite in suites:
            for variant, heard in zip(
                variants, (REFERENCE, "明天下午四点在二楼开会"), strict=False
            ):
                answer = "四点。" if "四" in heard else "三点。"
                turn = make_turn("a", variant.name, heard, answer, mode=mode, suite=suite)
                writer.append(turn)


def tables_of(folder: Path) -> list[Table]:
    report = load_report(folder)
    compared = compare_report(report)
    assert compared is not None
    tables = [*tables_of_mode(report), *comparison_tables(compared)]
    # what all variants share is shown once, without any of them
    tables = [table for table in tables if "variant" in (column.title for column in table.columns)]
    return [*tables, attribution_table(report)] if report.run.mode == "quality" else tables


def settings_shown(table: Table, name: str) -> set[str]:
    """What a table says of a switch: in a column of its own, or in the column `settings`."""
    titles = [column.title for column in table.columns]
    if name in titles:
        return {row[titles.index(name)].text for row in table.rows}
    change = {row[titles.index("settings")].text for row in table.rows}
    return {side for line in change for side in line.removeprefix(f"{name} ").split(" → ")}


def test_what_is_said_to_be_a_switch_is_one() -> None:
    assert set(WHAT_MUST_BE_SWITCHES.values()) <= SWITCHES.keys()
    fields = set(Variant.__struct_fields__) - {"name", "sampling", "guard"}
    assert fields < SWITCHES.keys()
    assert len(SWITCHES) == sum(
        len(record.__struct_fields__)
        for record in (Variant(), Variant().sampling, Variant().guard)
    ) - 3  # name, and the two that are records  # fmt: skip


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("mode", ["quality", "latency"])
def test_a_switch_that_was_swept_is_a_column_of_every_table(
    tmp_path: Path, mode: Mode, name: str
) -> None:
    early = msgspec.structs.replace(with_switch(name), speculation=True)
    variants = (Variant(name="base"), early if mode == "latency" else with_switch(name))
    write_run_of(tmp_path, variants, mode)
    tables = tables_of(tmp_path)
    assert len(tables) >= 4
    expected = {str(variant.switches[name]) or "–" for variant in variants}
    for table in tables:
        assert table.rows
        if mode == "latency" and name != "speculation" and "settings" in table.columns[1].title:
            lines = table.rows[0][1].text.splitlines()
            before, after = (variant.switches[name] for variant in variants)
            assert f"{name} {before} → {after}" in lines
        else:
            assert {text or "–" for text in settings_shown(table, name)} == expected


def test_a_switch_that_was_not_swept_is_said_once_for_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run_of(tmp_path, (Variant(),), "quality")
    report = load_report(tmp_path)
    shared = shared_settings(report)
    assert [f"{name} {value!r}" for name, value in SWITCHES.items()] == shared.split(", ")
    assert main(["report", str(tmp_path), "--tables"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    html = write_report(report, tmp_path / "report.html").read_text(encoding="utf-8")
    for name in SWITCHES:
        assert f"{name} " in printed
        assert f">{name}<" in html


def test_json_carries_every_switch_with_every_group(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run_of(tmp_path, (Variant(), with_switch("temperature")), "quality")
    assert main(["report", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(json.dumps(metrics_document(load_report(tmp_path))))
    assert len(document["groups"]) == 6
    for group in document["groups"]:
        assert group["switches"].keys() == SWITCHES.keys()
        assert group["switches"]["temperature"] == (0.5 if group["variant"] == "other" else 0.0)


def test_a_report_does_not_tell_where_models_lie(tmp_path: Path) -> None:
    from voicebench.report.render import detail_rows

    write_run_of(tmp_path, (Variant(name="plain"),), "quality")
    report = load_report(tmp_path)
    profile = {"name": "mine", "asr": {"folder": "/home/someone/models/asr", "device": "cpu"}}
    moved = msgspec.structs.replace(report.run, profile=profile)
    rows = dict(detail_rows(dataclasses.replace(report, run=moved)))
    assert rows["profile asr"] == "folder=models/asr, device=cpu"
