"""Loading a FunASR model folder, offline, without leaving traces in the process.

FunASR, left alone, prints, installs a log handler, reseeds every random generator, starts a
download when the folder does not exist, and goes on with random weights when a checkpoint lacks
some. Here the folder is checked first, file by file, and the process is left as it was.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import random
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from voicebench.asr.random_weights import ensure_random_weights
from voicebench.budget.check import check_asr, memory_now
from voicebench.config import AsrProfile
from voicebench.errors import ConfigError, MissingPackageError, ModelError

_WAY_OUT = "Reinstall voicebench, or give a complete FunASR model folder in the profile"
_CONFIG_KEYS = (
    "model", "encoder", "decoder", "predictor", "frontend", "frontend_conf", "tokenizer",
    "tokenizer_conf",
)  # fmt: skip


def load_folder(profile: AsrProfile) -> tuple[Any, dict[str, Any]]:
    """Loads a model folder onto the profile's device.

    Args:
        profile: Folder, device and threads. The threads are set for the whole process, once. The
            folder is made first where it is one of random weights.

    Returns:
        The FunASR model in evaluation mode, and FunASR's settings: `frontend`, `token_list`, ...

    Raises:
        ModelError: The folder or one of its files is missing or corrupt; the file is named.
        BudgetError: The device's memory cannot hold it.
        ConfigError: The device is not there, or cannot compute in int8.
        MissingPackageError: FunASR is not installed.
        StorageError: Random weights cannot be written.
    """
    for package in ("torch", "funasr", "kaldi_native_fbank"):
        if importlib.util.find_spec(package) is None:
            raise MissingPackageError(
                f"package {package} is not installed, so nothing can be recognised",
                "pip install 'voicebench[cpu]' or 'voicebench[gpu]'",
            )
    if profile.int8 and profile.device != "cpu":
        raise ConfigError(f"int8 on device {profile.device!r}", "Set int8: false, or device: cpu")
    folder = Path(profile.folder)
    if profile.random_weights:
        with _traceless():
            ensure_random_weights(folder, profile.random_weights)
    class_name = _check_files(folder)
    with _traceless():
        import torch

        if profile.device != "cpu" and not torch.cuda.is_available():
            raise ConfigError(
                f"device {profile.device!r} is not available here", "Set device: cpu in the profile"
            )
    on_cpu = profile.device == "cpu"
    check_asr(profile, *(memory_now() if on_cpu else torch.cuda.mem_get_info(profile.device)))
    with _traceless():
        expected_keys = _checkpoint_keys(folder / "model.pt")
        from funasr import AutoModel

        try:
            auto_model = AutoModel(
                model=str(folder.resolve()),
                device=profile.device,
                ncpu=profile.num_threads,
                disable_update=True,
                disable_pbar=True,
                ignore_init_mismatch=False,
            )
        except Exception as error:  # FunASR raises whatever its parts raise
            raise ModelError(
                f"model folder {folder} cannot be loaded: {_one_line(error)}", _WAY_OUT
            ) from error
    missing = sorted(set(auto_model.model.state_dict()) - expected_keys)
    if missing:
        raise ModelError(
            f"{folder / 'model.pt'} lacks {len(missing)} weights of its {class_name}: "
            f"{missing[0]}, ...",
            _WAY_OUT,
        )
    if profile.int8:
        _quantize(auto_model.model)
    return auto_model.model, auto_model.kwargs


def hotword_ids(model: Any, settings: dict[str, Any], hotwords: Sequence[str]) -> list[list[int]]:
    """Token ids of each hotword, as the model takes them, the mark for none of them last.

    Args:
        model: From `load_folder`.
        settings: From `load_folder`.
        hotwords: May be empty; then nothing is returned.

    Raises:
        ConfigError: The model has no hotwords, or a word is not one.
    """
    if not hotwords:
        return []
    if not hasattr(model, "generate_hotwords_list"):
        raise ConfigError(
            f"a {type(model).__name__} knows no hotwords", "Take a SeacoParaformer, or no hotwords"
        )
    for word in hotwords:
        # FunASR divides at spaces, and takes other words for a file or an address
        if not word or any(char.isspace() for char in word) or not word.isalnum():
            raise ConfigError(f"hotword {word!r} is not a word", "Give letters and Hanzi alone")
    with _traceless():
        found: list[list[int]] = model.generate_hotwords_list(
            " ".join(hotwords), tokenizer=settings["tokenizer"], frontend=settings["frontend"]
        )
    return found


def _quantize(model: Any) -> None:
    """Linear layers to int8, in place; what goes into them is quantised as it comes."""
    import torch

    with _traceless():  # of warnings that another package will hold these functions one day
        quantize: Any = torch.ao.quantization.quantize_dynamic
        quantize(model, {torch.nn.Linear}, dtype=torch.qint8, inplace=True)


def _check_files(folder: Path) -> str:
    """Checks what is cheap to check; returns the model's class name."""
    import yaml

    if not folder.is_dir():
        raise ModelError(f"there is no model folder {folder}", _WAY_OUT)
    for name in ("config.yaml", "tokens.json", "am.mvn", "model.pt"):
        if not (folder / name).is_file():
            raise ModelError(f"model folder {folder} lacks {name}", _WAY_OUT)
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        missing = [key for key in _CONFIG_KEYS if key not in config]
        if missing:
            raise ValueError(f"no {missing[0]} in it")
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise _corrupt(folder / "config.yaml", error) from None
    try:
        tokens = json.loads((folder / "tokens.json").read_text(encoding="utf-8"))
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise ValueError("not a list of strings")
    except (OSError, ValueError) as error:
        raise _corrupt(folder / "tokens.json", error) from None
    try:
        statistics = (folder / "am.mvn").read_text(encoding="utf-8")
        if "<AddShift>" not in statistics or "<Rescale>" not in statistics:
            raise ValueError("no <AddShift> and <Rescale> in it")
    except (OSError, ValueError) as error:
        raise _corrupt(folder / "am.mvn", error) from None
    return str(config["model"])


def _checkpoint_keys(path: Path) -> set[str]:
    import torch

    try:
        checkpoint = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        return set(checkpoint.get("state_dict", checkpoint))
    except Exception as error:  # zip, pickle and torch errors, each of its own kind
        raise _corrupt(path, error) from None


def _corrupt(path: Path, error: Exception) -> ModelError:
    return ModelError(f"{path} is corrupt: {_one_line(error)}", _WAY_OUT)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__} {' '.join(str(error).split())[:200]}"


@contextlib.contextmanager
def _traceless() -> Iterator[None]:
    """Keeps prints, warnings, log handlers and reseeding of what runs inside from the process."""
    import torch

    root = logging.getLogger()
    handlers, level, disabled = root.handlers[:], root.level, logging.root.manager.disable
    python_state, numpy_state, torch_state = (
        random.getstate(),
        np.random.get_state(),
        torch.get_rng_state(),
    )
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        root.handlers[:] = handlers
        root.setLevel(level)
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
