"""A run's own cleanings and prompts: pure data in `run.json`, known by name while the run goes on.

A cleaning is a list of rules: the package's own by name, a preset's (all of its rules), or functions
str -> str of the user's Python file. A prompt is a system text, and perhaps such a function from the
cleaned transcript to the user's message. The file's source is kept with the run, so the run can be
continued without it; it is then executed again, so continue only runs whose code you trust.

A function that raises, gives no text, or never comes to rest fails the turn it fails on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from voicebench.cleaning.presets import PRESETS
from voicebench.cleaning.rules import Rule
from voicebench.errors import ConfigError, RuleError, did_you_mean
from voicebench.llm.prompts import PROMPTS, Prompt
from voicebench.renamed import preset_name
from voicebench.types import Record

RULES: dict[str, Rule] = {rule.__name__: rule for preset in PRESETS.values() for rule in preset}
"""The package's cleaning rules by name."""


class OwnPrompt(Record):
    """A system text, and the function that makes the user's message of the cleaned transcript."""

    system: str
    user: str = ""
    """Name of a function of the Python file; empty: the transcript as it is."""


class Definitions(Record):
    """What a run defines beside the package's cleanings and prompts."""

    cleanings: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    prompts: dict[str, OwnPrompt] = msgspec.field(default_factory=dict)
    python: str = ""
    """Source of the user's functions."""
    python_file: str = ""
    """The name of its file, for messages."""


@contextlib.contextmanager
def in_use(definitions: Definitions) -> Iterator[None]:
    """Makes a run's cleanings and prompts known under their names, and forgets them at the end.

    Raises:
        ConfigError: A name that is taken, a rule that does not exist, or Python that does not run.
    """
    functions = load_functions(definitions)
    cleanings = {
        name: resolve_rules(name, rules, functions, definitions.python_file)
        for name, rules in definitions.cleanings.items()
    }
    prompts = {
        name: _resolve_prompt(name, prompt, functions, definitions.python_file)
        for name, prompt in definitions.prompts.items()
    }
    for what, own, known in (("cleaning", cleanings, PRESETS), ("prompt", prompts, PROMPTS)):
        for name in own.keys() & known.keys():
            raise ConfigError(f"there is a {what} {name!r} already", "Give yours another name")
    PRESETS.update(cleanings)
    PROMPTS.update(prompts)
    try:
        yield
    finally:
        for name in cleanings:
            del PRESETS[name]
        for name in prompts:
            del PROMPTS[name]


def load_functions(definitions: Definitions) -> dict[str, Callable[[str], str]]:
    """The functions of the user's Python file by name; runs the file.

    Raises:
        ConfigError: It cannot be run, with its line.
    """
    file = definitions.python_file or "<python>"
    names: dict[str, Any] = {"__name__": "voicebench_plan", "__file__": file}
    try:
        exec(compile(definitions.python, file, "exec"), names)
    except SyntaxError as error:
        raise ConfigError(f"{file}:{error.lineno}: {error.msg}", "Mend the file") from None
    except Exception as error:
        raise ConfigError(
            f"{_place(error, file)}: {type(error).__name__}: {error}", "Mend the file"
        ) from error
    return {
        name: value
        for name, value in names.items()
        if callable(value) and not name.startswith("_") and not isinstance(value, type)
    }


def resolve_rules(
    cleaning: str, names: tuple[str, ...], functions: dict[str, Callable[[str], str]], file: str
) -> tuple[Rule, ...]:
    """The rules of those names, in order.

    Raises:
        ConfigError: There is no such rule.
    """
    rules: list[Rule] = []
    for name in names:
        if name in functions:
            rules.append(_guarded("cleaning", name, functions[name], file))
        elif (preset := preset_name(name)) in PRESETS:
            rules += PRESETS[preset]
        elif name in RULES:
            rules.append(RULES[name])
        else:
            known = [*functions, *RULES, *PRESETS]
            raise ConfigError(f"cleaning {cleaning!r}: no rule {name!r}", _nearest(name, known))
    return tuple(rules)


def _resolve_prompt(
    name: str, prompt: OwnPrompt, functions: dict[str, Callable[[str], str]], file: str
) -> Prompt:
    word = None
    if prompt.user:
        if prompt.user not in functions:
            way_out = _nearest(prompt.user, list(functions))
            raise ConfigError(f"prompt {name!r}: no function {prompt.user!r}", way_out)
        word = _guarded("prompt", prompt.user, functions[prompt.user], file)
    return Prompt(name=name, system=prompt.system, word=word)


def _guarded(stage: str, name: str, function: Callable[[str], str], file: str) -> Rule:
    def rule(text: str) -> str:
        try:
            made = function(text)
        except Exception as error:
            raise RuleError(
                stage,
                f"{_place(error, file)}: {name}({text[:40]!r}): {type(error).__name__}: {error}",
            ) from error
        if not isinstance(made, str):
            raise RuleError(
                stage, f"{file}: {name}({text[:40]!r}) gave {type(made).__name__}, not a str"
            )
        return made

    rule.__name__ = name
    return rule


def _place(error: BaseException, file: str) -> str:
    """`file:line` of the user's own line that raised."""
    place, trace = file, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == file:
            place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _nearest(name: str, known: list[str]) -> str:
    return did_you_mean(name, known) or f"Known: {', '.join(known) or 'none'}"
