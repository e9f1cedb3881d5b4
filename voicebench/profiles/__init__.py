"""Profiles: which two models a run uses, and how they are loaded.

`schema` holds the types, `loader` reads a YAML file, `verification` checks that the models are there.
Nothing here makes a model: that is `asr.kinds` and `llm.kinds`.
"""
