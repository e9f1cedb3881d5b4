"""Tool calls in the hermes form, read out of a streamed answer.

    <tool_call>
    {"name": "get_weather", "arguments": {"city": "北京"}}
    </tool_call>

vLLM has a parser of the form too. It is not used here: it imports vLLM's whole server, and where one
call cannot be read it gives all of the text back as the answer, calls and all. Here the text of a
call is never part of the answer, and a call that cannot be read says why, for the LLM to mend it. On
calls that are well formed both agree.
"""

from __future__ import annotations

import msgspec

from voicebench.types import AnswerToken, Record, ToolCall

CALL_BEGIN, CALL_END = "<tool_call>", "</tool_call>"
MARK_START = "<"  # of both


class MalformedCall(Record):
    """Something between the marks of a call that is none."""

    text: str
    problem: str


def parse_call(body: str) -> ToolCall | MalformedCall:
    """Reads what stands between the marks: a JSON object of `name` and `arguments`, nothing else.

    >>> parse_call('{"name": "get_weather", "arguments": {"city": "北京"}}')
    ToolCall(name='get_weather', arguments={'city': '北京'})
    """
    try:
        return msgspec.json.decode(body.strip(), type=ToolCall)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        return MalformedCall(text=body.strip(), problem=str(error))


class CallSplitter:
    """Takes an answer token by token; gives what is to be shown, and keeps the calls.

    A token that may belong to a mark is held back until the next ones tell. Text of a token before
    a mark is shown, the mark and what follows is not; nor is an end mark without a call.
    """

    def __init__(self) -> None:
        self.calls: list[ToolCall | MalformedCall] = []
        self.num_call_tokens = 0
        """Tokens that were not shown."""
        self._held: list[AnswerToken] = []
        self._body: str | None = None  # of the call being read
        self._is_after_call = False

    def feed(self, token: AnswerToken) -> list[AnswerToken]:
        """The tokens to show now that this one has come, in order, at the time of this one."""
        if self._body is not None:
            self.num_call_tokens += 1
            return self._read_call(token)
        if self._is_after_call:  # line breaks between calls are no part of the answer
            token = msgspec.structs.replace(token, text=token.text.lstrip())
            if not token.text:
                return []
            self._is_after_call = False
        if not self._held and MARK_START not in token.text:  # nearly every token
            return [token]
        self._held.append(token)
        text = "".join(held.text for held in self._held)
        found = [(text.find(mark), mark) for mark in (CALL_BEGIN, CALL_END) if mark in text]
        if not found:
            return self._release(len(text) - _overlap(text), token.t_s)
        at, mark = min(found)
        shown = _cut(self._held, at, token.t_s)
        self.num_call_tokens += len(self._held) - len(shown)
        self._held = []
        rest = msgspec.structs.replace(token, text=text[at + len(mark) :])
        if mark == CALL_END:  # of no call: not shown all the same
            return shown + (self.feed(rest) if rest.text else [])
        self._body = ""
        return shown + self._read_call(rest)

    def finish(self) -> list[AnswerToken]:
        """Ends the answer: gives what was held back, for it was no mark. A call whose end mark is
        missing is read all the same."""
        if self._body is not None:
            self.calls.append(parse_call(self._body))
            self._body = None
        shown, self._held = self._held, []
        return shown

    def _read_call(self, token: AnswerToken) -> list[AnswerToken]:
        assert self._body is not None
        body, mark, rest = (self._body + token.text).partition(CALL_END)
        self._body = body
        if not mark:
            return []
        self.calls.append(parse_call(body))
        self._body, self._is_after_call = None, True
        return self.feed(msgspec.structs.replace(token, text=rest))

    def _release(self, num_characters: int, t_s: float) -> list[AnswerToken]:
        """The held tokens that lie wholly in the first characters."""
        num_tokens, end = 0, 0
        for token in self._held:
            end += len(token.text)
            if end > num_characters:
                break
            num_tokens += 1
        shown, self._held = self._held[:num_tokens], self._held[num_tokens:]
        return [_shown_at(token, t_s) for token in shown]


def _overlap(text: str) -> int:
    """How many characters at the end of the text may be the beginning of a mark."""
    beginnings = {mark[:n] for mark in (CALL_BEGIN, CALL_END) for n in range(1, len(mark))}
    return max((len(each) for each in beginnings if text.endswith(each)), default=0)


def _cut(tokens: list[AnswerToken], num_characters: int, t_s: float) -> list[AnswerToken]:
    """The tokens of the first characters, the last of them cut."""
    shown, start = [], 0
    for token in tokens:
        text = token.text[: max(0, num_characters - start)]
        start += len(token.text)
        if text or start <= num_characters:
            shown.append(_shown_at(msgspec.structs.replace(token, text=text), t_s))
    return shown


def _shown_at(token: AnswerToken, t_s: float) -> AnswerToken:
    return token if token.t_s == t_s else msgspec.structs.replace(token, t_s=t_s)
