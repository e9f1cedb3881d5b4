from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from voicebench.asr.kinds import build_recognizer
from voicebench.errors import ConfigError, ModelError
from voicebench.hub.store import model_folder
from voicebench.profiles.loader import list_profiles, load_profile
from voicebench.profiles.schema import Profile
from voicebench.profiles.verification import require_asr

OWN = """
asr: {folder: models/asr}
llm: {folder: /models/llm, dtype: bfloat16, max_model_len: 4096}
"""


def write(folder: Path, text: str) -> str:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", list_profiles())
def test_every_shipped_profile_loads(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert Path(profile.asr.folder).is_absolute()
    assert Path(profile.llm.folder).is_absolute()


def test_an_own_profile_is_read_by_its_path(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path, OWN))
    assert profile.name == "own"
    assert profile.asr.folder == str(tmp_path / "models/asr")
    assert profile.llm.folder == "/models/llm"
    assert (profile.llm.dtype, profile.llm.max_model_len) == ("bfloat16", 4096)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (OWN + "lmm: {}\n", ("'lmm'", "'llm'")),
        (OWN.replace("dtype", "dtyp"), ("'dtyp'", "'dtype'", "llm of")),
        (OWN.replace("models/asr", "a, num_thread: 2"), ("'num_thread'", "'num_threads'")),
        (OWN.replace("4096", "many"), ("max_model_len", "int")),
        (OWN.replace("bfloat16", "int3"), ("dtype", "int3")),
        ("asr: {folder: a}\n", ("llm",)),
        ("asr: bundled\nllm: {folder: b}\n", ("asr", "object")),
        ("- just\n- a list\n", ("not a mapping", "bundled.yaml")),
        ("asr: {folder: [\n", ("own.yaml", "cannot be read")),
        ("", ("not a mapping",)),
    ],
)
def test_a_mistake_in_a_profile_is_named(text: str, named: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_profile(write(tmp_path, text))
    assert "\n" not in str(error.value)
    for part in named:
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("  dtyp: float16", "unknown setting 'dtyp' in llm of {path}, line 5."),
        ("  gpu_memory_utilization: 1.2", "profile {path}, line 5, is not valid"),
        ("  max_num_seqs: 0", "profile {path}, line 5, is not valid"),
        ("  cudagraph_capture_sizes: [1, two]", "profile {path}, line 5, is not valid"),
        ("  model: qwen3-5b", "unknown model 'qwen3-5b' in llm of {path}, line 5."),
        ("  model: qwen3-4b", "llm of {path}, line 5 has both folder and model"),
        ("  model: fsmn-vad", "'fsmn-vad' in llm of {path}, line 5 is voice activity"),
        ("extra: 1", "unknown setting 'extra' in {path}, line 5."),
    ],
)
def test_a_mistake_is_named_with_its_line(setting: str, line: str, tmp_path: Path) -> None:
    head = "# mine\nasr: {folder: a}\nllm:\n  folder: b\n"
    path = write(tmp_path, f"{head}{setting}\n")
    with pytest.raises(ConfigError) as error:
        load_profile(path)
    assert line.format(path=path) in str(error.value)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "CUDA", "cuda:x"])
def test_a_device_that_is_none_is_refused(device: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="device"):
        load_profile(write(tmp_path, OWN.replace("models/asr", f"a, device: '{device}'")))


@pytest.mark.parametrize("name", ["bundld", "", "nowhere.yaml", "/nowhere/own.yml", "../bundled"])
def test_an_unknown_profile_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match="bundled") as error:
        load_profile(name)
    assert repr(name) in str(error.value)


def test_a_model_folder_is_checked_before_anything_is_loaded(tmp_path: Path) -> None:
    profile: Profile = load_profile(write(tmp_path, OWN))
    with pytest.raises(ModelError, match="no model folder"):
        build_recognizer(profile.asr)


def test_a_folder_and_random_weights_do_not_go_together(tmp_path: Path) -> None:
    text = OWN.replace("folder: models/asr", "folder: a, random_weights: paraformer-zh")
    with pytest.raises(ConfigError, match="has both folder and random_weights"):
        load_profile(write(tmp_path, text))
    with pytest.raises(ConfigError, match="qwen9"):
        load_profile(write(tmp_path, OWN.replace("folder: /models/llm", "random_weights: qwen9")))


COMPANIONS = """
asr:
  folder: models/asr
  vad: {model: fsmn-vad}
  punctuation: {folder: models/punctuation}
llm: {folder: /models/llm}
"""


def test_what_comes_with_a_recogniser_is_placed_like_it(tmp_path: Path) -> None:
    profile = load_profile(write(tmp_path, COMPANIONS))
    assert set(profile.asr.auxiliary_models) == {"vad", "punctuation"}
    assert profile.asr.vad.folder == str(model_folder("fsmn-vad"))
    assert profile.asr.punctuation.folder == str(tmp_path / "models/punctuation")
    assert profile.catalogue_models == ("fsmn-vad",)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("model: fsmn-vad", "modle: fsmn-vad", ("'modle'", "'model'", "asr.vad of", "line 4")),
        ("model: fsmn-vad", "model: fsmn-vat", ("'fsmn-vat'", "'fsmn-vad'", "line 4")),
        ("model: fsmn-vad", "model: qwen3-4b", ("'qwen3-4b'", "funasr", "line 4")),
        ("model: fsmn-vad", "model: fsmn-vad, folder: b", ("both folder and model",)),
        ("vad: {model: fsmn-vad}", "speakers: {model: cam++}", ("set vad as well",)),
        ("{folder: models/punctuation}", "ct-punc", ("asr.punctuation", "object")),
    ],
)
def test_a_mistake_in_what_comes_with_it_is_named(
    old: str, new: str, named: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as error:
        load_profile(write(tmp_path, COMPANIONS.replace(old, new)))
    for part in named:
        assert part in str(error.value)


def test_one_that_is_missing_is_told_with_its_command(tmp_path: Path) -> None:
    for name in ("asr", "punctuation"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "config.yaml").write_text("a: 1\n")
    text = COMPANIONS.replace("llm:", "  speakers: {model: cam++}\nllm:")
    asr = load_profile(write(tmp_path, text)).asr
    with pytest.raises(ModelError, match="voicebench models pull fsmn-vad"):
        require_asr(asr)
    here = msgspec.structs.replace(asr, vad=asr.punctuation)
    require_asr(here)
    with pytest.raises(ModelError, match=r"voicebench models pull cam\+\+"):
        require_asr(here, with_speakers=True)


OWN_RECOGNIZER = """
import numpy as np
from voicebench.types import Hypothesis

class Silence:
    vocabulary = ()
    def __init__(self, profile): self.options = profile.options
    def recognize(self, samples): return Hypothesis(text="", tokens=())
    def recognize_batch(self, pieces): return [self.recognize(piece) for piece in pieces]
    def close(self): pass

class NoRecognizer:
    def __init__(self, profile): pass
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"own_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(OWN_RECOGNIZER)
    monkeypatch.chdir(tmp_path)
    return name


def test_a_recognizer_of_the_users_own_is_made_by_its_factory(
    own_module: str, tmp_path: Path
) -> None:
    text = f"asr: {{kind: '{own_module}:Silence', options: {{a: 1}}}}\nllm: {{folder: b}}\n"
    recognizer = build_recognizer(load_profile(write(tmp_path, text)).asr)
    assert recognizer.options == {"a": 1}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("paraformr", ("asr.kind 'paraformr'", "'paraformer'")),
        ("nowhere_at_all:make", ("cannot be imported", "nowhere_at_all")),
        ("OWN:Absent", ("cannot be imported", "Absent")),
        ("OWN:OWN_IS_NO_FUNCTION", ("cannot be imported",)),
        ("OWN:NoRecognizer", ("NoRecognizer", "lacks vocabulary, recognize")),
    ],
)
def test_a_kind_that_makes_no_recognizer_is_named(
    kind: str, named: tuple[str, ...], own_module: str, tmp_path: Path
) -> None:
    kind = kind.replace("OWN", own_module, 1)
    asr = load_profile(
        write(tmp_path, f"asr: {{kind: '{kind}', folder: a}}\nllm: {{folder: b}}\n")
    ).asr
    with pytest.raises(ConfigError) as error:
        build_recognizer(asr)
    for part in named:
        assert part in str(error.value)


def test_a_kind_of_voicebench_takes_no_options_and_needs_a_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 1.*takes no options"):
        load_profile(write(tmp_path, "asr: {folder: a, options: {b: 1}}\nllm: {folder: b}\n"))
    with pytest.raises(ConfigError, match="set folder, model or random_weights"):
        load_profile(write(tmp_path, "asr: {}\nllm: {folder: b}\n"))


def test_the_old_name_of_a_setting_is_read_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = write(tmp_path, "asr: {folder: a, words_from: b}\nllm: {folder: c}\n")
    assert load_profile(old).asr.transcript_source == str(tmp_path / "b")
    assert "'words_from' is now 'transcript_source'" in caplog.text
    both = "asr: {folder: a, words_from: b, transcript_source: b}\nllm: {folder: c}\n"
    with pytest.raises(ConfigError, match="both 'words_from' and 'transcript_source'"):
        load_profile(write(tmp_path, both))
