"""For sh, dash, bash and zsh: `eval "$(credvault export --format shell)"`, or a file that is read with `.`.

Single quotes keep every character but themselves as it is (POSIX.1-2024, XCU 2.2.2), a newline included.
"""

from credvault.delivery.formats.text import ANOTHER_VARIABLE
from credvault.model.errors import InvalidValue

# What an assignment does not reach, or where it does more than to assign: read-only variables and those that a shell
# keeps changing; whole numbers, whose text is evaluated (in bash 5.2 `RANDOM='a[$(id)]'` runs id); prompts that zsh
# expands where it is told to. What steers a shell that finds it in its environment is in `model/environment.py`.
# bash(1), zshparam(1), dash(1); the tests ask the shells.
_OWN = frozenset(
    "_ COLUMNS EGID EUID FUNCNEST GID HISTCMD HISTSIZE LINENO LINES MAILCHECK OPTIND PPID RANDOM SECONDS SHLVL UID"
    " BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_CMDS BASH_COMMAND BASH_LINENO BASH_SOURCE BASH_SUBSHELL"
    " BASH_VERSINFO BASH_XTRACEFD DIRSTACK EPOCHREALTIME EPOCHSECONDS FUNCNAME GROUPS PIPESTATUS SHELLOPTS SRANDOM"
    " ARGC ARGV0 ERRNO HISTCHARS KEYBOARD_HACK KEYTIMEOUT LISTMAX NULLCMD READNULLCMD SAVEHIST STTY TRY_BLOCK_ERROR"
    " TRY_BLOCK_INTERRUPT TTYIDLE USERNAME WATCH ZLE_RPROMPT_INDENT ZSH_EVAL_CONTEXT ZSH_SUBSHELL"
    " aliases argv builtins cdpath commands dirstack dis_aliases dis_builtins dis_functions dis_functions_source"
    " dis_galiases dis_patchars dis_reswords dis_saliases errnos fignore fpath funcfiletrace funcsourcetrace funcstack"
    " functions functions_source functrace galiases histchars history historywords jobdirs jobstates jobtexts keymaps"
    " langinfo mailpath manpath mapfile module_path modules nameddirs options parameters patchars path pipestatus psvar"
    " reswords saliases signals status sysparams termcap terminfo userdirs usergroups watch widgets zsh_eval_context"
    " zsh_scheduled_events"
    " PS3 PROMPT PROMPT2 PROMPT3 PROMPT4 RPROMPT RPROMPT2 RPS1 RPS2 SPROMPT prompt".split()
)


def quote(value: bytes) -> bytes:
    """Return bytes, none of them NUL, as one word of a shell."""
    return b"'" + value.replace(b"'", rb"'\''") + b"'"


def entry(variable: str, value: bytes) -> bytes:
    """Return the line that exports a variable; raises InvalidValue for one that a shell keeps for itself."""
    if variable in _OWN:
        raise InvalidValue("a shell gives that variable a meaning of its own", hint=ANOTHER_VARIABLE)
    return b"export %s=%s\n" % (variable.encode("ascii"), quote(value))
