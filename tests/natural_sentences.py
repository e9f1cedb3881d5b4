"""Natural sentences for the dialogues of training: a few of our own in place of the fetched ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from training.language import natural

_WHO = ("王芳/nr", "老师/n", "我/r 妈妈/n", "店主/n", "赵/nr 先生/n")
_WHEN = ("昨天/t", "上午/t", "去年/t", "周末/t")
_WHERE = ("在/p 杭州/ns", "在/p 车站/n", "在/p 图书馆/n", "到/v 成都/ns")
_WHAT = ("买/v 了/u 三/m 本/q 书/n", "等/v 了/u 两/m 个/q 朋友/n", "修/v 好/a 了/u 空调/n")


@pytest.fixture(scope="session", autouse=True)
def natural_sentences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    path = tmp_path_factory.mktemp("natural") / "natural.tsv"
    lines = (" ".join(parts) for parts in itertools.product(_WHO, _WHEN, _WHERE, _WHAT))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(natural, "DEFAULT", path)
        natural.sentences.cache_clear()
        yield
    natural.sentences.cache_clear()
