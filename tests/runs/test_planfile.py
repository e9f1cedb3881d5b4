"""Plans: grids of variants, own rules and prompts, and mistakes named with file and line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runs.toy import ToyGenerator, ToyRecognizer, write_suite
from voicebench.cleaning.presets import PRESETS, clean
from voicebench.cli import main
from voicebench.errors import ConfigError, RecordError, StageError
from voicebench.llm.prompts import PROMPTS, build_messages
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.variants import check_variant
from voicebench.profiles.schema import Profile
from voicebench.runs import runner
from voicebench.runs.definitions import Definitions, OwnPrompt, in_use
from voicebench.runs.plan import Models
from voicebench.runs.planfile import PlanFile, load_plan
from voicebench.runs.record import TURNS_FILE, read_run, read_turns
from voicebench.runs.runner import execute, settings_of
from voicebench.types import Run, Turn, Variant

RULES = """
def drop_afternoon(text: str) -> str:
    return text.replace("下午", "")

def fail_on_meetings(text: str) -> str:
    if "开会" in text:
        raise ValueError("no meetings")
    return text

def add_mark(text: str) -> str:
    return text + "。"

def politely(text: str) -> str:
    return f"请问{text}"

def number(text: str) -> int:
    return len(text)

def all_but_afternoons(text: str) -> str:
    if "下午" in text:
        raise ValueError("no afternoons")
    return text

def from_the_first_on(text: str) -> str:
    return text[0] + text[1:]
"""


def write(folder: Path, plan: str, rules: str = RULES) -> Path:
    (folder / "rules.py").write_text(rules, encoding="utf-8")
    path = folder / "plan.yaml"
    path.write_text(plan, encoding="utf-8")
    return path


def test_every_combination_of_the_grid_is_a_variant(tmp_path: Path) -> None:
    plan = """
suites: [daily_qa]
repeats: 2
seed: 7
cleanings:
  gentle: [drop_asides, disfluency]
prompts:
  strict: 只说数字。
grid:
  cleaning: [none, gentle]
  prompt: [plain, strict]
  handoff: [text]
  window_s: [2.4, 4]
  temperature: [0, 0.7]
variants:
  - {name: wide, window_s: 6, top_p: 0.9}
"""
    made = load_plan(write(tmp_path, plan))
    names = [variant.name for variant in made.variants]
    assert len(names) == 2 * 2 * 2 * 2 + 1
    assert names[0] == "none+plain+window_s=2.4+temperature=0"
    assert names[-2:] == ["gentle+strict+window_s=4+temperature=0.7", "wide"]
    last, wide = made.variants[-2:]
    assert (last.cleaning, last.prompt, last.window_s) == ("gentle", "strict", 4.0)
    assert (last.sampling.temperature, last.sampling.seed) == (0.7, 7)
    assert (wide.window_s, wide.sampling.top_p, wide.cleaning) == (6.0, 0.9, "baseline")
    assert (made.suites, made.repeats) == (("daily_qa",), 2)
    assert made.definitions.prompts == {"strict": OwnPrompt(system="只说数字。")}


def test_a_plan_without_a_grid_runs_the_default_variant(tmp_path: Path) -> None:
    (variant,) = load_plan(write(tmp_path, "suites: [daily_qa]\n")).variants
    assert (variant.cleaning, variant.prompt) == ("baseline", "baseline")


def test_paths_are_relative_to_the_plan(tmp_path: Path) -> None:
    plan = write(tmp_path, "profile: own.yaml\nsuites: [./mine, daily_qa]\n")
    made = load_plan(plan)
    assert made.profile == str(tmp_path / "own.yaml")
    assert made.suites == (str(tmp_path / "mine"), "daily_qa")


def test_the_command_line_goes_before_the_plan(tmp_path: Path) -> None:
    path = write(tmp_path, "seed: 1\nlimit: 9\nsuites: [daily_qa]\n")
    made = load_plan(path, {"seed": 5, "limit": 2, "suites": ("tools",)})
    assert (made.seed, made.limit, made.suites) == (5, 2, ("tools",))
    assert made.variants[0].sampling.seed == 5


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            "suites: [a]\nreapets: 2\n",
            r"plan.yaml:2: unknown key 'reapets'. Did you mean 'repeats'",
        ),
        ("grid:\n  cleaning: [none]\n  windows_s: [2]\n", r":3: unknown axis .* 'window_s'"),
        ("grid:\n  sampling: [1]\n", r":2: unknown axis 'sampling'"),
        ("variants:\n  - name: a\n    promt: seed\n", r":3: unknown setting 'promt'. .* 'prompt'"),
        ("prompts:\n  a:\n    system: x\n    usr: f\n", r":4: unknown key 'usr'. .* 'user'"),
        ("repeats: two\n", r":1: Expected `int \| null`, got `str`"),
        ("mode: quick\n", r":1: Invalid enum value 'quick'"),
        (
            "grid:\n  cleaning: [none, basline]\n",
            r":2: unknown cleaning 'basline'. Did you mean 'baseline'",
        ),
        ("grid:\n  prompt:\n    - plain\n    - plane\n", r":4: unknown prompt 'plane'"),
        ("grid:\n  window_s:\n    - 2.4\n    - wide\n", r":4: Expected `float`, got `str`"),
        ("grid:\n  window_s: [0.2]\n", r":2: overlap_s must be in"),
        ("grid:\n  temperature: [-1]\n", r":2: temperature must not be negative"),
        ("grid:\n  prompt: []\n", r":2: axis 'prompt' has no value"),
        ("grid:\n  prompt: plain\n", r":2: axis 'prompt' needs a list"),
        ("seed: 1\nseed: 2\n", r":2: 'seed' is there twice"),
        ("variants:\n  - {prompt: seed}\n", r":2: a variant needs a name"),
        ("variants:\n  - {name: a}\n  - {name: a}\n", r":1: variant 'a' is there twice"),
        ("cleanings:\n  mine:\n    - drop_aside\n", r":3: .*no rule 'drop_aside'. .*'drop_asides'"),
        ("cleanings:\n  seed: [drop_asides]\n", r":2: there is a cleaning 'seed' already"),
        ("prompts:\n  seed: x\n", r":2: there is a prompt 'seed' already"),
        ("python: rules.py\nprompts:\n  a: {system: x, user: polite}\n", r":3: .*'politely'"),
        ("python: gone.py\n", r":1: .*gone.py cannot be read"),
        ("suites: [a\n", r"plan.yaml:2: "),
        ("- a\n", r":1: a plan is a mapping"),
        ("", r":1: a plan is a mapping"),
    ],
)
def test_mistakes_are_named_with_file_and_line(tmp_path: Path, plan: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_plan(write(tmp_path, plan))


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["baseline", "none", "a", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "prompt", "system", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(PlanFile.__struct_fields__), anything, max_size=4))
def test_whatever_a_plan_says_it_is_read_or_refused_with_its_line(
    tmp_path_factory: pytest.TempPathFactory, plan: dict[str, object]
) -> None:
    path = write(tmp_path_factory.mktemp("plan"), yaml.safe_dump(plan))
    refusal = ""
    try:
        assert load_plan(path).variants
    except ConfigError as error:
        refusal = str(error)
    assert not refusal or re.match(rf"{re.escape(str(path))}:\d+: ", refusal)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("def f(text):\n  return (\n", r"rules.py:2: "),
        ("x = 1\ny = 1 / 0\n", r"rules.py:2: ZeroDivisionError"),
    ],
)
def test_python_that_does_not_run_is_named_with_its_line(
    tmp_path: Path, rules: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_plan(write(tmp_path, "python: rules.py\n", rules))


def test_own_names_are_known_only_while_in_use() -> None:
    own = Definitions(
        cleanings={"mine": ("drop_asides", "drop_afternoon")},
        prompts={"mine": OwnPrompt(system="系统", user="politely")},
        python=RULES,
    )
    before = dict(PRESETS), dict(PROMPTS)
    with in_use(own):
        assert clean("（咳嗽）下午三点", "mine").text == "三点"
        system, user = build_messages("mine", (), "三点")
        assert (system.content, user.content) == ("系统", "请问三点")
    assert before == (PRESETS, PROMPTS)
    with pytest.raises(ConfigError, match="unknown cleaning 'mine'"):
        clean("三点", "mine")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("fail_on_meetings", r"own.py:7: fail_on_meetings\('三点开会'\): ValueError: no meetings"),
        ("number", r"own.py: number\('三点开会'\) gave int, not a str"),
        ("add_mark", r"never comes to rest"),
    ],
)
def test_a_rule_that_fails_says_so_of_its_stage(rule: str, message: str) -> None:
    own = Definitions(cleanings={"mine": (rule,)}, python=RULES, python_file="own.py")
    with in_use(own), pytest.raises(StageError, match=message) as failed:
        clean("三点开会", "mine")
    assert failed.value.stage == "cleaning"


# ---------------------------------------------------------------- a plan that runs


class Watcher:
    def __init__(self, stop_after: int | None = None) -> None:
        self.num, self.stop_after = 0, stop_after

    def planned(self, folder: Path, run: Run, num_done: int, num_half_written: int) -> None: ...

    def stage(self, text: str) -> None: ...

    def recorded(self, turn: Turn) -> None:
        self.num += 1
        if self.num == self.stop_after:
            raise KeyboardInterrupt


def load_toys(profile: Profile) -> Models:
    return Models(ToyRecognizer(), ToyGenerator())


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    for model in ("asr", "llm"):
        (tmp_path / model).mkdir()
        (tmp_path / model / "config.yaml").write_text("a: 1\n")
    (tmp_path / "toy.yaml").write_text("name: toy\nasr: {folder: asr}\nllm: {folder: llm}\n")
    write_suite(tmp_path / "tones")
    return write(
        tmp_path,
        """
profile: ./toy.yaml
suites: [./tones]
python: rules.py
cleanings:
  short: [drop_afternoon]
  picky: [fail_on_meetings]
prompts:
  polite: {system: 你是助手。, user: politely}
grid:
  cleaning: [none, short]
  prompt: [plain, polite]
variants:
  - {name: picky, cleaning: picky}
""",
    )


def content(folder: Path) -> dict[object, object]:
    return {t.key: (t.cleaned, t.messages, t.answer, t.failure) for t in read_turns(folder).turns}


def test_a_plan_runs_with_its_own_rules_and_resumes_without_its_files(
    plan: Path, tmp_path: Path
) -> None:
    execute(load_plan(plan), tmp_path / "whole", Watcher(), load=load_toys)
    turns = {(t.variant, t.case_id, t.turn_index): t for t in read_turns(tmp_path / "whole").turns}
    short = turns["short+polite", "case_0", 0]
    assert (short.hypothesis.text, short.cleaned) == ("今天下午", "今天")
    assert short.gold_cleaned == "今天三点开会"
    assert short.messages[-1].content == "请问今天"
    assert turns["none+plain", "case_0", 0].messages[-1].content == "今天下午"

    for stop_after in (1, 7, 20):
        folder = tmp_path / f"stopped_{stop_after}"
        with pytest.raises(KeyboardInterrupt):
            execute(load_plan(plan), folder, Watcher(stop_after), load=load_toys)
    (tmp_path / "rules.py").unlink()
    plan.unlink()
    for stop_after in (1, 7, 20):
        folder = tmp_path / f"stopped_{stop_after}"
        execute(settings_of(folder), folder, Watcher(), load=load_toys)
        assert content(folder) == content(tmp_path / "whole")
    assert "short" not in PRESETS


def test_a_rule_that_fails_on_a_text_fails_that_turn_alone(plan: Path, tmp_path: Path) -> None:
    execute(load_plan(plan), tmp_path / "run", Watcher(), load=load_toys)
    turns = read_turns(tmp_path / "run").turns
    failed = [t for t in turns if t.failure]
    assert {t.variant for t in failed} == {"picky"}
    assert all(t.failure and t.failure.stage == "cleaning" for t in failed)
    assert "rules.py:7" in str(failed[0].failure)
    assert len(turns) == read_run(tmp_path / "run").num_turns_planned


def test_a_prompt_that_fails_on_a_text_fails_that_turn_alone(plan: Path, tmp_path: Path) -> None:
    text = plan.read_text(encoding="utf-8")
    text = text.replace("{system: 你是助手。, user: politely}",
                        "{system: 你是助手。, user: all_but_afternoons}")  # fmt: skip
    plan.write_text(text, encoding="utf-8")
    execute(load_plan(plan), tmp_path / "run", Watcher(), load=load_toys)
    turns = [t for t in read_turns(tmp_path / "run").turns if t.cleaned == "今天下午"]
    failed = {t.variant: t.failure.stage for t in turns if t.failure}
    assert failed == {"none+polite": "prompt"}
    assert {t.variant for t in turns if t.answer} >= {"none+plain"}


OWN = Definitions(
    cleanings={"mine": ("from_the_first_on",)},
    prompts={"mine": OwnPrompt(system="系统", user="from_the_first_on")},
    python=RULES,
)


def test_own_functions_are_not_tried_on_what_nobody_said() -> None:
    with in_use(OWN):
        check_variant(Variant(cleaning="mine", prompt="mine"))
        assert Assistant(ToyRecognizer(), ToyGenerator(), Variant(cleaning="mine", prompt="mine"))


@pytest.mark.parametrize("handoff", ["token_map", "embeds", "soft_embeds"])
def test_a_prompt_that_words_text_is_refused_where_tokens_are_handed_over(handoff: Any) -> None:
    with in_use(OWN), pytest.raises(ConfigError, match=f"'mine' words .*{handoff}.*handoff=text"):
        check_variant(Variant(prompt="mine", handoff=handoff))
    check_variant(Variant(handoff=handoff))


def test_another_plan_does_not_continue_a_run(plan: Path, tmp_path: Path) -> None:
    execute(load_plan(plan), tmp_path / "run", Watcher(), load=load_toys)
    before = (tmp_path / "run" / TURNS_FILE).read_bytes()
    changed = plan.read_text(encoding="utf-8").replace("你是助手。", "你是别人。")
    plan.write_text(changed, encoding="utf-8")
    with pytest.raises(RecordError, match="polite"):
        execute(load_plan(plan), tmp_path / "run", Watcher(), load=load_toys)
    assert (tmp_path / "run" / TURNS_FILE).read_bytes() == before


def test_settings_survive_the_record(plan: Path) -> None:
    made = load_plan(plan)
    assert msgspec.convert(msgspec.to_builtins(made), type(made)) == made


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["PLAN"], "plan.yaml:2: unknown key 'reapets'. Did you mean 'repeats'?"),
        (["PLAN", "--cleaning", "none"], "--cleaning does not go with a plan"),
        (["daily_qa"], "plan daily_qa cannot be read"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_exit_code_2(
    tmp_path: Path, argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = str(write(tmp_path, "suites: [daily_qa]\nreapets: 2\n"))
    assert main(["run", *(plan if each == "PLAN" else each for each in argv)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


LATENCY_PLAN = """
profile: ./toy.yaml
suites: [./talks]
mode: latency
pace: fast
repeats: 1
python: rules.py
cleanings:
  faulty: [number]
variants:
  - {name: faulty, cleaning: faulty}
  - {name: sound, cleaning: none}
"""


def test_a_faulty_rule_fails_its_turns_and_opens_no_breaker(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "load_models", lambda profile, announce: load_toys(profile))
    write_suite(tmp_path / "talks", num_cases=1, num_turns=5)
    plan.write_text(LATENCY_PLAN, encoding="utf-8")
    assert main(["run", str(plan), "--out", str(tmp_path / "run")]) == 2
    turns = [turn for turn in read_turns(tmp_path / "run").turns if not turn.is_warm_up]
    by_variant = {
        name: [turn for turn in turns if turn.variant == name] for name in ("faulty", "sound")
    }
    assert [turn.failure.type for turn in by_variant["faulty"] if turn.failure] == 5 * ["RuleError"]
    assert not any(event.kind.startswith("breaker") for turn in turns for event in turn.events)
    assert all(turn.answer for turn in by_variant["sound"])
    error = capsys.readouterr().err.splitlines()[-1]
    assert "5 of 10 turns failed in a rule of your own" in error
    assert "talks/case_0 turn 1 of variant faulty" in error
    assert "rules.py: number(" in error
    assert (tmp_path / "run" / "report.html").exists()
