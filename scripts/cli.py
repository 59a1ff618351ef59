"""``adjudge``: the one command. Subcommands live in ``scripts/command_NAME.py`` and are imported when they are used."""

import contextlib
import difflib
import importlib
import io
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from engine.version import ENGINE_VERSION

COMMANDS: Final = {
    "demo": "Run the whole journey on this machine, and end.",
    "up": "Run Kafka, the engine and a feed for as long as wanted.",
    "traffic": "Send a feed's sample traffic to Kafka or a gateway.",
    "serve": "Decide ad requests, against any Kafka.",
    "topics": "Compare the cluster's topics with ours, or create them.",
    "check": "Validate a file of campaigns, controls or requests.",
    "load": "Validate a file, then publish it to a topic.",
    "doctor": "Say what is wrong with machine, Kafka, topics, clock.",
    "why": "Say why a line item does not serve.",
    "audit": "Prove from the topics that results and money agree.",
    "bench": "Measure, each time beside a raw client loop.",
    "schemas": "Write the JSON Schemas and the AsyncAPI document.",
    "settings": "Show the settings in force and their sources.",
}
LATER_COMMANDS: Final = ("replay", "explain")
EXIT_PROBLEM: Final = 1
EXIT_INTERRUPTED: Final = 130
CLIENT_LOGGERS: Final = ("aiokafka", "kafka")


class _Later(click.Command):
    """A command that is imported when it is used, so that help is fast."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the real command, which then runs in place of this one."""
        command: click.Command = getattr(importlib.import_module(f"scripts.command_{self.name}"), str(self.name))
        return command.make_context(info_name, args, parent, **extra)


class _Commands(click.Group):
    """Lists commands in the order of a journey, and knows what a misspelt one may have meant."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            if args[0] in LATER_COMMANDS:
                raise click.UsageError(f"the command {args[0]} comes with a later version", ctx)
            near = difflib.get_close_matches(args[0], self.commands, n=1)
            hint = f"did you mean `adjudge {near[0]}`?" if near else "`adjudge --help` lists the commands"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    commands={name: _Later(name, short_help=text, help=text) for name, text in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  adjudge demo --requests 20000      the whole system once, with nothing installed
  adjudge up                         the same for as long as wanted
  adjudge load campaign-updates campaigns.jsonl
  adjudge settings                   what is in force, and why
""",
)
@click.option("--debug", is_flag=True, help="Show where in the program an error comes from.")
@click.version_option(ENGINE_VERSION)
def cli(*, debug: bool) -> None:
    """Adjudge, a streaming ad decision engine on Kafka.

    Every command takes --json and then prints one JSON object on its last line. The exit status is 0 only when all
    is well. Settings come from the environment (ADJUDGE_KAFKA, ...) and a TOML file (ADJUDGE_CONFIG).
    """
    if not debug:
        for name in CLIENT_LOGGERS:  # what the client logs, our errors say
            logging.getLogger(name).setLevel(logging.CRITICAL)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends the process. A letter that standard output cannot encode is shown by its code."""
    _fill_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def _fill_closed_streams() -> None:
    """What is closed (``<&-``) leaves its number to the next file, and an event loop that gets 0, 1 or 2 aborts at its end."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status; errors are one clear sentence unless --debug is given."""
    try:
        status = cli.main(args=arguments, prog_name="adjudge", standalone_mode=False)
    except click.exceptions.Exit as asked:
        return asked.exit_code
    except SystemExit as asked:
        return asked.code if isinstance(asked.code, int) else EXIT_PROBLEM
    except (click.Abort, KeyboardInterrupt):
        return _failed("interrupted", arguments, EXIT_INTERRUPTED)
    except click.exceptions.NoArgsIsHelpError as asked:
        asked.show()
        return asked.exit_code
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and error.ctx is not None:
            click.echo(error.ctx.get_usage(), err=True)
        return _failed(error.format_message(), arguments, error.exit_code)
    except BrokenPipeError:
        return EXIT_PROBLEM
    except Exception as error:
        if "--debug" in arguments:
            raise
        return _failed(importlib.import_module("scripts.error_texts").explain(error), arguments, EXIT_PROBLEM)
    return status if isinstance(status, int) else 0


def _failed(text: str, arguments: Sequence[str], status: int) -> int:
    with contextlib.suppress(OSError):  # nobody reads it, or the disk is full; the status still tells
        click.echo(f"Error: {text}", err=True)
    if "--json" in arguments:
        with contextlib.suppress(OSError):
            click.echo(json.dumps({"error": text}))
    return status


if __name__ == "__main__":
    main()
