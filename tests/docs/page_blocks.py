"""The code of a page of the docs: commands to run, the output it shows, and Python lines.

A block of `sh` or `console` is run; in `console` a command begins with `$ `. A block of `text` right
after it shows output: the figures and the ids in it must be in the real output. A block of
`python` is run by Python.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.S | re.M)
MARK = "@@ block "
FIGURE = re.compile(r"\[[a-z_]+(?:\.[a-z_]+)?\]|(?<![\w.])\d[\d,.]*\d|(?<![\w.,])\d(?![\w.,])")

NOT_RUN = {
    "make ": "sets up an environment or runs the tests",
    ". .venv/bin/activate": "the tests have their environment",
    "assay demo": "run once, before the pages that need it",
    "assay ui": "a server that runs until it is stopped: tests/journeys/test_web_ui.py",
    "mlflow ui": "a server that runs until it is stopped",
    "pip install": "changes the environment",
    "python benchmarks/": "minutes: `make benchmarks`",
    "assay sources reveal file-": "each home has other labels: tests/journeys/test_canaries.py",
    "assay clock confirm": "depends on the day: tests/journeys/test_home_cli.py",
    ".venv/bin/": "the tools that check the code",
}
"""Commands that a page shows and no test runs, by how they begin, and why."""


@dataclass(frozen=True)
class Block:
    language: str
    body: str

    @property
    def is_run(self) -> bool:
        """Whether it holds commands or Python lines."""
        return self.language in ("sh", "console", "python")

    @property
    def commands(self) -> str:
        """What the shell runs for this block."""
        if self.language == "python":
            return f"python - <<'PYTHON'\n{self.body}PYTHON"
        lines = self.body.splitlines()
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines]
        lines = [line for line in lines if not line.startswith(tuple(NOT_RUN))]
        return "\n".join(lines)


def blocks(page: str) -> list[Block]:
    """Every fenced block of the page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [Block(language, body) for language, body in FENCE.findall(text)]


def script(page: str, extra: Mapping[str, str]) -> str:
    """All that the page runs, with a mark before each block."""
    parts = []
    for number, block in enumerate(blocks(page)):
        if block.is_run:
            parts += [f"echo '{MARK}{number}'", block.commands]
            parts += [more for text, more in extra.items() if text in block.body]
    return "\n".join(parts)


def run_page(
    page: str, environment: dict[str, str], folder: Path, extra: Mapping[str, str] | None = None
) -> str:
    """Run the page's commands as they are written.

    `extra` has what a reader does between them: commands after the block with a text.
    Returns: what they printed.
    """
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script(page, extra or {})],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{page}\n{done.stdout}"
    check_shown_output(page, done.stdout)
    return done.stdout


def check_shown_output(page: str, printed: str) -> None:
    """Compare the figures and ids in the page's output blocks with what the commands printed."""
    outputs = dict(part.split("\n", 1) for part in printed.split(MARK)[1:])
    before = ""
    for number, block in enumerate(blocks(page)):
        if block.language == "text" and before:
            missing = set(FIGURE.findall(block.body)) - set(FIGURE.findall(before))
            assert not missing, f"{page}: {sorted(missing)} are not in the output\n{before}"
        before = outputs.get(str(number), "")
