"""What the service is told when it starts, and what it refuses."""

from __future__ import annotations

from voicebench.types import Record, Variant


class Limits(Record):
    """Bounds on what one client can ask for; every field is an option of `voicebench serve`."""

    max_body_mib: float = 32.0
    """Body of a request, in MiB; more is answered with 413."""
    max_connections: int = 1_024
    """Open connections; more are closed at once."""
    header_timeout_s: float = 10.0
    """Time that a connection may take to send the head of a request; then 408."""
    keep_alive_s: float = 30.0
    """How long a connection may stay open without a request after it had one."""
    body_timeout_s: float = 30.0
    """Time that sending a body may take; more is answered with 408."""
    max_audio_s: float = 600.0
    """Seconds of audio once decoded, so that a small file cannot unpack to hours."""
    max_text_characters: int = 100_000
    """All messages of a request together."""
    max_template_characters: int = 4_000
    """A prompt template."""
    max_schema_characters: int = 16_000
    """Tools, or a response's JSON schema, as JSON."""
    max_tokens: int = 1_024
    """Tokens of an answer; a request may ask for fewer."""
    max_turns: int = 16
    """Turns that are answered at the same time; on a GPU, twice what the LLM decodes at once unless told.
    No more on a CPU, where each more makes all the others slower."""
    max_queue: int = 64
    """Turns that wait for their place; more are answered with 429."""
    queue_timeout_s: float = 30.0
    """How long a turn may wait for its place; then 503."""
    turn_timeout_s: float = 300.0
    """How long a turn may take once it has begun; then 504."""
    read_timeout_s: float = 30.0
    """A client that takes nothing of what is streamed to it for so long is one that has left."""
    max_streams: int = 32
    """WebSockets that send speech at the same time; open ones that send none do not count."""
    speech_idle_s: float = 10.0
    """A WebSocket without audio for so long gives its place back to others."""
    stream_idle_s: float = 600.0
    """A WebSocket on which nothing comes for so long is closed."""
    max_conversations: int = 1_000
    """Conversations that are remembered; beyond, the one unused for longest is forgotten."""
    conversation_ttl_s: float = 1_800.0
    """A conversation unused for so long is forgotten."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            is_fine = value >= 0 if name == "max_queue" else value > 0
            if not is_fine:
                raise ValueError(f"{name} must be positive, got {value}")


class Settings(Record):
    """One service.

    Attributes:
        profile: Name of the profile; also the name of its model in the API.
        variant: The pipeline's switches. Early work is done for live speech only: a file is there
            at once.
        aliases: Further names under which clients may ask for the model.
        api_key: Without it nothing under `/v1` answers; empty: no key is asked for.
        cors_origins: Web pages of other origins that may call; none by default.
        hosts: Names that the service answers to, beside addresses; empty: any.
        logs_content: Whether transcripts and answers are logged.
        tls_cert: File of the certificate and its chain, PEM; empty: plain HTTP.
        tls_key: File of its key, PEM; empty: in the certificate's file.
    """

    profile: str = "bundled"
    variant: Variant = Variant(name="service")
    limits: Limits = Limits()
    aliases: tuple[str, ...] = ()
    api_key: str = ""
    cors_origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    logs_content: bool = False
    tls_cert: str = ""
    tls_key: str = ""

    @property
    def model_names(self) -> tuple[str, ...]:
        """Names under which a client may ask for the model, the first one is what it is called."""
        return (self.profile, *self.aliases)
