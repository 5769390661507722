"""What a tenant's authorization server says of itself (RFC 8414 §2, OpenID Connect Discovery §3, RFC 9728 §2).

An endpoint stands here as soon as the table of routes has it, and with it what is true of that endpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from watchword.credentials.signing import SIGNING_ALGORITHMS
from watchword.oauth.scopes import IDENTITY_SCOPES
from watchword.wire.routes import Route

_ENDPOINTS: Final = {
    "/oauth/authorize": "authorization_endpoint",
    "/oauth/token": "token_endpoint",
    "/oauth/jwks": "jwks_uri",
    "/oauth/userinfo": "userinfo_endpoint",
    "/oauth/introspect": "introspection_endpoint",
    "/oauth/revoke": "revocation_endpoint",
    "/oauth/register": "registration_endpoint",
    "/oauth/par": "pushed_authorization_request_endpoint",
    "/oauth/device_authorization": "device_authorization_endpoint",
    "/oauth/logout": "end_session_endpoint",
}


class ServerMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tenant's authorization server; what is not served is left out."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: tuple[str, ...]
    response_types_supported: tuple[str, ...]
    grant_types_supported: tuple[str, ...]
    token_endpoint_auth_methods_supported: tuple[str, ...]
    authorization_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    introspection_endpoint: str | None = None
    revocation_endpoint: str | None = None
    registration_endpoint: str | None = None
    pushed_authorization_request_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_signing_alg_values_supported: tuple[str, ...] = ()
    introspection_endpoint_auth_methods_supported: tuple[str, ...] = ()
    introspection_endpoint_auth_signing_alg_values_supported: tuple[str, ...] = ()
    revocation_endpoint_auth_methods_supported: tuple[str, ...] = ()
    revocation_endpoint_auth_signing_alg_values_supported: tuple[str, ...] = ()
    response_modes_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    prompt_values_supported: tuple[str, ...] = ()
    ui_locales_supported: tuple[str, ...] = ()
    subject_types_supported: tuple[str, ...] = ()
    id_token_signing_alg_values_supported: tuple[str, ...] = ()
    claims_supported: tuple[str, ...] = ()
    dpop_signing_alg_values_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False
    client_id_metadata_document_supported: bool = False
    backchannel_logout_supported: bool = False
    backchannel_logout_session_supported: bool = False
    request_uri_parameter_supported: bool = True
    """Left out it means yes (OpenID Connect Discovery §3)."""

    claims_parameter_supported: bool | None = None
    """Left out it means no; said all the same, since clients that need the claims have no other way to find out."""

    protected_resources: tuple[str, ...] = ()


class ResourceMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tenant's API as a protected resource."""

    resource: str
    authorization_servers: tuple[str, ...]
    jwks_uri: str
    scopes_supported: tuple[str, ...]
    bearer_methods_supported: tuple[str, ...] = ()
    resource_name: str | None = None
    dpop_signing_alg_values_supported: tuple[str, ...] = ()


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What the parts of the server can do, told by each.

    Shapes: ``assertion_algorithms`` and ``proof_algorithms`` are those of client assertions and DPoP proofs;
    ``languages`` are the pages'; ``claims`` are those of ID tokens and UserInfo.
    """

    grant_types: tuple[str, ...]
    api_scopes: tuple[str, ...]
    authentication_methods: tuple[str, ...]
    assertion_algorithms: tuple[str, ...] = ()
    proof_algorithms: tuple[str, ...] = ()
    response_modes: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    tells_of_logouts: bool = False

    @property
    def confidential_methods(self) -> tuple[str, ...]:
        """How clients prove themselves where a name alone is not enough."""
        return tuple(method for method in self.authentication_methods if method != "none")


class MetadataWriter:
    """Writes the documents of any tenant; ``describe`` it first."""

    def __init__(self, abilities: Abilities) -> None:
        self._abilities = abilities
        self._paths: dict[str, str] = {}

    def describe(self, routes: Iterable[Route]) -> None:
        """Take note of which endpoints are served."""
        self._paths = {_ENDPOINTS[route.path]: route.path for route in routes if route.path in _ENDPOINTS}

    def server(self, issuer: str, resource: str) -> ServerMetadata:
        """Return the metadata of an issuer."""
        can = self._abilities
        document = ServerMetadata(
            issuer=issuer,
            token_endpoint="",
            jwks_uri="",
            scopes_supported=(*IDENTITY_SCOPES, *can.api_scopes),
            response_types_supported=("code",),
            grant_types_supported=can.grant_types,
            token_endpoint_auth_methods_supported=can.authentication_methods,
            token_endpoint_auth_signing_alg_values_supported=can.assertion_algorithms,
            dpop_signing_alg_values_supported=can.proof_algorithms,
            request_uri_parameter_supported=False,
            protected_resources=(resource,),
        )
        endpoints = {field: issuer + path for field, path in self._paths.items()}
        return msgspec.structs.replace(
            document,
            **endpoints,
            **self._of_authorization(),
            **self._of_openid(),
            **self._of_client_endpoint("introspection_endpoint", can.confidential_methods),
            **self._of_client_endpoint("revocation_endpoint", can.authentication_methods),
        )

    def resource(self, issuer: str, resource: str, name: str) -> ResourceMetadata:
        """Return the metadata of an issuer's API."""
        return ResourceMetadata(
            resource=resource,
            authorization_servers=(issuer,),
            jwks_uri=issuer + self._paths["jwks_uri"],
            scopes_supported=self._abilities.api_scopes,
            bearer_methods_supported=("header",),
            resource_name=name,
            dpop_signing_alg_values_supported=self._abilities.proof_algorithms,
        )

    def _of_authorization(self) -> dict[str, object]:
        if "authorization_endpoint" not in self._paths:
            return {}
        return {
            "response_modes_supported": self._abilities.response_modes,
            "code_challenge_methods_supported": ("S256",),
            "prompt_values_supported": self._abilities.prompts,
            "ui_locales_supported": self._abilities.languages,
            "authorization_response_iss_parameter_supported": True,
        }

    def _of_openid(self) -> dict[str, object]:
        if "authorization_endpoint" not in self._paths:
            return {}
        return {
            "subject_types_supported": ("public",),
            "id_token_signing_alg_values_supported": SIGNING_ALGORITHMS,
            "claims_supported": self._abilities.claims,
            "claims_parameter_supported": False,
            "backchannel_logout_supported": self._abilities.tells_of_logouts,
            "backchannel_logout_session_supported": self._abilities.tells_of_logouts,
        }

    def _of_client_endpoint(self, field: str, methods: tuple[str, ...]) -> dict[str, object]:
        if field not in self._paths:
            return {}
        return {
            f"{field}_auth_methods_supported": methods,
            f"{field}_auth_signing_alg_values_supported": self._abilities.assertion_algorithms,
        }
