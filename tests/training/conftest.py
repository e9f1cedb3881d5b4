"""What all tests of the recipe need."""

from __future__ import annotations

from tests.natural_sentences import natural_sentences

__all__ = ["natural_sentences"]
