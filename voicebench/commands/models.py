"""`voicebench models list | pull NAME... | verify [NAME...] | import FOLDER NAME`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

_EPILOG = """\
examples:
  voicebench models pull 4090d                 every model of a profile
  voicebench models pull qwen3-4b --from huggingface
  HF_ENDPOINT=https://hf-mirror.com voicebench models pull qwen3-4b-int4
  voicebench models import /media/usb/paraformer-zh paraformer-zh
"""


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
    pulling.add_argument("--from", dest="hub", choices=("modelscope", "huggingface"))
    verifying = actions.add_parser("verify", help="compare every file with its checksum")
    verifying.add_argument("name", nargs="*", help="models or profiles; all that are here if none")
    importing = actions.add_parser("import", help="take a model from a folder, without network")
    importing.add_argument("folder", help="a FunASR or Hugging Face folder")
    importing.add_argument("name", help="which model of the list it is")
    for action in (listing, pulling, verifying, importing):
        action.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0.

    Raises:
        ModelError: An unknown or damaged model, or one that could not be fetched.
        StorageError: The disk is full or refuses.
    """
    from voicebench.hub.fetch import pull
    from voicebench.hub.importing import import_folder

    if args.action == "list":
        return _list(args.json)
    if args.action == "pull":
        if not sys.stderr.isatty():
            os.environ.setdefault("TQDM_DISABLE", "1")  # bars of both clients; read on import
        for name in _models_of(args.name):
            pull(name, args.hub, _say)
        return 0
    if args.action == "verify":
        return _verify(args.name)
    import_folder(Path(args.folder).expanduser(), args.name, _say)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _models_of(names: list[str]) -> list[str]:
    """Models by name, each once; a profile stands for its models.

    Raises:
        ModelError: Neither a model nor a profile.
    """
    from voicebench.config import list_profiles, load_profile
    from voicebench.hub.catalogue import find_model

    found: list[str] = []
    for name in names:
        if name in list_profiles() or name.endswith((".yaml", ".yml")):
            found += load_profile(name).catalogue_models
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
    from voicebench.hub.store import model_folder, read_record

    model, record = find_model(name), read_record(model_folder(name))
    return {
        "name": name,
        "about": model.about,
        "kind": model.kind,
        "licence": record.licence if record else model.licence,
        "size_bytes": model.size_bytes,
        "modelscope": model.modelscope.repo if model.modelscope else None,
        "huggingface": model.huggingface.repo if model.huggingface else None,
        "here": record is not None,
        "revision": record.revision if record else None,
        "folder": str(model_folder(name)),
    }


def _verify(names: list[str]) -> int:
    from voicebench.hub.checks import verify_stored
    from voicebench.hub.store import model_folder, read_record, require_model

    wanted = _models_of(names) or [n for n in _catalogue() if read_record(model_folder(n))]
    for name in wanted:
        require_model(name)
        folder = model_folder(name)
        record = read_record(folder)
        assert record is not None  # require_model has read it
        verify_stored(name, folder, record)
        print(
            f"{name}: {len(record.files)} files as pulled, {record.repo} {record.revision}".rstrip()
        )
    if not wanted:
        print("no models here; voicebench models list shows what there is")
    return 0
