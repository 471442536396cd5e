"""The global options, which may stand before or after the command, and what makes a function a command."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from credvault.model.errors import Invalid, Unsupported
from credvault.model.names import MAX_VERSION_DIGITS

# What --version takes: a number, counted from 1.
VERSION = click.IntRange(1, 10**MAX_VERSION_DIGITS - 1)

F = TypeVar("F", bound=Callable[..., Any])

# What an offline copy can answer, and what lets an agent hold it or not; every other command is about the store itself.
_OFFLINE = ("get", "list", "exec", "export", "inject", "check", "history", "redact", "shellenv", "unlock", "lock")


def _take_global(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    # What is not given is None, False or 0, and no option sets those. Click could tell where a value came from, but
    # 8.4.0 does not for an option like these, and took every one for its default.
    if value is not None and value is not False and value != 0:
        ctx.find_root().obj.set_option(param.name, value)


def _show_help(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.find_root().obj.out.line(ctx.get_help())
        ctx.exit()


def _global_option(*names: str, **attributes: Any) -> click.Option:
    return click.Option(list(names), expose_value=False, callback=_take_global, **attributes)


def global_options() -> list[click.Option]:
    """Return the options of every command, made anew."""
    return [
        _global_option("--profile", metavar="P", help="use the profile P of config.toml"),
        _global_option("--vault", metavar="FILE", help="use the vault file FILE"),
        _global_option("--backend", metavar="B", help="use the backend B with its default settings"),
        _global_option("-n", "--namespace", metavar="NAMESPACE", help="the namespace of names without one"),
        _global_option("--key-file", metavar="F", help="unlock with the key in the file F"),
        _global_option("--accept-rollback", is_flag=True, help="accept a vault file older than the one last seen"),
        _global_option("--offline", is_flag=True, help="read the offline copy of the profile, not the store"),
        _global_option("--max-age", metavar="D", help="with --offline, refuse a copy that is older than D"),
        _global_option("--json", is_flag=True, help="write answers and errors as JSON"),
        _global_option("--no-input", is_flag=True, help="never ask; fail where an answer is needed"),
        _global_option("-q", "--quiet", is_flag=True, help="say nothing but errors"),
        _global_option("-v", "--verbose", count=True, help="say more; -vv adds tracebacks"),
        _global_option("--color", type=click.Choice(["auto", "always", "never"]), help="colours on a terminal"),
    ]


def add_options(function: F, options: Sequence[Callable[[F], F]]) -> F:
    """Return a function with these options before those that it has, in the order in which its help shows them."""
    for option in reversed(options):
        function = option(function)
    return function


class GlobalOptions(click.Command):
    """A command that takes the global options besides its own; its own win."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's parameters, then the global ones that it does not define itself."""
        if not hasattr(self, "_all_params"):
            own = {name for param in self.params for name in param.opts}
            added = [option for option in global_options() if own.isdisjoint(option.opts)]
            self._all_params: list[click.Parameter] = [*self.params, *added]
        help_option = self.get_help_option(ctx)
        return [*self._all_params, *([help_option] if help_option else [])]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; raises Unsupported, before it does anything, for --offline where no copy can answer."""
        words = ctx.command_path.split()[1:]
        run = ctx.find_root().obj
        run.reads_copies = not words or words[0] in _OFFLINE
        if run.is_offline and not run.reads_copies:
            raise Unsupported(
                f"'{' '.join(words)}' is not done with an offline copy",
                hint=f"leave out --offline; it goes with {', '.join(_OFFLINE)}",
            )
        return super().invoke(ctx)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return `--help`. Click's own looks for a translation of its text, which costs `locale` and a file search."""
        if self._help_option is None:
            self._help_option = click.Option(
                ["-h", "--help"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_show_help,
                help="show this help",
            )
        return self._help_option

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options; the global ones are in `credvault --help`."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        own = [option for option in options if ctx.parent is None or not _is_global(option)]
        rows = [row for row in (option.get_help_record(ctx) for option in own) if row is not None]
        with formatter.section("Options"):
            formatter.write_dl(rows)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)


def _is_global(option: click.Option) -> bool:
    return option.callback is _take_global


class Group(GlobalOptions, click.Group):
    """A command that has commands of its own."""


def verb_group(name: str) -> Callable[[Callable[..., Any]], Group]:
    """Make a function a command of credvault that has commands of its own; its docstring is their common help."""

    def make(function: Callable[..., Any]) -> Group:
        @click.pass_context
        def which(ctx: click.Context) -> None:
            if ctx.invoked_subcommand is None:
                raise Invalid(f"which {name} command?", hint=f"'credvault {name} --help' shows them")

        which.__doc__ = function.__doc__
        return click.group(
            name,
            cls=Group,
            invoke_without_command=True,
            subcommand_metavar="COMMAND [ARGS]...",
            context_settings={"help_option_names": ["-h", "--help"]},
        )(which)

    return make


def verb(name: str, **attributes: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command of credvault, with the global options."""
    settings = {"help_option_names": ["-h", "--help"], **attributes.pop("context_settings", {})}
    return click.command(name, cls=GlobalOptions, context_settings=settings, **attributes)
