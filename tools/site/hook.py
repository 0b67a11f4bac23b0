"""What MkDocs does besides: pages from files outside `docs/`, and links between the two."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
OUTSIDE = {
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
    "benchmarks/RESULTS.md": "reference/results.md",
}
"""Files of the repository that are pages of the site too, by their address there."""
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that have their file outside `docs/`."""
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

    return LINK.sub(on_site, markdown)
