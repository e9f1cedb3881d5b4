"""Loading a FunASR model folder, offline, without leaving traces in the process.

FunASR, left alone, starts a download when the folder does not exist, and goes on with random weights
when a checkpoint lacks some. Here the folder is checked first, file by file, and the process is left
as it was (`preserve_global_state`).
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from voicebench.asr.funasr_imports import import_funasr
from voicebench.asr.global_state import preserve_global_state
from voicebench.asr.hotwords import check_hotwords, read_hotword_tokens
from voicebench.asr.random_weights import ensure_random_weights
from voicebench.budget.check import check_asr, memory_now
from voicebench.errors import ConfigError, MissingPackageError, ModelError
from voicebench.prerequisites import require_cuda
from voicebench.profiles.schema import AsrProfile

_WAY_OUT = "Reinstall voicebench, or give a complete FunASR model folder in the profile"
_TABLES = ("decoder.embed.0.weight", "embed.weight")
"""Embedding tables of a recogniser and of a punctuation model, by row a token."""
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
        ConfigError: The device is not there, its driver is too old, or it cannot compute in int8.
        MissingPackageError: FunASR is not installed.
        StorageError: Random weights cannot be written.
    """
    require_funasr()
    if profile.int8 and profile.device != "cpu":
        raise ConfigError(f"int8 on device {profile.device!r}", "Set int8: false, or device: cpu")
    folder = Path(profile.folder)
    if profile.random_weights:
        ensure_random_weights(folder, profile.random_weights)
    class_name = _check_files(folder)
    if profile.device != "cpu":
        require_cuda()
    with preserve_global_state():
        import torch
    on_cpu = profile.device == "cpu"
    check_asr(profile, *(memory_now() if on_cpu else torch.cuda.mem_get_info(profile.device)))
    model, settings = build_whole(folder, class_name, profile.device, profile.num_threads)
    if profile.int8:
        _quantize(model)
    return model, settings


def require_funasr() -> None:
    """Raises MissingPackageError where FunASR or what it needs is not installed."""
    for package in ("torch", "funasr", "kaldi_native_fbank"):
        if importlib.util.find_spec(package) is None:
            raise MissingPackageError(
                f"package {package} is not installed, so nothing can be recognised",
                "make setup, or in a clone: pip install -e '.[cpu]' (or '.[gpu]')",
            )


def build_whole(
    folder: Path, class_name: str, device: str, num_threads: int, weights: str = "model.pt"
) -> tuple[Any, dict[str, Any]]:
    """FunASR's model of a folder whose files were checked, with every weight from its checkpoint.

    Args:
        folder: Holds config.yaml and the rest.
        class_name: Of the model, for messages.
        device: `cpu`, `cuda` or `cuda:N`.
        num_threads: Set for the whole process.
        weights: Name of the checkpoint.

    Returns:
        The model in evaluation mode, and FunASR's settings.

    Raises:
        ModelError: FunASR cannot build it, or its checkpoint is corrupt or lacks weights.
    """
    with preserve_global_state():
        checkpoint = _checkpoint(folder / weights)
        _require_own_vocabulary(folder, weights, checkpoint)
        try:
            model, settings = _build(folder.resolve(), weights, device, num_threads)
        except Exception as error:  # FunASR raises whatever its parts raise
            raise ModelError(
                f"model folder {folder} cannot be loaded: {_one_line(error)}", _WAY_OUT
            ) from error
    missing = sorted(
        key
        for key in set(model.state_dict()) - set(checkpoint)
        if not key.endswith(".num_batches_tracked")  # counts steps of training; older ones lack it
    )
    if missing:
        raise ModelError(
            f"{folder / weights} lacks {len(missing)} weights of its {class_name}: "
            f"{missing[0]}, ...",
            _WAY_OUT,
        )
    return model, settings


def _build(folder: Path, weights: str, device: str, num_threads: int) -> tuple[Any, dict[str, Any]]:
    """What `AutoModel` builds from a folder, by the same registry, without its imports for clustering
    speakers (scikit-learn, 5 s)."""
    tables = import_funasr()
    import torch
    from funasr.download.download_model_from_hub import download_model
    from funasr.train_utils.load_pretrained_model import load_pretrained_model

    checkpoint = str(folder / weights)
    # Of a folder that is there nothing is downloaded: its files are entered into its settings.
    settings: dict[str, Any] = download_model(
        model=str(folder), init_param=checkpoint, device=device, ncpu=num_threads
    )
    torch.set_num_threads(num_threads)
    torch.manual_seed(0)
    if (tokenizer := settings.get("tokenizer")) is not None:
        tokenizer = tables.tokenizer_classes[tokenizer](**settings.get("tokenizer_conf", {}))
        settings["token_list"] = (
            tokenizer.get_vocab() if hasattr(tokenizer, "get_vocab") else tokenizer.token_list
        )
    frontend = settings.get("frontend")
    if frontend is not None:
        frontend = tables.frontend_classes[frontend](**settings.get("frontend_conf", {}))
    settings |= {
        "tokenizer": tokenizer,
        "vocab_size": len(settings.get("token_list", ())) or -1,
        "frontend": frontend,
        "input_size": None if frontend is None else frontend.output_size(),
    }
    model = tables.model_classes[settings["model"]](**settings | settings.get("model_conf", {}))
    load_pretrained_model(path=checkpoint, model=model, ignore_init_mismatch=False, scope_map=[])
    return model.to(device).eval(), settings


def hotword_ids(model: Any, profile: AsrProfile) -> list[list[int]]:
    """Token ids of each hotword, as the model takes them, the mark for none of them last.

    Args:
        model: From `load_folder`.
        profile: Its hotwords; of none, nothing is returned.

    Raises:
        ConfigError: The model has no hotwords, or no tokens for one.
        ModelError: See `read_hotword_tokens`.
    """
    if not profile.hotwords:
        return []
    check_hotwords(profile)
    known = read_hotword_tokens(Path(profile.folder))
    return [*([known.ids[t] for t in known.divide(w)] for w in profile.hotwords), [model.sos]]


def _quantize(model: Any) -> None:
    """Linear and LSTM layers to int8, in place; what goes into them is quantised as it comes."""
    import torch

    with (
        preserve_global_state()
    ):  # of warnings that another package will hold these functions one day
        quantize: Any = torch.ao.quantization.quantize_dynamic
        quantize(model, {torch.nn.Linear, torch.nn.LSTM}, dtype=torch.qint8, inplace=True)


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


def _checkpoint(path: Path) -> dict[str, Any]:
    """Tensors by name; they stay on the disk."""
    import torch

    try:
        checkpoint = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        for wrapping in ("state_dict", "model_state_dict", "model"):
            checkpoint = checkpoint.get(wrapping, checkpoint)
        return {key.removeprefix("module."): each for key, each in checkpoint.items()}
    except Exception as error:  # zip, pickle and torch errors, each of its own kind
        raise _corrupt(path, error) from None


def _require_own_vocabulary(folder: Path, weights: str, checkpoint: dict[str, Any]) -> None:
    """Refuses a tokens.json with more or fewer tokens than the checkpoint's embedding table."""
    path = folder / "tokens.json"
    table = next((checkpoint[key] for key in _TABLES if key in checkpoint), None)
    if table is None or not path.is_file():
        return
    num_tokens = len(json.loads(path.read_text(encoding="utf-8")))
    if num_tokens != len(table):
        raise ModelError(
            f"{path} has {num_tokens:,} tokens and {weights} {len(table):,}: it is the vocabulary "
            "of another model",
            "Copy all files of the folder from one model",
        )


def _corrupt(path: Path, error: Exception) -> ModelError:
    return ModelError(f"{path} is corrupt: {_one_line(error)}", _WAY_OUT)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__} {' '.join(str(error).split())[:200]}"
