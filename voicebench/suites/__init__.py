"""Suites: spoken cases with gold transcripts and facts, from `datasets/<suite>/`."""
