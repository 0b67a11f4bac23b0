"""How delimited text is written: what the contract states, and what it leaves to be found.

Belongs here: encoding, delimiter, quote, escape, header. Stays out: reading the rows. What was
found is reported.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.assets.io.decode.landing import Undecodable
from assay.pipelines.ingest.structure import Marks

AUTO = "auto"
DELIMITERS = (",", ";", "\t", "|", ":", "^", "~", " ")
QUOTES = ('"', "'")
LINES = r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z"
_SAMPLE = 2**20
_LINES = 300
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_UTF8 = ("utf-8", "utf_8", "utf8", "ascii", "us-ascii", "utf-8-sig", "utf_8_sig")
_LIKELY = (
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "shift_jis",
    "euc_jp",
    "gb18030",
    "big5",
    "euc_kr",
    "iso8859_15",
    "koi8_r",
    "mac_roman",
)
_NO_NAME = re.compile(
    r"[+-]?[$€£]?\s?[0-9][0-9.,' ]*([eE][+-]?[0-9]+)?\s?%?|[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([T ].*)?|[0-9]{1,2}:[0-9]{2}(:[0-9.]+)?|https?://.*|[^@\s]+@[^@\s]+\.[a-z]+"
)


@dataclass(frozen=True)
class Dialect:
    """How a file is written, with nothing left open; `findings` is what was not stated but found."""

    delimiter: str
    quote: str | None
    escape: str | None
    encoding: str
    header: bool
    header_found: bool = False
    columns: int | None = None
    """Where the header is left to be found: the cells that most records have."""
    findings: dict[str, str] = field(default_factory=dict)

    @property
    def marks(self) -> Marks:
        """Its characters."""
        return Marks(self.delimiter, self.quote, self.escape)

    def as_csv(self) -> dict[str, Any]:
        """For Python's csv module."""
        quoting = csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quote,
            "escapechar": self.escape,
            "quoting": quoting,
            "doublequote": self.quote is not None,
        }


def dialect_of(file: Path, options: dict[str, Any]) -> Dialect:
    """What is stated, and the rest as the file shows it.

    Raises: Undecodable: an encoding that nobody knows.
    """
    delimiter, quote = options.get("delimiter", ","), options.get("quote", '"')
    escape, header = options.get("escape") or None, options.get("header", True)
    findings: dict[str, str] = {}
    encoding = _checked_encoding(file, options.get("encoding", "utf-8"), findings)
    marks_are_open = AUTO in (delimiter, quote, escape)
    header_is_open = header == AUTO
    columns = None
    if marks_are_open or header_is_open:
        sample = _sample(file, encoding)
        if marks_are_open:
            delimiter, quote, escape = _marks(sample, delimiter, quote, escape, findings)
        if header_is_open:
            plain_quote = None if quote == "none" else quote
            as_read = Dialect(delimiter, plain_quote, escape, encoding, True)
            header = _starts_with_names(sample, as_read)
            columns = _commonest(sample, as_read)
            findings["header"] = "first line" if header else "none"
    quote = None if quote == "none" else quote
    return Dialect(
        delimiter,
        quote,
        None if escape == quote else escape,
        encoding,
        bool(header),
        header_is_open,
        columns,
        findings,
    )


def _checked_encoding(file: Path, encoding: str, findings: dict[str, str]) -> str:
    """The stated encoding, or the one that the file shows, which is added to the findings.

    Raises: Undecodable: nobody knows the encoding.
    """
    if encoding == AUTO:
        encoding = findings["encoding"] = _encoding(file)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise Undecodable(
            f"nobody knows the encoding '{encoding}'",
            "Write one that Python knows, such as utf-8, utf-16, cp1252, or auto",
        ) from None
    return encoding


def in_utf8(file: Path, folder: Path, dialect: Dialect) -> Path:
    """The file itself where it is UTF-8, else a copy that is.

    What its encoding cannot mean stays no UTF-8 there, so that its record is set aside.
    """
    if dialect.encoding.lower() in _UTF8:
        return file
    codecs.register_error(
        "unreadable",
        lambda error: ("\udcff", error.end if isinstance(error, UnicodeDecodeError) else 0),
    )
    decoder = codecs.getincrementaldecoder(dialect.encoding)("unreadable")
    target = folder / "source.utf8"
    with file.open("rb") as stream, target.open("wb") as out:
        while chunk := stream.read(2**22):
            out.write(decoder.decode(chunk).encode("utf-8", "surrogatepass"))
        out.write(decoder.decode(b"", final=True).encode("utf-8", "surrogatepass"))
    return target


# -- encoding -----------------------------------------------------------------------------


def _encoding(file: Path) -> str:
    """UTF-8 where it mostly is, what a byte order mark says, UTF-16 where every other byte is nil,
    else the likeliest of the older ones.
    """
    with file.open("rb") as stream:
        head = stream.read(_SAMPLE)
        for bom, name in _BOMS:
            if head.startswith(bom):
                return name
        nils = [head[start::2].count(0) for start in (0, 1)]
        if max(nils) > 0.3 * len(head) / 2 and min(nils) < 0.1 * max(nils):
            return "utf-16-le" if nils[1] > nils[0] else "utf-16-be"
        odd = _lines_beyond_ascii(head)
        while len(odd) < 2**18 and (chunk := stream.read(_SAMPLE)):
            odd += (
                b""
                if chunk.isascii()
                else _lines_beyond_ascii(chunk[chunk.find(b"\n") + 1 : chunk.rfind(b"\n") + 1])
            )
    lines = odd.split(b"\n")
    unreadable = [line for line in lines if not _is_utf8(line)]
    if len(unreadable) * 2 <= len(lines):  # the exceptions are set aside one by one
        return "utf-8"
    from charset_normalizer import from_bytes

    best = from_bytes(b"\n".join(unreadable)[: 2**16], cp_isolation=list(_LIKELY)).best()
    western = _readable_as_western(b"\n".join(unreadable))
    return "cp1252" if western or best is None else best.encoding


def _lines_beyond_ascii(text: bytes) -> bytes:
    return b"".join(line + b"\n" for line in text.splitlines() if not line.isascii())


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _readable_as_western(text: bytes) -> bool:
    """Whether, as Windows' western code page, what is beyond ASCII are single letters of western
    languages and typographers' marks in words of ASCII.
    """
    try:
        beyond = re.findall("[^\x00-\x7f]+", text.decode("cp1252"))
    except UnicodeDecodeError:
        return False
    return (
        bool(beyond)
        and sum(len(run) <= 2 for run in beyond) > 0.9 * len(beyond)
        and all(
            c
            in "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüÿŒœŠšŽž‘’“”–—…€£°§©®«»¿¡ºª·²³½¼\xa0´•™"
            for run in beyond
            for c in run
        )
    )


# -- delimiter, quote, escape ---------------------------------------------------------------


def _sample(file: Path, encoding: str) -> str:
    """The first lines, whole unless one is very long."""
    with file.open("rb") as stream:
        head = stream.read(_SAMPLE)
        whole = not stream.read(1)
    text = (
        codecs.getincrementaldecoder(encoding)("replace")
        .decode(head, final=whole)
        .removeprefix("\ufeff")
        .lstrip("\r\n")
    )
    lines = re.findall(LINES, text)[: _LINES + 1]
    return "".join(lines if whole and len(lines) <= _LINES else lines[:-1] or lines)


def _marks(
    sample: str, delimiter: str, quote: str, escape: str | None, findings: dict[str, str]
) -> tuple[str, str, str | None]:
    """The characters by which the most records of the sample have the same number of cells, the
    earlier in the list where several do.
    """
    delimiters = DELIMITERS if delimiter == AUTO else (delimiter,)
    quotes = QUOTES if quote == AUTO else (quote,)
    escapes = (
        (None, "\\") if escape == AUTO and "\\" in sample else (None if escape == AUTO else escape,)
    )
    scored = sorted(
        (
            (_regularity(sample, d, q, e), -number, d, q, e)
            for number, (d, q, e) in enumerate(
                (d, q, e) for d in delimiters for q in quotes for e in escapes
            )
        ),
        key=lambda candidate: candidate[:2],
        reverse=True,
    )
    _, _, delimiter_found, quote_found, escape_found = scored[0]
    if delimiter == AUTO:
        findings["delimiter"] = delimiter_found
    if quote == AUTO:
        findings["quote"] = quote_found
    if escape == AUTO and escape_found:
        findings["escape"] = escape_found
    return delimiter_found, quote_found, escape_found


def _regularity(sample: str, delimiter: str, quote: str, escape: str | None) -> float:
    """How table-like the sample is, read so: the share of records with the commonest number of
    cells, more for more cells, less for cells with stray quotes.
    """
    marks: dict[str, Any] = {"delimiter": delimiter, "escapechar": escape}
    marks |= {"quoting": csv.QUOTE_NONE} if quote == "none" else {"quotechar": quote}
    try:
        records = [
            record for record in csv.reader(io.StringIO(sample, newline=""), **marks) if record
        ]
    except csv.Error:
        return 0.0
    if not records:
        return 0.0
    cells, often = Counter(len(record) for record in records).most_common(1)[0]
    flat = [cell for record in records for cell in record]
    stray = sum(
        cell[:1] in QUOTES
        or cell[-1:] in QUOTES
        or (escape is None and cell.endswith("\\"))
        or "\\" + quote in cell
        for cell in flat
    ) / len(flat)
    spaced = 0.3 if delimiter in " :" else 0.0  # they stand in prose and in times of day too
    return (
        (often / len(records)) ** 2 * (1 - 1 / cells) * (1 - stray) * (1 - spaced)
        if cells > 1
        else 0.01
    )


def _commonest(sample: str, dialect: Dialect) -> int | None:
    """The cells that more than half of the records have, if there are several of both."""
    try:
        cells = [
            len(record)
            for record in csv.reader(io.StringIO(sample, newline=""), **dialect.as_csv())
            if record
        ]
    except csv.Error:
        return None
    number, often = Counter(cells).most_common(1)[0] if cells else (0, 0)
    return number if number > 1 and len(cells) > 2 and often * 2 > len(cells) else None


def _starts_with_names(sample: str, dialect: Dialect) -> bool:
    """Whether the first record names columns: every cell is filled in, and none is a number, a time
    or an address.
    """
    records = csv.reader(io.StringIO(sample, newline=""), **dialect.as_csv())
    try:
        first = next(records, [])
    except csv.Error:
        return True
    given = [cell.strip() for cell in first]
    years = [cell for cell in given if re.fullmatch("(19|20)[0-9]{2}", cell)]
    values = [cell for cell in given if _NO_NAME.fullmatch(cell)]
    return any(given) and (not values or (years == values and len(set(years)) == len(years)))
