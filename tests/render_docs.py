"""Writes what is said of the program elsewhere from the program itself: `make docs`.

Two tables of README.md between their markers, the manual pages, the completions. `tests/test_docs.py` fails when
they drift. What each holds is made in `tests/rendering/`.
"""

from collections.abc import Mapping
from pathlib import Path

from tests.pages import README, ROOT
from tests.rendering import manpages
from tests.rendering.completions import completions
from tests.rendering.readme import readme

MAN = ROOT / "man"
COMPLETIONS = ROOT / "completions"


def rendered() -> Mapping[Path, str]:
    """Return what each file should hold."""
    return {
        README: readme(README.read_text(encoding="utf-8")),
        **{MAN / name: text for name, text in manpages.pages().items()},
        **{COMPLETIONS / name: text for name, text in completions().items()},
    }


def stale(files: Mapping[Path, str]) -> list[Path]:
    """Return the files beside the rendered ones that nothing renders any more."""
    return sorted(path for folder in (MAN, COMPLETIONS) for path in folder.iterdir() if path not in files)


def main() -> None:
    """Write the files that differ, remove those that are stale, and say which."""
    files = rendered()
    for path, text in files.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    for path in stale(files):
        path.unlink()
        print(f"removed {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
