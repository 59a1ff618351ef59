"""What an installation chooses: one frozen object from a TOML file and the environment, read once.

Nothing here can change a decision: what can is a control (D6). Each setting is ``ADJUDGE_`` and its name in
capitals in the environment, its name in the file; the command line wins over the environment, the environment
over the file. A name that is not known is an error, as a misspelt setting would otherwise be silently ignored;
but for those that Kubernetes makes of a Service's name.
"""

import dataclasses
import difflib
import pathlib
import re
import socket
import tomllib
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, Final

import platformdirs

from consumers.addresses import NoAddressError, parse_address
from schemas.topics import TOPIC_NAME, TOPICS, topic_name

PREFIX: Final = "ADJUDGE_"
CONFIG: Final = "ADJUDGE_CONFIG"
SOURCES: Final = "ADJUDGE_SOURCES"  # told by a process to its children: where it has from what their environment says
NOT_SETTINGS: Final = frozenset((CONFIG, SOURCES, "ADJUDGE_TEST_PROFILE"))
# What Kubernetes tells each pod of a Service called adjudge, adjudge-gateway and so on: variable and value.
SERVICE_LINK: Final = re.compile(
    r"ADJUDGE_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST=|SERVICE_PORT(?:_[A-Z0-9_]+)?=|PORT=(?:tcp|udp|sctp)://"
    r"|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_PROTO|_PORT|_ADDR)?=)"
)
MASK: Final = "****"
INSTANCE_CHARS_MAX: Final = 100  # of a group too
_TOML_BITS: Final = 64  # of a whole number (TOML 1.0)


class SettingsError(ValueError):
    """A setting that cannot be used: which one, where it was set, and what would be accepted."""


def _text(pattern: str, hint: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(hint)
        return text

    return parse


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,12}", text) is None or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _partition(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text) is None:
        raise ValueError("the number of a partition, from 0")
    return int(text)


def _one_of(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError("one of " + ", ".join(names))
        return text

    return parse


def _state(text: str) -> str:
    if re.fullmatch(r"file:///+[^/?#][^?#]*", text) is None or "\0" in urllib.parse.unquote(text):
        raise ValueError("a URL such as file:///var/lib/adjudge (other object stores come with a later version)")
    return text.rstrip("/")


def _topics(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if any(re.fullmatch(TOPIC_NAME, name) is None for name in names):
        raise ValueError("names of topics with commas between them")
    return names


def _addresses(hint: str, *, port_min: int, several: bool) -> Callable[[str], str]:
    def parse(text: str) -> str:
        addresses = [one.strip() for one in text.split(",")] if several else [text]
        for one in addresses:
            try:
                parse_address(one, port_min=port_min)
            except NoAddressError as error:
                raise ValueError(hint) from error
            except ValueError as error:
                raise ValueError(f"{hint}; {error}") from error
        return ",".join(addresses)

    return parse


def _setting(
    default: Any, parse: Callable[[str], Any], explanation: str, *, secret: bool = False, file: bool = False
) -> Any:
    metadata = {"parse": parse, "help": explanation, "secret": secret, "file": file}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


_SERVERS = _addresses("host:port, an IPv6 host in brackets, with commas between several", port_min=1, several=True)
_ADDRESS = _addresses("host:port, an IPv6 host in brackets; port 0 takes a free one", port_min=0, several=False)
_NAME = _text(
    rf"[A-Za-z0-9._-]{{1,{INSTANCE_CHARS_MAX}}}",
    f"1 to {INSTANCE_CHARS_MAX} letters, digits, dots, dashes and underscores",
)
_FILE = _text(r"[^\x00]{1,4096}", "a path")
_ANY = _text(r"[^\x00\ud800-\udfff]{1,4096}", "text in UTF-8")  # what of an environment is not comes as surrogates


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting with its default. ``sources``: where each value that is not a default comes from."""

    kafka: str = _setting("127.0.0.1:9092", _SERVERS, "Kafka's bootstrap servers")
    topic_prefix: str = _setting(
        "ads.",
        _text(r"[A-Za-z0-9._-]{0,100}", "at most 100 letters, digits, dots, dashes and underscores"),
        "stands before every topic's name",
    )
    group: str = _setting(
        "adjudge", _NAME, "consumer group that spreads the shards over processes; one of its own for each topic_prefix"
    )
    instance: str = _setting(
        lambda: re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:INSTANCE_CHARS_MAX],
        _NAME,
        "names this process in fences and logs",
    )
    state: str = _setting(
        lambda: pathlib.Path(platformdirs.user_state_path("adjudge")).absolute().as_uri(),
        _state,
        "URL of the object store",
    )
    http: str = _setting("127.0.0.1:8080", _ADDRESS, "where /livez, /readyz and /metrics listen")
    token_key: str = _setting(
        "", _FILE, "file of the key that signs impression tokens; made in the state store when not set", file=True
    )
    reply_topics: tuple[str, ...] = _setting(
        (), _topics, "topics to which replies may go; of those of the engine replies alone"
    )
    reply_partition: int | None = _setting(
        None, _partition, "partition of the reply topic that a feed client reads; one at random when not set"
    )
    gateway_http: str = _setting("127.0.0.1:8180", _ADDRESS, "where the gateway listens")
    kafka_security_protocol: str = _setting(
        "PLAINTEXT", _one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), "how brokers are reached"
    )
    kafka_sasl_mechanism: str = _setting("PLAIN", _one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"), "SASL mechanism")
    kafka_sasl_username: str = _setting("", _ANY, "SASL user")
    kafka_sasl_password: str = _setting("", _ANY, "SASL password", secret=True)
    kafka_ssl_cafile: str = _setting(
        "", _FILE, "certificates that brokers' are checked against; the system's when not set", file=True
    )
    kafka_ssl_certfile: str = _setting("", _FILE, "client certificate", file=True)
    kafka_ssl_keyfile: str = _setting("", _FILE, "key of the client certificate", file=True)
    kafka_ssl_password: str = _setting("", _ANY, "password of that key", secret=True)
    session_timeout_ms: int = _setting(
        10_000,
        _whole(1_000, 300_000),
        "after so long without a heartbeat another process takes over; brokers refuse less than 6000 unless told otherwise",
    )
    batch_records: int = _setting(500, _whole(1, 2_000), "inputs of one transaction, at most")
    batch_wait_ms: int = _setting(2, _whole(0, 1_000), "how long a batch waits for more input")
    buffer_records: int = _setting(
        10_000,
        _whole(10, 1_000_000),
        "inputs of a shard that may wait, at least batch_records; then its partition is paused",
    )
    tick_ms: int = _setting(10_000, _whole(100, 3_600_000), "after so long without input a shard's clock is moved on")
    log_format: str = _setting("console", _one_of("console", "json"), "how log lines are written")
    log_level: str = _setting("info", _one_of("debug", "info", "warning", "error"), "what is logged")
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def source(self, name: str) -> str:
        """Where the value of a setting comes from."""
        return self.sources.get(name, "default")

    def shown(self) -> dict[str, tuple[object, str]]:
        """Each setting's value, secrets masked, and its source: for people."""
        return {
            field.name: (
                MASK if field.metadata["secret"] and getattr(self, field.name) else getattr(self, field.name),
                self.source(field.name),
            )
            for field in _FIELDS.values()
        }

    def __repr__(self) -> str:
        return "Settings(" + ", ".join(f"{name}={value!r}" for name, (value, _) in self.shown().items()) + ")"


_FIELDS: Final = {field.name: field for field in dataclasses.fields(Settings) if field.metadata}


def load_settings(
    environment: Mapping[str, str], *, file: str | None = None, overrides: Mapping[str, str] | None = None
) -> Settings:
    """Read the file (argument, else ``ADJUDGE_CONFIG``), the environment and the command line's ``overrides``.

    Paths become absolute: those of the file are taken from its folder, the others from the working directory, which a
    child process does not share. Raises SettingsError for an unknown name, an unreadable file, or a value out of its
    limits.
    """
    if file == "":
        raise SettingsError("the name of the settings file is empty: name one, or leave it out")
    path = file or environment.get(CONFIG)
    try:
        here = pathlib.Path.cwd()
    except OSError as error:
        raise SettingsError("the working directory is gone, from which paths are taken: go to another") from error
    texts = _from_file(path) if path else {}
    told = dict(line.partition("=")[::2] for line in environment.get(SOURCES, "").splitlines())
    for variable in sorted(environment):
        if variable in NOT_SETTINGS or SERVICE_LINK.match(f"{variable}={environment[variable]}"):
            continue
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            _known(name, f"environment variable {variable}", lambda known: PREFIX + known.upper())
            source = told.get(name, f"environment variable {variable}")
            texts[name] = (_placed(name, environment[variable], here), source)
    for name, text in (overrides or {}).items():
        _known(name, f"command line setting {name}", str)
        texts[name] = (_placed(name, text, here), "command line")
    values = {name: _parsed(name, text, source) for name, (text, source) in texts.items()}
    settings = Settings(**values, sources={name: source for name, (_, source) in texts.items()})
    _check_together(settings)
    return settings


def _from_file(path: str) -> dict[str, tuple[str, str]]:
    try:
        table = tomllib.loads(pathlib.Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {path} is not TOML: {error}") from error
    except RecursionError as error:
        raise SettingsError(f"the settings file {path} is nested too deeply") from error
    except ValueError as error:  # of int
        raise SettingsError(f"a number in the settings file {path} has too many digits") from error
    texts = {}
    folder = pathlib.Path(path).absolute().parent
    for name, value in table.items():
        _known(name, f"key {name} of {path}", str)
        listed = isinstance(value, list) and all(isinstance(item, str) for item in value)
        whole = isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < _TOML_BITS
        if not (listed or whole or isinstance(value, str)):
            raise SettingsError(
                f"{name} in {path} must be text, a whole number of {_TOML_BITS} bits or a list of texts"
            )
        texts[name] = (_placed(name, ",".join(value) if listed else str(value), folder), f"file {path}")
    return texts


def _placed(name: str, text: str, folder: pathlib.Path) -> str:
    """A path of a file as an absolute one; other values, and those that are refused later, as they are."""
    usable = _FIELDS[name].metadata["file"] and text and "\0" not in text
    return str(folder / text) if usable else text


def _known(name: str, what: str, spelt: Callable[[str], str]) -> None:
    if name in _FIELDS:
        return
    near = difflib.get_close_matches(name.lower().removeprefix(PREFIX.lower()), _FIELDS, n=1)
    hint = f"; did you mean {spelt(near[0])}?" if near else "; `adjudge settings` lists them all"
    raise SettingsError(f"{what} is not a setting{hint}")


def _parsed(name: str, text: str, source: str) -> Any:
    field = _FIELDS[name]
    try:
        return field.metadata["parse"](text)
    except ValueError as error:
        if not text:
            raise SettingsError(
                f"{name} is empty ({source}): it must be {error}; leave it out for the default"
            ) from None
        shown = MASK if field.metadata["secret"] else repr(text)
        raise SettingsError(f"{name} = {shown} ({source}) must be {error}") from None


def _check_together(settings: Settings) -> None:
    if settings.kafka_security_protocol.startswith("SASL") and not (
        settings.kafka_sasl_username and settings.kafka_sasl_password
    ):
        raise SettingsError("kafka_security_protocol with SASL needs kafka_sasl_username and kafka_sasl_password")
    if settings.kafka_ssl_keyfile and not settings.kafka_ssl_certfile:
        raise SettingsError("kafka_ssl_keyfile needs kafka_ssl_certfile")
    if own := _topics_of_ours(settings):
        raise SettingsError(
            f"reply_topics names {own} ({settings.source('reply_topics')}): a reply there would pass for a record of its own;"
            f" of the engine's topics only {topic_name(settings.topic_prefix, 'replies')} takes replies"
        )
    if settings.buffer_records < settings.batch_records:
        room, batch = [
            f"{name} = {getattr(settings, name)} ({settings.source(name)})"
            for name in ("buffer_records", "batch_records")
        ]
        raise SettingsError(f"{room} must be at least {batch}")


def _topics_of_ours(settings: Settings) -> str:
    """Those of ``reply_topics`` that the engine writes in transactions, or reads as input."""
    ours = {topic_name(settings.topic_prefix, topic.name) for topic in TOPICS if topic.name != "replies"}
    return ", ".join(name for name in settings.reply_topics if name in ours)
