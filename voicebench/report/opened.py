"""A run opened in a notebook: at once, however long it is.

    run = open_run("latest")
    run                       what it is, and what to know before believing a figure
    run.to_pandas()           one row a turn, typed
    run.sql("SELECT suite, median(response_latency_s) FROM turns GROUP BY suite")
    run.turn("daily_qa-003")  one whole record

Nothing is read before it is asked for. The turns' measures come from `store`.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from voicebench.errors import ConfigError, RecordError, did_you_mean
from voicebench.report.data import KeptTurn, Report, make_report
from voicebench.report.digest import digest_table
from voicebench.report.html import folded, fragment, list_html, note_html, table_html
from voicebench.report.progress import NotebookBar
from voicebench.report.store import KEPT, iter_kept, open_store
from voicebench.report.tables import problems, tables_of_mode
from voicebench.report.worst import rank_turns
from voicebench.runs.provenance import code_of
from voicebench.runs.record import RUN_FILE, read_cases, read_run
from voicebench.types import Case, Run, Turn
from voicebench.words import translate

if TYPE_CHECKING:
    import pandas as pd

LATEST = "latest"
Frame = Literal["turns", "facts", "windows", "tokens", "events"]
_INTERNAL = f'{KEPT}, "offset", size'


class OpenRun:
    """A run, or a part of one. Made by `open_run`.

    Attributes:
        folder: Where it lies.
        run: Provenance and settings, with the chosen suites and variants alone.
    """

    def __init__(self, folder: Path, run: Run, suites: Sequence[str], variants: Sequence[str]):
        self.folder = folder
        self.run = msgspec.structs.replace(
            run,
            suites=_chosen("suite", suites, run.suites, run),
            variants=tuple(
                variant
                for variant in run.variants
                if variant.name
                in _chosen("variant", variants, tuple(v.name for v in run.variants), run)
            ),
        )
        self._is_part = self.run != run

    @cached_property
    def store(self) -> Path:
        """The Parquet file of its measured turns."""
        bar = NotebookBar(translate("measuring the turns of {run}", run=self.run.run_id))
        num_shown: list[float] = []

        def progress(share: float) -> None:
            num_shown.append(share)
            bar.show(share)

        path = open_store(self.folder, progress)
        if num_shown:
            text = "The turns of {run} are measured; next time they are there."
            bar.end(translate(text, run=self.run.run_id))
        return path

    @cached_property
    def cases(self) -> dict[tuple[str, str], Case]:
        """By (suite, case id)."""
        return read_cases(self.folder)

    @cached_property
    def report(self) -> Report:
        """Its turns scored: what tables and figures are made of."""
        return make_report(self.folder, self._planned(), self.cases, iter_kept(self.store))

    def _planned(self) -> Run:
        """The run; of a part of one, only what is there counts as planned."""
        if not self._is_part:
            return self.run
        where = f"suite IN {_list(self.run.suites)} AND variant IN {_list(self._variant_names)}"
        counted = self.sql(f"SELECT count(*) AS n FROM turns WHERE {where}")
        return msgspec.structs.replace(self.run, num_turns_planned=int(counted["n"][0]))

    @property
    def _variant_names(self) -> tuple[str, ...]:
        return tuple(variant.name for variant in self.run.variants)

    def to_pandas(self, what: Frame = "turns") -> pd.DataFrame:
        """A frame of the turns that count, or of what is in them.

        Args:
            what: `turns`, one row a turn with its metrics; `facts`, one row an expected fact;
                `windows`, `tokens` and `events`, read from the records.

        Raises:
            ConfigError: There is no such frame.
        """
        from voicebench.report.frames import make_frame

        return make_frame(self, what)

    def sql(self, query: str) -> pd.DataFrame:
        """What DuckDB answers to a query over `turns`: one row a turn, warm-up turns left out, the
        columns as in `to_pandas`.

        Raises:
            ConfigError: The query is wrong.
        """
        import duckdb

        with duckdb.connect() as database:
            database.execute(
                f"CREATE VIEW turns AS SELECT * EXCLUDE ({_INTERNAL}) "
                f"FROM read_parquet('{str(self.store).replace(chr(39), chr(39) * 2)}') "
                "WHERE NOT is_warm_up"
            )
            try:
                return database.execute(query).df()
            except duckdb.Error as error:
                first = str(error).strip().splitlines()[0]
                raise ConfigError(f"the query does not run: {first}") from None

    def turn(
        self, case: str = "", *, variant: str = "", repeat: int = 0, turn_index: int = 0
    ) -> Turn:
        """One whole record.

        Args:
            case: Its case's id; empty for the turn with most to look at: false statements first,
                then missed facts, then characters heard wrongly.
            variant: Empty for the first that has it.
            repeat: Counted from 0.
            turn_index: Counted from 0.

        Raises:
            ConfigError: There is no such turn.
            RecordError: The run has none at all.
        """
        return self.report.read(self._find(case, variant, repeat, turn_index))

    def _find(self, case: str, variant: str, repeat: int, turn_index: int) -> KeptTurn:
        kept = self.report.kept
        if not kept:
            raise RecordError(f"run {self.run.run_id} has no turn yet", _how_to_continue(self))
        if variant:
            _chosen("variant", [variant], self._variant_names, self.run)
            kept = tuple(each for each in kept if each.turn.variant == variant)
        if not case:
            return next(iter(rank_turns(kept)), kept[0])
        found = [each for each in kept if each.turn.case_id == case]
        if not found:
            known = sorted({each.turn.case_id for each in kept})
            raise ConfigError(
                f"run {self.run.run_id} has no turn of case {case!r}",
                did_you_mean(case, known) or f"There are: {', '.join(known[:12])}",
            )
        for each in found:
            if (each.turn.repeat, each.turn.turn_index) == (repeat, turn_index):
                return each
        there = sorted({(each.turn.repeat, each.turn.turn_index) for each in found})
        raise ConfigError(
            f"case {case} has no turn {turn_index} of repeat {repeat}",
            f"There are (repeat, turn): {', '.join(map(str, there[:12]))}",
        )

    def _repr_html_(self) -> str:
        about = [(name, escape(value)) for name, value in self._about()]
        notes = "".join(note_html(text, is_bad=True) for text in warnings_of(self))
        results = "".join(map(table_html, tables_of_mode(self.report)))
        head = f"<h3>{escape(translate('Run {run}', run=self.run.run_id))}</h3>"
        digest = table_html(digest_table(self.report))
        results = folded(translate("Results"), results)
        return fragment(head, list_html(about), notes, digest, results)

    def __repr__(self) -> str:
        lines = [f"Run {self.run.run_id}", *(f"  {n:<10}{v}" for n, v in self._about())]
        lines += warnings_of(self)
        tables = (digest_table(self.report), *tables_of_mode(self.report))
        return "\n".join([*lines, *map(repr, tables)])

    def _about(self) -> list[tuple[str, str]]:
        run, machine = self.run, self.run.machine
        return [
            ("begun", run.created_at),
            ("mode, pace", f"{translate(run.mode)}, {translate(run.pace.replace('_', '-'))}"),
            ("profile", str(run.profile.get("name"))),
            ("suites", ", ".join(run.suites)),
            ("variants", ", ".join(self._variant_names)),
            (
                "turns",
                translate(
                    "{num} of {planned}, repeats {repeats}, warm-up turns left out {warm_up}",
                    num=self.report.num_turns,
                    planned=self.report.run.num_turns_planned,
                    repeats=run.repeats,
                    warm_up=self.report.num_warm_up,
                ),
            ),
            ("code", code_of(run)),
            (
                "machine",
                f"{machine.get('cpu')}, "
                + translate("{num} cores", num=machine.get("num_cores_usable")),
            ),
        ]


def open_run(
    run: str | Path = LATEST,
    *,
    suites: str | Sequence[str] = (),
    variants: str | Sequence[str] = (),
) -> OpenRun:
    """Opens a run.

    Args:
        run: Its folder, its id under `reports/`, or `latest`.
        suites: The suites to look at, as names or as one text with commas; none for all.
        variants: Likewise.

    Raises:
        RecordError: There is no such run, or it is from another version.
        ConfigError: It has no such suite or variant.
    """
    folder = find_run(run)
    return OpenRun(folder, read_run(folder), _names(suites), _names(variants))


def find_run(run: str | Path) -> Path:
    """A run's folder.

    Raises:
        RecordError: There is none.
    """
    if (Path(run) / RUN_FILE).is_file():
        return Path(run)
    reports = find_reports()
    folders = {folder.name: folder for folder in run_folders(reports)}
    if str(run) == LATEST and folders:
        return max(folders.values(), key=lambda folder: read_run(folder).created_at)
    if str(run) in folders:
        return folders[str(run)]
    if not folders:
        raise RecordError(
            f"there is no run {str(run)!r}, and no other in {reports}",
            "Make one: voicebench run --max-cases 3",
        )
    there = ", ".join(sorted(folders)[-5:])
    raise RecordError(
        f"there is no run {str(run)!r}, neither as a folder nor in {reports}",
        did_you_mean(str(run), folders) or f"The last ones: {there}",
    )


def find_reports() -> Path:
    """The folder `reports` here or above, as a notebook's own folder lies beside it."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "reports").is_dir():
            return folder / "reports"
    return here / "reports"


def run_folders(reports: Path) -> list[Path]:
    """The folders of runs in a folder."""
    return sorted(path.parent for path in reports.glob(f"*/{RUN_FILE}"))


def warnings_of(opened: OpenRun) -> list[str]:
    """What a reader must know before believing a figure, with the way out."""
    found = problems(opened.report)
    if len(opened.report.kept) < opened.report.run.num_turns_planned:
        found[0] = f"{found[0]} {_how_to_continue(opened)}"
    return found


def _how_to_continue(opened: OpenRun) -> str:
    return f"Continue it: voicebench run --out {shlex.quote(str(opened.folder))}"


def _names(names: str | Sequence[str]) -> list[str]:
    if isinstance(names, str):
        return [name.strip() for name in names.split(",") if name.strip()]
    return list(names)


def _chosen(what: str, names: Sequence[str], known: Sequence[str], run: Run) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            raise ConfigError(
                f"run {run.run_id} has no {what} {name!r}",
                did_you_mean(name, known) or f"There are: {', '.join(known)}",
            )
    return tuple(name for name in known if name in names) if names else tuple(known)


def _list(names: Sequence[str]) -> str:
    quoted = (name.replace("'", "''") for name in names)
    return "(" + ", ".join(f"'{name}'" for name in quoted) + ")"
