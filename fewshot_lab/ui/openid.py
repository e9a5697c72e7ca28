"""OpenID Connect by Streamlit's own sign-in: what our routes read of what it keeps.

Streamlit offers other routes no way to know who signed in, so this one file leans on its inside:
the signed cookie that ``st.user`` reads, the token that its ``/auth/login`` takes, and the log
that says why a sign-in failed. ``tests/web/test_openid.py`` signs in with a real provider and fails
where a release of Streamlit moves any of it.
"""

import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer
from streamlit.auth_util import get_cookie_with_chunks, get_origin_from_redirect_uri
from streamlit.user_info import generate_login_redirect_url
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

LOGGER = "streamlit.web.server.starlette.starlette_auth_routes"
MONTH = 31 * 86400

# What is in the text of an error, by the reason that it stands for.
REASONS = {
    "secret": ("invalid_client", "unauthorized_client", "invalid client"),
    "clock": ("expired", "iat", "nbf", "not yet valid", "in the future"),
    "away": ("connect", "timeout", "timed out", "name or service", "resolve"),
}

_failure: ContextVar[str | None] = ContextVar("failure", default=None)


class StreamlitOpenId:
    """Reads who signed in with a provider, and why somebody could not."""

    def __init__(self) -> None:
        logging.getLogger(LOGGER).addFilter(_listen)

    def identity(self, cookies: Mapping[str, str]) -> tuple[str, float, dict[str, Any]] | None:
        """Return the cookie, when it was made (s since 1970), what it says; None without one."""
        signed_at: list[float] = []

        def part(name: str) -> bytes | None:
            # Streamlit signs each cookie with its name as the salt.
            serializer = URLSafeTimedSerializer(get_cookie_secret(), salt=name)
            try:
                value, when = serializer.loads(
                    cookies.get(name, ""), max_age=MONTH, return_timestamp=True
                )
            except BadSignature:
                return None
            signed_at.append(when.timestamp())
            return str(value).encode()

        text = get_cookie_with_chunks(part, USER_COOKIE_NAME)
        if text is None:
            return None
        claims = json.loads(text)
        if not claims.get("is_logged_in") or claims.get("origin") != get_origin_from_redirect_uri():
            return None
        # Of a long cookie the first part alone could be somebody else's of the same second.
        return cookies[USER_COOKIE_NAME] + text.decode(), signed_at[0], claims

    def sign_in_url(self) -> str:
        """Return where the sign-in with the provider begins; it holds for two minutes."""
        return generate_login_redirect_url("default")

    def why_failed(self) -> str:
        """Return a key of the reasons for which the sign-in at hand failed."""
        text = (_failure.get() or "").lower()
        return next(
            (key for key, words in REASONS.items() if any(w in text for w in words)), "other"
        )


def _listen(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    _failure.set(f"{type(error).__name__} {error}" if error else record.getMessage())
    return True
