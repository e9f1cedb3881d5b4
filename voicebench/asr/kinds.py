"""Recognizers by kind: a line here and a file of its own add one."""

from __future__ import annotations

from voicebench.asr.base import Recognizer
from voicebench.factories import import_factory, require_members
from voicebench.profiles.schema import AsrProfile
from voicebench.profiles.verification import require_asr

KINDS = {"paraformer": "voicebench.asr.paraformer:load_recognizer"}
"""`module:function` by the profile's `asr.kind`; the function takes the `AsrProfile`."""

MEMBERS = ("vocabulary", "recognize", "recognize_batch", "close")


def build_recognizer(profile: AsrProfile) -> Recognizer:
    """Loads a recognizer; takes seconds, imports its libraries.

    Raises:
        ConfigError: An unknown kind, or a factory of the user's own that makes something else.
        ModelError: The model folder is missing or does not fit its checksums.
        MissingPackageError: A library is not installed.
    """
    factory = import_factory(profile.kind, KINDS, "asr.kind")
    require_asr(profile)
    recognizer: Recognizer = factory(profile)
    require_members(recognizer, MEMBERS, "Recognizer", f"asr.kind {profile.kind!r}")
    return recognizer
