"""What the page says, in Chinese and in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from voicebench.types import Record

Language = Literal["zh", "en"]


class Words(Record):
    """All words of the page in one language; `language` is a BCP 47 tag."""

    language: str
    title: str
    other_language: str
    larger_type: str
    speak: str
    finish_speaking: str
    microphone_ready: str
    microphone_refused: str
    microphone_missing: str
    recording: str
    answer_recording: str
    type_here: str
    type_placeholder: str
    send: str
    stop: str
    settings: str
    prompt: str
    cleaning: str
    this_turn: str
    history: str
    no_history: str
    new_conversation: str
    heard: str
    typed: str
    cleaned: str
    answered: str
    waterfall: str
    stage: str
    total: str
    first_token: str
    doubtful: str
    confidence: str
    readings: str
    ask: str
    states: Mapping[str, str]
    kinds: Mapping[str, str]
    stages: Mapping[str, str]
    prompts: Mapping[str, str]
    cleanings: Mapping[str, str]
    errors: Mapping[str, str]
    failed: str


ZH = Words(
    language="zh-CN",
    title="语音助手",
    other_language="English",
    larger_type="大字",
    speak="开始说话",
    finish_speaking="说完了",
    microphone_ready="按下按钮，直接说出您的问题；停顿片刻或再按一次就会回答。",
    microphone_refused="浏览器没有允许使用麦克风。请在地址栏旁允许后再试，或者上传录音、输入文字。",
    microphone_missing="这里用不了麦克风（需要本机地址或 https）。请上传录音或输入文字。",
    recording="上传录音",
    answer_recording="语音转答",
    type_here="输入文字",
    type_placeholder="在这里输入您的问题，按回车发送",
    send="发送",
    stop="停止",
    settings="设置",
    prompt="提示词",
    cleaning="转写清理",
    this_turn="本轮",
    history="对话记录",
    no_history="还没有对话。",
    new_conversation="新的对话",
    heard="听到",
    typed="您输入",
    cleaned="理解为",
    answered="回答",
    waterfall="从说完到第一个字，时间用在哪里",
    stage="阶段",
    total="合计",
    first_token="首字延迟",
    doubtful="带点线的字听得不够确定，停在上面可以看到把握。",
    confidence="把握",
    readings="也可能是",
    ask="您可以说话、上传录音或输入文字。",
    states={
        "listening": "正在听……",
        "recognising": "正在识别……",
        "answering": "正在回答……",
        "done": "回答完毕",
        "stopped": "已停止",
        "degraded": "请输入文字",
        "error": "没有完成",
    },
    kinds={"service": "模型", "setting": "设定的等待", "framework": "程序"},
    stages={
        "endpoint_silence": "等待静音",
        "audio_tail": "录音末尾",
        "client_wait": "等待结束",
        "vad_overhang": "语音检测",
        "endpoint_decision": "判断说完",
        "transcript_merge": "合并转写",
        "asr": "语音识别",
        "cleaning": "清理",
        "prompt": "组织提示词",
        "draft_check": "核对草稿",
        "llm_handoff": "交给模型",
        "llm_first_token": "模型首字",
        "llm_tool_call": "模型调用工具",
        "tool": "工具",
        "token_delivery": "送出首字",
        "premature": "抢先回答",
    },
    prompts={"seed": "严谨：三句以内，数字人名照原话", "plain": "普通", "brief": "简短：一句话"},
    cleanings={
        "none": "不清理",
        "seed": "基本：去语气词和插话",
        "disfluency": "去口头禅、重复",
        "self_correction": "按改口后的意思",
        "full": "全部",
    },
    errors={
        "queue_full": "现在排队的人太多，请稍后再试。",
        "queue_timeout": "等了太久还没有轮到，请稍后再试。",
        "too_many_streams": "现在使用麦克风的人太多，请稍后再试。",
        "draining": "服务正在关闭，请稍后再试。",
        "turn_timeout": "回答没有及时完成，请再试一次。",
        "invalid_audio": "这段录音不能用，请换一段",
        "no_recording": "请先上传一段录音。",
        "no_sound": "没有收到麦克风的声音，请检查后再试，或者输入文字。",
        "too_long": "文字太长，请缩短后再发送。",
    },
    failed="处理时出了问题，请再试一次。",
)

EN = Words(
    language="en",
    title="Voice assistant",
    other_language="中文",
    larger_type="Larger type",
    speak="Start speaking",
    finish_speaking="I have finished",
    microphone_ready="Press the button and ask. A pause, or pressing it again, ends the question.",
    microphone_refused="The browser did not allow the microphone. Allow it beside the address bar and "
    "try again, or upload a recording, or type.",
    microphone_missing="No microphone can be used here (it takes a local address or https). "
    "Please upload a recording or type.",
    recording="Upload a recording",
    answer_recording="Answer recording",
    type_here="Type",
    type_placeholder="Type your question here and press Enter",
    send="Send",
    stop="Stop",
    settings="Settings",
    prompt="Prompt",
    cleaning="Cleaning of the transcript",
    this_turn="This turn",
    history="Conversation",
    no_history="Nothing has been said yet.",
    new_conversation="New conversation",
    heard="Heard",
    typed="You typed",
    cleaned="Understood as",
    answered="Answer",
    waterfall="Where the time went, from the end of speech to the first token",
    stage="Stage",
    total="Total",
    first_token="First token after",
    doubtful="Words with dots under them were not heard surely; point at one for its confidence.",
    confidence="Confidence",
    readings="or perhaps",
    ask="Speak, upload a recording or type. The assistant knows Chinese.",
    states={
        "listening": "Listening …",
        "recognising": "Recognising …",
        "answering": "Answering …",
        "done": "Answered",
        "stopped": "Stopped",
        "degraded": "Please type",
        "error": "Not done",
    },
    kinds={"service": "model", "setting": "set wait", "framework": "program"},
    stages={
        "endpoint_silence": "Waiting for silence",
        "audio_tail": "End of the recording",
        "client_wait": "Waiting for the end",
        "vad_overhang": "Voice activity",
        "endpoint_decision": "Deciding on the end",
        "transcript_merge": "Merging windows",
        "asr": "Recognition",
        "cleaning": "Cleaning",
        "prompt": "Prompt",
        "draft_check": "Checking the draft",
        "llm_handoff": "Hand-off",
        "llm_first_token": "First token",
        "llm_tool_call": "Tool call",
        "tool": "Tool",
        "token_delivery": "Delivery",
        "premature": "Answered early",
    },
    prompts={
        "seed": "Strict: three sentences, figures and names as said",
        "plain": "Plain",
        "brief": "Brief: one sentence",
    },
    cleanings={
        "none": "None",
        "seed": "Basic: without fillers and asides",
        "disfluency": "Without filler phrases and repetitions",
        "self_correction": "As corrected by the speaker",
        "full": "All",
    },
    errors={
        "queue_full": "Too many are waiting. Please try again later.",
        "queue_timeout": "No place became free in time. Please try again later.",
        "too_many_streams": "Too many microphones are open. Please try again later.",
        "draining": "The service is shutting down. Please try again later.",
        "turn_timeout": "The answer was not complete in time. Please try again.",
        "invalid_audio": "This recording cannot be used",
        "no_recording": "Please upload a recording first.",
        "no_sound": "Nothing came from the microphone. Check it and try again, or type.",
        "too_long": "The text is too long. Please shorten it.",
    },
    failed="Something went wrong. Please try again.",
)

WORDS: Mapping[Language, Words] = {"zh": ZH, "en": EN}
