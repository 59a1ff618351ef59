"""What an error means to whoever ran a command, and what to do about it; imported only when one happens."""

from collections.abc import Sequence

import click
from aiokafka.errors import (
    BrokerResponseError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
)

from consumers.causes import first_cause
from consumers.feed_errors import FeedError
from consumers.settings import SettingsError
from consumers.topic_check import Finding, TopicLostError, TopicsError
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
    if isinstance(error, KafkaError):
        return f"Kafka refused: {plain(error)}"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or str(error) or 'no answer came in time'}"
    return f"{type(error).__name__}: {error}. This should not happen; `adjudge --debug ...` shows where."


def _findings(findings: Sequence[Finding]) -> str:
    absent = [finding.topic for finding in findings if finding.setting == "exists"]
    others = [str(finding) for finding in findings if finding.setting != "exists"]
    missing = [f"topics are missing ({', '.join(absent)}): `adjudge topics create` makes them"] if absent else []
    more = f"; and {len(others) - _FINDINGS_SHOWN} more" if len(others) > _FINDINGS_SHOWN else ""
    return "; ".join([*missing, *others[:_FINDINGS_SHOWN]]) + f"{more}. `adjudge topics check` shows all."


def plain(error: KafkaError) -> str:
    """In words alone: the client prefixes names of classes and codes."""
    known = error.description if isinstance(error, BrokerResponseError) else ""
    return str(error.args[0]) if error.args else known or type(error).__name__
