"""vLLM's C++ norms on a CPU: the formula, whatever the strides, and the same answers from the engine."""

from __future__ import annotations

import contextlib
import sys

import pytest

from voicebench.llm.base import Generator
from voicebench.llm.prompts import build_messages
from voicebench.types import Sampling

EPSILON = 1e-6


def skip_beside_a_gpu() -> None:
    """By what vLLM was built for, not by what is tested: kernels that are gone on a CPU must fail."""
    platform = pytest.importorskip("vllm.platforms").current_platform
    if not platform.is_cpu():
        pytest.skip(f"norms on a CPU, and this vLLM is for {platform.device_type}")


@pytest.mark.parametrize("shape", [(1, 8), (5, 8), (0, 8), (3, 4, 64)])
@pytest.mark.parametrize("is_view", [False, True])
def test_a_norm_is_the_formula_also_of_a_view(shape: tuple[int, ...], is_view: bool) -> None:
    """Zhang and Sennrich 2019, equation 4."""
    torch = pytest.importorskip("torch")
    ir = pytest.importorskip("vllm.ir")
    from voicebench.llm.cpu_norms import prefer_cpp_norms

    skip_beside_a_gpu()
    priority = prefer_cpp_norms()
    assert set(priority) == {"rms_norm", "fused_add_rms_norm"}
    torch.manual_seed(1)
    x = torch.randn(*shape[:-1], shape[-1] * 2)[..., : shape[-1]]
    x = x if is_view else x.contiguous()
    weight, before = torch.rand(shape[-1]), x.clone()
    expected = x / torch.sqrt((x * x).mean(-1, keepdim=True) + EPSILON) * weight
    with ir.ops.rms_norm.set_priority([*priority["rms_norm"], "native"]):
        torch.testing.assert_close(ir.ops.rms_norm(x, weight, EPSILON), expected)
    assert torch.equal(x, before)
    residual = torch.randn(x.shape)
    total = x + residual
    expected = total / torch.sqrt((total * total).mean(-1, keepdim=True) + EPSILON) * weight
    with ir.ops.fused_add_rms_norm.set_priority([*priority["fused_add_rms_norm"], "native"]):
        normed, added = ir.ops.fused_add_rms_norm(x, residual, weight, EPSILON)
    torch.testing.assert_close(normed, expected)
    torch.testing.assert_close(added, total)


def test_the_engine_uses_them_and_answers_as_without(bundled_generator: Generator) -> None:
    ir = pytest.importorskip("vllm.ir")
    ops = (ir.ops.rms_norm, ir.ops.fused_add_rms_norm)
    skip_beside_a_gpu()
    for op in ops:
        assert op.get_priority() == ["voicebench_cpu", "native"]
    texts = [
        "明天上午九点开会请问几点开会",
        "我要订两张去上海的票",
        "你好",
        "一百二十块的那本书多少钱",
    ]
    prompts = [
        bundled_generator.encode_chat(build_messages("baseline", (), text)) for text in texts
    ]
    sampling = Sampling(max_tokens=48)
    quick = bundled_generator.generate(prompts, sampling)
    with contextlib.ExitStack() as stack:
        for op in ops:
            stack.enter_context(op.set_priority(["native"]))
        bundled_generator.forget_prompts()
        assert [[t.id for t in answer] for answer in quick] == [
            [t.id for t in answer] for answer in bundled_generator.generate(prompts, sampling)
        ]
    bundled_generator.forget_prompts()


def test_a_vllm_without_ir_ops_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from voicebench.llm.cpu_norms import prefer_cpp_norms

    monkeypatch.setitem(sys.modules, "vllm.ir.ops", None)
    assert prefer_cpp_norms() == {}
