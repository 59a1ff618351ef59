import dataclasses
import os
import pathlib

import pytest

from consumers.settings import MASK, Settings, SettingsError, load_settings
from scripts.serve_processes import child_environment


def test_each_value_knows_where_it_comes_from(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "adjudge.toml"
    file.write_text('kafka = "broker:9092"\ngroup = "of-file"\nbatch_records = 100\nreply_topics = ["a", "b"]\n')
    settings = load_settings(
        {"ADJUDGE_CONFIG": str(file), "ADJUDGE_GROUP": "of-environment", "PATH": "/bin"},
        overrides={"batch_records": "7"},
    )
    assert (settings.kafka, settings.source("kafka")) == ("broker:9092", f"file {file}")
    assert (settings.group, settings.source("group")) == ("of-environment", "environment variable ADJUDGE_GROUP")
    assert (settings.batch_records, settings.source("batch_records")) == (7, "command line")
    assert settings.reply_topics == ("a", "b")
    assert (settings.topic_prefix, settings.source("topic_prefix")) == ("ads.", "default")


def test_a_misspelt_name_is_refused_with_the_nearest_one(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SettingsError, match="ADJUDGE_TOPIC_PREFX is not a setting; did you mean ADJUDGE_TOPIC_PREFIX"):
        load_settings({"ADJUDGE_TOPIC_PREFX": "x."})
    file = tmp_path / "adjudge.toml"
    for name in ("kafak", "KAFKA", "ADJUDGE_KAFKA"):
        file.write_text(f'{name} = "broker:9092"\n')
        with pytest.raises(SettingsError, match=f"key {name} of .* is not a setting; did you mean kafka"):
            load_settings({}, file=str(file))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("[" * 3_000 + "]" * 3_000, "is nested too deeply"),
        ("9" * 5_000, "too many digits"),
        ("0x" + "f" * 5_000, "batch_records in .* a whole number of 64 bits"),
    ],
)
def test_what_no_reader_of_a_file_could_take_is_told(tmp_path: pathlib.Path, value: str, problem: str) -> None:
    file = tmp_path / "adjudge.toml"
    file.write_text(f"batch_records = {value}\n")
    with pytest.raises(SettingsError, match=problem) as told:
        load_settings({}, file=str(file))
    assert str(file) in str(told.value)


def test_a_working_directory_that_is_gone_is_told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SettingsError, match="the working directory is gone"):
        load_settings({})


def test_a_file_may_begin_with_the_mark_that_windows_editors_write(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "adjudge.toml"
    file.write_text('kafka = "broker:9092"\n', encoding="utf-8-sig")
    assert load_settings({}, file=str(file)).kafka == "broker:9092"


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("ADJUDGE_KAFKA", "broker", "host:port"),
        ("ADJUDGE_KAFKA", "a:9092,b", "host:port"),
        ("ADJUDGE_KAFKA", "broker:0", "a port is from 1 to 65535"),
        ("ADJUDGE_KAFKA", "a:9092,b:65536", "a port is from 1 to 65535"),
        ("ADJUDGE_HTTP", "127.0.0.1:99999", "a port is from 0 to 65535"),
        ("ADJUDGE_HTTP", "127.0.0.1:80,127.0.0.1:81", "host:port"),
        ("ADJUDGE_HTTP", "::1:80", "an IPv6 host in brackets"),
        ("ADJUDGE_HTTP", "[::g]:80", "'::g' is no IPv6 address"),
        ("ADJUDGE_TOKEN_KEY", "", "token_key is empty .*: it must be a path; leave it out for the default"),
        ("ADJUDGE_KAFKA_SASL_PASSWORD", "", "kafka_sasl_password is empty .* leave it out"),
        ("ADJUDGE_TOKEN_KEY", "a\0b", "a path"),
        ("ADJUDGE_BATCH_RECORDS", "0", "whole number from 1 to 2000"),
        ("ADJUDGE_BATCH_RECORDS", "many", "whole number"),
        ("ADJUDGE_STATE", "s3://bucket", "file:///"),
        ("ADJUDGE_STATE", "file:///", "file:///var/lib/adjudge"),
        ("ADJUDGE_STATE", "file:////", "file:///var/lib/adjudge"),
        ("ADJUDGE_STATE", "file:///a?b", "file:///var/lib/adjudge"),
        ("ADJUDGE_STATE", "file:///a%00b", "file:///var/lib/adjudge"),
        ("ADJUDGE_LOG_FORMAT", "xml", "console, json"),
        ("ADJUDGE_REPLY_TOPICS", "a topic", "names of topics"),
        ("ADJUDGE_REPLY_TOPICS", "ads.replies,ads.results", r"names ads\.results .*only ads\.replies takes replies"),
        ("ADJUDGE_REPLY_TOPICS", "ads.journal", r"names ads\.journal"),
        (
            "ADJUDGE_BUFFER_RECORDS",
            "100",
            r"buffer_records = 100 \(.* ADJUDGE_BUFFER_RECORDS\) must be at least batch_records = 500 \(default\)",
        ),
        ("ADJUDGE_KAFKA_SECURITY_PROTOCOL", "SASL_SSL", "needs kafka_sasl_username"),
    ],
)
def test_a_value_out_of_its_limits_is_refused_with_what_would_do(name: str, text: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=hint):
        load_settings({name: text})


def test_replies_may_go_to_any_topic_that_is_not_one_of_this_prefix() -> None:
    told = {"ADJUDGE_TOPIC_PREFIX": "b.", "ADJUDGE_REPLY_TOPICS": "ads.results,b.replies,mine"}
    assert load_settings(told).reply_topics == ("ads.results", "b.replies", "mine")


def test_servers_may_have_spaces_between_them() -> None:
    assert load_settings({"ADJUDGE_KAFKA": "a:1, b:2"}).kafka == "a:1,b:2"


def test_files_are_found_wherever_a_child_process_runs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the settings file from its folder, the others from the working directory."""
    (tmp_path / "etc").mkdir()
    file = tmp_path / "etc" / "adjudge.toml"
    file.write_text('kafka_ssl_cafile = "ca.pem"\nkafka_ssl_certfile = "/tls/cert.pem"\ntoken_key = "../keys/token"\n')
    monkeypatch.chdir(tmp_path)
    settings = load_settings(
        {"ADJUDGE_CONFIG": "etc/adjudge.toml", "ADJUDGE_KAFKA_SSL_KEYFILE": "key.pem"}, overrides={"group": "g.pem"}
    )
    assert settings.kafka_ssl_cafile == str(tmp_path / "etc" / "ca.pem")
    assert settings.kafka_ssl_certfile == "/tls/cert.pem"
    assert settings.token_key == str(tmp_path / "etc" / ".." / "keys" / "token")
    assert settings.kafka_ssl_keyfile == str(tmp_path / "key.pem")
    assert settings.group == "g.pem"
    monkeypatch.chdir("/")
    assert load_settings(child_environment(settings, 1)).kafka_ssl_keyfile == str(tmp_path / "key.pem")


@pytest.mark.parametrize("text", ["group = 1.5\n", "group = true\n", "group =", 'group = ["a", 1]\n'])
def test_a_file_that_cannot_be_used_is_refused(tmp_path: pathlib.Path, text: str) -> None:
    file = tmp_path / "adjudge.toml"
    file.write_text(text)
    with pytest.raises(SettingsError):
        load_settings({}, file=str(file))
    with pytest.raises(SettingsError, match="cannot read"):
        load_settings({}, file=str(tmp_path / "absent.toml"))


def test_a_settings_file_without_a_name_is_refused_and_not_taken_for_none() -> None:
    with pytest.raises(SettingsError, match="the name of the settings file is empty"):
        load_settings({"ADJUDGE_CONFIG": "adjudge.toml"}, file="")


def test_what_kubernetes_tells_of_services_is_no_setting() -> None:
    """Every pod is told of each Service of its namespace, in variables that begin with the Service's name."""
    links = {
        "SERVICE_HOST": "10.0.0.9",
        "SERVICE_PORT": "8180",
        "SERVICE_PORT_AUCTION": "8180",
        "PORT": "tcp://10.0.0.9:8180",
        "PORT_8180_TCP": "tcp://10.0.0.9:8180",
        "PORT_8180_TCP_PROTO": "tcp",
        "PORT_8180_TCP_PORT": "8180",
        "PORT_8180_TCP_ADDR": "10.0.0.9",
    }
    for service in "ADJUDGE", "ADJUDGE_GATEWAY", "ADJUDGE_KAFKA":
        told = {f"{service}_{name}": value for name, value in links.items()}
        assert load_settings(told).sources == {}
        assert load_settings(told | {"ADJUDGE_GROUP": "g"}).group == "g"
    for wrong in "ADJUDGE_HTTP_PORT", "ADJUDGE_PORT", "ADJUDGE_SERVICE_HOSTS", "ADJUDGE_PORT_TCP":
        with pytest.raises(SettingsError, match=f"{wrong} is not a setting"):
            load_settings({wrong: "8080"})


def test_a_user_or_password_that_no_client_could_send_is_refused_and_not_shown() -> None:
    """Bytes of the environment that are not UTF-8, as Python reads them."""
    for name in ("kafka_sasl_username", "kafka_sasl_password", "kafka_ssl_password"):
        with pytest.raises(SettingsError, match=rf"{name} = .* must be text in UTF-8") as refused:
            load_settings({f"ADJUDGE_{name.upper()}": os.fsdecode(b"tuna\xff")})
        assert ("tuna" in str(refused.value)) == name.endswith("username")
    assert load_settings({"ADJUDGE_KAFKA_SASL_PASSWORD": "p\u00e4ss \U0001f600"}).kafka_sasl_password.startswith("p")


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    settings = load_settings({"ADJUDGE_KAFKA_SASL_PASSWORD": "swordfish", "ADJUDGE_KAFKA_SSL_PASSWORD": "sesame"})
    assert settings.shown()["kafka_sasl_password"] == (MASK, "environment variable ADJUDGE_KAFKA_SASL_PASSWORD")
    assert "swordfish" not in repr(settings)
    assert "sesame" not in repr(settings)
    assert settings.kafka_sasl_password.startswith("sword")


def test_what_a_setting_accepts_is_told_without_what_was_tried() -> None:
    """The reference prints it, of a value that no setting takes."""
    for setting in (one for one in dataclasses.fields(Settings) if one.metadata):
        with pytest.raises(ValueError, match=r"\w") as refused:
            setting.metadata["parse"]("\0")
        assert "x00" not in str(refused.value)
