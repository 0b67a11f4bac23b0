"""What is added to MkDocs: generated pages, pages from files outside `docs/`, and their links."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))

from tools.site import command_line, lists, settings  # noqa: E402  # after the path

GENERATED = {
    "reference/command-line.md": command_line.page,
    "reference/settings.md": settings.page,
    "reference/findings.md": lists.findings,
    "reference/metrics.md": lists.metrics,
    "reference/environment.md": lists.environment,
    "reference/evidence.md": lists.evidence,
    "reference/renamed-code.md": lists.renamed,
}
"""Pages that are rendered from the code, by their address."""
ADDRESSES: dict[str, str] = {}
"""The generated pages of this build, by their title."""
OUTSIDE = {
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
    "benchmarks/RESULTS.md": "reference/results.md",
}
"""Files of the repository that are pages of the site too, by their address there."""
STAR = re.compile(r"^\| (?P<title>[A-Z][a-z ]+) \* \|", re.M)
"""The name of a generated page in the table of the reference, which has no file to link to."""
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and those that have their file outside `docs/`."""
    for address, page in GENERATED.items():
        text = page()
        files.append(File.generated(config, address, content=text))
        ADDRESSES[text.partition("\n")[0].removeprefix("# ")] = posixpath.basename(address)
    for source, address in OUTSIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, address, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links that are right in the repository into links that are right on the site."""
    address = page.file.src_uri
    sources = {target: source for source, target in OUTSIDE.items()}
    source = sources.get(address, f"docs/{address}")

    def on_site(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        page_address = OUTSIDE.get(target, target.removeprefix("docs/"))
        relative = posixpath.relpath(page_address, posixpath.dirname(address) or ".")
        return f"]({relative}{link[2] or ''})"

    markdown = LINK.sub(on_site, markdown)
    if address == "reference/index.md":
        markdown = STAR.sub(lambda row: f"| [{row[1]}]({ADDRESSES[row[1]]}) * |", markdown)
    return markdown
