"""What a profile needs of a card, from dimensions alone: bytes, operations and floors of time."""
