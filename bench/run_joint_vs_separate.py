"""One process against two services: the same models, audio and prompts, in five arms, in one run.

    python bench/run_joint_vs_separate.py --profile bundled --limit 30

    (a) two services     a recogniser (`asr_service.py`) and vLLM's OpenAI server, over HTTP, serial:
                         the client hears the end, posts the recording, then posts the prompt
    (b) one process      the same in one process, serial: all audio recognised after the end
    (c) + windows        windows are recognised while the person speaks
    (d) + prefill        and the prompt's beginning is computed meanwhile
    (e) + speculation    and the answer is begun at the onset of a pause

Audio comes at real-time pace. Every utterance runs in all arms, in an order drawn anew, before the
next one begins. Both prefix caches are emptied before every turn; with `--keep-system-prompt` the
system prompt is then computed again in every arm, as if earlier conversations had left it there.

`response_latency_s` is from the true end of speech and holds the endpoint's wait, which is a setting
and the same in every arm; `after commit` is the rest, from the endpoint's decision to the first
token. Ratios are of quantiles of arms, their intervals from resampling utterances. Results go to
`reports/joint_vs_separate/PROFILE/`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
from _common import COMMIT, REPORTS, finish
from _joint_arms import ARMS, Utterance, choose_utterances, variants
from _joint_figures import draw
from _joint_summary import COLUMNS, cells, row_of, summarize, write_markdown
from _runners import joint, measure, separate
from _separate import SeparateServices
from _services import ServiceError, running

from voicebench.errors import VoicebenchError
from voicebench.pipeline.assistant import Assistant
from voicebench.pipeline.ready import load_and_warm_up, prepare_folders
from voicebench.profiles.loader import load_profile
from voicebench.profiles.schema import Profile
from voicebench.runs import provenance
from voicebench.types import Hypothesis, Turn


async def run_arms(
    args: argparse.Namespace, profile: Profile, urls: tuple[str, str] | None,
    utterances: Sequence[Utterance],
) -> list[Turn]:  # fmt: skip
    """Loads the joint engine and runs every arm."""
    recognizer, generator = load_and_warm_up(profile)
    services = None
    try:
        assistants = {
            arm: Assistant(recognizer, generator, variant)
            for arm, variant in variants(args).items()
        }
        runners = {arm: joint(assistants[arm]) for arm in args.arms if arm != "a"}
        if urls:
            services = SeparateServices(
                *urls, assistants["a"], ignore_eos=profile.llm.load_format == "dummy"
            )
            runners["a"] = separate(services)
        head = assistants["b"].build_beginning((), Hypothesis())
        return await measure(
            "joint_vs_separate",
            {ARMS[arm]: runners[arm] for arm in args.arms},
            utterances,
            head if args.keep_system_prompt else None,
            args.seed,
        )
    finally:
        if services:
            await services.close()
        generator.close()
        recognizer.close()


def notes_of(profile: Profile, args: argparse.Namespace, num_warm_up: int) -> list[str]:
    """What a reader must know before believing a figure."""
    notes = [
        f"Real-time pace, arms interleaved by utterance in an order drawn with seed {args.seed}; "
        f"{num_warm_up} warm-up turns left out; one thread a model; endpoint after "
        f"{args.endpoint_silence:g} s of silence; at most {args.max_tokens} answer tokens.",
        "response: `response_latency_s`, from the true end of speech, endpoint wait in it; after "
        "commit: from the endpoint's decision. In brackets the 95 % interval of the ratio.",
        "Prefix caches are emptied before every turn"
        + (", then the system prompt is computed again." if args.keep_system_prompt else "."),
    ]
    if profile.has_random_weights:
        notes.insert(0, "Random weights: times, never quality. The full-size recogniser computes "
                     "every window and its output is thrown away; the words come from the bundled "
                     "recogniser, whose time is paid too, in every arm. Answers are nonsense of a "
                     "fixed length.")  # fmt: skip
    return [*notes, args.note] if args.note else notes


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="bundled")
    parser.add_argument("--arms", default="abcde", help="letters; ratios are to the first (abcde)")
    parser.add_argument("--suites", default="multi_turn,dialect_mix,daily_qa")
    parser.add_argument("--limit", type=int, default=30, help="utterances in each arm (30)")
    parser.add_argument("--longest", type=float, default=7.0, metavar="S", help="utterance (7)")
    parser.add_argument("--max-tokens", type=int, default=8, help="of an answer (8)")
    parser.add_argument("--endpoint-silence", type=float, default=0.5, metavar="S", help="(0.5)")
    parser.add_argument("--keep-system-prompt", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--note", default="", help="goes with the figures: what else went on")
    args = parser.parse_args()
    if not args.arms or set(args.arms) - set(ARMS) or len(set(args.arms)) < len(args.arms):
        parser.error(f"--arms {args.arms!r}: give some of {''.join(ARMS)}, each once")
    return args


def main() -> int:
    """Runs the bench; 0 when every turn was answered."""
    args = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the services are stopped on the way
    try:
        profile = load_profile(args.profile)
        prepare_folders(profile)
        load_before = provenance.load_average()
        turns = run(args, profile, choose_utterances(args))
    except VoicebenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return report(args, profile, turns, load_before)


def run(args: argparse.Namespace, profile: Profile, utterances: Sequence[Utterance]) -> list[Turn]:
    """Starts the services if an arm needs them, and runs every arm.

    Raises:
        ServiceError: A service did not start, or was lost.
    """
    if "a" not in args.arms:
        return asyncio.run(run_arms(args, profile, None, utterances))
    with (
        tempfile.TemporaryDirectory(prefix="services_") as logs,
        running(profile, Path(logs)) as services,
    ):
        urls = (services[0].url, services[1].url)
        try:
            return asyncio.run(run_arms(args, profile, urls, utterances))
        except httpx.HTTPError as error:
            for service in services:
                service.check()
            raise ServiceError(f"a service failed: {type(error).__name__} {error}") from error


def _without_places(profile: dict[str, Any]) -> dict[str, Any]:
    """A profile's settings without where its folders lie on this machine."""
    places = ("folder", "transcript_source")
    return {
        part: {k: v for k, v in settings.items() if k not in places}
        if isinstance(settings, dict)
        else settings
        for part, settings in profile.items()
    }


def report(
    args: argparse.Namespace, profile: Profile, turns: Sequence[Turn], load_before: Any
) -> int:
    """Writes and prints what came out."""
    folder = REPORTS / "joint_vs_separate" / profile.name
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row_of(turn) for turn in turns if not turn.is_warm_up]
    with (folder / "turns.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    arms = summarize(rows, [ARMS[arm] for arm in args.arms])
    notes = notes_of(profile, args, len(turns) - len(rows))
    lines = [cells(name, arm) for name, arm in arms.items()]
    heading = f"One process against two services, profile {profile.name}"
    write_markdown(folder / "table.md", heading, notes, lines)
    is_random = "random weights: times, never quality · " if profile.has_random_weights else ""
    footer = f"{is_random}real-time pace, arms interleaved · commit {COMMIT[:8]}"
    draw(folder, rows, arms, heading, footer)
    print("\n".join(notes))
    if not sys.stdout.isatty():
        os.environ.setdefault("COLUMNS", "240")  # a log has no edge to wrap at
    num_unanswered = sum(not row["answered"] for row in rows)
    finish(
        f"joint_vs_separate/{profile.name}",
        COLUMNS,
        lines,
        {
            "settings": vars(args),
            "profile": _without_places(msgspec.to_builtins(profile)),
            "notes": notes,
            "variants": {ARMS[k]: msgspec.to_builtins(v) for k, v in variants(args).items()},
            "num_warm_up": len(turns) - len(rows),
            "load_average_before": load_before,
            "arms": arms,
        },
    )
    return int(num_unanswered > 0)


if __name__ == "__main__":
    sys.exit(main())
