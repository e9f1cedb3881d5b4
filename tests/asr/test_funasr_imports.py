"""FunASR without its walk through every model it has."""

from __future__ import annotations

import subprocess
import sys


def test_funasr_imports_only_what_is_looked_up() -> None:
    """In a fresh process: the walk would import whisper, and clustering scikit-learn."""
    script = (
        "import sys\n"
        "from voicebench.asr.funasr_imports import import_funasr\n"
        "tables = import_funasr()\n"
        "assert 'funasr.models.paraformer.model' not in sys.modules\n"
        "assert tables.model_classes.get('SeacoParaformer').__name__ == 'SeacoParaformer'\n"
        "assert tables.frontend_classes['WavFrontend'].__name__ == 'WavFrontend'\n"
        "assert 'Paraformer' in tables.model_classes\n"
        "assert 'NoSuchModel' not in tables.model_classes\n"
        "assert tables.model_classes.get('NoSuchModel') is None\n"
        "assert 'funasr.models.whisper.model' not in sys.modules\n"
        "assert 'sklearn' not in sys.modules\n"
        "print('fine')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.endswith("fine\n"), done.stderr
