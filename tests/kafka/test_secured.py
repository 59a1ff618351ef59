"""A cluster with TLS, SASL and rights: who is let in works as ever, and who is not is told why."""

import asyncio
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from consumers.feed_client import FeedClient
from consumers.settings import load_settings
from scripts.command_doctor import examine
from tests.documents import rows, section
from tests.kafka.cluster import Cluster, until
from tests.kafka.running import request_record, results_reach, running, write_campaign
from tests.kafka.secured import USERS, Secured, allow, secured_kafka

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as one:
        yield one


def sasl(secured: Secured, user: str, **more: str) -> dict[str, str]:
    return {
        "ADJUDGE_KAFKA": secured.sasl,
        "ADJUDGE_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "ADJUDGE_KAFKA_SASL_USERNAME": user,
        "ADJUDGE_KAFKA_SASL_PASSWORD": USERS[user],
        **more,
    }


def tls(secured: Secured, server: str, **more: str) -> dict[str, str]:
    return {
        "ADJUDGE_KAFKA": server,
        "ADJUDGE_KAFKA_SECURITY_PROTOCOL": "SSL",
        "ADJUDGE_KAFKA_SSL_CAFILE": str(secured.certificate),
        **more,
    }


async def told(folder: pathlib.Path, environment: dict[str, str], *command: str) -> str:
    """What a command says that cannot do its work."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", *command,
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": "", "HOME": str(folder), "ADJUDGE_HTTP": "127.0.0.1:0"} | environment,
    )  # fmt: skip
    out, err = await child.communicate()
    assert child.returncode == 1, (out, err)
    return err.decode() + out.decode()


async def test_a_user_who_is_let_in_has_requests_decided(secured: Secured, tmp_path: pathlib.Path) -> None:
    async with Cluster(bootstrap=secured.plain, prefix="sasl.", folder=tmp_path) as cluster:
        await cluster.create()
        await write_campaign(cluster)
        await cluster.write("requests", [request_record(number) for number in range(5)])
        async with running(load_settings(cluster.environment() | sasl(secured, "admin"))):
            assert await results_reach(cluster, 5) == [f"r{number}" for number in range(5)]


WRONG = {
    "password": "it refuses kafka_sasl_username admin with that kafka_sasl_password",
    "mechanism": "it does not take kafka_sasl_mechanism SCRAM-SHA-256",
    "no SASL": "it closes the connection: does it speak another kafka_security_protocol there than PLAINTEXT",
    "SASL where there is none": "it takes no SASL there, as kafka_security_protocol SASL_PLAINTEXT says",
    "authority": "its certificate is not trusted (self-signed certificate): see kafka_ssl_cafile",
    "TLS where there is none": "it closes the connection: does it speak another kafka_security_protocol there than SSL",
    "no TLS": "it closes the connection: does it speak another kafka_security_protocol there than PLAINTEXT",
    "no client certificate": "it wants a client certificate that it trusts (tlsv13 alert certificate required)",
}


def wrong(secured: Secured, what: str) -> dict[str, str]:
    """Settings that are right but for one thing."""
    return {
        "password": sasl(secured, "admin") | {"ADJUDGE_KAFKA_SASL_PASSWORD": "wrong"},
        "mechanism": sasl(secured, "admin", ADJUDGE_KAFKA_SASL_MECHANISM="SCRAM-SHA-256"),
        "no SASL": {"ADJUDGE_KAFKA": secured.sasl},
        "SASL where there is none": sasl(secured, "admin", ADJUDGE_KAFKA=secured.plain),
        "authority": tls(secured, secured.tls) | {"ADJUDGE_KAFKA_SSL_CAFILE": ""},
        "TLS where there is none": tls(secured, secured.plain),
        "no TLS": {"ADJUDGE_KAFKA": secured.tls},
        "no client certificate": tls(secured, secured.mutual),
    }[what]


@pytest.mark.parametrize(
    "command", [("topics", "check"), ("serve",), ("serve", "--role", "gateway"), ("audit",)], ids=" ".join
)
async def test_who_is_not_let_in_is_told_why(
    secured: Secured, tmp_path: pathlib.Path, command: tuple[str, ...]
) -> None:
    said = await asyncio.gather(*(told(tmp_path, environment(wrong(secured, what)), *command) for what in WRONG))
    for what, text in zip(WRONG, said, strict=True):
        assert f"cannot reach Kafka at {wrong(secured, what)['ADJUDGE_KAFKA']}" in text, what
        assert WRONG[what] in text, what
        assert "adjudge up" not in text, what
        assert "swordfish" not in text, what


def environment(settings: dict[str, str]) -> dict[str, str]:
    """Without those that are empty: they are not set."""
    return {name: text for name, text in settings.items() if text}


async def test_a_user_without_rights_is_told_which_are_missing_and_not_that_topics_are(
    secured: Secured, tmp_path: pathlib.Path
) -> None:
    control, request = tmp_path / "control.json", tmp_path / "request.json"
    control.write_text('{"kind":"limits","name":"default","version":1}')
    request.write_bytes(request_record(1)[1])
    commands = (
        ("topics", "check"), ("topics", "create"), ("serve",), ("serve", "--role", "gateway"), ("audit",), ("why", "l1"),
        ("load", "controls", str(control)), ("load", "requests", str(request)), ("traffic", "--requests", "1"),
        ("doctor", "--json"),
    )  # fmt: skip
    async with Cluster(bootstrap=secured.plain, prefix="rights.", folder=tmp_path) as cluster:
        await cluster.create()
        environment = cluster.environment() | sasl(secured, "nobody")
        said = await asyncio.gather(*(told(tmp_path, environment, *command) for command in commands))
        for command, text in zip(commands, said, strict=True):
            words = " ".join(text.split())
            assert "needs the ACL DESCRIBE" in words or "the ACLs DESCRIBE" in words, command
            assert "`adjudge topics create` makes" not in text, command
            assert "missing:" not in text, command


async def test_a_user_who_may_look_and_do_nothing_is_told_what_else_is_needed(
    secured: Secured, tmp_path: pathlib.Path
) -> None:
    control = tmp_path / "control.json"
    control.write_text('{"kind":"limits","name":"default","version":1}')
    async with Cluster(bootstrap=secured.plain, prefix="look.", folder=tmp_path) as cluster:
        await cluster.create()
        await allow(secured, "looker", "topics", "look.*", "DESCRIBE", "DESCRIBE_CONFIGS")
        environment = cluster.environment() | sasl(secured, "looker")
        commands = ("audit",), ("why", "l1"), ("load", "controls", str(control)), ("serve", "--role", "gateway")
        reading, asking, writing, gateway = await asyncio.gather(
            *(told(tmp_path, environment, *command) for command in commands)
        )
        assert "this user may not use topic look." in reading
        assert "this user may not use topic look." in asking
        assert "needs the ACL WRITE on the topic that is written" in writing
        assert "needs the ACL WRITE on the topic that is written" in gateway
        async with running(load_settings(environment), ready=False) as service:
            group = f"this user may not use consumer group {cluster.settings().group}: it needs the ACL READ on it"
            await until(lambda: any(group in reason for reason in service.unready()))
        found = [each for each in await examine(environment) if each.check in ("topics", "group")]
        assert [each.state for each in found] == ["ok", "warning"]
        assert "needs the ACL DESCRIBE on it" in found[1].text


def granted(role: str, cluster: Cluster) -> list[tuple[str, str, list[str]]]:
    """What docs/deployment.md says that a role needs: kind and name of resources, and rights."""
    table = rows(section((ROOT / "docs/deployment.md").read_text("utf-8"), "## Rights on Kafka"))
    found = []
    for _, resource, rights in (row for row in table if row[0] == role):
        parts = re.fullmatch(r"([a-z ]+?)( that begin with)? ((?:adjudge|ads).*)", resource)
        assert parts is not None, resource
        kind, prefixed, names = parts.groups()
        for name in names.split(", "):
            own = name.replace("ads.", cluster.prefix).replace("adjudge", cluster.settings().group)
            found.append((kind, own + ("*" if prefixed else ""), rights.split(", ")))
    return found


async def test_the_rights_that_the_docs_list_are_all_that_engine_and_gateway_need(
    secured: Secured, tmp_path: pathlib.Path
) -> None:
    async with Cluster(bootstrap=secured.plain, prefix="acl.", folder=tmp_path) as cluster:
        await cluster.create()
        await write_campaign(cluster)
        for role in "decide", "gateway":
            for kind, name, rights in granted(role, cluster):
                await allow(secured, role, kind, name, *rights)
        engine = cluster.environment(ADJUDGE_REPLY_TOPICS=cluster.name("replies")) | sasl(secured, "decide")
        feed = load_settings(cluster.environment() | sasl(secured, "gateway"))
        async with running(load_settings(engine)), FeedClient(feed) as client:
            assert (await client.decide(request_record(1)[1], 20)).filled
