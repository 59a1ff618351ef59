"""``adjudge doctor``: what is wrong with this machine, Kafka, topics and clock, and how to mend it."""

import asyncio
import collections
import dataclasses
import functools
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import click
import uvloop

from consumers.settings import Settings, SettingsError, load_settings
from consumers.token_key import state_folder
from scripts import doctor_cluster, doctor_settings
from scripts.console import console, json_option, print_json, table
from scripts.doctor_finding import Finding, bounded, in_thread, problem, warning
from scripts.doctor_kafka import Brokers, reach
from scripts.doctor_machine import machine_checks
from scripts.doctor_rivals import rivals
from scripts.kafka_access import admin_client

MACHINE_S_MAX: Final = 10.0
KAFKA_S_MAX: Final = 14.0  # four steps to the servers, one to each broker, and then the rest
CHECK_S_MAX: Final = 4.0
_NOT_LOOKED_AT: Final = "topics, group, transactions and clock were not looked at"
_FIRST: Final = "mend the way to Kafka first"
_AGAIN: Final = "look at the brokers' load and logs, and again"


@click.command(
    epilog="""\b
Examples:
  adjudge doctor
  adjudge doctor --kafka kafka.example:9092 --json
"""
)
@click.option("--http", metavar="HOST:PORT", help="Where the engine listens (ADJUDGE_HTTP).")
@click.option("--prefix", metavar="TEXT", help="Stands before every topic's name (ADJUDGE_TOPIC_PREFIX).")
@click.option("--kafka", metavar="HOST:PORT", help="Kafka's bootstrap servers (ADJUDGE_KAFKA).")
@click.option("--config", metavar="FILE", help="TOML file of settings (ADJUDGE_CONFIG).")
@json_option
def doctor(*, http: str | None, prefix: str | None, kafka: str | None, config: str | None, as_json: bool) -> None:
    """Look at this machine, its settings, Kafka, topics, group, transactions and clock; say what to mend.

    Writes nothing, here or in Kafka. Takes a few seconds, and 15 when nothing answers. The exit status is 1 when there
    is a problem; a warning is none.
    """
    told = {"kafka": kafka, "topic_prefix": prefix, "http": http}
    overrides = {name: text for name, text in told.items() if text is not None}
    findings = uvloop.run(examine(os.environ, config=config, overrides=overrides))
    shown = console(as_json=as_json)
    rows = [(each.check, each.state, each.text, each.fix) for each in findings]
    shown.print(table("Doctor", ("what", "state", "is", "mend it"), rows))
    counts = collections.Counter(each.state for each in findings)
    shown.print(f"{counts['problem']} problems, {counts['warning']} warnings, {counts['ok']} fine.")
    if as_json:
        listed = [dataclasses.asdict(each) for each in findings]
        print_json({"ok": not counts["problem"], "counts": dict(counts), "findings": listed})
    if counts["problem"]:
        sys.exit(1)


async def examine(
    environment: Mapping[str, str], *, config: str | None = None, overrides: Mapping[str, str] | None = None
) -> list[Finding]:
    """Every finding, in the order of the checks. Never raises for what it looks at."""
    try:
        settings = load_settings(environment, file=config, overrides=overrides)
    except SettingsError as error:
        fix = "correct it; `adjudge settings` shows what is in force. Kafka was not looked at"
        return [*await _machine(Settings()), problem("settings", str(error), fix)]
    here, key, http, there = await asyncio.gather(
        _machine(settings),
        in_thread({"token key": functools.partial(doctor_settings.token_key, settings)}),
        bounded("http", CHECK_S_MAX, doctor_settings.http_port(settings), fix="set ADJUDGE_HTTP to another port"),
        bounded("kafka", KAFKA_S_MAX, _kafka(settings), fix=_AGAIN),
    )
    return [*here, *doctor_settings.idle_settings(settings, environment, config), *key, *http, *there]


async def _machine(settings: Settings) -> list[Finding]:
    checks = machine_checks(state_folder(settings))
    return await bounded("machine", MACHINE_S_MAX, in_thread(checks), fix="look at the machine's load")


async def _kafka(settings: Settings) -> Sequence[Finding]:
    try:
        async with reach(settings) as (found, brokers):
            if brokers is None:
                return [*found, warning("cluster", _NOT_LOOKED_AT, _FIRST)]
            return [*found, *await _cluster(settings, brokers)]
    except SettingsError as error:  # of files, which the settings only name
        return [problem("kafka", str(error), "correct it, or the file"), warning("cluster", _NOT_LOOKED_AT, _FIRST)]


async def _cluster(settings: Settings, brokers: Brokers) -> list[Finding]:
    """What is asked of a cluster that answers."""
    skew_ms = 0.0

    async def clock() -> list[Finding]:
        nonlocal skew_ms
        found, skew_ms = await doctor_cluster.clock(brokers)
        return found

    async def as_admin() -> list[Finding]:
        async with admin_client(settings) as admin:
            return [
                *await doctor_cluster.topics(admin, brokers, settings),
                *await doctor_cluster.group(admin, brokers, settings),
            ]

    clocks = await bounded("clock", CHECK_S_MAX, clock(), fix=_AGAIN)
    hanging = doctor_cluster.transactions(brokers, settings, skew_ms)
    others, two_groups, open_ones = await asyncio.gather(
        bounded("topics", CHECK_S_MAX, as_admin(), fix=_AGAIN),
        bounded("group", CHECK_S_MAX, rivals(brokers, settings), fix=_AGAIN),
        bounded("transactions", CHECK_S_MAX, hanging, fix=_AGAIN),
    )
    return [*others, *two_groups, *open_ones, *clocks]
