"""Documents -> passages: cut at headings, then at sentences, each with its place and an id that
stays while its words do.

Belongs here: where a text is cut, and what a passage is called. Stays out: vectors (lsa_embedder.py), the
store (assets/io/index.py).
A passage is a stretch of its document, character for character, so that whoever cites it can be
checked. What is searched is that stretch with the document's title and the headings above it in
front, so that a passage from the middle of a chapter is found by the chapter's words.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import polars as pl

from assay.pipelines.core.package_data import read_lines

PASSAGES = {
    "document": pl.String,
    "passage": pl.String,
    "place": pl.UInt32,
    "heading": pl.String,
    "start": pl.UInt32,
    "end": pl.UInt32,
    "lead": pl.UInt32,
    "text": pl.String,
    "digest": pl.String,
}
"""`passage` is its id, `place` its number in the document; `start` to `end` its characters there;
the first `lead` characters of `text` are title and headings.
"""
DOCUMENTS = {"document": pl.String, "digest": pl.String, "license": pl.String}
Format = Literal["text", "markdown"]

_SENTENCE = re.compile(
    r"(?:(?<=[.!?…])|(?<=[。！？]))[\"'”’)\]]*\s+(?=[^\sa-z])|(?<=\s[.!?])\s+|(?<=[。！？])"
)
_UNDERLINE = re.compile(r"^([=\-~*#^\"+`:._])\1{2,}$")
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")


@dataclass(frozen=True)
class _Block:
    """A stretch that belongs together: a paragraph, or lines that are no prose (code, a table, a
    list).
    """

    start: int
    end: int
    prose: bool


@dataclass(frozen=True)
class _Section:
    """What is below a heading, the heading's own line included.

    `above` are the headings over it, `heading` is its own.
    """

    above: tuple[str, ...]
    heading: str
    blocks: tuple[_Block, ...]


def documents(
    table: pl.DataFrame, *, key: str, text: str, title: str | None, license: str | None = None
) -> pl.DataFrame:
    """`document` (the key as text), `title`, `text`, `license` (the row's own, where a column names
    them), and the `digest` of all of these. Rows without text are none.
    """

    def column(name: str | None, as_: str) -> pl.Expr:
        return (pl.col(name).cast(pl.String) if name else pl.lit(None, dtype=pl.String)).alias(as_)

    named = table.select(
        column(key, "document"),
        column(title, "title").fill_null(""),
        column(text, "text"),
        column(license, "license"),
    )
    whole = named.filter(
        pl.col("document").is_not_null() & (pl.col("text").fill_null("").str.strip_chars() != "")
    )
    digests = [
        _sha256([title, text, license or ""])
        for title, text, license in whole.select("title", "text", "license").iter_rows()
    ]
    return whole.with_columns(pl.Series("digest", digests, dtype=pl.String))


def passages(whole: pl.DataFrame, *, form: Format, most: int, overlap: int) -> pl.DataFrame:
    """Cut documents.

    Args:
        whole: `document`, `title`, `text`.
        most: characters of a passage, without title and headings; a piece is longer than that
            nowhere.
        overlap: how many characters at the end of a passage the next one may begin with, in whole
            sentences.
    Returns: as PASSAGES, in the order of the documents. Between two passages of a document only
    white space is left out.
    """
    made = [
        row
        for document, title, text in whole.select("document", "title", "text").iter_rows()
        for row in _of_document(document, title, text, form, most, overlap)
    ]
    return pl.DataFrame(made, schema=PASSAGES, orient="row")


def _of_document(
    document: str, title: str, text: str, form: Format, most: int, overlap: int
) -> Iterator[tuple[object, ...]]:
    seen: Counter[str] = Counter()
    place = 0
    for section in _markdown(text) if form == "markdown" else _plain(text):
        for number, (start, end) in enumerate(_packed(text, section.blocks, most, overlap)):
            stretch = text[start:end]
            over = [*section.above, *([section.heading] if number and section.heading else [])]
            title_lines = (
                [title] if title and not stretch.startswith(title) and title not in over else []
            )
            lead = "".join(f"{line}\n" for line in (*title_lines, *over))
            digest = _sha256([lead, stretch])
            identity = _sha256([document, digest, seen[digest]])[:32]
            seen[digest] += 1
            path = " > ".join(filter(None, (*section.above, section.heading)))
            yield document, identity, place, path, start, end, len(lead), lead + stretch, digest
            place += 1


def _sha256(parts: list[object]) -> str:
    prefixed = "".join(
        f"{len(str(part))}:{part}" for part in parts
    )  # lengths first, so that no two lists read the same
    return hashlib.sha256(prefixed.encode("utf-8", "surrogatepass")).hexdigest()


# -- headings -------------------------------------------------------------------------------------


def _markdown(text: str) -> Iterator[_Section]:
    """Sections of a CommonMark document; a `#` in code or in a quotation is no heading."""
    from markdown_it import MarkdownIt

    lines = _line_starts(text)
    headings: list[str] = []
    blocks: list[_Block] = []
    depths: list[int] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(_without_odd_breaks(text))
    for number, token in enumerate(tokens):
        if token.level or token.map is None:
            continue
        start, end = (
            lines[min(token.map[0], len(lines) - 1)],
            lines[min(token.map[1], len(lines) - 1)],
        )
        if token.type == "heading_open":
            if blocks or (not headings and text[:start].strip()):
                yield _section(headings, _up_to(start, blocks or [_Block(0, start, prose=False)]))
            depth = int(token.tag[1:])
            while depths and depths[-1] >= depth:
                depths.pop()
                headings.pop()
            depths.append(depth)
            headings.append(" ".join(tokens[number + 1].content.split()))
            blocks = []
        blocks.append(
            _Block(
                start if blocks or headings else 0,
                end,
                prose=token.type in ("paragraph_open", "heading_open", "blockquote_open"),
            )
        )
    yield _section(headings, _up_to(len(text), blocks or [_Block(0, 0, prose=False)]))


def _plain(text: str) -> Iterator[_Section]:
    """Sections of plain text: a heading is a line with as long a line of one mark below it, as
    reStructuredText has it; marks rank as they first appear.
    """
    headings: list[str] = []
    depths: list[int] = []
    marks: list[str] = []
    blocks: list[_Block] = []
    for start, end in _stretches(text):
        first, _, rest = text[start:end].partition("\n")
        under = _UNDERLINE.match(rest.partition("\n")[0].rstrip())
        if (
            under
            and first.strip()
            and not first[0].isspace()
            and len(under[0]) >= len(first.rstrip())
        ):
            if blocks:
                yield _section(headings, blocks)
            marks += [under[1]] if under[1] not in marks else []
            while depths and depths[-1] >= marks.index(under[1]):
                depths.pop()
                headings.pop()
            depths.append(marks.index(under[1]))
            headings.append(first.strip())
            blocks = []
        indented = all(line[:1] in (" ", "\t") for line in text[start:end].splitlines())
        blocks.append(_Block(start, end, prose=not indented))
    if blocks:
        yield _section(headings, blocks)


def _section(headings: list[str], blocks: list[_Block]) -> _Section:
    return _Section(tuple(headings[:-1]), headings[-1] if headings else "", tuple(blocks))


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs, by empty lines."""
    start = 0
    for gap in _PARAGRAPH.finditer(text):
        # indentation of the next paragraph belongs to it: it states that it is no prose
        if text[start : gap.start()].strip():
            yield start, gap.start()
        start = gap.end() - (len(gap[0]) - len(gap[0].rstrip(" \t")))
    if text[start:].strip():
        yield start, len(text)


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\n", text)), len(text)]


def _without_odd_breaks(text: str) -> str:
    """The parser counts other line ends than ours as line ends; as many characters, with only ours
    in them.
    """
    return text.replace("\r", " ").replace("\0", " ")


def _up_to(end: int, blocks: list[_Block]) -> list[_Block]:
    """The last block reaches to the next heading: what the parser makes no block of (definitions of
    links) is text all the same.
    """
    last = blocks[-1]
    return [*blocks[:-1], _Block(last.start, end, last.prose)]


# -- sentences ------------------------------------------------------------------------------------


def _packed(
    text: str, blocks: tuple[_Block, ...], most: int, overlap: int
) -> Iterator[tuple[int, int]]:
    """Stretches of at most `most` characters, each of whole pieces; they end with a block where
    that leaves them at least half full.
    """
    pieces, ends = _pieces(text, blocks, most)
    first = 0
    while first < len(pieces):
        last = first
        while last + 1 < len(pieces) and pieces[last + 1][1] - pieces[first][0] <= most:
            last += 1
        if last + 1 < len(pieces):
            closing = [
                at
                for at in range(first, last + 1)
                if at in ends and 2 * (pieces[at][1] - pieces[first][0]) >= most
            ]
            last = closing[-1] if closing else last
        yield pieces[first][0], pieces[last][1]
        if last + 1 == len(pieces):
            return
        following = last + 1
        while (
            following - 1 > first
            and pieces[last][1] - pieces[following - 1][0] <= overlap
            and pieces[last + 1][1] - pieces[following - 1][0] <= most
        ):
            following -= 1
        first = following


def _pieces(
    text: str, blocks: tuple[_Block, ...], most: int
) -> tuple[list[tuple[int, int]], set[int]]:
    """The smallest stretches that stay whole, and which of them end a block.

    Blocks cover their section; what is between them is white space.
    """
    pieces: list[tuple[int, int]] = []
    ends: set[int] = set()
    for number, block in enumerate(blocks):
        end = blocks[number + 1].start if number + 1 < len(blocks) else block.end
        start, end = _trimmed(text, block.start, end)
        if start == end:
            continue
        for left, right in (
            _sentences(text, start, end) if block.prose else _lines(text, start, end)
        ):
            pieces += _short(text, left, right, most)
        ends.add(len(pieces) - 1)
    return pieces, ends


@cache
def _shortened() -> re.Pattern[str]:
    """A text that ends in a shortened word, so that its full stop ends no sentence."""
    words = "|".join(map(re.escape, read_lines("act/abbreviations.txt")))
    return re.compile(rf"(?:\b(?:[A-Z]|{words})\.)[\"'”’)\]]*$")


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for gap in _SENTENCE.finditer(text, start, end):
        closing = len(gap[0]) - len(gap[0].lstrip("\"'”’)]"))
        if start < gap.start() and not _shortened().search(
            text, max(start, gap.start() - 12), gap.start()
        ):
            yield start, gap.start() + closing
            start = gap.end()
    if start < end:
        yield start, end


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for line in re.finditer(r"[^\n]*\S[^\n]*", text[start:end]):
        yield _trimmed(text, start + line.start(), start + line.end(), left=False)


def _short(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    """A piece that is too long, cut at words, or anywhere where there are none."""
    while end - start > most:
        at = max(text.rfind(mark, start + 1, start + most + 1) for mark in (" ", "\n", "\t"))
        at = at if at > start else start + most
        yield _trimmed(text, start, at)
        start, end = _trimmed(text, at, end)
    if start < end:
        yield start, end


def _trimmed(text: str, start: int, end: int, *, left: bool = True) -> tuple[int, int]:
    stretch = text[start:end]
    begins = start + (len(stretch) - len(stretch.lstrip())) if left else start
    return min(begins, start + len(stretch.rstrip())), start + len(stretch.rstrip())
