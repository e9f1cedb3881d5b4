"""How the bundled models are made: a small language, speech from it, dialogues in it, two trainings.

`lexicon` holds the words, `values` the numbers, dates and names, `frames` the sentences, `sentences`
the recogniser's texts, `dialogues` the LLM's conversations. Everything is seeded.
"""
