"""Other scorers' forms: what is written is read back, and their error rate is ours."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebench.errors import RecordError
from voicebench.metrics.error_rate import ErrorRate, cer, characters
from voicebench.metrics.normalize import NORMALIZERS
from voicebench.metrics.score_formats import (
    ScoredSegment,
    ScoredWord,
    parse_ctm,
    parse_kaldi,
    parse_seglst,
    parse_stm,
    to_ctm,
    to_kaldi,
    to_seglst,
    to_stm,
)

names = st.text(alphabet="ab张三-_1", min_size=1, max_size=6)
words = st.text(alphabet="今天a3%", min_size=1, max_size=3)
times = st.integers(0, 2_000_000).map(lambda ms: ms / 1000)
segments = st.builds(
    lambda session, speaker, start_s, length_s, said: ScoredSegment(
        session, speaker, start_s, round(start_s + length_s, 3), said
    ),
    names, names, times, times, st.lists(words, max_size=4).map(tuple),
)  # fmt: skip
timed_words = st.builds(
    ScoredWord, names, times, times, words, st.integers(0, 10_000).map(lambda n: n / 10_000)
)


def _in_order(each: Any) -> tuple[bytes, float]:
    return each.session.encode(), each.start_s


@given(st.lists(segments, max_size=6))
def test_stm_is_read_back_in_order(said: list[ScoredSegment]) -> None:
    assert parse_stm(to_stm(said)) == sorted(said, key=_in_order)


@given(st.lists(segments, max_size=6))
def test_seglst_is_read_back(said: list[ScoredSegment]) -> None:
    assert parse_seglst(to_seglst(said)) == said


@given(st.lists(timed_words, max_size=6))
def test_ctm_is_read_back_in_order(heard: list[ScoredWord]) -> None:
    assert parse_ctm(to_ctm(heard)) == sorted(heard, key=_in_order)


@given(st.lists(segments, max_size=6, unique_by=lambda each: each.session))
def test_kaldi_text_is_read_back(said: list[ScoredSegment]) -> None:
    assert parse_kaldi(to_kaldi(said)) == {each.session: each.words for each in said}


def test_kaldi_text_puts_a_session_in_order_of_time() -> None:
    said = [ScoredSegment("m", "B", 2.0, 3.0, ("好",)), ScoredSegment("m", "A", 0.0, 1.0, ("你",))]
    assert to_kaldi(said) == "m 你 好\n"


def test_comments_and_blank_lines_are_left_out() -> None:
    assert parse_stm(";; made by\n\na 1 A 0.0 1.0 你 好\n")[0].words == ("你", "好")
    assert parse_ctm(";; made by\n\na 1 0.0 1.0 你\n")[0].confidence == 1.0


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_stm, "a 1 A 0.0 1.0 你\na 1 A 0.0\n", "line 2 is no STM"),
        (parse_stm, "a 1 A soon 1.0 你\n", "line 1 is no STM"),
        (parse_ctm, "a 1 0.0 你\n", "line 1 is no CTM"),
        (parse_seglst, '[{"session_id": "a"}]', "no SegLST"),
        (parse_seglst, "[", "no SegLST"),
        (parse_kaldi, "a 你\na 好\n", "line 2: a is there twice"),
    ],
)
def test_what_does_not_fit_is_refused(
    parse: Callable[[str], object], text: str, message: str
) -> None:
    with pytest.raises(RecordError, match=message):
        parse(text)


# ---------------------------------------------------------------- the same rate elsewhere

transcripts = st.text(alphabet="今天气很好三百abc ，。3", max_size=14)
spoken = transcripts.filter(lambda text: bool(characters(NORMALIZERS["basic"](text))))
pairs = st.lists(st.tuples(spoken, transcripts), min_size=1, max_size=6)


def _cut(text: str) -> str:
    return " ".join(characters(NORMALIZERS["basic"](text)))


def _ours(said: list[tuple[str, str]]) -> ErrorRate:
    return sum((cer(reference, heard) for reference, heard in said), ErrorRate())


@given(pairs)
def test_our_cer_is_jiwers(said: list[tuple[str, str]]) -> None:
    references = [_cut(reference) for reference, _ in said]
    hypotheses = [_cut(hypothesis) for _, hypothesis in said]
    assert _ours(said).rate == pytest.approx(jiwer.wer(references, hypotheses))
    together = [[text.replace(" ", "") for text in side] for side in (references, hypotheses)]
    assert _ours(said).rate == pytest.approx(jiwer.cer(*together))


@given(pairs)
def test_our_cer_is_jiwers_on_what_was_written_and_read_back(said: list[tuple[str, str]]) -> None:
    sides = [
        [
            ScoredSegment(f"s{number}", "x", 0.0, 1.0, tuple(_cut(pair[side]).split()))
            for number, pair in enumerate(said)
        ]
        for side in (0, 1)
    ]
    for write, read in ((to_stm, parse_stm), (to_seglst, parse_seglst)):
        references, hypotheses = ([" ".join(s.words) for s in read(write(side))] for side in sides)
        assert _ours(said).rate == pytest.approx(jiwer.wer(references, hypotheses))
    references, hypotheses = (
        [" ".join(heard) for heard in parse_kaldi(to_kaldi(side)).values()] for side in sides
    )
    assert _ours(said).rate == pytest.approx(jiwer.wer(references, hypotheses))


@pytest.mark.skipif(
    importlib.util.find_spec("meeteval") is None, reason="MeetEval is not installed"
)
@given(pairs)
def test_our_cer_is_meetevals(said: list[tuple[str, str]]) -> None:
    from meeteval.wer import combine_error_rates, siso_word_error_rate

    rates = [siso_word_error_rate(_cut(reference), _cut(heard)) for reference, heard in said]
    total = combine_error_rates(*rates) if len(rates) > 1 else rates[0]
    ours = _ours(said)
    assert (total.errors, total.length) == (ours.errors, ours.reference_units)


@pytest.mark.skipif(
    importlib.util.find_spec("meeteval") is None, reason="MeetEval is not installed"
)
def test_meeteval_reads_what_is_written(tmp_path: Any) -> None:
    import meeteval

    said = [
        ScoredSegment("m", "A", 0.0, 1.0, ("你", "好")),
        ScoredSegment("m", "B", 0.5, 2.0, ("好",)),
    ]
    for name, text in (("a.stm", to_stm(said)), ("a.seglst.json", to_seglst(said))):
        (tmp_path / name).write_text(text, encoding="utf-8")
        read = meeteval.io.load(tmp_path / name).to_seglst()
        assert [(s["speaker"], s["words"]) for s in read] == [("A", "你 好"), ("B", "好")]
