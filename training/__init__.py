"""How the bundled models and the shipped suites are made: a small language, speech from it, two trainings.

    python -m training --work build/models     both models from nothing, about two hours on two cores
    python -m training.suites                  the cases of the shipped suites, byte for byte

`language` holds words, values, sentences and dialogues, `recognizer` and `llm` a training each,
`suites` a module for each suite. Everything is seeded. The wheel does not contain this folder.
"""
