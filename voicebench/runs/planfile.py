"""A plan: one YAML file for any grid of variants, with cleanings and prompts of its own.

    suites: [daily_qa, self_correction]
    python: my_rules.py              # functions str -> str, relative to this file
    cleanings:
      gentle: [drop_asides, drop_please]
    prompts:
      strict: 你是语音助手。只说用户问到的数字。
    grid:                            # every combination is a variant
      cleaning: [none, baseline, gentle]
      prompt: [plain, strict]
      window_s: [2.4, 4.8]
      temperature: [0, 0.7]
    variants:                        # and these, written out
      - {name: wide, window_s: 6.0}

The keys of `grid` and `variants` are the fields of `types.Variant` and of the records in it.
Everything is read strictly: what is wrong is named with `file:line`. The run keeps what the plan
says, so that it can be continued, and reported on, without the plan.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from voicebench.cleaning.presets import PRESETS
from voicebench.errors import ConfigError, did_you_mean
from voicebench.llm.prompts import PROMPTS
from voicebench.renamed import RENAMED_PRESETS, preset_name
from voicebench.runs.definitions import (
    Definitions,
    OwnPrompt,
    in_use,
    load_functions,
    resolve_rules,
)
from voicebench.runs.settings import RunSettings
from voicebench.types import Mode, Pace, Record, Variant

INNER: dict[str, tuple[str, ...]] = {
    name: value.__struct_fields__
    for name, value in msgspec.structs.asdict(Variant()).items()
    if isinstance(value, Record)
}
"""Fields of `Variant` that are records, such as `sampling`: a plan gives their fields by name."""
AXES = (
    *(name for name in Variant.__struct_fields__ if name != "name" and name not in INNER),
    *itertools.chain(*INNER.values()),
)


class PlanFile(Record):
    """A plan as written."""

    profile: str = "bundled"
    suites: tuple[str, ...] = ()
    mode: Mode = "quality"
    pace: Pace | None = None
    repeats: int | None = None
    limit: int | None = None
    seed: int = 0
    python: str = ""
    cleanings: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    prompts: dict[str, str | OwnPrompt] = msgspec.field(default_factory=dict)
    grid: dict[str, tuple[Any, ...]] = msgspec.field(default_factory=dict)
    variants: tuple[dict[str, Any], ...] = ()


class _Text:
    """A plan's text, which knows the line of everything in it."""

    def __init__(self, path: Path) -> None:
        import yaml

        self.path = path
        self.lines: dict[tuple[str | int, ...], int] = {}
        try:
            text = path.read_text(encoding="utf-8")
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data = yaml.safe_load(text)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"plan {path} cannot be read: {reason}",
                "Name a .yaml file; see docs/comparisons.md",
            ) from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            self.refuse(mark.line + 1 if mark else 1, getattr(error, "problem", "") or "not YAML")
        if not isinstance(self.data, dict):
            self.refuse(1, "a plan is a mapping of settings", "See `voicebench run --help`")
        self._walk(node, ())

    def refuse(
        self, where: int | tuple[str | int, ...], problem: str, way_out: str = ""
    ) -> NoReturn:
        line = where if isinstance(where, int) else self._line(where)
        raise ConfigError(f"{self.path}:{line}: {problem}", way_out) from None

    def refuse_unknown(
        self, where: tuple[str | int, ...], known: Collection[str], what: str
    ) -> None:
        """Checks the keys of the mapping at `where`."""
        found: Any = self.data
        for step in where:
            found = found[step]
        for name in found if isinstance(found, dict) else ():
            if name not in known:
                self.refuse((*where, name), f"unknown {what} {name!r}", _nearest(name, known))

    def _line(self, where: tuple[str | int, ...]) -> int:
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def _walk(self, node: Any, place: tuple[str | int, ...]) -> None:
        import yaml

        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*place, key.value)
                if inner in self.lines:
                    self.refuse(key.start_mark.line + 1, f"{key.value!r} is there twice")
                self.lines[inner] = key.start_mark.line + 1
                self._walk(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                self._walk(value, (*place, number))


def load_plan(path: Path, overrides: Mapping[str, Any] | None = None) -> RunSettings:
    """Reads a plan.

    Args:
        path: The YAML file.
        overrides: Settings that go before the plan's own: `seed`, `limit` and their like.

    Raises:
        ConfigError: It cannot be read or says something that cannot be; names `file:line`.
    """
    text = _Text(path)
    _refuse_unknown_keys(text)
    plan = _convert(text, text.data, PlanFile)
    plan = msgspec.structs.replace(plan, **(overrides or {}))
    definitions = _definitions(text, plan)
    with in_use(definitions):
        variants = tuple(_variants(text, plan))
    _refuse_doubles(text, variants)
    base = path.resolve().parent
    return RunSettings(
        profile=_from(base, plan.profile) if "profile" not in (overrides or {}) else plan.profile,
        suites=plan.suites
        if "suites" in (overrides or {})
        else tuple(_from(base, name) for name in plan.suites),
        variants=variants,
        mode=plan.mode,
        pace=plan.pace,
        repeats=plan.repeats,
        limit=plan.limit,
        seed=plan.seed,
        definitions=definitions,
    )


def _refuse_unknown_keys(text: _Text) -> None:
    text.refuse_unknown((), PlanFile.__struct_fields__, "key")
    data = text.data
    if isinstance(data.get("grid"), dict):
        text.refuse_unknown(("grid",), AXES, "axis")
    for part, what in (("grid", "axis"), ("cleanings", "cleaning")):
        values = data.get(part)
        for name, value in values.items() if isinstance(values, dict) else ():
            if not isinstance(value, list):
                text.refuse((part, name), f"{what} {name!r} needs a list", f"Write [{value}]")
    variants = data.get("variants")
    for number, variant in enumerate(variants if isinstance(variants, list) else ()):
        if isinstance(variant, dict):
            text.refuse_unknown(("variants", number), ("name", *AXES), "setting")
    prompts = data.get("prompts")
    for name, prompt in prompts.items() if isinstance(prompts, dict) else ():
        if isinstance(prompt, dict):
            text.refuse_unknown(("prompts", name), OwnPrompt.__struct_fields__, "key")


def _definitions(text: _Text, plan: PlanFile) -> Definitions:
    source, file = "", ""
    if plan.python:
        path = text.path.parent / Path(plan.python).expanduser()
        file = path.name
        try:
            source = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            text.refuse(("python",), f"{path} cannot be read: {error}")
    prompts = {
        name: OwnPrompt(system=prompt) if isinstance(prompt, str) else prompt
        for name, prompt in plan.prompts.items()
    }
    found = Definitions(cleanings=plan.cleanings, prompts=prompts, python=source, python_file=file)
    functions = load_functions(found)
    for name, rules in plan.cleanings.items():
        if name in {*PRESETS, *RENAMED_PRESETS}:
            text.refuse(("cleanings", name), f"there is a cleaning {name!r} already")
        for number, rule in enumerate(rules):
            try:
                resolve_rules(name, (rule,), functions, file)
            except ConfigError as error:
                text.refuse(("cleanings", name, number), error.problem, error.way_out)
    for name, prompt in prompts.items():
        if name in {*PROMPTS, *RENAMED_PRESETS}:
            text.refuse(("prompts", name), f"there is a prompt {name!r} already")
        if prompt.user and prompt.user not in functions:
            problem = f"prompt {name!r}: no function {prompt.user!r} in {file or 'a Python file'}"
            text.refuse(("prompts", name, "user"), problem, _nearest(prompt.user, functions))
    return found


def _variants(text: _Text, plan: PlanFile) -> Iterator[Variant]:
    for axis, values in plan.grid.items():
        if not values:
            text.refuse(("grid", axis), f"axis {axis!r} has no value")
        for number, value in enumerate(values):
            _variant(text, ("grid", axis, number), {"name": "x", axis: value}, plan.seed)
    if plan.grid or not plan.variants:
        for combination in itertools.product(*plan.grid.values()):
            settings = dict(zip(plan.grid, combination, strict=True))
            named = {"name": _name(plan.grid, settings), **settings}
            yield _variant(text, ("grid",), named, plan.seed)
    for number, settings in enumerate(plan.variants):
        if not settings.get("name"):
            text.refuse(("variants", number), "a variant needs a name", "Add name: NAME")
        yield _variant(text, ("variants", number), settings, plan.seed)


def _variant(
    text: _Text, where: tuple[str | int, ...], settings: dict[str, Any], seed: int
) -> Variant:
    outer, inner = dict(settings), {name: dict[str, Any]() for name in INNER}
    inner["sampling"]["seed"] = seed
    for name, fields in INNER.items():
        inner[name] |= {field: outer.pop(field) for field in fields if field in outer}
    for what in ("cleaning", "prompt"):
        if isinstance(outer.get(what), str):
            outer[what] = preset_name(outer[what])
    variant: Variant = _convert(text, {**outer, **inner}, Variant, where)
    for what, name, known in (
        ("cleaning", variant.cleaning, PRESETS),
        ("prompt", variant.prompt, PROMPTS),
    ):
        if name not in known:
            text.refuse((*where, what), f"unknown {what} {name!r}", _nearest(name, known))
    return variant


def _name(grid: Mapping[str, tuple[Any, ...]], settings: Mapping[str, Any]) -> str:
    """Cleaning and prompt by name; of the others those that vary."""
    parts = []
    for axis, value in settings.items():
        if axis in ("cleaning", "prompt"):
            parts.append(str(value))
        elif len(grid[axis]) > 1:
            is_long = isinstance(value, str) and len(value) > 20
            shown = grid[axis].index(value) + 1 if is_long else value
            parts.append(f"{axis}={str(shown).lower() if isinstance(shown, bool) else shown}")
    return "+".join(parts) or "plan"


def _convert(text: _Text, data: Any, kind: Any, where: tuple[str | int, ...] = ()) -> Any:
    try:
        return msgspec.convert(data, kind)
    except (msgspec.ValidationError, ValueError) as error:
        problem, _, place = str(error).partition(" - at `$")
        steps = re.findall(r"\.(\w+)|\[(\d+)\]", place)
        path = tuple(int(index) if index else name for name, index in steps)
        text.refuse((*where, *(step for step in path if step not in INNER)), problem)


def _refuse_doubles(text: _Text, variants: tuple[Variant, ...]) -> None:
    names = [variant.name for variant in variants]
    for name in names:
        if names.count(name) > 1:
            text.refuse(("variants",), f"variant {name!r} is there twice", "Give each its own name")


def _from(base: Path, name: str) -> str:
    """A path in a plan is relative to the plan's own folder."""
    is_path = "/" in name or name.endswith((".yaml", ".yml"))
    return str((base / Path(name).expanduser()).resolve()) if is_path else name


def _nearest(name: Any, known: Collection[str]) -> str:
    """The known name that was probably meant, or all of them."""
    return did_you_mean(str(name), known) or f"Known: {', '.join(known) or 'none'}"
