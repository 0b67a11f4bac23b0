"""What is encoded is found, and redacted where it is written, whatever it is encoded in."""

from __future__ import annotations

import base64
import html
import json
import quopri
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.pipelines.admit import decode
from assay.pipelines.admit.encoded_text import escaped, without_superseded
from assay.pipelines.admit.personal import encoded, spans, within
from assay.pipelines.admit.redact import redactions
from assay.pipelines.core.frames import ROW

TEXT = "Hi\nann.b@example.com or +49 30 901820, de89370400440532013000 soon"
ENCODINGS: dict[str, Callable[[str], str]] = {
    "JSON": lambda text: json.dumps({"note": text}),
    "JSON in code points": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "JSON in JSON": lambda text: json.dumps({"a": json.dumps({"b": text})}),
    "an address": quote,
    "an address in an address": lambda text: "https://x.example/?next=" + quote(quote(text), safe=""),
    "a form": lambda text: "a=1&q=" + quote_plus(text),
    "named entities": lambda text: html.escape(text).replace("@", "&commat;"),
    "entities": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "entities in hexadecimal": lambda text: text.replace("@", "&#x40;").replace("+", "&#x2B;"),
    "quoted printable": lambda text: quopri.encodestring(text.encode()).decode().replace("@", "=40"),
    "base 64": lambda text: base64.b64encode(text.encode()).decode(),
    "base 64 for addresses": lambda text: base64.urlsafe_b64encode(b"\xc3\xbb" + text.encode()).decode(),
    "lines of base 64": lambda text: base64.encodebytes((text * 3).encode()).decode(),
    "base 64 in JSON": lambda text: json.dumps({"p": base64.b64encode(text.encode()).decode(), "n": "x\ny"}),
    "an address in base 64": lambda text: base64.b64encode(quote(text).encode()).decode(),
}  # fmt: skip


def searched(text: str) -> pl.DataFrame:
    frame = pl.LazyFrame({ROW: [0], "m": [text]})
    hidden = pl.concat(pl.collect_all(encoded(frame, ["m"])))
    plans = [*spans(frame, ["m"]), *escaped(frame, ["m"]), *within(hidden)]
    return without_superseded(pl.concat(pl.collect_all(plans), how="vertical_relaxed").unique())


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_is_encoded_is_found_and_redacted(encoding: str) -> None:
    text = ENCODINGS[encoding](TEXT)
    found = searched(text)
    assert {"email", "phone", "iban"} <= set(found["kind"])
    cells = pl.DataFrame({ROW: [0], "m": [text]})
    redacted = cells.with_columns(**redactions(found, ["m"]))["m"].item()
    left = decode.decoded(redacted)
    assert not any(part in left for part in ("ann", "901820", "3704"))
    if encoding.startswith("JSON"):
        assert left.index("Hi") < left.index("soon")


@pytest.mark.parametrize("line_break", ["\n", "\t", "\r\n"])
def test_redacted_json_is_still_json(line_break: str) -> None:
    text = json.dumps({"note": f"mail:{line_break}ann@example.com", "n": 1})
    cells = pl.DataFrame({ROW: [0], "m": [text]})
    redacted = cells.with_columns(**redactions(searched(text), ["m"]))["m"].item()
    assert json.loads(redacted) == {"note": f"mail:{line_break}<EMAIL>", "n": 1}


@pytest.mark.parametrize(
    "text",
    [
        "100%25 &amp; C:\\new\\table",
        "a=10&b=20",
        "&nbsp;",
        "50% of 30",
        "x=41",
        "R&D; A&B",
        "\\d{4}",
    ],
)
def test_marks_without_anything_personal_are_no_finding(text: str) -> None:
    assert searched(text).is_empty()


@settings(max_examples=50, deadline=None)
@given(st.text('aé@.%20\\u&;=\n"+B', max_size=40))
def test_decoding_ends_and_each_character_has_its_place(text: str) -> None:
    plainer = decode.decoded(text)
    for value in {plainer, plainer[:3]} - {""}:
        assert all(part in text for part in decode.written(text, value))
        assert decode.written(text, value)
