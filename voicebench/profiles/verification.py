"""Are a profile's models there, whole and of the right kind? Nothing is loaded."""

from __future__ import annotations

from pathlib import Path

from voicebench.bundled.manifest import verify_model
from voicebench.hub.inspection import require_role
from voicebench.hub.store import require_model
from voicebench.profiles.schema import (
    AsrProfile,
    AuxiliaryModelProfile,
    LlmProfile,
    is_own_factory,
)


def require_asr(asr: AsrProfile, *, with_speakers: bool = False) -> None:
    """Refuses a recognizer whose models are missing or damaged.

    Args:
        asr: The recognizer and its auxiliary models.
        with_speakers: Whether the speaker model is needed; it is not checked otherwise.

    Raises:
        ModelError: The command that fetches or mends it is named.
    """
    require_part(asr)
    if asr.transcript_source:
        verify_model(Path(asr.transcript_source))
    for name, model in asr.auxiliary_models.items():
        if with_speakers or name != "speakers":
            require_part(model, name)


def require_part(part: AsrProfile | LlmProfile | AuxiliaryModelProfile, role: str = "") -> None:
    """Refuses a model that is missing, damaged or of another kind.

    Args:
        part: One model of a profile.
        role: What an auxiliary model does; the role of the other two goes with their type.

    Raises:
        ModelError: The command that fetches or mends it is named.
    """
    if isinstance(part, AsrProfile | LlmProfile):
        if part.random_weights or is_own_factory(part.kind):
            return  # made on first use; checked by its own factory
        role = "recogniser" if isinstance(part, AsrProfile) else "LLM"
    if part.model:
        require_model(part.model)
    verify_model(Path(part.folder))
    require_role(Path(part.folder), role, part.model)
