"""What an error means to whoever ran a command, and what to do about it; imported only when one happens."""

from collections.abc import Mapping, Sequence

import click
from aiokafka.errors import (
    BrokerResponseError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
)

from consumers.exception_groups import first_cause
from consumers.feed_errors import FeedError
from consumers.kafka_errors import missing_right
from consumers.settings import SettingsError
from consumers.topic_check import TopicFinding, TopicLostError, TopicsError
from schemas.errors import SchemaError
from scripts.local_kafka_error import LocalKafkaError

KAFKA_HINT = "start one with `adjudge up`, or set ADJUDGE_KAFKA to another"
_FINDINGS_SHOWN = 3
_OURS = (SettingsError, SchemaError, LocalKafkaError, TopicLostError, FeedError)
_UNREACHABLE = (KafkaConnectionError, NodeNotReadyError, KafkaTimeoutError)


def explain(error: BaseException) -> str:
    """One sentence, two at most. Errors that nobody foresaw are named with the way to see more."""
    if isinstance(error, BaseExceptionGroup):
        error = first_cause(error)
    if isinstance(error, TopicsError):
        return _findings(error.findings)
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, _OURS):
        return str(error)
    if isinstance(error, _UNREACHABLE):
        return f"cannot reach Kafka ({plain(error)}): {KAFKA_HINT}"
    if right := missing_right(error):
        return f"Kafka refuses: {right}"
    if isinstance(error, KafkaError):
        return f"Kafka refused: {plain(error)}"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or str(error) or 'no answer came in time'}"
    return f"{type(error).__name__}: {error}. This should not happen; `adjudge --debug ...` shows where."


def _findings(findings: Sequence[TopicFinding]) -> str:
    absent = [finding.topic for finding in findings if finding.setting == "exists"]
    missing = [f"topics are missing ({', '.join(absent)}): `adjudge topics create` makes them"] if absent else []
    others = [str(finding) for finding in findings if finding.setting not in ("exists", "authorization")]
    more = f"; and {len(others) - _FINDINGS_SHOWN} more" if len(others) > _FINDINGS_SHOWN else ""
    shown = "; ".join([*missing, *refusals(findings), *others[:_FINDINGS_SHOWN]])
    return f"{shown}{more}. `adjudge topics check` shows all."


def refusals(findings: Sequence[TopicFinding]) -> list[str]:
    """Topics that this user may not look at, by the right that is missing."""
    refused: dict[str, list[str]] = {}
    for finding in findings:
        if finding.setting == "authorization":
            refused.setdefault(finding.wanted, []).append(finding.topic)
    return [
        f"this user may not look at {', '.join(topics)}: it needs the ACL {right} on them"
        for right, topics in refused.items()
    ]


def plain(error: KafkaError) -> str:
    """In words alone: the client prefixes names of classes and codes."""
    if right := missing_right(error):
        return right
    known = error.description if isinstance(error, BrokerResponseError) else ""
    told = bool(error.args) and not isinstance(error.args[0], Mapping)  # of positions, which are no words
    return str(error.args[0]) if told else known or type(error).__name__
