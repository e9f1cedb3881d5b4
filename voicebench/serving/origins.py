"""Which web pages may call: those of this service's own names, and those that the settings name.

A browser sends requests of any page to this machine. Programs send no `Origin`, and are let in.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from voicebench.serving.errors import ApiError
from voicebench.serving.settings import Settings


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
