"""Connections of strangers: slow, many, under foreign names; and TLS."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import time
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.serving.served import Served, make_settings, serving
from voicebench.errors import ConfigError
from voicebench.serving.server import make_server
from voicebench.serving.service import Service

CHAT = "/v1/chat/completions"
HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


def connect(served: Served) -> socket.socket:
    host, port = served.url.split("//")[1].split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def read_to_end(line: socket.socket) -> bytes:
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := line.recv(4096):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("sent", [b"", b"G", HEAD, HEAD + b"\r\n" + HEAD], ids=str)
def test_a_connection_without_a_whole_head_is_closed(sent: bytes) -> None:
    """Also where an earlier request of the connection was answered."""
    with (
        serving(make_settings(limits={"header_timeout_s": 0.3})) as served,
        connect(served) as line,
    ):
        line.sendall(sent)
        assert b" 408 " in read_to_end(line)


def test_half_open_connections_stop_nobody_and_are_bounded() -> None:
    settings = make_settings(limits={"max_connections": 40})
    with serving(settings) as served, contextlib.ExitStack() as lines:
        for _ in range(30):
            lines.enter_context(connect(served)).sendall(HEAD)
        with served.client() as client:
            assert client.get("/health").status_code == 200
        beyond = [lines.enter_context(connect(served)) for _ in range(30)]
        assert read_to_end(beyond[-1]) == b""  # closed at once


def test_a_slow_answer_is_no_slow_head() -> None:
    from tests.serving.served import ServedGenerator

    generator = ServedGenerator(answer="三" * 8, token_s=0.1)
    settings = make_settings(limits={"header_timeout_s": 0.2})
    body = {"messages": [{"role": "user", "content": "几点"}]}
    with serving(settings, generator) as served, served.client() as client:
        assert client.post(CHAT, json=body).status_code == 200
        time.sleep(0.4)  # kept alive between requests
        assert client.post(CHAT, json=body).status_code == 200


def test_after_a_body_that_is_too_large_the_connection_is_closed() -> None:
    with serving(make_settings(limits={"max_body_mib": 0.01})) as served, connect(served) as line:
        line.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n"
            b"Content-Type: application/json\r\n\r\n"
        )
        answer = read_to_end(line)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


def test_a_request_with_two_hosts_is_refused() -> None:
    with serving() as served, connect(served) as line:
        line.sendall(HEAD + b"Host: b.example\r\nConnection: close\r\n\r\n")
        answer = read_to_end(line)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"several_hosts" in answer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


def test_it_answers_over_tls(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    settings = make_settings(tls_cert=str(cert), tls_key=str(key))
    with serving(settings) as served:
        url = served.url.replace("http://127.0.0.1", "https://localhost")
        context = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(verify=context, trust_env=False, timeout=20) as client:
            assert client.get(url + "/ready").status_code == 200


def test_a_certificate_that_cannot_be_used_is_one_line(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    for tls_cert, tls_key in (("/nowhere.pem", str(key)), (str(key), str(key)), (str(cert), "")):
        settings = make_settings(tls_cert=tls_cert, tls_key=tls_key)
        with pytest.raises(ConfigError, match="TLS cannot be set up from"):
            make_server(settings, Service(settings))
