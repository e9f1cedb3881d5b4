"""Metrics as pure functions of stored records: no model, no torch, no clock of their own.

    transcripts   normalize, error_rate, seams, confidence
    answers       entities (numbers, calendar), assertion, facts, constraints, attribution
    speed         latency, waterfall
    figures       stats, summary

Counts are stored and added over a corpus; rates are derived from the sums, never averaged.
"""
