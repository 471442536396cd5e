"""The command line, as it is specified: every transcript in tests/transcripts, played against the program.

After a change that is meant to be seen, CREDVAULT_RECORD=1 pytest tests/test_transcripts.py rewrites what the
transcripts expect; review the difference before committing it.
"""

# How to write one. Each file is played in empty folders; files and `% env` last from one command to the next.
#
#   # a comment, or a blank line    ends the output of the command above it
#   $ printf 'a\n\n#' | cat         run by bash -c, with empty stdin and no terminal
#   > && echo ' more'               … its next line
#   a                               stdout, as it is
#   |                               an empty line of stdout
#   | # more                        stdout that would read as something else
#   $ echo oh no >&2; exit 3
#   ! oh no                         stderr, apart from stdout
#   ? 3                             exit status, where it is not 0; 128+N after signal N
#   $ printf b
#   b
#   \no newline                     the line above is not ended by one; `!\no newline` for stderr
#
# Patterns: `[...]` any text in a line; a line `...` (stderr: `! ...`) any number of lines;
# <time> RFC 3339 with Z; <key> cvk1_…; <id> 6 or more of A-Z a-z 0-9 _ -; <digits>; <path> an absolute one.
# Compared exactly, but spelled out: <tab>; <x1b> a control character, <xff> a byte not of UTF-8; <u202e> a
# character that cannot be seen; <x20> a blank at the end of a line; <home>, <cwd>, <tmp> the folders.
#
#   $$ credvault delete a b         run on a terminal of 80x24: stdout, stderr and echo are one screen
#   Delete 2 secrets? [y/N]         the line above something typed is the prompt; its final blanks are nothing
#   < y                             typed when all above has been seen, and shows (echo)
#   Passphrase:
#   <* correct horse                typed, and must not show; `\no newline`: and the cursor stays in the line
#   credvault: deleted a, b
#   |                               an empty prompt, where something is typed at the start of a line
#   < ^C                            a control character, without Enter
#
#   % env NAME=VALUE                $NAME then stands for VALUE in the directives too ($$ for a dollar)
#   % unset NAME
#   % cwd FOLDER                    below the first folder, made if need be; `% cwd .` goes back
#   % file PATH                     has the lines below, which are indented by 4 spaces
#   % capture NAME                  the last stdout, less one final newline, becomes a variable
#   % canary TEXT                   a secret value: from here on in no output, at the end in no file or name,
#                                   nor in base64 or hexadecimal; `% canary $NAME` after a `% capture`
#   % reveals                       stdout or screen of the next command may show canaries
#   % canary-in PATH                a file or folder that may hold them
#   % strip-escapes                 from here on, screens are compared without terminal escape sequences
#   % needs PROGRAM                 skips the transcript where there is none
#   % when ABILITY                  what follows, up to the next `% when` or `% end`, is for stores that have it:
#                                   `versions`, or `bytes` for values that are no text

import os
from pathlib import Path

import pytest

from tests.stage import play

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_program_does_what_is_written(path: Path) -> None:
    failures = play(path, record=bool(os.environ.get("CREDVAULT_RECORD")))

    if failures:
        pytest.fail("\n\n".join(failures), pytrace=False)
