"""The encoding of a text file: what the contract states, or what the file's bytes show.

Belongs here: byte order marks, UTF-8, UTF-16 without a mark, a copy in UTF-8. Stays out: comparing
older encodings (pipelines/ingest/guess_encoding.py).
"""

from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path

from assay.assets.io.decode.task import Undecodable
from assay.pipelines.ingest.guess_encoding import UnclearEncoding, guess_encoding

AUTO = "auto"
_SAMPLE, _BEYOND_ASCII = 2**20, 2**18
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_UTF8 = ("utf-8", "utf_8", "utf8", "ascii", "us-ascii", "utf-8-sig", "utf_8_sig")
_ESCAPED = b"\x1b$"  # Japanese in ISO 2022 is written in ASCII


def encoding_of(file: Path, stated: str) -> str:
    """The stated encoding, or the one that the file shows where `auto` is stated.

    Raises: Undecodable: Python does not know the encoding, or several fit equally well.
    """
    encoding = _guessed(file) if stated == AUTO else stated
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise Undecodable(
            f"the encoding '{encoding}' does not exist",
            "Write one that Python knows, such as utf-8, utf-16, cp1252, or auto",
        ) from None
    return encoding


def in_utf8(file: Path, folder: Path, encoding: str) -> Path:
    """The file itself where it is UTF-8, else a copy that is.

    What its encoding has no character for stays no UTF-8 there, so that its record is quarantined.
    """
    if encoding.lower() in _UTF8:
        return file
    codecs.register_error(
        "unreadable",
        lambda error: ("\udcff", error.end if isinstance(error, UnicodeDecodeError) else 0),
    )
    decoder = codecs.getincrementaldecoder(encoding)("unreadable")
    target = folder / "source.utf8"
    with file.open("rb") as stream, target.open("wb") as out:
        while chunk := stream.read(2**22):
            out.write(decoder.decode(chunk).encode("utf-8", "surrogatepass"))
        out.write(decoder.decode(b"", final=True).encode("utf-8", "surrogatepass"))
    return target


def _guessed(file: Path) -> str:
    """What a byte order mark states, UTF-16 where one byte of two is mostly nil, UTF-8 where most
    lines beyond ASCII are, else the likeliest older encoding.
    """
    with file.open("rb") as stream:
        head = stream.read(_SAMPLE)
        for bom, name in _BOMS:
            if head.startswith(bom):
                return name
        if wide := wide_encoding(head):
            return wide
        if head.isascii() and _ESCAPED in head:
            return "iso2022_jp"
        beyond = _lines_beyond_ascii(head)
        while len(beyond) < _BEYOND_ASCII and (chunk := stream.read(_SAMPLE)):
            whole = chunk[chunk.find(b"\n") + 1 : chunk.rfind(b"\n") + 1]
            beyond += b"" if chunk.isascii() else _lines_beyond_ascii(whole)
    lines = beyond.splitlines()
    unreadable = [line for line in lines if not _is_utf8(line)]
    if len(unreadable) * 2 <= len(lines):  # the exceptions are quarantined one by one
        return "utf-8"
    try:
        return guess_encoding(b"\n".join(unreadable)[: 2**16])
    except UnclearEncoding as error:
        fits = ", ".join(error.encodings[:4])
        raise Undecodable(
            f"the file is not UTF-8, and its encoding is unclear: {fits} fit about equally well",
            f"Write `encoding` under `options`, or run `assay new FILE --encoding {error.encodings[0]}`",
        ) from None


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 without a mark: nil bytes at every other place alone, and text of characters that
    exist.
    """
    nils = [head[start::2].count(0) for start in (0, 1)]
    if max(nils) < 0.01 * len(head) or min(nils) > 0.05 * max(nils):
        return None
    encoding = "utf-16-le" if nils[1] > nils[0] else "utf-16-be"
    text = head[: len(head) // 2 * 2].decode(encoding, "replace")[:10_000]
    odd = sum(unicodedata.category(letter) in ("Cn", "Co", "Cs") for letter in text)
    has_lines = "\n" in text or "\r" in text
    return encoding if has_lines and "\x00" not in text and odd <= 0.001 * len(text) else None


def _lines_beyond_ascii(text: bytes) -> bytes:
    return b"".join(line + b"\n" for line in text.splitlines() if not line.isascii())


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
