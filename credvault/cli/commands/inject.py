"""`credvault inject`."""

import os
import sys

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.outfile import write_outfile
from credvault.cli.output import is_terminal
from credvault.delivery.template import MAX_TEMPLATE_BYTES, fill, parse_template
from credvault.infile import read_infile
from credvault.model.errors import Invalid
from credvault.model.record import expiry_warnings
from credvault.model.text import printable
from credvault.model.value import SecretValue


@verb("inject")
@click.option("-i", "--input", "source", metavar="TEMPLATE", help="the template; stdin without it, or for -")
@click.option("-o", "--output", metavar="FILE", help="put it in a new file, mode 0600; stdout without it, or for -")
@click.option("--force", is_flag=True, help="with -o, replace the file if it is there")
@click.option("--raw", is_flag=True, help="show control characters on a terminal")
@click.pass_obj
def command(run: Run, *, source: str | None, output: str | None, force: bool, raw: bool) -> None:
    """Fill a template: each {{ credvault://NAME }} in it becomes the secret's value, and nothing else changes. #FIELD
    and ?version=N may follow the name; \\{{ credvault://… }} stays text. Where one is wrong or not there, nothing is
    written.

    Example: credvault inject -i app.conf.tmpl -o app.conf
    """
    if source is None and is_terminal(sys.stdin):
        raise Invalid("which template?", hint="credvault inject -i TEMPLATE, or pipe it in")
    if source == "":
        raise Invalid("-i names no file", hint="-i TEMPLATE, or - for stdin")
    source, output = source or "-", None if output == "-" else output
    data = read_infile(source, MAX_TEMPLATE_BYTES, what="template")
    if output is not None and _is_same(source, output):
        raise Invalid(f"{printable(output)} is the template, which would be lost", hint="name another file with -o")
    template = parse_template(
        data,
        source="stdin" if source == "-" else printable(source),
        namespace=run.explicit_namespace,
        default=run.settings.namespace.value,
    )
    with run.open_vault() as vault:
        filled = fill(vault, template)
    for text in expiry_warnings(filled.records, run.clock()):
        run.out.warn(text)
    if output is None:
        run.out.value(SecretValue(b"".join(filled.chunks)), newline=False, raw=raw)
    else:
        write_outfile(run, output, filled.chunks, force=force)


def _is_same(source: str, output: str) -> bool:
    try:
        template = os.fstat(sys.stdin.fileno()) if source == "-" else os.stat(os.path.expanduser(source))
        return os.path.samestat(template, os.stat(os.path.expanduser(output)))
    except OSError:  # the usual case: there is no such file yet
        return False
