"""`credvault redact`."""

import os
import sys

import click

from credvault.cli.context import Run
from credvault.cli.options import verb
from credvault.cli.output import write_bytes
from credvault.delivery.matching import Masker, Patterns
from credvault.delivery.redaction import collect_referents, collect_secrets, copy_masked, short_warning
from credvault.model.errors import Invalid
from credvault.model.text import counted


@verb("redact")
@click.argument("globs", nargs=-1, metavar="[GLOB]...")
@click.option("--past", is_flag=True, help="hide the values of earlier versions too")
@click.pass_obj
def command(run: Run, globs: tuple[str, ...], *, past: bool) -> None:
    """Copy stdin to stdout with [REDACTED] in the place of every secret, or of those that match a GLOB. A GLOB may be a
    reference, or a secret URI: without a field, everything that is in it.

    A value is found as it is, line by line, in base64 and hexadecimal, and quoted for URLs, JSON, HTML and shells;
    not in what is compressed, encrypted or quoted twice. One of fewer than 6 bytes is not hidden, and is named on
    stderr. What may be the beginning of a secret waits for what follows: up to 3 bytes of it for 20 ms, up to half of
    the secret for 1 s, more until it is clear. Nothing is read before the vault is open.

    Example: tail -f app.log | credvault redact | less
    """
    if sys.stdin is None:
        raise Invalid("stdin is closed, so there is nothing to read")
    references = [run.reference(text) for text in globs if "://" in text]
    if references and past:
        raise Invalid("--past is for names", hint="a URI has its version at its end: ?version=N")
    names = [text for text in globs if "://" not in text]
    patterns = run.globs(names)
    with run.open_vault() as vault:
        secrets = collect_referents(vault, references)
        if names or not references:
            secrets += collect_secrets(vault, patterns, namespace=run.settings.namespace.value, past=past)
    if not secrets:
        run.out.say("there is no secret to hide")
    warning = short_warning(secrets)
    if warning is not None:
        run.out.warn(warning)
    hidden = Patterns(secret.value for secret in secrets)
    run.out.detail(f"hiding {counted(len(secrets), 'value')} in {counted(hidden.count, 'form')}, by {hidden.engine}")
    # Whoever opened stdin may have left it so that it does not wait (node does).
    os.set_blocking(sys.stdin.fileno(), True)
    copy_masked(sys.stdin.fileno(), Masker(hidden), write_bytes)
