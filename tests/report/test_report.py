"""A report from records alone: complete, self-contained, readable, without the model libraries."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from voicebench.errors import RecordError
from voicebench.events import make_event
from voicebench.report.curves import Curve, Panel, Setting, curves
from voicebench.report.data import load_report, metrics_document
from voicebench.report.plots import (
    Bar,
    Estimate,
    Sample,
    cumulative,
    intervals,
    stacked,
)
from voicebench.report.render import write_report
from voicebench.report.tables import tables_of_mode
from voicebench.runs.record import (
    SCHEMA_VERSION,
    TURNS_FILE,
    TurnWriter,
    read_run,
    write_cases,
    write_run,
)
from voicebench.types import (
    AnswerToken,
    Case,
    CaseTurn,
    Fact,
    Hypothesis,
    Run,
    Sampling,
    StageFailure,
    Token,
    Turn,
    Variant,
)

REFERENCE = "明天下午三点在二楼开会"


def token(text: str, at: int) -> Token:
    return Token(text=text, start_s=at / 4, end_s=(at + 1) / 4, confidence=0.9)


def make_turn(case_id: str, variant: str, heard: str, answer: str, **changes: object) -> Turn:
    fields: dict[str, object] = {
        "run_id": "r1", "suite": "daily_qa", "case_id": case_id, "variant": variant, "repeat": 0,
        "turn_index": 0, "mode": "quality", "pace": "fast", "audio_s": 4.0, "t_eos_s": 3.0,
        "hypothesis": Hypothesis(tokens=tuple(map(token, heard, range(len(heard)))), is_final=True),
        "cleaned": heard, "answer": answer, "answer_from_gold": "三点。",
        "answer_from_gold_cleaned": "三点。", "asr_compute_s": 0.1,
    }  # fmt: skip
    return Turn(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fact = Fact(id="f", type="time", value="三点", forbidden=("四点",))
    asked = CaseTurn(
        reference=REFERENCE, meaning=REFERENCE, t_eos_s=3.0, audio="a.wav", facts=(fact,)
    )
    cases = [Case(id=c, suite="daily_qa", clock="2026-01-05T08:00", turns=(asked,)) for c in "abc"]
    write_cases(tmp_path, cases)
    write_run(
        tmp_path,
        Run(
            schema_version=SCHEMA_VERSION, run_id="r1", created_at="2026-01-05T08:00:00+08:00",
            mode="quality", pace="fast", profile={"name": "bundled"},
            variants=(Variant(name="seed"), Variant(name="<b>full</b>")), suites=("daily_qa",),
            suite_sha256={"daily_qa": "aa"}, model_sha256={"asr": "bb"}, repeats=1, seed=0,
            num_turns_planned=6, git_commit="abcdef123456", git_dirty=False,
            packages={"numpy": "2"}, machine={"cpu": "x"}, suite_titles={"daily_qa": "日常问答"},
        ),
    )  # fmt: skip
    with TurnWriter(tmp_path) as writer:
        for variant in ("seed", "<b>full</b>"):
            writer.append(make_turn("a", variant, REFERENCE, "三点。"))
            writer.append(make_turn("b", variant, "明天下午四点在二楼开会", "下午四点开会。"))
        failure = StageFailure(stage="llm", type="StageError", message="<script>engine</script>")
        writer.append(make_turn("c", "seed", REFERENCE, "", failure=failure))
    return tmp_path


def html_of(folder: Path) -> str:
    return write_report(load_report(folder), folder / "report.html").read_text(encoding="utf-8")


def test_the_page_shows_what_matters(folder: Path) -> None:
    html = html_of(folder)
    for text in ("r1", "日常问答", "CER", "Incomplete: 1 of 6 turns", "1 of 5 turns failed",
                 "Never quote", "time 三点: contradicted", "abcdef123456", "n = "):  # fmt: skip
        assert text in html


def test_the_page_fetches_nothing_and_runs_nothing_but_what_sorts_its_tables(folder: Path) -> None:
    before, script, after = re.split(r"<script>|</script>", html_of(folder))
    html = before + after
    targets = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", html)
    assert targets
    assert all(target.startswith(("data:", "#")) for target in targets)
    assert "<script" not in html
    assert not re.search(r"fetch|XMLHttp|import|innerHTML|eval|https?:", script)
    assert "<b>full" not in html


def test_what_the_gpu_did_is_shown_as_far_as_it_is_known(folder: Path) -> None:
    memory = {"min": 3.0, "mean": 15.0, "max": 18.26}
    use = ({"name": "RTX 4090 D", "num_samples": 9, "memory_used_gib": memory},)
    assert "GPU in use" not in html_of(folder)
    write_run(folder, msgspec.structs.replace(read_run(folder), gpu_use=use))
    assert "RTX 4090 D: at most 18.3 GiB (9 samples)" in html_of(folder)


def test_a_wrong_answer_comes_first_with_the_difference_marked(folder: Path) -> None:
    worst = html_of(folder).partition('id="worst"')[2]
    assert "daily_qa / b" in worst.partition("</article>")[0]
    assert '<span class="was">三</span><span class="became">四</span>' in worst


def test_figures_lie_beside_the_page(folder: Path) -> None:
    html_of(folder)
    names = {path.name for path in (folder / "figures").iterdir()}
    assert {"cer.svg", "factual_error_rate.svg", "fact_miss_rate.svg"} <= names


def test_json_holds_every_suite_and_variant(folder: Path) -> None:
    document = json.loads(json.dumps(metrics_document(load_report(folder))))
    groups = {group["variant"]: group for group in document["groups"]}
    assert set(groups) == {"seed", "<b>full</b>"}
    assert groups["<b>full</b>"]["metrics"]["factual_error_rate"]["value"] == 0.5
    assert groups["<b>full</b>"]["metrics"]["cer"]["counts"]["substitutions"] == 1
    assert groups["seed"]["counts"]["failed"] == 1


def test_variants_that_differ_show_every_field_in_which_they_differ(folder: Path) -> None:
    run = read_run(folder)
    variants = (
        run.variants[0],
        Variant(name="<b>full</b>", window_s=4.8, sampling=Sampling(temperature=0.7)),
    )
    write_run(folder, msgspec.structs.replace(run, variants=variants))
    report = load_report(folder)
    table, *_ = tables_of_mode(report)
    titles = [column.title for column in table.columns]
    assert titles[:5] == ["suite", "variant", "window_s", "temperature", "turns"]
    rows = {row[1].text: [cell.text for cell in row[2:4]] for row in table.rows}
    assert rows == {"seed": ["2.4", "0.0"], "<b>full</b>": ["4.8", "0.7"]}
    assert all(len(row) == len(titles) for row in table.rows)
    document = json.loads(json.dumps(metrics_document(report)))
    assert document["variants"] == json.loads(msgspec.json.encode(variants))


def test_early_work_has_its_table_beside_how_often_it_was_too_early(folder: Path) -> None:
    run = read_run(folder)
    fast = Variant(name="<b>full</b>", prefill=True, speculation=True)
    write_run(
        folder, msgspec.structs.replace(run, mode="latency", variants=(run.variants[0], fast))
    )
    (folder / TURNS_FILE).unlink()
    kept = (
        make_event("speculation_started", 3.2, {"text": REFERENCE, "cleaned": REFERENCE}),
        make_event("speculation_kept", 3.5, {"first_token_s": 3.3}),
    )
    for variant, first_s, events in (("seed", 4.0, ()), ("<b>full</b>", 3.5, kept)):
        with TurnWriter(folder) as writer:
            turn = make_turn(
                "a", variant, REFERENCE, "三点。", mode="latency", events=events,
                answer_tokens=(AnswerToken(id=1, text="三点。", t_s=first_s),),
                prompt_token_ids=tuple(range(50)), finish_reason="stop",
                cached_prompt_tokens=32 if events else 0,
            )  # fmt: skip
            writer.append(turn)
    report = load_report(folder)
    latency, early_work, *_ = tables_of_mode(report)
    assert "premature" in [column.title for column in latency.columns]
    shown = [
        {column.title: cell.text for column, cell in zip(early_work.columns, row, strict=True)}
        for row in early_work.rows
    ]
    assert [row["saved"] for row in shown] == ["–", "500"]
    joint = {"prefill": "True", "speculation": "True", "premature": "0.0", "drafted": "100.0",
             "drafts kept": "100.0", "waste": "0.0", "cached": "64.0"}  # fmt: skip
    assert {name: shown[1][name] for name in joint} == joint
    html = html_of(folder)
    assert "Early work" in html
    assert "Premature responses: 0 of 1 with &lt;b&gt;full&lt;/b&gt;" in html


def test_a_half_written_record_is_said_and_left(folder: Path) -> None:
    path = folder / TURNS_FILE
    path.write_bytes(path.read_bytes() + b'{"run_id"')
    before = path.read_bytes()
    assert "A half-written record (9 bytes)" in html_of(folder)
    assert path.read_bytes() == before


def test_a_run_without_turns_has_a_report(folder: Path) -> None:
    (folder / TURNS_FILE).unlink()
    assert "Incomplete: 6 of 6 turns" in html_of(folder)


def test_no_run_no_report(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is not a run"):
        load_report(tmp_path)


WITHOUT_MODELS = """
import sys
for name in ("torch", "funasr", "vllm", "transformers"):
    sys.modules[name] = None
from voicebench.cli import main
sys.exit(main(["report", sys.argv[1], "--json"]))
"""


def test_a_report_needs_no_model_library(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_MODELS, str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run_id"] == "r1"
    assert (folder / "report.html").is_file()


def test_figures_draw_chinese_without_missing_glyphs() -> None:
    # pytest turns matplotlib's "Glyph missing from font" into an error
    label = "龘 自我修正：不对，是周四 –"
    estimates = [Estimate(label, name, 0.2, 0.1, 0.3, 20) for name in ("方言", "会议")]
    for drawing in (
        intervals(estimates, title="字错误率", axis="CER (%)", num_of="字", footer="运行 r1"),
        cumulative([Sample("普通话", (0.5, 1.0))], title="延迟", axis="秒", footer="r1"),
        stacked(
            [Bar(label, (("识别", 1.0), ("回答", 2.0)))], title="延迟", axis="毫秒", footer="r1"
        ),
        curves(
            [Panel("字错误率 (%)", (Curve("默认", (Setting(1, 2.0, 1.5, 2.5), Setting(2, 1.0))),))],
            title="窗口",
            axis="窗口长度（秒）",
            footer="r1",
            chosen=2,
        ),
    ):
        svg = drawing.svg()
        assert svg.startswith("<svg")
        assert "NotoSansSC-Regular-" in svg  # outlines of the Chinese font, not boxes


def test_the_same_records_give_the_same_page(folder: Path) -> None:
    assert html_of(folder) == html_of(folder)


def test_random_weights_have_times_and_no_quality(folder: Path) -> None:
    run = read_run(folder)
    profile = {"name": "dummy-0.6b", "asr": {"random_weights": "paraformer-zh"}, "llm": {}}
    write_run(folder, msgspec.structs.replace(run, profile=profile))
    report = load_report(folder)
    assert metrics_document(report)["has_random_weights"]
    html = html_of(folder)
    assert "Random weights (profile dummy-0.6b)" in html
    assert not list((folder / "figures").glob("*.svg")), "figures of this run are of quality"
    for table in tables_of_mode(report):
        for place, column in enumerate(table.columns):
            if column.title == "CER":
                assert {row[place].detail for row in table.rows} == {"random weights"}


def test_curves_are_told_apart_without_colour_and_the_default_is_marked() -> None:
    points = (Setting(1, 5.0, 4.0, 6.0), Setting(2, 3.0, 2.5, 3.5), Setting(32, 4.0))
    panels = [
        Panel("CER (%)", (Curve("a", points), Curve("b", points[:2]))),
        Panel("response (ms)", (Curve("a", points),)),
    ]
    about = {"title": "t", "axis": "streams", "footer": "r1", "is_doubling": True}
    drawing = curves(panels, **about)  # type: ignore[arg-type]
    svg = drawing.svg()
    assert svg == curves(panels, **about).svg()  # type: ignore[arg-type]
    assert drawing.png().startswith(b"\x89PNG")
    assert svg.count("stroke-dasharray") > 0  # the second series is dashed as well as orange
    marked = curves(panels, **about, chosen=2).svg()  # type: ignore[arg-type]
    assert marked.count("stroke-dasharray") == svg.count("stroke-dasharray") + len(panels)
