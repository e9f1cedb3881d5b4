"""What an answer is held to when it has to call a tool: a grammar of calls in the hermes form.

    <tool_call>
    {"name": "get_weather", "arguments": {"city": "北京"}}
    </tool_call>

The engine samples inside the grammar, so that a call happens, names a function that was offered and has
arguments that fit its schema, whatever the LLM is inclined to do. White space is where Qwen's own calls
have it and nowhere else: an LLM that may write white space goes on doing so. What no grammar holds is
the length: an answer that is cut at `max_tokens` may end inside a call.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from voicebench.llm.hermes import CALL_BEGIN, CALL_END
from voicebench.types import Sampling

_END = f"}}\n{CALL_END}"
_NO_ARGUMENTS: dict[str, Any] = {"properties": {}, "additionalProperties": False}


def _begin(name: str) -> str:
    return f'{CALL_BEGIN}\n{{"name": {json.dumps(name)}, "arguments": '


def parameters_of(function: dict[str, Any]) -> str:
    """The schema of a function's arguments, as JSON. They are an object, and an empty one where no
    parameters are described."""
    return json.dumps({"type": "object", **(function.get("parameters") or _NO_ARGUMENTS)})


def call_tags(sampling: Sampling) -> str:
    """The structural tags of a sampling whose calls are optional, as vLLM takes them: text is free
    up to `<tool_call>`, and a call names a function and has arguments that fit its schema."""
    structures = [
        {"begin": _begin(each["name"]), "schema": json.loads(parameters_of(each)), "end": _END}
        for each in json.loads(sampling.functions)
    ]
    return json.dumps({"structures": structures, "triggers": [CALL_BEGIN]})


def call_grammar(sampling: Sampling) -> str:
    """The grammar of a sampling with `functions`, in xgrammar's EBNF.

    Raises:
        RuntimeError, ValueError: A schema that cannot be followed.
    """
    return _grammar(sampling.functions, sampling.max_calls, sampling.json_schema)


@functools.lru_cache(maxsize=64)  # made once to check a request, and again to answer it
def _grammar(functions: str, max_calls: int, json_schema: str) -> str:
    from xgrammar import Grammar

    def text(literal: str) -> Any:
        return Grammar.from_ebnf(f"root ::= {json.dumps(literal)}")

    def document(schema: str) -> Any:
        return Grammar.from_json_schema(schema, any_whitespace=False)

    calls = [
        Grammar.concat(
            text(_begin(each["name"])),
            document(parameters_of(each)),
            text(_END),
        )
        for each in json.loads(functions)
    ]
    repeated = f'calls ::= root ("\\n" root){{0, {max_calls - 1}}}\n{Grammar.union(*calls)}'
    answers = [Grammar.from_ebnf(repeated, root_rule_name="calls")]
    if json_schema:
        answers.append(document(json_schema))
    return str(Grammar.union(*answers))
