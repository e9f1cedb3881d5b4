"""Requests made of the OpenAPI document, fitting and not: none is a fault of the service."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.serving.served import Served, make_settings
from voicebench.serving.app import build_app
from voicebench.serving.service import Service

DOCUMENT = build_app(Service(make_settings())).openapi()
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
NUM_CASES = {"/v1/chat/completions": 25, "/v1/audio/transcriptions": 15}
"""Of each kind, fitting and not; 3 of the other routes. `bench/run_service_soak.py` makes thousands.
"""


def operations() -> dict[str, list[st.SearchStrategy[schemathesis.Case]]]:
    """Strategies for requests by route: such as fit the document, and such as do not."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    return {
        operation.path: [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
        for operation in (found.ok() for found in schema.get_all_operations())
    }


OPERATIONS = operations()


def ask_cases(
    strategy: st.SearchStrategy[schemathesis.Case], url: str, num: int, number: int | None = None
) -> Counter[int]:
    """Asks so many; counts the statuses. The cases are the same each time, others for each seed.

    Raises:
        AssertionError, schemathesis.errors.SchemathesisError: An answer that is a fault or does not
            fit the document.
    """
    seen: Counter[int] = Counter()

    @settings(
        max_examples=num,
        deadline=None,
        database=None,
        derandomize=number is None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def ask(case: schemathesis.Case) -> None:
        reply = case.call(base_url=url, timeout=20)
        seen[reply.status_code] += 1
        assert reply.status_code < 500, (case.as_curl_command(), reply.text)
        case.validate_response(reply, checks=CHECKS)

    (ask if number is None else seed(number)(ask))()
    return seen


def test_the_document_names_every_route_and_error() -> None:
    assert set(DOCUMENT["paths"]) == {
        "/health",
        "/ready",
        "/metrics",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/chat/completions",
        "/v1/audio/transcriptions",
        "/v1/conversations/{conversation_id}",
    }
    answers = DOCUMENT["paths"]["/v1/chat/completions"]["post"]["responses"]
    assert {"200", "400", "401", "413", "429", "503"} <= set(answers)
    assert "422" not in answers


@pytest.mark.parametrize("path", OPERATIONS)
def test_no_request_is_a_fault_of_the_service(served: Served, path: str) -> None:
    fitting, other = OPERATIONS[path]
    seen = ask_cases(fitting, served.url, NUM_CASES.get(path, 3))
    if path == "/v1/chat/completions":
        assert seen[200] > 0
    with contextlib.suppress(Unsatisfiable):  # a route without a body cannot be asked wrongly
        ask_cases(other, served.url, NUM_CASES.get(path, 3))
