"""The way to Kafka, for ``adjudge doctor``: each bootstrap server step by step, then every broker it names."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from aiokafka.conn import create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.protocol.metadata import MetadataRequest

from consumers.addresses import format_address, parse_address
from consumers.connection import client_arguments
from consumers.settings import Settings
from schemas.topics import TOPICS, topic_name
from scripts.doctor_finding import Finding, ok, problem, warning
from scripts.doctor_protocol import Call
from scripts.error_texts import KAFKA_HINT, plain

STEP_S_MAX: Final = 2.5  # of a name, of a connection, of TLS, of what follows; the four come after each other
OFFSETS_TOPIC: Final = "__consumer_offsets"
NEEDED: Final = {
    19: "CreateTopics",
    22: "InitProducerId",
    24: "AddPartitionsToTxn",
    26: "EndTxn",
    32: "DescribeConfigs",
}
FETCH: Final = 1
FETCH_MIN_OF_4: Final = 4  # Kafka 4.0 takes no older Fetch (KIP-896)


class StepError(Exception):
    """A step on the way to a broker that failed: what, and what to do."""

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.text = text
        self.fix = fix


class Brokers:
    """What the cluster says of itself, and one connection to each broker that is asked something."""

    def __init__(self, arguments: Mapping[str, Any], metadata: Any) -> None:
        self._arguments = arguments
        self._connections: dict[int, Any] = {}
        self._opening = asyncio.Lock()
        self.nodes: dict[int, tuple[str, int]] = {node: (host, port) for node, host, port, _ in metadata.brokers}
        self.partitions: dict[str, int] = {}
        self.leaders: dict[tuple[str, int], int] = {}
        self.hidden: list[str] = []  # topics of which this user is told nothing, be they there or not
        for error, topic, _, partitions in metadata.topics:
            if error == TopicAuthorizationFailedError.errno:
                self.hidden.append(topic)
            if not error:
                self.partitions[topic] = len(partitions)
                self.leaders |= {(topic, partition): leader for _, partition, leader, *_ in partitions}

    async def ask(self, node: int, call: Call) -> Any:
        """The answer of one broker. Raises KafkaError, OSError or TimeoutError."""
        async with self._opening:
            if node not in self._connections:
                host, port = self.nodes[node]
                self._connections[node] = await _connection(host, port, self._arguments)
        return await self._connections[node].send(call)

    def by_leader(self, where: Sequence[tuple[str, int]]) -> dict[int, dict[str, list[int]]]:
        """Partitions by the broker that leads them; without those that nobody leads."""
        found: dict[int, dict[str, list[int]]] = {}
        for topic, partition in where:
            node = self.leaders[topic, partition]
            if node in self.nodes:
                found.setdefault(node, {}).setdefault(topic, []).append(partition)
        return found

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections.values():
            connection.close()


@contextlib.asynccontextmanager
async def reach(settings: Settings) -> AsyncIterator[tuple[list[Finding], Brokers | None]]:
    """Findings of every server and broker; with the cluster when one answers."""
    arguments = {name: value for name, value in client_arguments(settings).items() if name != "bootstrap_servers"}
    servers = settings.kafka.split(",")
    looks = await asyncio.gather(*(_look(server, arguments, settings) for server in servers))
    found = [finding for finding, _, _ in looks]
    metadata = next((told for _, told, _ in looks if told is not None), None)
    if metadata is None:
        yield found, None
        return
    alive = [_weaker(finding) for finding in found]
    versions = next(told for _, _, told in looks if told is not None)
    brokers = Brokers(arguments, metadata)
    try:
        yield [*alive, version(versions), *await _advertised(brokers, servers)], brokers
    finally:
        brokers.close()


def _weaker(finding: Finding) -> Finding:
    """One server of several that fails is a warning: clients take another."""
    if finding.state != "problem":
        return finding
    return warning(finding.check, finding.text, finding.fix)


async def _look(server: str, arguments: Mapping[str, Any], settings: Settings) -> tuple[Finding, Any, Any]:
    """One server: its name, TCP, TLS, ApiVersions, SASL and metadata; what the last two said, when they came."""
    check = f"kafka {server}"
    host, port = parse_address(server)
    try:
        address = await _knock(host, port)
        versions, metadata = await _talk(host, port, arguments, settings)
    except StepError as error:
        return problem(check, error.text, error.fix), None, None
    security = settings.kafka_security_protocol
    return ok(check, f"{address} answers ({security}); {len(metadata.brokers)} brokers"), metadata, versions


async def _knock(host: str, port: int) -> str:
    """Name and TCP; gives the address. Raises StepError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(STEP_S_MAX):
            found = await loop.getaddrinfo(host, port)
    except (OSError, TimeoutError) as error:
        fix = "correct ADJUDGE_KAFKA, or make the name known: DNS, /etc/hosts"
        raise StepError(f"DNS: the name {host} is not known here ({_words(error)})", fix) from error
    try:
        async with asyncio.timeout(STEP_S_MAX):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        raise StepError(f"TCP: {found[0][4][0]} port {port} does not answer ({_words(error)})", KAFKA_HINT) from error
    address = str(writer.get_extra_info("peername")[0])
    writer.close()
    return address


async def _talk(host: str, port: int, arguments: Mapping[str, Any], settings: Settings) -> tuple[Any, Any]:
    """What follows TCP. Raises StepError that names the step."""
    names = [topic_name(settings.topic_prefix, topic.name) for topic in TOPICS]
    asked = MetadataRequest([*names, *settings.reply_topics, OFFSETS_TOPIC], allow_auto_topic_creation=False)
    tls = arguments.get("ssl_context")
    step = "TLS" if tls else "ApiVersions"
    try:
        if tls:
            async with asyncio.timeout(STEP_S_MAX):
                _, writer = await asyncio.open_connection(host, port, ssl=tls)
            writer.close()
            step = "ApiVersions"
        async with asyncio.timeout(STEP_S_MAX):
            connection = await _connection(host, port, arguments)
            try:
                versions = {
                    key: (low, high) for key, low, high in (await connection.send(ApiVersionRequest())).api_versions
                }
                step = "Metadata"
                return versions, await connection.send(asked)
            finally:
                connection.close()
    except (KafkaError, OSError, TimeoutError) as error:
        raise _refusal(step, error, settings.kafka_security_protocol) from error


async def _connection(host: str, port: int, arguments: Mapping[str, Any]) -> Any:
    return await create_conn(host, port, request_timeout_ms=int(STEP_S_MAX * 1_000), **arguments)


def _refusal(step: str, error: Exception, security: str) -> StepError:
    """The step that failed, by the error that it left."""
    said = _words(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        fix = "name the certificate of who signed it in ADJUDGE_KAFKA_SSL_CAFILE, and the server by the name it has"
        return StepError(f"TLS: the server's certificate is not trusted ({error.verify_message})", fix)
    if step == "TLS" or isinstance(error, ssl.SSLError):
        return StepError(f"TLS: {said}", "does it speak TLS there? See ADJUDGE_KAFKA_SECURITY_PROTOCOL and the port")
    if isinstance(error, UnsupportedSaslMechanismError):
        return StepError(f"SASL: {said}", "set ADJUDGE_KAFKA_SASL_MECHANISM to one of them")
    if isinstance(error, IllegalSaslStateError):
        fix = "see ADJUDGE_KAFKA_SECURITY_PROTOCOL and the port: another listener may take it"
        return StepError(f"SASL: the server takes none there, as {security} says", fix)
    if isinstance(error, KafkaError) and "Sasl" in type(error).__name__:
        fix = "correct ADJUDGE_KAFKA_SASL_USERNAME and ADJUDGE_KAFKA_SASL_PASSWORD"
        return StepError(f"SASL: the server refused ({said})", fix)
    fix = f"it takes connections and does not answer {security}: is it Kafka, and does it want TLS or SASL there?"
    return StepError(f"{step}: {said}", f"{fix} See ADJUDGE_KAFKA_SECURITY_PROTOCOL")


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {STEP_S_MAX:g} s"
    if isinstance(error, KafkaConnectionError) and error.__cause__ is not None:
        return "the server closed the connection"
    if isinstance(error, KafkaError):
        return plain(error)
    return str(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def version(versions: Mapping[int, tuple[int, int]]) -> Finding:
    """Whether the broker knows what we ask of it, and is as new as those that are tested with."""
    check = "broker version"
    absent = [name for key, name in NEEDED.items() if key not in versions]
    if absent:
        return problem(
            check, f"it knows no {', '.join(absent)}", "Adjudge needs Kafka with transactions: take 4.0 or later"
        )
    if versions.get(FETCH, (0, 0))[0] < FETCH_MIN_OF_4:
        return warning(
            check, "it speaks the protocol of Kafka before 4.0", "tests run with Kafka 4: upgrade the brokers"
        )
    return ok(check, "Kafka 4.0 or later")


async def _advertised(brokers: Brokers, servers: Sequence[str]) -> list[Finding]:
    """Whether the addresses that brokers give to clients lead anywhere from here."""
    told = {node: format_address(host, port) for node, (host, port) in brokers.nodes.items()}
    others = {node: address for node, address in told.items() if address not in servers}
    return list(await asyncio.gather(*(_advertised_one(node, address) for node, address in others.items())))


async def _advertised_one(node: int, address: str) -> Finding:
    check = f"broker {node}"
    host, port = parse_address(address)
    try:
        await _knock(host, port)
    except StepError as error:
        fix = "correct advertised.listeners of that broker, or make the address reachable from here"
        return problem(check, f"it tells clients to come to {address}, but {error.text}", fix)
    return ok(check, f"{address} answers")
