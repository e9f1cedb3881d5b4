"""`voicebench serve`: both models in one process, behind OpenAI's API and FunASR's."""

from __future__ import annotations

import argparse
import importlib.util
import os
from typing import TYPE_CHECKING

from voicebench.renamed import add_renamed, preset_name

if TYPE_CHECKING:
    from voicebench.profiles.schema import Profile
    from voicebench.serving.settings import Limits, Settings

KEY_VARIABLE = "VOICEBENCH_API_KEY"

_EPILOG = f"""\
examples:
  voicebench serve
  voicebench serve --profile 4090d --host 0.0.0.0 --api-key-file /run/secrets/key
  curl http://127.0.0.1:8000/v1/audio/transcriptions -F file=@question.wav

environment:
  {KEY_VARIABLE}   API key, where --api-key-file is not given
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `serve` to the command line."""
    parser = subparsers.add_parser(
        "serve",
        help="answer programs (OpenAI's API, live speech, FunASR's protocol) and people (a page)",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", default="bundled", help="profile or .yaml file (bundled)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (8000)")
    parser.add_argument("--page-port", type=int, default=7860, help="of the page for people (7860)")
    parser.add_argument("--no-page", action="store_true", help="serve programs only")
    parser.add_argument(
        "--api-key-file", metavar="FILE", help="file with the key that clients must give"
    )
    parser.add_argument(
        "--ssl-certfile", default="", metavar="FILE", help="PEM certificate: serve over TLS"
    )
    parser.add_argument(
        "--ssl-keyfile", default="", metavar="FILE",
        help="its PEM key, where it is not in the certificate's file",
    )  # fmt: skip
    parser.add_argument(
        "--model-name", action="append", default=[], metavar="NAME",
        help="another name under which clients may ask for the model; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--cors-origin", action="append", default=[], metavar="URL",
        help="web pages from there may call; repeatable (none)",
    )  # fmt: skip
    parser.add_argument(
        "--prompt", type=preset_name, default="baseline", help="named system prompt (baseline)"
    )
    parser.add_argument(
        "--cleaning", type=preset_name, default="baseline", help="cleaning preset (baseline)"
    )
    parser.add_argument(
        "--handoff", default="text", help="how a recording's transcript reaches the LLM (text)"
    )
    parser.add_argument(
        "--min-confidence", type=float, default=0.65, metavar="P",
        help="confidence under which a transcript is not answered (0.65; 0: answer all)",
    )  # fmt: skip
    parser.add_argument(
        "--no-early-work", action="store_true",
        help="live speech without prefill and speculation",
    )  # fmt: skip
    parser.add_argument(
        "--drain-s", type=float, default=30.0, metavar="S",
        help="at SIGTERM, longest wait for what is being answered (30)",
    )  # fmt: skip
    parser.add_argument(
        "--log-content", action="store_true", help="log transcripts and answers too"
    )
    set_limit = parser.add_argument(
        "--set-limit", action="append", default=[], metavar="NAME=VALUE",
        help="change a limit, for example max_audio_s=60; repeatable; an unknown name lists all",
    )  # fmt: skip
    add_renamed(parser, "--limit", set_limit)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Runs the command; 0 after a signal.

    Raises:
        ConfigError, ModelError, MissingPackageError: The user's mistakes.
    """
    from voicebench.errors import ConfigError, MissingPackageError
    from voicebench.profiles.loader import load_profile

    try:
        from voicebench.serving.server import run as serve

        if not args.no_page and not importlib.util.find_spec("gradio"):
            raise ImportError(name="gradio")
    except ImportError as error:
        raise MissingPackageError(
            f"the service needs a package that is not installed ({error.name})",
            "In a clone: pip install -e '.[serve]'",
        ) from None
    from voicebench.asr.base import Recognizer
    from voicebench.asr.hotwords import check_hotwords
    from voicebench.llm.base import Generator
    from voicebench.pipeline.ready import load_and_warm_up

    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # read when torch is imported
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    profile = load_profile(args.profile)
    check_hotwords(profile.asr)
    settings = _settings(args, profile)

    def load() -> tuple[Recognizer, Generator]:
        return load_and_warm_up(profile, num_streams=max(2, profile.llm.max_num_seqs))

    if args.ssl_keyfile and not args.ssl_certfile:
        raise ConfigError("--ssl-keyfile needs --ssl-certfile", "Name the certificate's file too.")
    page_port = None if args.no_page else args.page_port
    serve(settings, load, args.host, args.port, args.drain_s, page_port)
    return 0


def _settings(args: argparse.Namespace, profile: Profile) -> Settings:
    import msgspec

    from voicebench.errors import ConfigError
    from voicebench.serving.settings import Settings
    from voicebench.types import Guard, Variant

    switches = {
        "name": "service",
        "prompt": args.prompt,
        "cleaning": args.cleaning,
        "handoff": args.handoff,
        "prefill": not args.no_early_work,
        "speculation": not args.no_early_work,
    }
    try:
        guard = Guard(min_confidence=args.min_confidence)
        variant = msgspec.convert({**switches, "guard": msgspec.to_builtins(guard)}, Variant)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(f"the service cannot be set up so: {error}") from None
    api_key = _api_key(args.api_key_file)
    is_local = args.host in ("localhost", "127.0.0.1", "::1")
    return Settings(
        profile=profile.name,
        variant=variant,
        limits=_limits(args.set_limit, profile),
        aliases=tuple(args.model_name),
        api_key=api_key,
        hosts=("localhost",) if is_local and not api_key else (),
        cors_origins=tuple(args.cors_origin),
        logs_content=args.log_content,
        tls_cert=args.ssl_certfile,
        tls_key=args.ssl_keyfile,
    )


def _limits(assignments: list[str], profile: Profile) -> Limits:
    """The limits as told; on a GPU there are places for twice the turns that the LLM decodes at once, so
    that it has the next prompt at hand whenever one ends."""
    import msgspec

    from voicebench.errors import ConfigError
    from voicebench.serving.settings import Limits

    given = dict(text.partition("=")[::2] for text in assignments)
    if unknown := set(given) - set(Limits.__struct_fields__):
        known = ", ".join(f"{name}={getattr(Limits(), name)}" for name in Limits.__struct_fields__)
        raise ConfigError(f"--limit {min(unknown)!r} is no limit", f"Known: {known}.")
    if profile.asr.device != "cpu":
        given.setdefault("max_turns", str(2 * profile.llm.max_num_seqs))
    try:
        return msgspec.convert(given, Limits, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(f"--limit: {error}", "Write NAME=NUMBER.") from None


def _api_key(path: str | None) -> str:
    from pathlib import Path

    from voicebench.errors import ConfigError

    if path is None:
        return os.environ.get(KEY_VARIABLE, "").strip()
    try:
        key = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--api-key-file {path!r} cannot be read: {error}") from None
    if not key:
        raise ConfigError(f"--api-key-file {path!r} is empty", "Write the key into it.")
    return key
