"""git: which contracts changed since a revision, and what they contained then and earlier.

Belongs here: asking git. Stays out: what the changes mean (contracts/compatibility/).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.contracts.errors import ConfigurationError, Where

SUFFIX = ".odcs.yaml"
_MOST_STATES = 500
"""Earlier states of a file that are looked through."""


@dataclass(frozen=True)
class Changed:
    """One contract's file that is not what it was.

    `path` is None if it is gone, `old` where it is new.
    """

    path: Path | None
    old_path: Path | None
    old: str | None


def changed(paths: Sequence[Path], base: str) -> list[Changed]:
    """The contracts below the paths that differ from `base`, or, where the branches have parted,
    from where they did; untracked ones count as new.

    Raises: ConfigurationError: the paths are in no git work tree, or git knows no such revision.
    """
    folder = next(path if path.is_dir() else path.parent for path in paths).resolve()
    try:
        root = Path(_git(folder, "rev-parse", "--show-toplevel").strip())
    except subprocess.CalledProcessError:
        raise ConfigurationError(
            "the contracts are not in a git work tree",
            "Run without --base, or inside the repository",
            Where(file=str(paths[0])),
        ) from None
    except FileNotFoundError:
        raise ConfigurationError(
            "git is not installed", "Install git, or run without --base"
        ) from None
    commit = _commit(root, base)
    wanted = [str(path.resolve()) for path in paths]
    out = _git(
        root, "diff", "--name-status", "-z", "--find-renames=30%", commit, "--", *wanted
    ).split("\0")
    found, rest = [], iter(out)
    for status in rest:
        if not status:
            continue
        before = next(rest)
        after = next(rest) if status[0] == "R" else before
        if after.endswith(SUFFIX) or before.endswith(SUFFIX):
            found.append(_changed(root, commit, status[0], before, after))
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *wanted).split(
        "\0"
    )
    return found + [Changed(root / name, None, None) for name in untracked if name.endswith(SUFFIX)]


def show(revision: str, file: str) -> str:
    """A file as it was at a revision, by its path from the repository's root.

    Raises: CalledProcessError: git has no such thing.
    """
    return _git(Path.cwd(), "show", "--end-of-options", f"{revision}:{file}")


def earlier_states(file: Path) -> Iterator[tuple[str, str]]:
    """A file in each commit that changed it, the newest first: `COMMIT:PATH` and its text there.

    Renames are followed. Nothing where there is no git, no work tree or no such commit.
    """
    folder = file.resolve().parent
    arguments = ("--follow", "--name-only", f"--max-count={_MOST_STATES}", "--format=commit %H")
    try:
        root = Path(_git(folder, "rev-parse", "--show-toplevel").strip())
        lines = _git(folder, "log", *arguments, "--", file.name).splitlines()
        commit = ""
        for line in filter(None, lines):
            if line.startswith("commit "):
                commit = line.removeprefix("commit ")
            else:
                state = f"{commit[:12]}:{line}"
                yield state, _git(root, "show", state)
    except (subprocess.CalledProcessError, OSError):
        return  # a commit that removed the file ends its history here


def _changed(root: Path, commit: str, status: str, before: str, after: str) -> Changed:
    old = None if status == "A" else _git(root, "show", f"{commit}:{before}")
    return Changed(
        None if status == "D" else root / after, None if status == "A" else root / before, old
    )


def _commit(root: Path, base: str) -> str:
    """The commit to compare with. A revision that starts with a dash is no option."""
    try:
        commit = _git(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}"
        ).strip()
    except subprocess.CalledProcessError:
        remedy = "Fetch it first (in CI: check out the whole history with `fetch-depth: 0`), or choose another with --base"
        raise ConfigurationError(f"git has no revision '{base}' here", remedy) from None
    try:
        return _git(root, "merge-base", commit, "HEAD").strip()
    except subprocess.CalledProcessError:
        return (
            commit  # no common history, or no commit of ours yet: what was named is what is meant
        )


def _git(folder: Path, *arguments: str) -> str:
    """Run git, without the user's aliases of output, and give what it printed."""
    command = ["git", "-C", str(folder), "-c", "core.quotePath=false", *arguments]
    return subprocess.run(  # noqa: S603  # a list without a shell; what users name comes after --end-of-options or --
        command, check=True, capture_output=True, text=True, encoding="utf-8", errors="replace"
    ).stdout
