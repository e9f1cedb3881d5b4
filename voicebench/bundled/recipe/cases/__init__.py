"""How the shipped suites' cases are made: seeded, from held-out templates and hand-written lines.

    python -m voicebench.bundled.recipe.cases

writes `datasets/<suite>/cases.jsonl` again, the same bytes every time. `build` turns a marked-up
line into a turn, `sense` draws values that make sense together, and each suite has its module.
"""
