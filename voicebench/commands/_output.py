"""Options of commands that print or write reports."""

from __future__ import annotations

import argparse

from voicebench.words import LANGUAGES


def add_language(parser: argparse.ArgumentParser) -> None:
    """Adds `--language`, which `cli.main` applies before the command runs."""
    parser.add_argument(
        "--language",
        dest="output_language",
        choices=LANGUAGES,
        help="of tables, figures and pages (that of the locale)",
    )


def add_tables(parser: argparse.ArgumentParser) -> None:
    """Adds `--tables`."""
    parser.add_argument("--tables", action="store_true", help="print the long tables too")
