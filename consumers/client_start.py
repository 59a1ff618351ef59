"""Starting clients, and why brokers cannot be reached: the client logs its reasons one by one, and raises none of them."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import Any, Final

from aiokafka.conn import create_conn
from aiokafka.errors import (
    BrokerResponseError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from consumers.addresses import parse_address

PROBE_TIMEOUT_MS: Final = 5_000
_NOT_REACHED: Final = (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError)

_PROTOCOL: Final = (
    "it closes the connection: does it speak another kafka_security_protocol there than {security_protocol}"
)
_WORDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (SaslAuthenticationFailed, "it refuses kafka_sasl_username {sasl_plain_username} with that kafka_sasl_password"),
    (UnsupportedSaslMechanismError, "it does not take kafka_sasl_mechanism {sasl_mechanism}"),
    (IllegalSaslStateError, "it takes no SASL there, as kafka_security_protocol {security_protocol} says"),
    (ssl.SSLCertVerificationError, "its certificate is not trusted ({error.verify_message}): see kafka_ssl_cafile"),
    (ConnectionResetError, _PROTOCOL + "?"),
    (asyncio.IncompleteReadError, _PROTOCOL + ", or want a client certificate (kafka_ssl_certfile)?"),
)
_NO_ANSWER: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (ConnectionRefusedError, "nothing listens there"),
    (socket.gaierror, "its name is not known"),
)


class UnreachableError(ConnectionError):
    """No bootstrap server can be worked with; the text says why. ``answered``: something is there, but refuses."""

    def __init__(self, reason: str, *, answered: bool) -> None:
        super().__init__(reason)
        self.answered = answered


async def start(client: Any, arguments: Mapping[str, Any]) -> None:
    """Start a client that was made with these arguments. Raises UnreachableError."""
    try:
        await client.start()
    except _NOT_REACHED as error:
        raise await _unreachable(arguments) from error


async def _unreachable(arguments: Mapping[str, Any]) -> UnreachableError:
    """Ask each server once more, and keep what comes of it."""
    servers = arguments["bootstrap_servers"]
    problems = await asyncio.gather(*(_problem(server, arguments) for server in servers))
    alike = len({words for words, _ in problems}) == 1
    named = (f"{server}: {words}" for server, (words, _) in zip(servers, problems, strict=True))
    reason = problems[0][0] if alike else "; ".join(named)
    return UnreachableError(reason, answered=any(answered for _, answered in problems))


async def _problem(server: str, arguments: Mapping[str, Any]) -> tuple[str, bool]:
    """What a server does with a connection of ours and a first request; and whether there is one."""
    host, port = parse_address(server)
    told = {name: value for name, value in arguments.items() if name != "bootstrap_servers"}
    try:
        connection = await create_conn(host, port, request_timeout_ms=PROBE_TIMEOUT_MS, **told)
        try:
            await connection.send(MetadataRequest([]))
        finally:
            connection.close()
    except (OSError, KafkaError) as error:
        return _in_words(_own(error), arguments)
    return "it could not be reached a moment ago, and now it can: try again", True


def _own(error: BaseException) -> BaseException:
    """What the client's error was raised for; a time-out is its own reason, though it comes of a cancelled wait."""
    if isinstance(error, TimeoutError) or error.__cause__ is None:
        return error
    return error.__cause__


def _in_words(error: BaseException, arguments: Mapping[str, Any]) -> tuple[str, bool]:
    for kind, words in _NO_ANSWER:
        if isinstance(error, kind):
            return words, False
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words.format(error=error, **arguments), True
    if isinstance(error, (TimeoutError, KafkaTimeoutError, RequestTimedOutError)):
        return f"no answer within {PROBE_TIMEOUT_MS // 1_000} s", False
    if isinstance(error, ssl.SSLError):
        return _tls_in_words(error), True
    if isinstance(error, BrokerResponseError):
        return error.description or type(error).__name__, True
    return str(error) or type(error).__name__, not isinstance(error, OSError)


def _tls_in_words(error: ssl.SSLError) -> str:
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if "alert" in reason and ("certificate" in reason or "unknown ca" in reason):
        return f"it wants a client certificate that it trusts ({reason}): see kafka_ssl_certfile"
    return f"TLS fails ({reason}): see kafka_security_protocol and the kafka_ssl settings"
