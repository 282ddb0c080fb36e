"""What all commands share: finding them, and turning what goes wrong into one line on stderr and an exit code."""

from __future__ import annotations

import os
import select
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

import click

from extproc.config.problems import ConfigError

FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""

COMMANDS = {
    "up": ("extproc.cli.up", "Run Envoy and the sidecar in the foreground."),
    "demo": ("extproc.cli.demo", "Try it on simulated models, with a request per outcome."),
    "serve": ("extproc.cli.serve", "Run the sidecar alone, as a container does."),
    "drain": ("extproc.cli.drain", "Wait for SIGTERM, then let Envoy's requests end."),
    "envoy-config": ("extproc.cli.envoy_config", "Print the Envoy bootstrap that `up` uses."),
    "certificates": ("extproc.cli.certificates", "Issue the certificates of intercepted hosts."),
    "redirect-rules": ("extproc.cli.redirect_rules", "Print the nftables rules for interception."),
    "check": ("extproc.cli.check", "Check a configuration file."),
    "explain": ("extproc.cli.explain", "Say what would be done with a request, and why."),
    "fingerprint": ("extproc.cli.fingerprint", "Print what stands for an API key in policies."),
    "report": ("extproc.cli.report", "Say what was done, what it cost and what it saved."),
    "schema": ("extproc.cli.schema", "Print the JSON Schema of the configuration."),
    "simulate-provider": ("extproc.cli.simulate_provider", "Run one simulated provider."),
}
"""Command → the module that holds it as `command`, and its line in the list of commands."""


def version() -> str:
    """Give the installed distribution's version; `source` where the code runs without being installed."""
    try:
        return installed_version("cascade-extproc")
    except PackageNotFoundError:
        return "source"


class Frame(click.Group):
    """A group that imports a command when it is called, and ends the process by the contract's exit codes.

    A command may return a whole number as its exit code.
    """

    debug = False
    """Whether errors are shown with their traceback."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Name the commands, in the order of a reader's interest."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None where the name is unknown."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = import_module(module).command
        if _DEBUG not in command.params:
            command.params.append(_DEBUG)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and exit by the contract; with `standalone_mode=False` errors are raised, as click has it."""
        run = partial(super().main, args, prog_name, complete_var, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        self.debug = False
        sys.exit(self._exit_code(run))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command and flush what it printed, so that a reader who left is noticed here and not at exit."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        except BrokenPipeError as error:
            if _reader_left():
                raise click.exceptions.Exit(FAILED) from None
            # As it is, click would take it for stdout's and end in silence.
            raise click.ClickException(f"{error.strerror}") from error
        return result

    def _exit_code(self, run: Callable[[], Any]) -> int:
        try:
            result = run()
        except ConfigError as error:
            self._say(_first_line(error), error)
            return BAD_USAGE
        except click.ClickException as error:
            self._say(_usage(error), error)
            return error.exit_code
        except (click.Abort, KeyboardInterrupt):
            return INTERRUPTED
        except OSError as error:
            named = f"{error.filename}: " if error.filename else ""
            self._say(f"{named}{error.strerror or error}", error)
            return FAILED
        except Exception as error:
            self._say(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, error)
            return FAILED
        return result if type(result) is int else 0

    def _say(self, message: str, error: Exception) -> None:
        click.echo(f"error: {message}", err=True)
        if self.debug:
            traceback.print_exception(error)


def _first_line(error: ConfigError) -> str:
    """One problem stands on the first line; several follow it, a line for each."""
    count = len(error.problems)
    return str(error) if count == 1 else f"{count} problems in the configuration\n{error}"


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"\nTry '{context.command_path} --help'." if context else ""
    return error.format_message() + hint


def _reader_left() -> bool:
    """Whether nobody reads stdout any more; then nothing is written there again, at exit neither."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # not a file of the system's
        return False
    if not poll.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _remember_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    root = ctx.find_root().command
    if value and isinstance(root, Frame):
        root.debug = True


_DEBUG = click.Option(
    ["--debug"], is_flag=True, is_eager=True, expose_value=False, callback=_remember_debug, help="Show a traceback for an error."
)


@click.group("extproc", cls=Frame, params=[_DEBUG], invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version(), prog_name="extproc", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """An LLM cascade inside Envoy: a draft model answers what it can, a verify model the rest."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(BAD_USAGE)
