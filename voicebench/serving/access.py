"""Which requests are let in: those with the key, and of web pages those of this service's own names and those
that the settings name.

A browser sends requests of any page to this machine. Programs send no `Origin`, and are let in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from voicebench.serving.errors import ApiError
from voicebench.serving.settings import Settings

_KEY_PROTOCOL = "openai-insecure-api-key."
"""How browsers, which cannot set headers on a WebSocket, give OpenAI's key: as a subprotocol."""


def access_error(headers: Headers, settings: Settings, *, is_open: bool = False) -> ApiError | None:
    """Why a request is refused: 401, 400 or 403; None where it is let in.

    Args:
        headers: Of the request, also one for a WebSocket.
        settings: Key, names of the service, and known origins.
        is_open: Whether the address is everybody's.
    """
    if settings.api_key and not is_open and not is_key(_key_of(headers), settings.api_key):
        return ApiError(401, "the API key is missing or wrong", "invalid_api_key")
    if len(headers.getlist("host")) > 1:  # proxies and this server could take different ones
        return ApiError(400, "the request has several Host headers", "several_hosts")
    return None if is_open else origin_error(headers, settings)


def origin_error(headers: Headers, settings: Settings) -> ApiError | None:
    """Why a web page may not call: 403; None where it may, and for programs."""
    if not _is_known_origin(headers, settings):
        message = "web pages of that origin may not call; --cors-origin lets them"
        return ApiError(403, message, "unknown_origin")
    if not _is_known_host(headers, settings):
        message = "without a key this service answers to localhost and to addresses only"
        return ApiError(403, message, "unknown_host")
    return None


def _is_known_host(headers: Headers, settings: Settings) -> bool:
    """A page can have its own name mean this machine (DNS rebinding), and is then of the same
    origin; but it cannot be called by an address."""
    known = settings.hosts
    try:
        name = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if not known or not name or name in known:
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_known_origin(headers: Headers, settings: Settings) -> bool:
    """Browsers open a WebSocket to another origin, or send it a form, without asking first."""
    origin = headers.get("origin", "")
    own = [scheme + headers.get("host", "") for scheme in ("http://", "https://")]
    return not origin or origin in own or origin in settings.cors_origins


def _key_of(headers: Headers) -> str:
    """The key that a request gives: as a bearer, as the password of the browser's own dialog, or as
    a subprotocol."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    offered = map(str.strip, headers.get("sec-websocket-protocol", "").split(","))
    keys = [each for each in offered if each.startswith(_KEY_PROTOCOL)]
    return keys[0].removeprefix(_KEY_PROTOCOL) if keys else ""


def is_key(given: str, key: str) -> bool:
    """Whether a key is the right one; takes as long whatever it is."""
    return hmac.compare_digest(
        hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest(),
        hashlib.sha256(key.encode()).digest(),
    )
