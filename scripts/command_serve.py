"""``adjudge serve``: decide ad requests, or answer them by HTTP, in this process or in several."""

import asyncio
import sys
from collections.abc import Collection

import click
import uvloop

from consumers.addresses import PORT_MAX, parse_address
from consumers.client_start import UnreachableError
from consumers.garbage_collection import tune_garbage_collection
from consumers.logs import configure_logging
from consumers.roles import ROLES, run_roles
from consumers.settings import Settings
from scripts.console import json_option, print_json, settings_options
from scripts.kafka_access import unreachable
from scripts.serve_processes import supervise
from scripts.stop_signals import stop_on_signals

LATER_ROLES = ("ledger",)


@click.command(
    epilog="""\b
Examples:
  adjudge serve
  adjudge serve --kafka kafka.example:9092 --processes 4 --http 0.0.0.0:8080
  ADJUDGE_LOG_FORMAT=json adjudge serve --role decide
  adjudge serve --role gateway --gateway-http 0.0.0.0:8180
  adjudge serve --role decide,gateway
"""
)
@click.option("--role", default="decide", show_default=True, metavar="ROLES", help="What to run, with commas between.")
@click.option("--processes", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes of the group.")
@click.option("--http", metavar="HOST:PORT", help="Where /livez, /readyz and /metrics listen (ADJUDGE_HTTP).")
@click.option("--gateway-http", metavar="HOST:PORT", help="Where the gateway listens (ADJUDGE_GATEWAY_HTTP).")
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input closes.")
@settings_options
@json_option
def serve(*, settings: Settings, role: str, processes: int, with_parent: bool, as_json: bool) -> None:
    """Decide ad requests until SIGTERM or Ctrl-C, then finish what is begun within 10 seconds.

    The role gateway answers POST /openrtb2/auction with the committed result of the request.

    With several processes each takes some of the shards, and they listen on consecutive HTTP ports; when one of them
    ends by itself all end, with exit status 1, for whoever runs them to start them again.
    """
    roles = _roles(role)
    _check_ports(settings, roles, processes)
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    try:
        status = uvloop.run(_serve(settings, roles, processes, with_parent=with_parent))
    except UnreachableError as error:
        raise unreachable(settings, error) from error
    if as_json:
        print_json({"ok": status == 0, "processes": processes, "status": status})
    sys.exit(status)


def _roles(text: str) -> tuple[str, ...]:
    roles = tuple(dict.fromkeys(role.strip() for role in text.split(",")))
    for role in roles:
        if role in LATER_ROLES:
            raise click.BadParameter(
                f"the role {role} (budgets) comes with a later version; run with --role {','.join(ROLES)}",
                param_hint="--role",
            )
        if role not in ROLES:
            raise click.BadParameter(f"{role!r} is no role; the roles are {', '.join(ROLES)}", param_hint="--role")
    return roles


def _check_ports(settings: Settings, roles: Collection[str], processes: int) -> None:
    """Each process listens for each of its roles, and for no other."""
    addresses = {"decide": ("http", settings.http), "gateway": ("gateway_http", settings.gateway_http)}
    taken: dict[str, tuple[str, int]] = {}  # by host
    for name, address in (addresses[role] for role in roles):
        host, first = parse_address(address)
        other, its_first = taken.setdefault(host, (name, first))
        if other != name and first and its_first and abs(first - its_first) < processes:
            raise click.BadParameter(
                f"of {processes} processes each listens at {other} ({its_first}, from {settings.source(other)}) and {name}"
                f" ({first}, from {settings.source(name)}), counted on from there: take ports that lie {processes} or more apart",
                param_hint="--role",
            )
        if first and first + processes - 1 > PORT_MAX:
            raise click.BadParameter(
                f"they listen on consecutive ports from {first} ({name}, from {settings.source(name)}) on, of which"
                f" {PORT_MAX} is the last; with port 0 each takes a free one",
                param_hint="--processes",
            )


async def _serve(settings: Settings, roles: tuple[str, ...], processes: int, *, with_parent: bool) -> int:
    stop = stop_on_signals()
    if processes > 1:
        return await supervise(settings, processes, stop, roles=",".join(roles))
    if with_parent:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _stop_without_parent, stop)
    tune_garbage_collection()
    await run_roles(settings, roles, stop)
    return 0


def _stop_without_parent(stop: asyncio.Event) -> None:
    """The parent holds the other end of standard input and writes nothing: readable means closed."""
    stop.set()
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
