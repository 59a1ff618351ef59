"""Settings, for ``adjudge doctor``: those that do nothing, the token key, and who has the HTTP port."""

import errno
import ipaddress
import pathlib
import shlex
import socket
import stat
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import aiohttp

from consumers.addresses import format_address, parse_address
from consumers.settings import CONFIG, PREFIX, Settings
from consumers.token_key import key_path, read_key, wrong_size
from scripts.doctor_finding import Finding, ok, problem, warning
from scripts.doctor_machine import writable

HTTP_S_MAX: Final = 2.0


def idle_settings(settings: Settings, environment: Mapping[str, str], config: str | None) -> list[Finding]:
    """Settings that are told and do nothing, each with its reason."""
    idle = [*_without_effect(settings), *_overridden(settings, environment, config)]
    if not idle:
        return [ok("settings", f"{len(settings.sources)} told, each does something")]
    return [warning("settings", text, "take it away, or tell what it needs") for text in idle]


def _without_effect(settings: Settings) -> Iterator[str]:
    protocol = settings.kafka_security_protocol
    for name, source in settings.sources.items():
        secured = {"kafka_sasl_": protocol.startswith("SASL"), "kafka_ssl_": protocol.endswith("SSL")}
        if not all(used for start, used in secured.items() if name.startswith(start)):
            yield f"{name} ({source}) does nothing with kafka_security_protocol {protocol}"
        elif name == "kafka_ssl_password" and not settings.kafka_ssl_keyfile:
            yield f"{name} ({source}) does nothing without kafka_ssl_keyfile"
        elif name == "state" and settings.token_key:
            yield f"{name} ({source}) does nothing beside token_key: only the key would be kept there"


def _overridden(settings: Settings, environment: Mapping[str, str], config: str | None) -> Iterator[str]:
    """What a stronger source says otherwise: the file below the environment, both below the command line."""
    told = environment.get(CONFIG)
    if config and told and config != told:
        yield f"{CONFIG}={told} does nothing beside --config {config}"
    path = config or told
    file = tomllib.loads(pathlib.Path(path).read_text(encoding="utf-8-sig")) if path else {}
    for name in file:
        if not settings.source(name).startswith("file"):
            yield f"{name} of {path} does nothing: {settings.source(name)} says {_shown(settings, name)}"
    for variable in sorted(environment):
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and settings.source(name) == "command line":
            yield f"{variable} does nothing: the command line says {_shown(settings, name)}"


def _shown(settings: Settings, name: str) -> str:
    return str(settings.shown()[name][0])


def token_key(settings: Settings) -> Finding:
    """Whether there is a key that nobody else can read; the key itself is not made here."""
    check, path = "token key", key_path(settings)
    setting = PREFIX + ("TOKEN_KEY" if settings.token_key else "STATE")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        key = read_key(path)
    except (FileNotFoundError, NotADirectoryError):
        return _absent(path, told=bool(settings.token_key))
    except OSError as error:
        fix = f"let who runs Adjudge read it and search its folders: {path}; or set {setting} to another"
        return problem(check, f"{path} ({setting}) cannot be read: {error.strerror}", fix)
    if wrong := wrong_size(key):
        return problem(check, f"{path} has {wrong}", f"make it: openssl rand -out {_quoted(path)} 32")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return warning(check, f"{path} can be read by others (mode {mode:o})", f"chmod 600 {_quoted(path)}")
    return ok(check, f"{path}, {len(key)} bytes, mode {mode:o}")


def _absent(path: pathlib.Path, *, told: bool) -> Finding:
    if told:
        folder = "" if path.parent.exists() else f"mkdir -p {_quoted(path.parent)} && "
        make = f"{folder}openssl rand -out {_quoted(path)} 32 && chmod 600 {_quoted(path)}"
        fix = f"make it: {make}; the same for all processes"
        return problem("token key", f"{path} (ADJUDGE_TOKEN_KEY) is not there", fix)
    if not writable(path.parent):
        return problem("token key", f"{path} cannot be made", "set ADJUDGE_STATE to a folder that can be written")
    return ok("token key", f"the first start makes {path}; several machines need the same one: ADJUDGE_TOKEN_KEY")


def _quoted(path: pathlib.Path) -> str:
    """As a shell takes it."""
    return shlex.quote(str(path))


async def http_port(settings: Settings) -> list[Finding]:
    """Whether the port is free, or who answers there."""
    host, port = parse_address(settings.http)
    if not port:
        return [ok("http", "takes a free port")]
    try:
        bind_briefly(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return [await _who_answers(settings.http, f"http://{format_address(_reachable(host), port)}/readyz")]
        fix = "set ADJUDGE_HTTP to an address of this machine, and a port that it may take"
        return [problem("http", f"{settings.http} cannot be listened at: {error.strerror}", fix)]
    return [ok("http", f"{settings.http} is free")]


def bind_briefly(host: str, port: int) -> None:
    """Take the port for a moment, without listening. Raises OSError."""
    family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(where)


def _reachable(host: str) -> str:
    """Where one reaches what listens at ``host``: loopback, for any address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return host if not address.is_unspecified else "127.0.0.1" if address.version == 4 else "::1"


async def _who_answers(address: str, url: str) -> Finding:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HTTP_S_MAX)) as session,
            session.get(url) as answer,
        ):
            said: Any = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("reasons", []), list) or "ready" not in said:
        return problem("http", f"another program answers at {address}", "stop it, or set ADJUDGE_HTTP to another")
    if said["ready"]:
        return ok("http", f"an engine answers at {address}, and is ready")
    reasons = "; ".join(map(str, said.get("reasons", ())))
    fix = "wait until it has read on; `stopped` needs you: docs/operations.md, A shard is stopped"
    return problem("http", f"the engine at {address} is not ready: {reasons}", fix)
