"""Kafka's errors in words: what a user is not allowed to do, which right (ACL) would allow it, and a setting that Kafka refuses."""

from collections.abc import Iterable
from typing import Final

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidSessionTimeoutError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

_RIGHTS: Final[tuple[tuple[type[KafkaError], str, str], ...]] = (
    (TopicAuthorizationFailedError, "topic", "DESCRIBE, and READ to read or WRITE to write, on it"),
    (GroupAuthorizationFailedError, "consumer group", "READ on it"),
    (TransactionalIdAuthorizationFailed, "transactional id", "DESCRIBE and WRITE on it"),
    (ClusterAuthorizationFailedError, "", "WRITE on the topic that is written (or IDEMPOTENT_WRITE on the cluster)"),
)


_SESSION: Final = (
    "the brokers refuse ADJUDGE_SESSION_TIMEOUT_MS: it must lie between their group.min.session.timeout.ms "
    "(6,000 where they say nothing) and group.max.session.timeout.ms"
)


def missing_right(error: BaseException) -> str:
    """What is refused, and the right that it needs; empty for any other error, or when it was not raised for one."""
    for kind, what, right in _RIGHTS:
        if isinstance(error, kind):
            name = " ".join(filter(None, (what, _names(error))))
            return f"this user may not use {name or 'the cluster for that'}: it needs the ACL {right}"
    return missing_right(error.__cause__) if error.__cause__ is not None else ""


def in_words(error: BaseException) -> str:
    """The right that is missing, the setting that is refused, or what else the error says, for logs and probes."""
    return missing_right(error) or (_SESSION if isinstance(error, InvalidSessionTimeoutError) else repr(error))


def _names(error: BaseException) -> str:
    """Of what the client told, if it told any: a name, several of them, or the broker's sentence."""
    told = error.args[0] if error.args else ""
    if isinstance(told, str):
        return told if " " not in told else ""
    return ", ".join(sorted(map(str, told))) if isinstance(told, Iterable) else ""
