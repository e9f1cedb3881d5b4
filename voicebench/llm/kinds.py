"""Language models by kind: a line here and a file of its own add one."""

from __future__ import annotations

from voicebench.factories import import_factory, require_members
from voicebench.llm.base import Generator
from voicebench.profiles.schema import LlmProfile
from voicebench.profiles.verification import require_part

KINDS = {"vllm": "voicebench.llm.vllm_engine:VllmGenerator"}
"""`module:function` by the profile's `llm.kind`; the function takes the `LlmProfile`."""

MEMBERS = ("stream", "generate", "close")


def build_generator(profile: LlmProfile) -> Generator:
    """Loads a language model; takes seconds, imports its libraries.

    Raises:
        ConfigError: An unknown kind, or a factory of the user's own that makes something else.
        ModelError: The model folder is missing or does not fit its checksums.
        MissingPackageError: A library is not installed.
    """
    factory = import_factory(profile.kind, KINDS, "llm.kind")
    require_part(profile)
    generator: Generator = factory(profile)
    require_members(generator, MEMBERS, "Generator", f"llm.kind {profile.kind!r}")
    return generator
