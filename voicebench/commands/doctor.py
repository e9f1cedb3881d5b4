"""`voicebench doctor`: is everything here that a run needs, and if not, which command mends it.

Each check is a function that returns findings; nothing heavy is imported, so it answers in a second
even where torch itself is broken.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from voicebench.commands import _environment_checks as environment
from voicebench.commands._environment_checks import Finding
from voicebench.errors import ConfigError, MissingPackageError, ModelError, UserError

if TYPE_CHECKING:
    from voicebench.profiles.schema import AsrProfile, LlmProfile


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `doctor` to the command line."""
    parser = subparsers.add_parser(
        "doctor", help="check this machine; every missing thing with the command that mends it"
    )
    parser.add_argument(
        "--profile", default="bundled", help="whose models to verify (default: bundled)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Prints the findings; 0 when nothing is missing, else 1."""
    findings = examine(args.profile)
    healthy = all(finding.status != "missing" for finding in findings)
    if args.json:
        import msgspec

        document = {"ok": healthy, "findings": msgspec.to_builtins(findings)}
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            print(f"{finding.status:8}{finding.check:{width}}  {finding.detail}")
            if finding.fix:
                print(f"{'':8}{'':{width}}  -> {finding.fix}")
        print("ready" if healthy else "not ready: mend what is missing above")
    return 0 if healthy else 1


def examine(profile: str) -> list[Finding]:
    """Runs every check, in the order in which a new user meets the problems."""
    needs_cuda = _needs_cuda(profile)
    checks: tuple[Callable[[], Iterable[Finding]], ...] = (
        environment.python,
        environment.packages,
        environment.strays,
        lambda: _models(profile),
        lambda: environment.gpu(needs_cuda),
        lambda: environment.compiler(needs_cuda),
        environment.espeak,
        environment.fonts,
        environment.memory_and_disk,
        environment.caches,
        environment.ports,
        environment.recordings,
    )
    return [finding for check in checks for finding in check()]


def _needs_cuda(profile_name: str) -> bool:
    from voicebench.profiles.loader import load_profile

    try:
        return load_profile(profile_name).asr.device.startswith("cuda")
    except ConfigError:
        return False  # `_models` reports it


def _models(profile_name: str) -> Iterator[Finding]:
    from voicebench.llm.folder import check_llm_folder
    from voicebench.profiles.loader import load_profile
    from voicebench.profiles.schema import AuxiliaryModelProfile, LlmProfile, is_own_factory
    from voicebench.profiles.verification import require_part

    try:
        profile = load_profile(profile_name)
    except ConfigError as error:
        fix = error.way_out or "voicebench doctor --profile bundled"
        yield Finding(check="profile", status="missing", detail=error.problem, fix=fix)
        return
    for part, model in profile.parts.items():
        kind = getattr(model, "kind", "")
        if is_own_factory(kind):
            yield Finding(check=part, status="ok", detail=f"made by {kind}; not examined")
            continue
        is_here = Path(model.folder).is_dir()
        if not is_here and not isinstance(model, AuxiliaryModelProfile) and model.random_weights:
            yield _random_weights(part, model)
            continue
        try:
            require_part(model, part)
            if isinstance(model, LlmProfile):
                check_llm_folder(Path(model.folder), needs_weights=model.load_format != "dummy")
        except ModelError as error:
            yield Finding(check=part, status="missing", detail=error.problem, fix=error.way_out)
        else:
            size_mb = sum(each.stat().st_size for each in Path(model.folder).rglob("*")) / 1e6
            yield _whole(part, Path(model.folder), size_mb)
    if profile.asr.hotwords:
        yield _hotwords(profile.asr)


def _hotwords(asr: AsrProfile) -> Finding:
    from voicebench.asr.hotwords import check_hotwords

    try:
        check_hotwords(asr)
    except UserError as error:
        return Finding(check="hotwords", status="missing", detail=error.problem, fix=error.way_out)
    return Finding(check="hotwords", status="ok", detail=" ".join(asr.hotwords))


def _whole(part: str, folder: Path, size_mb: float) -> Finding:
    """A folder that can be loaded, with a note where it is of another family than Qwen3."""
    from voicebench.hub.inspection import inspect

    contents = inspect(folder)
    detail = f"{folder}, {size_mb:.1f} MB"
    if part == "LLM" and contents and contents.model != "qwen3":
        detail = f"{detail}: {contents}; this project has run Qwen3 only"
        fix = "voicebench ask QUESTION.wav shows whether its chat template and its stops work"
        return Finding(check=part, status="note", detail=detail, fix=fix)
    return Finding(check=part, status="ok", detail=detail)


def _random_weights(part: str, model: AsrProfile | LlmProfile) -> Finding:
    """A folder of random weights that the first use will make."""
    from voicebench.llm.random_weights import find_vocabulary

    detail = f"random weights of the size of {model.random_weights}: made on first use"
    if part == "LLM":
        try:
            find_vocabulary()
        except MissingPackageError as error:
            return Finding(check=part, status="missing", detail=error.problem, fix=error.way_out)
    return Finding(check=part, status="ok", detail=f"{detail}, in {model.folder}")
