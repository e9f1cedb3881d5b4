"""Hotwords and int8, on a tiny model: FunASR's own reading and inference are the known answers."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.asr.tiny_model import SEG_DICT, TOKENS, config, write_tiny_model
from voicebench.asr.folder import load_folder
from voicebench.asr.hotwords import check_hotwords, read_hotword_tokens
from voicebench.asr.paraformer import ParaformerRecognizer
from voicebench.cli import main
from voicebench.errors import ConfigError, ModelError
from voicebench.profiles.loader import load_profile
from voicebench.profiles.schema import AsrProfile

HOTWORDS = ("上海", "北京")


@pytest.fixture(scope="module")
def seaco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "seaco", "SeacoParaformer", seed=3)


@pytest.fixture(scope="module")
def noise() -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(0).standard_normal(48_000)).astype(np.float32)


def heard(folder: Path, noise: NDArray[np.float32], **settings: object) -> list[tuple[str, float]]:
    recognizer = ParaformerRecognizer(AsrProfile(folder=str(folder), **settings), only_speech=False)
    tokens = recognizer.recognize(noise).tokens
    return [(token.text, token.confidence) for token in tokens]


@pytest.mark.models
def test_hotwords_turn_the_answer_as_funasr_itself_turns_it(
    seaco: Path, noise: NDArray[np.float32]
) -> None:
    model, settings = load_folder(AsrProfile(folder=str(seaco)))
    settings["frontend"].dither = 0.0
    answer = model.inference(
        [noise], key=["noise"], tokenizer=settings["tokenizer"], frontend=settings["frontend"],
        device="cpu", hotword=" ".join(HOTWORDS), pred_timestamp=False,
    )  # fmt: skip
    by_funasr = answer[0][0]["text"].replace(" ", "")
    ours = heard(seaco, noise, hotwords=HOTWORDS)
    assert "".join(text for text, _ in ours) == by_funasr
    assert ours != heard(seaco, noise)


@pytest.mark.models
def test_words_are_divided_as_funasr_divides_them(seaco: Path) -> None:
    model, loaded = load_folder(AsrProfile(folder=str(seaco)))
    known = read_hotword_tokens(seaco)

    @settings(max_examples=200)
    @given(st.text(st.sampled_from("今天上海深2３helloHELLOpPtTＴé"), min_size=1, max_size=6))
    def divides_alike(word: str) -> None:
        assume(not word.startswith("http"))  # FunASR fetches that as an address
        by_funasr = model.generate_hotwords_list(
            word, tokenizer=loaded["tokenizer"], frontend=loaded["frontend"]
        )
        assert [known.ids[piece] for piece in known.divide(word)] == by_funasr[0]

    divides_alike()


# ---------------------------------------------------------------- what is refused, before loading


def write_words(
    folder: Path, model: str = "SeacoParaformer", *, with_seg_dict: bool = True
) -> AsrProfile:
    """What is read of a folder to check hotwords: it has no weights."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config(model)), encoding="utf-8")
    tokens = [*TOKENS[:-1], "二", "<unk>"]
    (folder / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")
    if with_seg_dict:
        (folder / "seg_dict").write_text("\n".join([*SEG_DICT, "二 二"]), encoding="utf-8")
    return AsrProfile(folder=str(folder))


@pytest.mark.parametrize("words", [["上海", "北京"], ["hello", "PPT"], ["Hello"], []])
def test_words_with_tokens_are_taken(tmp_path: Path, words: list[str]) -> None:
    check_hotwords(msgspec.structs.replace(write_words(tmp_path), hotwords=tuple(words)))


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("Qwen", "no word 'qwen' in its dictionary; write in Hanzi how it is spoken"),
        ("hello上海", "write 'hello' and '上海'"),
        ("上海PPT", "write '上海' and 'ppt'"),
        ("iPhone上海", "no word 'iphone'"),
        ("上海2", "write '上海二'"),
        ("PPT2", "write 'ppt' and '二'"),
        ("ＰＰＴ", "write 'ppt'"),
        ("上 海", "write '上海'"),
        ("hello ppt", "write 'hello' and 'ppt'"),
        ("深圳", "no token for '深圳'"),
        ("上深", "no token for '深'"),
        ("ábc", "no word 'ábc'"),
        ("words.txt", "no word 'words'"),
        ("http://x", "no word 'http'"),
        ("<unk>", "no word 'unk'"),
        ("@@", "letters and Hanzi alone"),
        ("", "letters and Hanzi alone"),
    ],
)
def test_a_word_without_tokens_is_refused_by_name_with_what_to_write(
    tmp_path: Path, word: str, instead: str
) -> None:
    profile = msgspec.structs.replace(write_words(tmp_path), hotwords=("上海", word))
    with pytest.raises(ConfigError) as caught:
        check_hotwords(profile)
    assert f"{word!r}: " in str(caught.value)
    assert instead in str(caught.value)
    assert "'上海': " not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_of_them_are_named_at_once(tmp_path: Path) -> None:
    profile = msgspec.structs.replace(
        write_words(tmp_path), hotwords=("Qwen", "上海", "iPhone手机")
    )
    with pytest.raises(ConfigError, match=r"'Qwen': .*; 'iPhone手机': .*asr\.hotwords"):
        check_hotwords(profile)


@pytest.mark.parametrize(
    ("word", "instead"),
    [("上海", "seg_dict"), ("PPT", "write 'ppt'"), ("深", "no token"), ("Qwen", "no word 'qwen'")],
)
def test_without_a_dictionary_only_single_tokens_are_words(
    tmp_path: Path, word: str, instead: str
) -> None:
    profile = write_words(tmp_path, with_seg_dict=False)
    check_hotwords(msgspec.structs.replace(profile, hotwords=("上", "ppt")))
    with pytest.raises(ConfigError, match=instead):
        check_hotwords(msgspec.structs.replace(profile, hotwords=(word,)))


def test_a_model_without_hotwords_says_so(tmp_path: Path) -> None:
    profile = msgspec.structs.replace(write_words(tmp_path, "Paraformer"), hotwords=HOTWORDS)
    with pytest.raises(ConfigError, match="SeacoParaformer"):
        check_hotwords(profile)


def test_a_dictionary_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    profile = msgspec.structs.replace(write_words(tmp_path), hotwords=HOTWORDS)
    (tmp_path / "seg_dict").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="seg_dict"):
        check_hotwords(profile)


def test_a_folder_that_is_still_to_come_is_not_judged(tmp_path: Path) -> None:
    check_hotwords(AsrProfile(folder=str(tmp_path / "none"), hotwords=("Qwen",)))


@pytest.mark.parametrize(
    "command", [["run", "--suites", "daily_qa", "--max-cases", "1"], ["serve", "--no-page"]]
)
def test_commands_refuse_before_anything_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    profile = load_profile("bundled")
    own = msgspec.structs.replace(
        profile, asr=msgspec.structs.replace(profile.asr, hotwords=("Qwen",))
    )
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(msgspec.to_builtins(own)), encoding="utf-8")
    command += ["--profile", str(path)] + ["--out", str(tmp_path / "run")] * (command[0] == "run")
    assert main(command) == 2
    assert "'Qwen'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.models
def test_the_recogniser_itself_refuses(seaco: Path) -> None:
    with pytest.raises(ConfigError, match="'Qwen'"):
        ParaformerRecognizer(AsrProfile(folder=str(seaco), hotwords=("Qwen",)))


@pytest.mark.models
def test_int8_hears_nearly_the_same(seaco: Path, noise: NDArray[np.float32]) -> None:
    exact, quantised = heard(seaco, noise), heard(seaco, noise, int8=True)
    assert len(quantised) == pytest.approx(len(exact), abs=2)
    assert quantised != exact  # it is another arithmetic, not the same model again


@pytest.mark.models
def test_int8_is_refused_on_a_gpu(seaco: Path) -> None:
    with pytest.raises(ConfigError, match="int8"):
        load_folder(AsrProfile(folder=str(seaco), int8=True, device="cuda"))
