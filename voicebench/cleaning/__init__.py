"""Cleaning: what a person said with the hesitations taken out, as plain str -> str rules."""
