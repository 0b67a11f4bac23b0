"""Signing in with an OpenID Connect provider: authorization code with PKCE, by Authlib.

Belongs here: the settings, and the two requests of a sign-in. Stays out: who the persons are
(people.py), the sessions that follow (sign_in.py).
"""

from __future__ import annotations

import os
import pwd
import re
from typing import Any

from pydantic import AnyHttpUrl, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.requests import Request
from starlette.responses import Response

from assay.contracts.errors import ConfigurationError, Where
from assay.contracts.stewards import Subject
from assay.web.graphql_guard import Refusal
from assay.web.public_address import PublicAddress

CALLBACK = "/sign-in/callback"
TIMEOUT_S = 10
_PREFIX = re.compile(r"(/[A-Za-z0-9_-]+)*")
_FAILED = Refusal(
    403, "The sign-in did not succeed. Start again from the sign-in page of this address."
)
_UNREACHABLE = Refusal(502, "The sign-in provider does not answer. Try again in a minute.")


class ProviderSettings(BaseSettings):
    """The provider, and the address under which people open the web UI.

    ASSAY_OIDC_ISSUER: the provider's address, as its tokens name it. ASSAY_OIDC_CLIENT_ID and
    ASSAY_OIDC_CLIENT_SECRET: what it knows this installation by; a public client has no secret.
    ASSAY_OIDC_URL: where people open the web UI, with the path before its pages where there is one
    (http://127.0.0.1:PORT). ASSAY_OIDC_PROXY_ACCOUNT: the account of the proxy in front, whose
    X-Forwarded-Host, -Proto and -Prefix count (no proxy's do).
    """

    model_config = SettingsConfigDict(env_prefix="ASSAY_OIDC_", frozen=True)

    issuer: AnyHttpUrl | None = None
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    url: AnyHttpUrl | None = None
    proxy_account: str = ""

    @field_validator("proxy_account")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            user = pwd.getpwnam(name).pw_uid if name else None
        except KeyError:
            raise ValueError(f"this machine has no account '{name}'") from None
        if user == os.geteuid():
            raise ValueError("the proxy must run under another account than the web UI")
        return name

    @model_validator(mode="after")
    def _complete(self) -> ProviderSettings:
        if (self.issuer is None) != (not self.client_id):
            raise ValueError("ASSAY_OIDC_ISSUER and ASSAY_OIDC_CLIENT_ID must be set together")
        for address in (self.issuer, self.url):
            local = address is not None and address.host in ("127.0.0.1", "localhost", "[::1]")
            if address is not None and address.scheme != "https" and not local:
                raise ValueError("an address that is not on this machine must begin with https://")
        if self.url is not None and not _PREFIX.fullmatch((self.url.path or "").rstrip("/")):
            raise ValueError(
                "the path of ASSAY_OIDC_URL may have letters, digits, `-`, `_` and `/` only"
            )
        if self.url is not None and (self.url.query or self.url.fragment or self.url.username):
            raise ValueError("ASSAY_OIDC_URL must be an address without user, query and fragment")
        if (self.url is not None or self.proxy_account) and self.issuer is None:
            raise ValueError(
                "ASSAY_OIDC_URL and ASSAY_OIDC_PROXY_ACCOUNT need ASSAY_OIDC_ISSUER: "
                "without a provider, people sign in on this machine only"
            )
        return self

    @property
    def public_url(self) -> str | None:
        """ASSAY_OIDC_URL without a slash at its end."""
        return str(self.url).rstrip("/") if self.url else None

    @property
    def proxy(self) -> int | None:
        """The user id of the proxy; None if none is named."""
        return pwd.getpwnam(self.proxy_account).pw_uid if self.proxy_account else None


def provider_settings() -> ProviderSettings:
    """The settings of the environment. Raises: ConfigurationError: one is wrong or missing."""
    try:
        return ProviderSettings()
    except ValidationError as errors:
        first = errors.errors(include_url=False, include_input=False)[0]
        name = f"ASSAY_OIDC_{str(first['loc'][0]).upper()}" if first["loc"] else "ASSAY_OIDC_*"
        raise ConfigurationError(
            first["msg"].removeprefix("Value error, "),
            "Correct the environment variable",
            Where(file=name),
        ) from None


class Provider:
    """The provider of an installation.

    Args:
        url: the address under which people open the web UI.
    """

    def __init__(self, settings: ProviderSettings, url: str) -> None:
        from authlib.integrations.starlette_client import OAuth

        self.address, self.issuer = PublicAddress(url), str(settings.issuer).rstrip("/")
        secret = settings.client_secret.get_secret_value()
        self._client: Any = OAuth().register(
            "provider",
            client_id=settings.client_id,
            client_secret=secret or None,
            server_metadata_url=f"{self.issuer}/.well-known/openid-configuration",
            code_challenge_method="S256",
            client_kwargs={
                "scope": "openid",
                "timeout": TIMEOUT_S,
                "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
            },
        )

    async def begin(self, request: Request) -> Response | Refusal:
        """Send the browser to the provider; state, nonce and verifier stay in `request.session`."""
        import httpx2
        from authlib.integrations.base_client import OAuthError

        try:
            answer: Response = await self._client.authorize_redirect(
                request, f"{self.address.url}{CALLBACK}"
            )
        except (httpx2.HTTPError, ValueError):
            return _UNREACHABLE
        except (OAuthError, RuntimeError):
            return _FAILED
        return answer

    async def finish(self, request: Request) -> Subject | Refusal:
        """Who came back from the provider, once their token is checked.

        Refused: a state that this browser did not begin with, a code that is used again, a token
        with another nonce, issuer, audience or signature, or one that has expired.
        """
        import httpx2
        from authlib.common.errors import AuthlibBaseError
        from joserfc.errors import JoseError

        try:
            token = await self._client.authorize_access_token(
                request,
                claims_options={"iss": {"essential": True, "values": [self._issuer()]}},
            )
        except httpx2.HTTPError:
            return _UNREACHABLE
        except (AuthlibBaseError, JoseError, RuntimeError, ValueError, TypeError, KeyError):
            return _FAILED
        claims = token.get("userinfo") or {}
        subject = claims.get("sub")
        return Subject(issuer=self.issuer, subject=subject) if subject else _FAILED

    def _issuer(self) -> str:
        """The issuer as the provider's own metadata spell it, which must be the one that is set."""
        issuer = str(self._client.server_metadata.get("issuer", ""))
        if issuer.rstrip("/") != self.issuer:
            raise ValueError("the sign-in provider names another issuer than ASSAY_OIDC_ISSUER")
        return issuer
