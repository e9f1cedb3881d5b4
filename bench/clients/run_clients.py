"""Clients that are not ours, tried against a running service: what works, what does not.

    python bench/clients/run_clients.py --environments DIR             # the shipped models
    python bench/clients/run_clients.py --environments DIR --url http://127.0.0.1:8000

DIR has an environment for each client (`openai`, `livekit`, `pipecat`: virtual environments; `node`: a
folder with `node_modules`); each script says how to make its own. A client without one is skipped, with
the reason. The answers of the shipped models are not judged: a check is about what a client can read.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from _common import finish  # noqa: E402
from _service import as_wav, spoken_questions, voicebench_server  # noqa: E402


@dataclass(frozen=True)
class Client:
    """A script and what it runs under.

    Attributes:
        script: Its file name.
        folder: Its environment, below `--environments`.
    """

    script: str
    folder: str

    def command(self, environments: Path) -> list[str]:
        """How the script is started.

        Raises:
            SystemExit: Its environment is not there.
        """
        is_node = self.script.endswith(".mjs")
        found = shutil.which("node") if is_node else environments / self.folder / "bin" / "python"
        needed = environments / self.folder / ("node_modules/openai" if is_node else "bin/python")
        if not found or not needed.exists():
            raise SystemExit(f"skipped: {needed} is missing; {self.script} says how to get it")
        return [str(found), str(HERE / self.script)]


CLIENTS = (
    Client("openai_python.py", "openai"),
    Client("openai_node.mjs", "node"),
    Client("livekit_agents.py", "livekit"),
    Client("pipecat_services.py", "pipecat"),
)


def certificate(folder: Path) -> Path:
    """A self-signed certificate for the loopback, with its key in the same file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "localhost.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextlib.contextmanager
def behind_tls(url: str, pem: Path) -> Iterator[str]:
    """The service behind a TLS proxy, for a client that connects over TLS only; the proxy's URL."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    service = urlsplit(url)
    loop = asyncio.new_event_loop()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(service.hostname, service.port)
        await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

    server = loop.run_until_complete(asyncio.start_server(connected, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def try_client(client: Client, environments: Path, options: list[str], tls: list[str]) -> list[Any]:
    """Runs a script; its checks.

    Raises:
        SystemExit: Its environment is not there, or it ends before its first check.
    """
    command = client.command(environments)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    if client.script.endswith(".mjs"):
        environment["NODE_PATH"] = str(environments.resolve() / client.folder / "node_modules")
        options = [*options, *tls]
    done = subprocess.run(
        [*command, *options], env=environment, capture_output=True, text=True,
    )  # fmt: skip
    checks = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not checks:
        raise SystemExit(f"{client.script} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return checks


def main() -> None:
    """Tries every client that is installed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--environments", type=Path, required=True, help="folder of environments")
    parser.add_argument("--url", help="a service that runs already; without it one is started")
    parser.add_argument("--model", default="bundled", help="name of its model")
    args = parser.parse_args()
    checks: list[dict[str, Any]] = []
    skipped: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        question = folder / "question.wav"
        question.write_bytes(as_wav(spoken_questions()[0]))
        url = args.url or stack.enter_context(voicebench_server())[0]
        pem = certificate(folder)
        tls_url = stack.enter_context(behind_tls(url, pem))
        options = ["--url", url, "--model", args.model, "--question", str(question)]
        for client in CLIENTS:
            try:
                tls = ["--tls-url", tls_url, "--ca", str(pem)]
                checks += try_client(client, args.environments, options, tls)
            except SystemExit as reason:
                skipped[client.script] = str(reason)
                print(f"{client.script}: {reason}", file=sys.stderr)
    rows = [
        [check["client"], check["version"], check["what"], "works" if check["passed"] else "FAILS",
         check["result"]]
        for check in checks
    ]  # fmt: skip
    columns = ["client", "version", "what was run", "", "it got"]
    finish("clients", columns, rows, {"checks": checks, "skipped": skipped})
    if not all(check["passed"] for check in checks):
        sys.exit(1)


if __name__ == "__main__":
    main()
