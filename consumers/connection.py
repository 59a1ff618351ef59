"""How any client of ours reaches Kafka: servers and security, the same for consumers, producers and admin."""

import asyncio
import contextlib
import ssl
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from consumers.settings import Settings, SettingsError

CLOSE_S_MAX: Final = 1.5


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
    """Stop a consumer or producer; one whose brokers do not answer is left to its connections' end."""
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(CLOSE_S_MAX):
            await client.stop()


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    try:
        context = create_ssl_context(
            cafile=settings.kafka_ssl_cafile or None,
            certfile=settings.kafka_ssl_certfile or None,
            keyfile=settings.kafka_ssl_keyfile or None,
            password=settings.kafka_ssl_password or None,
        )
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"the kafka_ssl files cannot be used: {error}") from error
    if not isinstance(context, ssl.SSLContext):
        raise SettingsError("the kafka_ssl files give no SSL context")
    return context
