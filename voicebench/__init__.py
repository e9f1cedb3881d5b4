"""voicebench: a voice assistant on one GPU, and the bench that measures it.

The pipeline (FunASR -> cleaning -> vLLM, one process) lives in `asr`, `cleaning`, `llm` and
`pipeline`; the measuring (suites, runs, metrics, reports) in `suites`, `runs`, `metrics` and
`report`. Importing this package has no effects and loads nothing heavy. Try it:

    voicebench doctor
    voicebench ask question.wav
"""

__version__ = "0.1.0"
