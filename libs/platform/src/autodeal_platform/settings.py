"""Settings come from the environment, once, in `main`.

A service declares a frozen, keyword-only dataclass that inherits the groups it needs; the field
`database_url` is read from `DATABASE_URL`. The text under a field is its documentation. A secret may
stand in a file instead, named by `DATABASE_URL_FILE`, and is then read again when the file changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from autodeal_platform.read_docstrings import field_docstrings
from autodeal_platform.secret import HIDDEN, FileSecret, Secret

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = (
    "WIRED",
    "CognitoSettings",
    "HttpSettings",
    "Secret",
    "SettingField",
    "SettingsError",
    "describe_settings",
    "load_settings",
)

Settings = TypeVar("Settings", bound="DataclassInstance")

_TYPE_NAMES: dict[object, str] = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    Secret: "a secret",
}

WIRED: dict[str, bool] = {"wired": True}
"""The metadata of a field that the wiring fills in; it is no setting and has no variable."""
FILE_SUFFIX = "_FILE"
"""What the name of a secret's variable ends in when it names a file."""

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class SettingsError(Exception):
    """The environment lacks a setting or holds one that cannot be read; names them all in one line."""

    code = "settings_invalid"


@dataclass(frozen=True)
class SettingField:
    """One setting, as documentation shows it."""

    env: str
    type: str
    default: str | None
    """The default as one would type it; None when the setting must be given."""
    secret: bool
    doc: str


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """How a process listens and how it stops; shared by servers and workers."""

    http_host: str = "127.0.0.1"
    """The address to listen on; `0.0.0.0` inside a container."""
    http_port: Port
    """The port to listen on; 0 takes a free one."""
    http_body_limit_bytes: Annotated[int, msgspec.Meta(ge=1)] = 1_048_576
    """A larger request body is refused with 413."""
    http_drain_delay_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """After SIGTERM, how long to keep accepting while readiness fails, so that load balancers notice."""
    http_drain_timeout_seconds: Annotated[float, msgspec.Meta(ge=0)] = 20.0
    """How long requests and loops in flight may take to end once the process is told to stop."""
    log_level: LogLevel = "INFO"
    """The least severe log line that is written."""


@dataclass(frozen=True, kw_only=True)
class CognitoSettings:
    """Whose tokens are believed."""

    cognito_issuer: str
    """The user pool's issuer, `https://cognito-idp.<region>.amazonaws.com/<pool id>`."""
    cognito_client_id: str
    """The app client that tokens must have been issued to."""
    cognito_jwks_url: str | None = None
    """Where the pool publishes its signing keys; by default the issuer's `/.well-known/jwks.json`."""
    cognito_leeway_seconds: Annotated[float, msgspec.Meta(ge=0, le=300)] = 5
    """How far this machine's clock may be off when a token's times are judged."""


def load_settings(cls: type[Settings], environ: Mapping[str, str]) -> Settings:
    """Read an instance of `cls` from the environment.

    An empty variable counts as absent. Raises SettingsError, which names every missing or
    unreadable setting but never what was in it; a class may raise it too when it is made, for
    settings that do not go together.
    """
    types = get_type_hints(cls, include_extras=True)
    values: dict[str, Any] = {}
    complaints: list[str] = []
    for field in _fields(cls):
        env = field.name.upper()
        try:
            value = _read(env, types[field.name], environ, required=_is_required(field))
        except SettingsError as error:
            complaints.append(str(error))
            continue
        if value is not None:
            values[field.name] = value
        elif _is_required(field):
            complaints.append(f"{env} is missing")
    if complaints:
        raise SettingsError("; ".join(complaints))
    return cls(**values)


def describe_settings(cls: type[DataclassInstance]) -> list[SettingField]:
    """Return every setting of `cls` with its type, default and documentation, in declared order."""
    types = get_type_hints(cls, include_extras=True)
    docs = field_docstrings(cls)
    return [
        SettingField(
            env=field.name.upper(),
            type=_describe_type(types[field.name]),
            default=None if _is_required(field) else _describe_default(field),
            secret=_is_secret(types[field.name]),
            doc=docs.get(field.name, ""),
        )
        for field in _fields(cls)
    ]


def _fields(cls: type[DataclassInstance]) -> list[Field[Any]]:
    return [field for field in fields(cls) if not field.metadata.get("wired")]


def _read(env: str, wanted: object, environ: Mapping[str, str], *, required: bool) -> object:
    """Return one setting's value, None when it is absent; raises SettingsError."""
    raw = environ.get(env, "")
    file = environ.get(env + FILE_SUFFIX, "") if _is_secret(wanted) else ""
    if raw and file:
        raise SettingsError(f"{env} and {env}{FILE_SUFFIX} exclude each other")
    if file:
        try:
            return FileSecret(Path(file), required=required)
        except (OSError, ValueError):
            raise SettingsError(f"{env}{FILE_SUFFIX} names no file that holds a secret") from None
    if raw == "":
        return None
    try:
        return _convert(raw, wanted)
    except ValueError:
        raise SettingsError(f"{env} is not {_describe_type(wanted)}") from None


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _describe_default(field: Field[Any]) -> str:
    match field.default_factory() if field.default_factory is not MISSING else field.default:
        case None:
            return ""
        case bool(default):
            return str(default).lower()
        case Enum() as default:
            return str(default.value)
        case Secret():
            return HIDDEN
        case default:
            return str(default)


def _convert(raw: str, wanted: object) -> object:
    if wanted is str:
        return raw
    value = msgspec.convert(raw, wanted, strict=False, dec_hook=_make_secret)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that is not finite is no setting")
    return value


def _make_secret(wanted: type[Any], raw: object) -> Secret:
    if _stands_for_secret(wanted) and isinstance(raw, str):
        return Secret(raw)
    raise NotImplementedError(f"settings cannot be of type {wanted}")


def _is_secret(wanted: object) -> bool:
    return any(_stands_for_secret(member) for member in _members(wanted))


def _stands_for_secret(wanted: object) -> bool:
    """Tell whether a type is Secret, or a library's own word for it: a protocol with `reveal()`."""
    return wanted is Secret or (
        isinstance(wanted, type) and getattr(wanted, "_is_protocol", False) and issubclass(Secret, wanted)
    )


def _members(wanted: object) -> tuple[object, ...]:
    """Return the alternatives of a type, without None and without its constraints."""
    if get_origin(wanted) is Annotated:
        return _members(get_args(wanted)[0])
    if get_origin(wanted) in (Union, UnionType):
        return tuple(inner for part in get_args(wanted) if part is not NoneType for inner in _members(part))
    return (wanted,)


def _describe_type(wanted: object) -> str:
    return " or ".join(_describe_member(member) for member in _members(wanted)) + _describe_bounds(wanted)


def _describe_member(member: object) -> str:
    if _stands_for_secret(member):
        return _TYPE_NAMES[Secret]
    if get_origin(member) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(member))
    if isinstance(member, type) and issubclass(member, Enum):
        return "one of " + ", ".join(str(choice.value) for choice in member)
    return _TYPE_NAMES.get(member, str(member))


def _describe_bounds(wanted: object) -> str:
    bounds = [part for part in getattr(wanted, "__metadata__", ()) if isinstance(part, msgspec.Meta)]
    words = [f" from {meta.ge}" for meta in bounds if meta.ge is not None]
    return "".join(words + [f" to {meta.le}" for meta in bounds if meta.le is not None])
