"""Why a turn falls back to text input: one reason, one sentence for the user."""

from __future__ import annotations

from collections.abc import Mapping

from voicebench.events import Event, TurnDegraded, TurnFailed

LOW_CONFIDENCE, ILLEGAL_TOKENS = "low_confidence", "illegal_tokens"
UNCLEAR_AGAIN = "unclear_again"
PROMPT_TOO_LONG = "prompt_too_long"
BREAKER_OPEN = "breaker_open"
OUT_OF_MEMORY = "out_of_memory"
TOO_MANY_TOOL_CALLS = "too_many_tool_calls"
NOTHING_TYPED = "nothing_typed"
SILENCE, NOTHING_LEFT = "silence", "nothing_left_after_cleaning"

HINTS: Mapping[str, str] = {
    LOW_CONFIDENCE: "没有听清您的话，请再说一遍，或者输入文字。",
    UNCLEAR_AGAIN: "连续几次没有听清，建议先输入文字；也可以换个安静的地方再说。",
    PROMPT_TOO_LONG: "内容太长，无法一次回答，请缩短后再试。",
    ILLEGAL_TOKENS: "这次的回答出了问题，请输入文字再试一次。",
    BREAKER_OPEN: "语音暂时不可用，请先输入文字，稍后再试语音。",
    OUT_OF_MEMORY: "系统现在很忙，请稍后再试，或者输入文字。",
    TOO_MANY_TOOL_CALLS: "这个问题暂时查不出结果，请换个说法输入文字。",
    NOTHING_TYPED: "请输入您的问题。",
    SILENCE: "没有听到您说话，请再说一遍，或者输入文字。",
    NOTHING_LEFT: "没有听清您的问题，请再说一遍，或者输入文字。",
    "audio_stalled": "声音中断了，请检查麦克风和网络，或者输入文字。",
    "audio_invalid": "收到的声音有问题，请检查麦克风，或者输入文字。",
    "audio_failed": "声音没有收完整，请再说一遍，或者输入文字。",
    "asr_failed": "语音识别出了问题，请输入文字。",
    "asr_timed_out": "语音识别没有及时完成，请输入文字。",
    "llm_failed": "回答时出了问题，请输入文字再试一次。",
    "llm_timed_out": "回答没有及时完成，请输入文字再试一次。",
}
FALLBACK_HINT = "处理时出了问题，请输入文字再试一次。"

_REASONS_BY_ERROR: Mapping[str, str] = {
    "IllegalTokensError": ILLEGAL_TOKENS,
    "PromptTooLongError": PROMPT_TOO_LONG,
    "TooManyToolCallsError": TOO_MANY_TOOL_CALLS,
    "AudioStalledError": "audio_stalled",
    "BadSamplesError": "audio_invalid",
    "RateChangedError": "audio_invalid",
}


SYSTEM_STAGES = ("endpoint", "asr", "punctuation", "llm")
"""Stages whose failures count for the breaker. Audio, cleaning and prompt fail over what one turn
brings."""
_FAILURES_OF_A_TURN = (
    "RuleError", "IllegalTokensError", "TooManyToolCallsError", "RequestRefusedError"
)  # fmt: skip
"""Errors in those stages that depend on one turn's input or a user's own rule."""


def hint_of(reason: str) -> str:
    """The sentence that the user reads; there is one for every reason."""
    return HINTS.get(reason, FALLBACK_HINT)


def degraded(reason: str, t_s: float, *, hint_for: str = "", trouble: str | None = None) -> Event:
    """The event of a turn that falls back to text input.

    Args:
        reason: Why, in one word.
        t_s: When, in seconds of the turn.
        hint_for: The reason whose hint is shown, where that is another.
        trouble: The stages of open circuits.
    """
    return TurnDegraded(t_s=t_s, reason=reason, hint=hint_of(hint_for or reason), trouble=trouble)


def reason_of(failed: TurnFailed) -> str:
    """Why a failed turn falls back, in one word.

    >>> reason_of(TurnFailed(t_s=2.0, stage="asr", type="StageTimeoutError", message="window 3"))
    'asr_timed_out'
    """
    if reason := _REASONS_BY_ERROR.get(failed.type):
        return reason
    problem = f"{failed.type} {failed.message}".lower()
    if "outofmemory" in problem or "out of memory" in problem:
        return OUT_OF_MEMORY
    manner = "timed_out" if failed.type == "StageTimeoutError" else "failed"
    return f"{failed.stage}_{manner}"


def failure_kind(failed: TurnFailed) -> str | None:
    """The stage whose circuit a failure counts for.

    None where the failure depends on one client's audio, prompt, tools or rules: it says nothing
    about the system.
    """
    if failed.stage not in SYSTEM_STAGES or failed.type in _FAILURES_OF_A_TURN:
        return None
    return failed.stage
