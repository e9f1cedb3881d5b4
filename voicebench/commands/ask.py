"""`voicebench ask`: recordings in; transcript, cleaned text, answer and waterfall out."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from voicebench.renamed import pace_name, preset_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from voicebench.commands._ask_view import View
    from voicebench.pipeline.assistant import Assistant
    from voicebench.pipeline.memory import Conversation
    from voicebench.types import Pace, Turn, Variant

_MAX_DURATION_S = 4 * 3600.0

_EPILOG = """\
examples:
  voicebench ask question.wav
  voicebench ask question.wav --cleaning full --prompt brief
  voicebench ask first.wav second.wav --conversation        the second may refer to the first
  voicebench ask question.mp3 --json | jq .metrics
  voicebench ask question.wav --recognition windows         recognized as live speech is
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `ask` to the command line."""
    parser = subparsers.add_parser(
        "ask",
        help="ask a recorded question and see every step of the answer",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="recordings in any common format")
    parser.add_argument(
        "--example", type=int, nargs="?", const=1, metavar="N",
        help="ask one of the six bundled recordings: synthetic speech, which the bundled models know",
    )  # fmt: skip
    parser.add_argument("--profile", default="bundled", help="profile or .yaml file (bundled)")
    parser.add_argument(
        "--prompt", type=preset_name, default="baseline", help="named system prompt (baseline)"
    )
    parser.add_argument(
        "--cleaning", type=preset_name, default="baseline", help="cleaning preset (baseline)"
    )
    parser.add_argument(
        "--prompt-template", default="", metavar="TEXT", help="user message, with {asr_text} in it"
    )
    parser.add_argument(
        "--pace",
        type=pace_name,
        choices=("fast", "real_time"),
        default="fast",
        help="the recording at once with its arrival simulated, or by the clock (fast)",
    )
    parser.add_argument(
        "--recognition",
        choices=("segments", "windows"),
        default=None,
        help="between pauses, as uploads are recognized, or in windows, as live speech is "
        "(segments; at real-time pace windows)",
    )
    parser.add_argument("--max-tokens", type=int, default=128, metavar="N", help="(128)")
    parser.add_argument(
        "--min-confidence",
        type=float,
        default=0.0,
        metavar="P",
        help="confidence under which a transcript is not answered; live it is 0.65 (0: answer all)",
    )
    parser.add_argument(
        "--conversation",
        action="store_true",
        help="the files are turns of one conversation, not questions of their own",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a file")
    parser.set_defaults(func=run)


def _files(args: argparse.Namespace) -> list[str]:
    """The recordings: those named, and a bundled one.

    Raises:
        ConfigError: There is none, or no example of that number.
    """
    from voicebench.bundled.examples import examples
    from voicebench.errors import ConfigError

    files = list(args.files)
    if args.example is not None:
        if not 1 <= args.example <= len(examples()):
            known = f"Choose 1 to {len(examples())}."
            raise ConfigError(f"there is no example {args.example}", known)
        files.append(str(examples()[args.example - 1].path))
    if not files:
        raise ConfigError("no recording to ask", "Name a FILE, or try `--example`.")
    return files


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0; 1 if a turn failed.

    Raises:
        AudioError, ConfigError, ModelError: The user's mistakes; before any model is loaded where
            that is possible.
    """
    import asyncio

    from voicebench.commands._ask_view import JsonView, TerminalView
    from voicebench.profiles.loader import load_profile

    args.files = _files(args)
    variant = _variant(args)
    profile = load_profile(args.profile)
    for name in dict.fromkeys(args.files):
        _check_recording(name)
    view: View = JsonView() if args.json else TerminalView()
    with view.loading(profile) as (recognizer, generator):
        from voicebench.pipeline.assistant import Assistant

        assistant = Assistant(recognizer, generator, variant)
        turns = asyncio.run(_ask_all(args, assistant, view))
    return int(any(turn.failure is not None for turn in turns))


def _variant(args: argparse.Namespace) -> Variant:
    from voicebench.cleaning.presets import clean
    from voicebench.errors import ConfigError
    from voicebench.llm.prompts import fill_template, find_prompt
    from voicebench.types import Guard, Recognition, Sampling, Variant

    clean("", args.cleaning)
    find_prompt(args.prompt)
    fill_template(args.prompt_template, "")
    if args.max_tokens < 1:
        raise ConfigError(f"--max-tokens {args.max_tokens} is not a number of tokens", "Use 1 up.")
    if not 0 <= args.min_confidence <= 1:
        raise ConfigError(
            f"--min-confidence {args.min_confidence} is no probability", "Use 0 to 1."
        )
    recognition: Recognition = args.recognition or (
        "windows" if args.pace == "real_time" else "segments"
    )
    if args.pace == "real_time" and recognition == "segments":
        raise ConfigError(
            "--pace real_time plays live speech, and --recognition segments waits for the whole "
            "recording",
            "Leave one of them out.",
        )
    return Variant(
        name="ask",
        recognition=recognition,
        cleaning=args.cleaning,
        prompt=args.prompt,
        prompt_template=args.prompt_template,
        sampling=Sampling(max_tokens=args.max_tokens),
        guard=Guard(min_confidence=args.min_confidence),
    )


async def _ask_all(
    args: argparse.Namespace,
    assistant: Assistant,
    view: View,
) -> list[Turn]:
    from voicebench.pipeline.memory import Conversation

    budget_tokens = assistant.variant.history_budget_tokens
    shared = Conversation(budget_tokens)
    turns = []
    for index, name in enumerate(args.files):
        conversation = shared if args.conversation else Conversation(budget_tokens)
        view.begin(name, num_files=len(args.files))
        turns.append(await _ask(assistant, conversation, view, args.pace, name, index))
    return turns


async def _ask(
    assistant: Assistant,
    conversation: Conversation,
    view: View,
    pace: Pace,
    name: str,
    index: int,
) -> Turn:
    """One file as one turn: all of it is the question, however long its pauses.

    It is read again here, block by block: memory does not grow with its length.
    """
    from voicebench.pipeline.assistant import collect_turn
    from voicebench.pipeline.pace import make_clock
    from voicebench.pipeline.turn import new_turn

    begun = new_turn(
        "ask",
        pace,
        case_id=name,
        variant=assistant.variant.name,
        turn_index=index,
    )
    clock = make_clock(begun.pace)
    events = []
    async for event in assistant.run_recording(_blocks(name), conversation, clock=clock):
        events.append(event)
        view.show(event)
    turn = collect_turn(events, begun)
    view.end(name, turn)
    return turn


def _check_recording(name: str) -> None:
    """Decodes all of it once, so that what is wrong with it is known before a model is loaded.

    Raises:
        AudioError: See `stream_audio`.
    """
    for _ in _blocks(name):
        pass


def _blocks(name: str) -> Iterator[NDArray[np.float32]]:
    from voicebench.asr.segments import BLOCK_S
    from voicebench.audio import stream_audio

    return stream_audio(name, BLOCK_S, max_duration_s=_MAX_DURATION_S)
