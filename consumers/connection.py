"""How any client of ours reaches Kafka: servers and security, the same for consumers, producers and admin."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from consumers.kafka_errors import in_words
from consumers.settings import Settings, SettingsError

CLOSE_S_MAX: Final = 1.5
BEGIN_AGAIN_S: Final = 0.5


def client_arguments(settings: Settings) -> dict[str, Any]:
    """Keyword arguments that every aiokafka client takes. Raises SettingsError when a certificate cannot be read."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka.split(","),
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        arguments |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password,
        }
    if settings.kafka_security_protocol.endswith("SSL"):
        arguments["ssl_context"] = _ssl_context(settings)
    return arguments


async def close_in_time(client: Any) -> None:
    """Stop a consumer or producer; one whose brokers do not answer is left to its connections' end.

    Without brokers, a consumer awaits a task that it has cancelled itself: that is no cancellation of whoever closes it.
    """
    task = asyncio.current_task()
    cancelled = task.cancelling() if task else 0
    try:
        await _in_time(client.stop())
    except asyncio.CancelledError:
        if task is None or task.cancelling() > cancelled:
            raise
        inner = getattr(client, "_client", None)  # the connections, which it did not come to
        if inner is not None:
            await _in_time(inner.close())


async def begun(make: Callable[[], Any], begin: Callable[[Any], Awaitable[None]], told: Callable[[str], None]) -> Any:
    """A client of brokers that were there a moment ago, once it has begun; while they are gone, another is made.

    ``told`` hears why it could not begin, each time.
    """
    while True:
        client = make()
        try:
            await begin(client)
        except (KafkaError, OSError, TimeoutError) as error:
            await close_in_time(client)
            told(in_words(error))
        except BaseException:
            await close_in_time(client)
            raise
        else:
            return client
        await asyncio.sleep(BEGIN_AGAIN_S)


async def _in_time(closing: Awaitable[Any]) -> None:
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(CLOSE_S_MAX):
            await closing


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    cafile = settings.kafka_ssl_cafile
    try:
        context = create_ssl_context(cafile=cafile or None)
    except OSError as error:
        raise SettingsError(f"kafka_ssl_cafile {cafile} cannot be used: {_why(error)}") from error
    if not isinstance(context, ssl.SSLContext):
        raise SettingsError("the kafka_ssl files give no SSL context")
    if settings.kafka_ssl_certfile:
        _load_client_certificate(context, settings)
    return context


def _load_client_certificate(context: ssl.SSLContext, settings: Settings) -> None:
    """Raises SettingsError that names the file in question: OpenSSL says "PEM lib" of each of them."""
    certfile, keyfile = settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile or settings.kafka_ssl_certfile
    key = "kafka_ssl_keyfile" if settings.kafka_ssl_keyfile else "the key in kafka_ssl_certfile"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=certfile)
    except OSError as error:
        raise SettingsError(f"kafka_ssl_certfile {certfile} cannot be used: {_why(error)}") from error
    try:
        # A password that is empty rather than none: with none OpenSSL would ask whoever sits at the terminal.
        context.load_cert_chain(certfile, keyfile, password=settings.kafka_ssl_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = f"it does not belong to the certificate in {certfile}"
        else:
            problem = "it is no key in PEM, or kafka_ssl_password is not its password"
        raise SettingsError(f"{key} {keyfile} cannot be used: {problem}") from error
    except OSError as error:
        raise SettingsError(f"{key} {keyfile} cannot be used: {_why(error)}") from error


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "it holds no certificate in PEM"
    return error.strerror or str(error)
