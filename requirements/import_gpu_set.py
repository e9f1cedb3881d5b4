"""Imports what vLLM imports on a card, and lets vLLM choose among its attention back ends for an RTX 4090 D.

    LD_LIBRARY_PATH=FOLDER_OF_LIBCUDA .venv/bin/python requirements/import_gpu_set.py

Configuration alone: nothing is computed. Exit code 1 where an import fails, torch is a CPU build, or
FlashAttention is not what vLLM chooses.
"""

from __future__ import annotations

import importlib
import os
import sys

os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
MODULES = (
    "torch",
    "triton",
    "cuda.bindings.driver",
    "cuda.bindings.runtime",
    "cuda.bindings.nvrtc",
    "cutlass",
    "cutlass.cute",
    "flashinfer",
    "tilelang",
    "pynvml",
    "vllm.platforms.cuda",
)
WORKER_MODULES = (
    "vllm._C_stable_libtorch",
    "vllm.vllm_flash_attn",
    "vllm.v1.sample.ops.topk_topp_sampler",
    "vllm.model_executor.layers.quantization.auto_gptq",
    "vllm.model_executor.models.qwen3",
    "vllm.v1.worker.gpu_worker",
    "vllm.v1.worker.gpu_model_runner",
)
COMPUTE_CAPABILITY = (8, 9)
MEMORY_BYTES = 24 * 2**30


def main() -> int:
    """Prints one line for each module and back end; returns the exit code."""
    failures = [name for name in MODULES if not _can_import(name)]
    if not failures:
        _pretend_to_be_a_card()
        failures = [name for name in WORKER_MODULES if not _can_import(name)]
        failures += _wrong_build() + _wrong_backend()
    print(f"failed: {', '.join(failures)}" if failures else "the GPU set can be imported")
    return 1 if failures else 0


def _can_import(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"FAILED  {name}: {type(error).__name__}: {error}")
        return False
    print(f"ok      {name}")
    return True


def _pretend_to_be_a_card() -> None:
    """Makes vLLM import for CUDA: it goes by the platform that it finds, and finds none here."""
    import vllm.platforms
    from vllm.platforms.cuda import NonNvmlCudaPlatform
    from vllm.platforms.interface import DeviceCapability

    class Card(NonNvmlCudaPlatform):
        @classmethod
        def get_device_capability(cls, device_id: int = 0) -> DeviceCapability:
            return DeviceCapability(*COMPUTE_CAPABILITY)

        @classmethod
        def get_device_name(cls, device_id: int = 0) -> str:
            return "NVIDIA GeForce RTX 4090 D"

        @classmethod
        def get_device_total_memory(cls, device_id: int = 0) -> int:
            return MEMORY_BYTES

    vllm.platforms.current_platform = Card()


def _wrong_build() -> list[str]:
    import torch

    print(f"torch {torch.__version__} for CUDA {torch.version.cuda}")
    return [] if torch.version.cuda else [f"torch {torch.__version__} is a CPU build"]


def _wrong_backend() -> list[str]:
    import torch
    from vllm.platforms.cuda import CudaPlatform
    from vllm.platforms.interface import DeviceCapability
    from vllm.v1.attention.selector import AttentionSelectorConfig

    config = AttentionSelectorConfig(
        head_size=128, dtype=torch.bfloat16, kv_cache_dtype="auto", block_size=16
    )
    valid, invalid = CudaPlatform.get_valid_backends(DeviceCapability(*COMPUTE_CAPABILITY), config)
    names = [candidate.backend.name for candidate in sorted(valid, key=lambda each: each.priority)]
    print(f"attention back ends: {', '.join(names)}")
    for backend, (_, reasons) in invalid.items():
        print(f"        not {backend.name}: {'; '.join(reasons)}")
    return [] if names[:1] == ["FLASH_ATTN"] else ["FLASH_ATTN is not the first attention back end"]


if __name__ == "__main__":
    sys.exit(main())
