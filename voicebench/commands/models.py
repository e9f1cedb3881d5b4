"""`voicebench models list | pull NAME... | verify [NAME...] | import FOLDER NAME`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicebench.renamed import add_renamed

if TYPE_CHECKING:
    from voicebench.hub.catalogue import HubName

_EPILOG = """\
examples:
  voicebench models pull 4090d                 every model of a profile
  voicebench models pull qwen3-4b --hub huggingface
  HF_ENDPOINT=https://hf-mirror.com voicebench models pull qwen3-4b-int4
  voicebench models import /media/usb/paraformer-zh paraformer-zh
"""
HUBS = ("modelscope", "huggingface")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `models` to the command line."""
    parser = subparsers.add_parser(
        "models",
        help="list, fetch, verify and import the models that profiles name",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser(
        "list", help="every model with its size, licence and whether it is here"
    )
    listing.add_argument("--json", action="store_true", help="print one JSON document")
    pulling = actions.add_parser("pull", help="fetch from ModelScope or Hugging Face; resumes")
    pulling.add_argument("name", nargs="+", help="a model, or a profile for all of its models")
    hub = pulling.add_argument(
        "--hub", choices=HUBS, help="where from (default: the hub with a pinned revision)"
    )
    add_renamed(pulling, "--from", hub)
    verifying = actions.add_parser("verify", help="compare every file with its checksum")
    verifying.add_argument("name", nargs="*", help="models or profiles; all that are here if none")
    importing = actions.add_parser("import", help="take a model from a folder, without network")
    importing.add_argument("folder", help="a FunASR or Hugging Face folder")
    importing.add_argument("name", help="which model of the list it is")
    for action in (listing, pulling, verifying, importing):
        action.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0, or not where a model is missing or damaged, which is printed.

    Raises:
        ModelError: An unknown model, or a folder that is not the model it should be.
        StorageError: The disk is full or refuses.
    """
    from voicebench.hub.importing import import_folder

    if args.action == "list":
        return _list(args.json)
    if args.action == "pull":
        return _pull(args.name, args.hub)
    if args.action == "verify":
        return _verify(args.name)
    import_folder(Path(args.folder).expanduser(), args.name, _say)
    return 0


def _pull(names: list[str], hub: HubName | None) -> int:
    from voicebench.hub.fetch import pull

    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # bars of both clients; read on import
    return _each(_models_of(names), lambda name: pull(name, hub, _say), "missing")


def _each(names: list[str], action: Callable[[str], object], failed: str) -> int:
    """Runs an action on every model, whatever becomes of the others; the exit code.

    Each failure is printed where it happens, and their names once more at the end.

    Args:
        names: Models of the catalogue.
        action: May raise a VoicebenchError.
        failed: What a model is whose action failed, in the last line.
    """
    from voicebench.errors import VoicebenchError

    failures: dict[str, VoicebenchError] = {}
    for name in names:
        try:
            action(name)
        except VoicebenchError as error:
            failures[name] = error
            print(f"error: {error}", file=sys.stderr, flush=True)
    if failures and len(names) > 1:
        listed = ", ".join(failures)
        print(f"{failed}: {listed} ({len(failures)} of {len(names)})", file=sys.stderr)
    return max((error.exit_code for error in failures.values()), default=0)


def _say(line: str) -> None:
    print(line, flush=True)


def _models_of(names: list[str]) -> list[str]:
    """Models by name, each once; a profile stands for its models.

    Raises:
        ModelError: Neither a model nor a profile.
    """
    from voicebench.hub.catalogue import find_model
    from voicebench.profiles.loader import list_profiles, load_profile

    found: list[str] = []
    for name in names:
        if name in list_profiles() or name.endswith((".yaml", ".yml")):
            models = load_profile(name).catalogue_models
            if not models:
                _say(
                    f"{name}: this profile names no model of the list, so there is nothing to fetch"
                )
            found += models
        else:
            find_model(name)
            found.append(name)
    return list(dict.fromkeys(found))


def _list(as_json: bool) -> int:
    from rich.console import Console
    from rich.table import Table

    rows = [_row(name) for name in _catalogue()]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0
    table = Table("model", show_edge=False, pad_edge=False)
    table.add_column("MB", justify="right")
    for title in ("here", "licence", "what"):
        table.add_column(title)
    for row in rows:
        here = (row["revision"] or "imported")[:12] if row["here"] else "-"
        table.add_row(
            row["name"], f"{row['size_bytes'] / 1e6:,.0f}", here, row["licence"], row["about"]
        )
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)
    return 0


def _catalogue() -> list[str]:
    from voicebench.hub.catalogue import catalogue

    return list(catalogue())


def _row(name: str) -> dict[str, Any]:
    from voicebench.hub.catalogue import find_model
    from voicebench.hub.store import has_other_weights, model_folder, read_record

    model, record = find_model(name), read_record(model_folder(name))
    return {
        "name": name,
        "about": model.about,
        "kind": model.kind,
        "licence": record.licence if record else model.licence,
        "size_bytes": model.size_bytes,
        "modelscope": model.modelscope.repo if model.modelscope else None,
        "huggingface": model.huggingface.repo if model.huggingface else None,
        "here": record is not None and not has_other_weights(record),
        "revision": record.revision if record else None,
        "folder": str(model_folder(name)),
    }


def _verify(names: list[str]) -> int:
    from voicebench.hub.checksums import verify_stored
    from voicebench.hub.store import model_folder, require_model

    def verify(name: str) -> None:
        record = require_model(name)
        verify_stored(name, model_folder(name), record)
        source = f"{record.repo} {record.revision}".rstrip()
        print(f"{name}: {len(record.files)} files as pulled, {source}")

    wanted = _models_of(names) or [n for n in _catalogue() if model_folder(n).is_dir()]
    if not wanted:
        print("no models here; voicebench models list shows what there is")
    return _each(wanted, verify, "damaged or missing")
