"""What the wheel has in the place of an entry point, where there is an sh: a launcher, and the fast lane in one file.

An entry point is a Python script that the installer writes, and its imports cost more than a `credvault get`. Of what
is left, a tenth is finding and opening the lane's modules one by one, so they are linked: the statements of all, one
after the other, as one module. `python -m credvault` and editable installs run the modules themselves.
"""

import ast
import re
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any, TypeVar

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LAUNCHER = "credvault/launcher.sh"
SCRIPT = "credvault"
# What `get` by an agent loads, from the ground up, and what TAB and `exec` load besides: the modules that each is
# linked of.
LINKED = {
    "lane": ("model.plain", "model.unlocking", "model.folders", "model.wire", "peer", "agent.fastlane", "__main__"),
    "lane_tab": ("agent.tablane",),
    "lane_exec": ("model.value", "delivery.environment", "delivery.execute"),
}
HOMES = {module: lane for lane, modules in LINKED.items() for module in modules}

Block = TypeVar("Block", ast.If, ast.FunctionDef, ast.ClassDef)


# What is put where a system looks for it, below the prefix of the environment. Not in an editable install, where the
# copies would be out of step after the next `make docs`.
SHARED = {
    "man": "share/man/man1",
    "completions/credvault.bash": "share/bash-completion/completions/credvault",
    "completions/_credvault": "share/zsh/site-functions/_credvault",
    "completions/credvault.fish": "share/fish/vendor_completions.d/credvault.fish",
}


class LauncherHook(BuildHookInterface[BuilderConfig]):
    """Ships manual pages and completions, and the launcher in place of the entry point.

    No launcher on Windows, which has no sh. Nor in an editable install: its packages are named in a .pth file, and
    the launcher is fast because it reads none.
    """

    _entry_point: str | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put all that into a standard wheel, and a tag on it that keeps the wheel off Windows."""
        if version != "standard":
            return
        build_data["shared_data"].update(SHARED)
        build_data["force_include"]["completions"] = "credvault/completions"  # for `credvault completion`
        if sys.platform == "win32":
            return
        # Both would be written to the same file, and which is there in the end would be the installer's choice.
        self._entry_point = self.metadata.core.scripts.pop(SCRIPT)
        build_data["shared_scripts"][LAUNCHER] = SCRIPT
        self._folder = tempfile.TemporaryDirectory()
        for lane in LINKED:
            file = Path(self._folder.name, f"{lane}.py")
            file.write_text(linked(Path(self.root, "credvault"), lane), encoding="utf-8")
            build_data["force_include"][str(file)] = f"credvault/{lane}.py"
        # The plain name of the platform, without a promise of a C library: there is nothing here that needs one.
        build_data["tag"] = f"py3-none-{re.sub('[-.]', '_', sysconfig.get_platform())}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Give the entry point back: the same project may be built for another version next."""
        if self._entry_point is not None:
            self.metadata.core.scripts[SCRIPT] = self._entry_point
            self._folder.cleanup()


def linked(package: Path, lane: str) -> str:
    """Return the modules of a lane as one; raises ValueError where two of them give something the same name."""
    statements: list[ast.stmt] = []
    homes: dict[str, str] = {}
    for module in LINKED[lane]:
        path = package.joinpath(*module.split(".")).with_suffix(".py")
        own = _Linker(lane).visit(ast.parse(path.read_text(encoding="utf-8"))).body
        for name in (name for statement in own for name in _defined(statement)):
            if homes.setdefault(name, module) != module:
                raise ValueError(f"{name} is defined in {homes[name]} and in {module}")
        statements += own
    text = ast.unparse(ast.fix_missing_locations(ast.Module(statements, [])))
    return (
        f'"""Linked of {", ".join(LINKED[lane])} by the build: change those."""\n'
        f"import sys\npeer = wire = sys.modules[__name__]\n{text}\n"
    )


class _Linker(ast.NodeTransformer):
    """Leaves out what need not be there: imports of linked modules, docstrings, what is for type checkers."""

    def __init__(self, lane: str) -> None:
        self._lane = lane

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | None:
        package, _, module = (node.module or "").partition(".")
        if package != "credvault":
            return node
        home = HOMES.get(module)
        # Names of this lane are there already, and so is a module of it, under its name.
        if home == self._lane or all(".".join(filter(None, [module, a.name])) in HOMES for a in node.names):
            return None
        if home is not None:
            node.module = f"credvault.{home}"
        return node

    def visit_If(self, node: ast.If) -> ast.If | None:
        condition = ast.unparse(node.test)
        if condition == "TYPE_CHECKING" or condition.startswith("__name__ =="):
            return None
        return self._without_emptiness(node)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | None:
        return None if ast.unparse(node.targets[0]) == "TYPE_CHECKING" else node

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return self._without_emptiness(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return self._without_emptiness(node)

    def _without_emptiness(self, node: Block) -> Block:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node


def _defined(statement: ast.stmt) -> list[str]:
    """Return the names that a statement at the top of a module defines, imports aside."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [
            node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
    return []
