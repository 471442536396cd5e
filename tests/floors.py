"""The rules of the house as checks: each takes a file's path below `credvault/` and its text, and yields what is wrong.

architecture.md draws the floors; here they are a table. Imports count wherever they stand, in a function or for the
type checker, and so does a module that is named in a text to be loaded later.
"""

import ast
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from credvault.model.errors import error_classes

PACKAGE = "credvault"

# From the ground up. A file imports from its own folder and from lower floors; a module at the top is a folder
# of its own.
FLOORS = (
    {"model"},
    {"temporaries", "locking", "ownership", "programs", "secretservice", "keyringkinds"},
    {"files", "access", "peer", "oskeyring"},
    {"config", "state", "audit", "infile", "sealing"},
    {"backends"},
    {"uris", "guard"},
    {"vault"},
    {"history"},
    {"delivery", "lifecycle", "transfer", "testing"},
    {"agent"},  # hands out what delivery makes, so above it
    {"server", "cli", "client"},
    {"__init__"},  # the public names, of whatever floor
    {"__main__"},
)

# Third-party code, and the files or folders that alone import it.
OWNERS = {
    "ahocorasick_rs": ("delivery/matching.py",),
    "click": ("cli/",),
    "cryptography": ("sealing/crypto.py",),
    "httpx": ("backends/remote.py", "lifecycle/probes/http.py"),
    "jeepney": ("secretservice.py",),
    "keyring": ("oskeyring.py",),
    "platformdirs": ("config/__init__.py",),
    "pykeepass": ("transfer/importers/keepass.py",),
    "rich": ("cli/output.py", "cli/progress.py"),
    "secretstorage": ("secretservice.py",),
    "sqlalchemy": ("backends/sql.py",),
    "starlette": ("server/",),
    "uvicorn": ("server/",),
}

# What the ground may use: nothing that reads a file, the clock, the system or chance.
PURE = frozenset(
    "abc base64 binascii bisect collections dataclasses datetime enum functools hmac ipaddress itertools json math"
    " operator re string time typing unicodedata urllib".split()
)
# Of these modules only what works on what it is given, and with how many arguments at least it does.
PURE_CALLS = {"time": {"gmtime": 1, "strftime": 2}}
IMPURE_METHODS = frozenset({"now", "utcnow", "today"})
IMPURE_CALLS = frozenset({"open", "input", "print", "breakpoint", "__import__"})

WRITER = "files.py"
WRITE_FLAGS = re.compile(r"O_(?:WRONLY|RDWR|CREAT|APPEND|TRUNC|TMPFILE)")
WRITING_OS_CALLS = frozenset(
    "chmod chown fchmod lchown link makedirs mkdir mkfifo mknod remove removedirs rename renames replace rmdir symlink"
    " truncate unlink utime".split()
)
WRITING_METHODS = frozenset("hardlink_to mkdir rename symlink_to touch unlink write_bytes write_text".split())
WRITING_MODULES = frozenset({"fileinput", "tempfile"})
READING_SHUTIL_CALLS = frozenset({"disk_usage", "get_terminal_size", "which"})
# No files, although they are opened for writing: the file that does so, and what it opens.
NO_FILES = {
    ("agent/__main__.py", "os.devnull"),
    ("cli/boundary.py", "os.devnull"),
    ("cli/prompt.py", "_terminal()"),
    ("delivery/terminal.py", "_name(number)"),
    ("delivery/descriptors.py", "number"),  # memory that has no name in any folder
}

MAX_LINES = 400
ERRORS = {error.__name__ for error in error_classes()}
VAGUE_NAMES = frozenset({"common", "helper", "helpers", "manager", "misc", "util", "utils"})

_NAMED_MODULE = re.compile(r"credvault((?:\.[a-z_]+)+)\.?(?::\w+)?")


class Import(NamedTuple):
    """A module that a file asks for, in full, and the line."""

    module: str
    line: int


def check_floors(path: str, source: str) -> Iterator[str]:
    """Yield each import of a higher floor, or of another folder of the same one."""
    here = _folder(path)
    if _floor(here) is None:
        yield f"{path}: {here} is on no floor"
        return
    for module, line in [*_imports(path, ast.parse(source)), *_named_modules(ast.parse(source))]:
        if not module.startswith(PACKAGE + "."):
            continue
        there = module.split(".")[1]
        height, own = _floor(there), _floor(here)
        if height is None:
            yield f"{path}:{line}: {there} is on no floor"
        elif there != here and (own is None or height >= own):
            yield f"{path}:{line}: {here} may not import {there}"


def check_owners(path: str, source: str) -> Iterator[str]:
    """Yield each import of third-party code elsewhere than in its owner."""
    for module, line in _imports(path, ast.parse(source)):
        library = module.partition(".")[0]
        if library in sys.stdlib_module_names or library == PACKAGE:
            continue
        owners = OWNERS.get(library, ())
        if not any(path == owner or (owner.endswith("/") and path.startswith(owner)) for owner in owners):
            yield f"{path}:{line}: {library} belongs to {' and '.join(owners) or 'nobody'}"


def check_ground(path: str, source: str) -> Iterator[str]:
    """Yield what a file of the ground does besides working on what it is given."""
    tree = ast.parse(source)
    for module, line in _imports(path, tree):
        library = module.partition(".")[0]
        if library not in PURE | {PACKAGE}:
            yield f"{path}:{line}: the ground does not import {library}"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in PURE_CALLS:
            yield f"{path}:{node.lineno}: import {node.module} whole, so that its calls can be told"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield f"{path}:{node.lineno}: the ground does not call {node.func.id}"
        if isinstance(node, ast.Attribute) and node.attr in IMPURE_METHODS:
            yield f"{path}:{node.lineno}: the ground does not read the clock ({ast.unparse(node)})"
        if isinstance(node, ast.Attribute) and _is_impure(node):
            yield f"{path}:{node.lineno}: the ground does not use {ast.unparse(node)}"
        if isinstance(node, ast.Call) and _reads_the_clock(node):
            yield f"{path}:{node.lineno}: the ground does not read the clock ({ast.unparse(node)})"


def check_writing(path: str, source: str) -> Iterator[str]:
    """Yield what opens a file for writing, renames or removes, elsewhere than in the one module for it."""
    if path == WRITER:
        return
    tree = ast.parse(source)
    for module, line in _imports(path, tree):
        if module.partition(".")[0] in WRITING_MODULES:
            yield f"{path}:{line}: only {WRITER} writes, so nobody imports {module}"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = sorted(alias.name for alias in node.names if _is_writing(node.module, alias.name))
            if names:
                yield f"{path}:{node.lineno}: only {WRITER} writes ({', '.join(names)})"
        if isinstance(node, ast.Call) and _writes(node):
            opened = ast.unparse(node.args[0]) if node.args else ""
            if (path, opened) not in NO_FILES:
                yield f"{path}:{node.lineno}: only {WRITER} writes ({ast.unparse(node)})"


def check_shape(path: str, source: str) -> Iterator[str]:
    """Yield what makes a file hard to read: its length, a name that says nothing, no word of what it is for."""
    lines = source.count("\n")
    if lines > MAX_LINES:
        yield f"{path}: {lines} lines are more than {MAX_LINES}: split it"
    vague = VAGUE_NAMES.intersection(re.split(r"[/._]", path))
    if vague:
        yield f"{path}: {', '.join(sorted(vague))} says nothing of what is in it"
    if not ast.get_docstring(ast.parse(source)):
        yield f"{path}: no docstring says what lives here"


def check_messages(path: str, source: str) -> Iterator[str]:
    """Yield messages and hints of errors that begin with a capital, a name's aside, or end with a full stop."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            hints = [keyword.value for keyword in node.keywords if keyword.arg == "hint"]
            for text in map(_text, [*node.args[:1], *hints]):
                if re.match(r"[A-Z][a-z]+\b", text) or text.endswith("."):
                    yield f"{path}:{node.lineno}: lower case and no full stop: {text}"


def _text(node: ast.expr) -> str:
    """Return a literal, with a pair of braces for each part that is known at run time only."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(value) for value in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "{}"


def _folder(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def _floor(folder: str) -> int | None:
    return next((height for height, floor in enumerate(FLOORS) if folder in floor), None)


def _imports(path: str, tree: ast.Module) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(path, node)
            if module != PACKAGE:
                yield Import(module, node.lineno)
                continue
            for alias in node.names:
                # `from credvault import files` is the module; `from credvault import __version__` no module at all.
                if not alias.name.startswith("__"):
                    yield Import(f"{PACKAGE}.{alias.name}", node.lineno)


def _absolute(path: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    above = [PACKAGE, *path.split("/")[:-1]]
    return ".".join([*above[: len(above) - node.level + 1], *(node.module.split(".") if node.module else [])])


def _named_modules(tree: ast.Module) -> Iterator[Import]:
    """Yield the modules of ours that texts name, as those do that `import_module` is given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = _NAMED_MODULE.fullmatch(node.value)
            if match:
                yield Import(PACKAGE + match[1], node.lineno)


def _is_impure(attribute: ast.Attribute) -> bool:
    module = attribute.value.id if isinstance(attribute.value, ast.Name) else ""
    return module in PURE_CALLS and attribute.attr not in PURE_CALLS[module]


def _reads_the_clock(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return False
    least = PURE_CALLS.get(function.value.id, {}).get(function.attr)
    return least is not None and len(call.args) < least


def _is_writing(module: str | None, name: str) -> bool:
    if module == "shutil":
        return name not in READING_SHUTIL_CALLS
    return module == "os" and name in {*WRITING_OS_CALLS, "open"}


def _writes(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id == "open" and _is_for_writing(call, 1)
    if not isinstance(function, ast.Attribute):
        return False
    module = function.value.id if isinstance(function.value, ast.Name) else None
    if module == "posix":
        module = "os"
    if module == "os" and function.attr == "open":
        return bool(WRITE_FLAGS.search(ast.unparse(call)))
    if function.attr in ("open", "fdopen"):
        return _is_for_writing(call, 1 if module in ("os", "io", "codecs") else 0)
    return _is_writing(module, function.attr) or (module != "os" and function.attr in WRITING_METHODS)


def _is_for_writing(call: ast.Call, position: int) -> bool:
    """Say whether a call of `open` may write; a mode that is not written there counts as one that may."""
    modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] + call.args[position : position + 1]
    texts = [mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
    return len(texts) < len(modes) or any(set(text) & set("wax+") for text in texts)
