"""`voicebench run`: spoken cases in, records, tables and a report out; killed runs continue."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicebench.commands._output import add_language, add_tables
from voicebench.renamed import add_renamed, pace_name

if TYPE_CHECKING:
    from voicebench.report.data import Report
    from voicebench.runs.settings import RunSettings

_EPILOG = """\
examples:
  voicebench run --suites daily_qa --cleaning none,baseline  compare two cleanings
  voicebench run --mode latency --suites daily_qa --max-cases 5  latency, at real-time pace
  voicebench run PLAN.yaml                                   a grid of variants from a file
  voicebench run --out reports/RUN                           continue a run that was stopped
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `run` to the command line."""
    parser = subparsers.add_parser(
        "run",
        help="run suites and leave records and a report; continues what was stopped",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # what is not given is taken from the run continued
    )
    parser.add_argument(
        "plan", nargs="?", metavar="PLAN", help="a .yaml plan: suites, grid of variants, own rules"
    )
    parser.add_argument("--profile", help="shipped profile or a .yaml file (bundled)")
    parser.add_argument("--suites", metavar="A,B", help="names or folders (all)")
    parser.add_argument(
        "--cleaning", metavar="A,B", help="cleaning presets, each a variant (baseline)"
    )
    parser.add_argument("--prompt", metavar="A,B", help="prompts, each a variant (baseline)")
    parser.add_argument(
        "--variant",
        action="append",
        metavar="FIELD=VALUE,...",
        help="a variant written out, such as name=wide,window_s=4.8; may be repeated",
    )
    parser.add_argument("--mode", choices=("quality", "latency"), help="what to measure (quality)")
    parser.add_argument(
        "--pace",
        type=pace_name,
        choices=("real_time", "fast"),
        help="latency mode: audio by the clock, or at once with its arrival simulated (real_time)",
    )
    parser.add_argument("--repeats", type=int, metavar="N", help="(latency 3, quality 1)")
    max_cases = parser.add_argument(
        "--max-cases", dest="limit", type=int, metavar="N", help="cases of each suite (all)"
    )
    add_renamed(parser, "--limit", max_cases)
    parser.add_argument("--seed", type=int, metavar="N", help="seed of sampling (0)")
    parser.add_argument("--out", metavar="DIR", help="the run's folder (reports/RUN_ID)")
    add_tables(parser)
    add_language(parser)
    parser.add_argument("--json", action="store_true", help="print the metrics as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0; 1 if every turn failed; 130 when interrupted.

    Raises:
        ConfigError: A rule of the user's own failed on some turns; the run and its report are whole.
        VoicebenchError: See `runs.runner.execute`.
    """
    from voicebench.commands._progress import RunProgress
    from voicebench.runs.record import RUN_FILE
    from voicebench.runs.runner import execute, load_models, new_run_id, settings_of

    given = vars(args)
    out = Path(given["out"]) if "out" in given else None
    continues = out is not None and (out / RUN_FILE).exists()
    settings = _settings(given, settings_of(out) if out is not None and continues else None)
    folder = out or Path("reports") / new_run_id(settings)
    as_json = given.get("json", False)
    try:
        with RunProgress() as progress:
            execute(
                settings,
                folder,
                progress,
                argv=sys.argv[1:],
                load=lambda profile: load_models(profile, progress.stage),
            )
    except KeyboardInterrupt:
        print(
            f"\nInterrupted; what was recorded is kept. {_how_to_continue(folder)}", file=sys.stderr
        )
        return 130
    return _show(folder, as_json, given.get("tables", False))


def _settings(given: dict[str, Any], begun: RunSettings | None) -> RunSettings:
    import msgspec

    from voicebench.runs.settings import RunSettings, build_variants

    names = ("profile", "mode", "pace", "repeats", "limit", "seed")
    if "plan" in given:
        return _of_plan(given, names)
    base = begun or RunSettings()
    changes = {name: given[name] for name in names if name in given}
    if begun is None or given.keys() & {"cleaning", "prompt", "variant"}:
        changes["variants"] = build_variants(
            _split(given.get("cleaning", "")),
            _split(given.get("prompt", "")),
            given.get("variant", []),
            changes.get("seed", base.seed),
        )
    if "suites" in given:
        changes["suites"] = tuple(_split(given["suites"]))
    return msgspec.structs.replace(base, **changes)


def _of_plan(given: dict[str, Any], names: tuple[str, ...]) -> RunSettings:
    from voicebench.errors import ConfigError
    from voicebench.runs.planfile import load_plan

    for name in ("cleaning", "prompt", "variant"):
        if name in given:
            raise ConfigError(
                f"--{name} does not go with a plan", f"Write it in {given['plan']}, under grid"
            )
    changes = {name: given[name] for name in names if name in given}
    if "suites" in given:
        changes["suites"] = tuple(_split(given["suites"]))
    return load_plan(Path(given["plan"]), changes)


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _how_to_continue(folder: Path) -> str:
    return f"Continue with: voicebench run --out {shlex.quote(str(folder))}"


def _show(folder: Path, as_json: bool, has_tables: bool) -> int:
    from voicebench.report.render import load_report, metrics_document, write_report
    from voicebench.report.terminal import print_report

    report = load_report(folder)
    path = write_report(report, folder / "report.html")
    if as_json:
        print(json.dumps(metrics_document(report), ensure_ascii=False, indent=2))
    else:
        print_report(report, has_tables=has_tables)
        print(f"Report: {path}")
    if report.num_failed:
        _refuse_faulty_rules(report)
    return 1 if len(report.turns) and report.num_failed == len(report.turns) else 0


def _refuse_faulty_rules(report: Report) -> None:
    from voicebench.errors import ConfigError, RuleError

    faulty = [t for t in report.turns if t.failure and t.failure.type == RuleError.__name__]
    if faulty and (failure := faulty[0].failure):
        first = faulty[0]
        raise ConfigError(
            f"{len(faulty)} of {len(report.turns)} turns failed in a rule of your own, first "
            f"{first.suite}/{first.case_id} turn {first.turn_index + 1} of variant {first.variant}: "
            f"{failure.message}",
            "Mend the rule and run the plan into another folder; all other turns are recorded",
        )
