from __future__ import annotations

import subprocess
import sys

import pytest

import voicebench

HEAVY = ("torch", "vllm", "funasr", "transformers", "pyarrow", "duckdb", "pandas")


def test_every_export_is_there() -> None:
    for name in voicebench.__all__:
        assert getattr(voicebench, name) is not None
        assert name in dir(voicebench)
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = voicebench.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import voicebench", ("numpy", "msgspec", *HEAVY)),
        ("import voicebench; voicebench.cer('你好', '你号')", HEAVY),
        ("import voicebench; voicebench.open_run", HEAVY),
        ("import voicebench; voicebench.load", HEAVY),
    ],
)
def test_an_export_imports_what_it_needs_and_no_more(code: str, loaded: tuple[str, ...]) -> None:
    check = f"{code}; import sys; print([name for name in {loaded} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
