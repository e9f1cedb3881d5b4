"""A folder of the wrong model: which one it is, and what to do, from doctor and from the loader."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.published import PUBLISHED
from voicebench.asr.paraformer import load_recognizer
from voicebench.cli import main
from voicebench.commands.doctor import examine
from voicebench.errors import ModelError
from voicebench.hub.importing import import_folder
from voicebench.hub.inspection import inspect, require_role
from voicebench.llm.kinds import build_generator
from voicebench.profiles.loader import load_profile
from voicebench.profiles.schema import Profile
from voicebench.profiles.verification import require_asr

ROLES = {
    "recogniser": "paraformer-zh", "vad": "fsmn-vad", "punctuation": "ct-punc", "speakers": "cam++",
    "LLM": "qwen3-4b-int4",
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("published")
    return {name: each.write(root / name) for name, each in PUBLISHED.items()}


@pytest.mark.parametrize(("role", "name"), ROLES.items())
@pytest.mark.parametrize("held", PUBLISHED)
def test_each_published_model_takes_its_own_role_and_no_other(
    role: str, name: str, held: str, folders: dict[str, Path]
) -> None:
    for expected in (None, name):
        if held == name:
            assert require_role(folders[held], role, expected) is not None
            continue
        with pytest.raises(
            ModelError, match=f"{role} folder .* holds a {inspect(folders[held]).model}"
        ):
            require_role(folders[held], role, expected)


@pytest.mark.parametrize(
    ("architecture", "model_type"),
    [
        ("BertModel", "bert"),
        ("WhisperForConditionalGeneration", "whisper"),
        ("Qwen3VLForConditionalGeneration", "qwen3_vl"),
    ],
)
def test_what_answers_nothing_is_no_language_model(
    architecture: str, model_type: str, tmp_path: Path
) -> None:
    config = {"architectures": [architecture], "model_type": model_type, "vocab_size": 100}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ModelError, match=rf"holds a {model_type} \({architecture}\), not a language"
    ):
        require_role(tmp_path, "LLM")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model_type": "llama"}, "model_type is llama, not qwen3"),
        ({"hidden_size": 4096}, "hidden_size is 4096, not 2560"),
        ({"quantization_config": None}, "quantization_config.quant_method is none, not gptq"),
        ({"quantization_config": {"quant_method": "awq"}}, "quant_method is awq, not gptq"),
        ({"quantization_config": {"bits": 8}}, "bits is 8, not 4"),
        ({"max_position_embeddings": 40960, "torch_dtype": "float16"}, ""),
    ],
)
def test_a_named_model_has_the_dimensions_of_the_published_one(
    changes: dict[str, object], named: str, tmp_path: Path
) -> None:
    config = {**PUBLISHED["qwen3-4b-int4"].config, **changes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    if not named:
        require_role(tmp_path, "LLM", "qwen3-4b-int4")
        return
    with pytest.raises(ModelError, match=named):
        require_role(tmp_path, "LLM", "qwen3-4b-int4")


@pytest.mark.parametrize("num_tokens", [4_818, 151_937, 152_064])
def test_a_tokenizer_of_another_model_is_named(num_tokens: int, tmp_path: Path) -> None:
    config = PUBLISHED["qwen3-4b-int4"].config
    (tmp_path / "config.json").write_text(json.dumps(config))
    vocabulary = {f"t{index}": index for index in range(num_tokens)}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}))
    with pytest.raises(ModelError, match=f"{num_tokens:,} tokens and config.json says 151,936"):
        require_role(tmp_path, "LLM")


def test_a_recogniser_of_another_vocabulary_is_not_the_named_one(tmp_path: Path) -> None:
    folder = PUBLISHED["paraformer-zh"].write(tmp_path / "asr")
    (folder / "tokens.json").write_text(json.dumps(["a"] * 4_199))
    with pytest.raises(ModelError, match=r"tokens\.json has 4,199 tokens, not 8,404"):
        require_role(folder, "recogniser", "paraformer-zh")


def _copied(part: str, folder: Path) -> Path:
    source = Path(getattr(load_profile("bundled"), part).folder)
    return Path(shutil.copytree(source, folder / part))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _other_tokens(folder: Path) -> None:
    tokens = json.loads((folder / "tokens.json").read_text())
    (folder / "tokens.json").write_text(json.dumps([*tokens, "more"]))


BROKEN: list[tuple[str, Callable[[Path], object], str]] = [
    ("asr", lambda folder: _cut(folder / "model.pt"), "model.pt was cut off at"),
    ("asr", lambda folder: (folder / "model.pt").write_bytes(b""), "model.pt was cut off at 0"),
    ("asr", lambda folder: (folder / "config.yaml").write_text("{"), "config.yaml cannot be read"),
    ("llm", lambda folder: _cut(folder / "config.json"), "config.json cannot be read"),
    ("llm", lambda folder: _cut(folder / "model.safetensors"), "model.safetensors has"),
    ("llm", lambda folder: (folder / "model.safetensors").unlink(), "no *.safetensors"),
]


@pytest.mark.parametrize(("part", "breaking", "named"), BROKEN, ids=[row[2] for row in BROKEN])
def test_doctor_and_the_command_name_half_a_download(
    part: str,
    breaking: Callable[[Path], object],
    named: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    breaking(_copied(part, tmp_path))
    other = load_profile("bundled")
    folders = {"asr": other.asr.folder, "llm": other.llm.folder, part: str(tmp_path / part)}
    own = tmp_path / "own.yaml"
    own.write_text("".join(f"{name}: {{folder: {path}}}\n" for name, path in folders.items()))
    role = {"asr": "recogniser", "llm": "LLM"}[part]
    (finding,) = [each for each in examine(str(own)) if each.check == role]
    assert finding.status == "missing"
    assert named in finding.detail
    assert finding.fix
    assert (
        main(["run", "--profile", str(own), "--out", str(tmp_path / "run"), "--suites", "daily_qa"])
        == 2
    )
    (line,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("error:")]
    assert named in line


def test_a_language_model_of_another_family_is_a_note(tmp_path: Path) -> None:
    folder = _copied("llm", tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(config))
    own = tmp_path / "own.yaml"
    own.write_text(
        f"asr: {{folder: {load_profile('bundled').asr.folder}}}\nllm: {{folder: {folder}}}\n"
    )
    (finding,) = [each for each in examine(str(own)) if each.check == "LLM"]
    assert (finding.status, "a llama (LlamaForCausalLM)" in finding.detail) == ("note", True)
    assert finding.fix


@pytest.mark.models
def test_a_vocabulary_that_is_not_the_checkpoints_is_named(tmp_path: Path) -> None:
    _other_tokens(_copied("asr", tmp_path))
    profile = load_profile("bundled").asr
    with pytest.raises(ModelError, match=r"tokens\.json has 1,605 tokens and model\.pt 1,604"):
        load_recognizer(msgspec.structs.replace(profile, folder=str(tmp_path / "asr")))


@pytest.mark.parametrize("name", ["paraformer-zh", "qwen3-4b-int4"])
def test_a_folder_of_another_model_is_not_imported_under_the_name(
    name: str, bundled_profile: Profile
) -> None:
    part = bundled_profile.asr if name == "paraformer-zh" else bundled_profile.llm
    with pytest.raises(ModelError, match=f"is not {name}"):
        import_folder(Path(part.folder), name, lambda _: None)


def test_a_profile_with_the_folders_exchanged_is_refused_before_anything_is_loaded(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        f"asr: {{folder: {folders['fsmn-vad']}, vad: {{folder: {folders['paraformer-zh']}}}}}\n"
        f"llm: {{folder: {folders['paraformer-zh']}}}\n"
    )
    profile = load_profile(str(own))
    with pytest.raises(ModelError, match=r"recogniser folder .* FsmnVADStreaming .vad.*asr.folder"):
        require_asr(profile.asr)
    with pytest.raises(ModelError, match=r"LLM folder .* SeacoParaformer.*llm.folder"):
        build_generator(profile.llm)
    details = {finding.check: finding for finding in examine(str(own))}
    assert [details[role].status for role in ("recogniser", "vad", "LLM")] == ["missing"] * 3
    assert "asr.vad.folder" in details["vad"].fix
