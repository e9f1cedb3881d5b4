"""Models from outside: where they are published, where they lie here, how they get from there to here."""
