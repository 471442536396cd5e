"""The command line: a lazy group over one static table.

The table holds each command's short help, so that `--help` and TAB load no command; a command is loaded by name
when it is run.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from credvault import __version__
from credvault.cli import boundary
from credvault.cli.context import Run
from credvault.cli.options import GlobalOptions
from credvault.model.errors import Invalid

if TYPE_CHECKING:
    from credvault.sealing.slots import KdfLimits

COMMANDS = {
    "init": "make a vault file",
    "add": "store a new secret",
    "get": "print a value, and only the value",
    "list": "show names and facts, never values",
    "rotate": "put a new value in as the next version",
    "delete": "remove secrets, every version of them",
    "undelete": "bring back what 'delete --soft' took away",
    "test": "try whether credentials still work",
    "exec": "run a program with secrets in its environment",
    "history": "show the versions of a secret",
    "edit": "change facts of a secret, not its value",
    "unlock": "let the agent hold the vault for a while",
    "lock": "let the agent forget the vault",
    "agent": "look at the agent, end it, or run it",
    "slot": "show, add and remove ways to unlock the vault file",
    "rekey": "encrypt the vault file under a new data key",
    "salvage": "rescue secrets from a damaged vault file",
    "export": "write variables for shells, files and CI",
    "import": "bring in the secrets of another program",
    "copy": "copy secrets from one place to another",
    "offline": "keep an encrypted copy for when the store is away",
    "inject": "fill a template with secrets",
    "redact": "hide secrets in what passes from stdin to stdout",
    "check": "say whether secrets are there",
    "shellenv": "load a project's variables on entering its folder",
    "trust": "let your shell load a project's variables",
    "uri": "say what a secret URI is, and where it leads",
    "doctor": "say what is wrong, and how to mend it",
    "completion": "print the completions for a shell",
}


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    # Not Click's own option: that one looks for a translation of its help at every start.
    if value and not ctx.resilient_parsing:
        ctx.find_root().obj.out.line(f"credvault, version {__version__}")
        ctx.exit()


class LazyGroup(GlobalOptions, click.Group):
    """A group that knows its commands by name and loads one when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loading its file."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"credvault.cli.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; a name that is not there gets near ones as a hint."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "'credvault --help' shows the commands"
            raise Invalid(f"there is no command '{args[0]}'", hint=hint)
        return super().resolve_command(ctx, args)

    def _main_shell_completion(self, *args: object, **kwargs: object) -> None:
        """Complete nothing: Click's own way would run a command of ours when a variable says so."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="show the version"
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A vault for secrets on the command line.

    Store a value once, then hand it to programs: $(credvault get x), credvault exec -- cmd.

    Example: credvault add openai/api_key --env OPENAI_API_KEY
    """
    if ctx.invoked_subcommand is None:
        raise Invalid("which command?", hint="'credvault --help' shows the commands")


def run(argv: Sequence[str], *, kdf: "KdfLimits | None" = None) -> int:
    """Run one command line and return its exit status."""
    state = Run(kdf)
    return boundary.end(state, argv, lambda: _run_click(argv, state))


def _run_click(argv: Sequence[str], state: Run) -> int:
    """Let Click run a command line; what it raises itself becomes one of ours."""
    try:
        status = cli.main(list(argv), prog_name="credvault", standalone_mode=False, obj=state)
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.Abort:  # a Ctrl-C; Click has ended the line of the ^C
        raise KeyboardInterrupt from None
    except click.UsageError as exc:
        raise _usage_error(exc) from None
    return status if isinstance(status, int) else 0


def _usage_error(error: click.UsageError) -> Invalid:
    """Return an error of Click in our form: lower case at the start, no full stop, and no word that may be a value."""
    message = " ".join(error.format_message().rstrip(".").split())  # Click lists choices with newlines and tabs
    if message.startswith("Got unexpected extra argument"):
        return Invalid("there are too many arguments", hint="a value is never one: it is asked for, or read by --stdin")
    where = f"'{error.ctx.command_path} --help' shows how" if error.ctx else None
    return Invalid(message[:1].lower() + message[1:], hint=where)
