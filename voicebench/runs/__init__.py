"""Runs: which turns there are, how they are executed, and the records they leave."""
