"""Text columns -> the personal values in them, by kind, each confirmed.

Belongs here: patterns, and the libraries that confirm their candidates. Stays out: what happens to them (treat.py).
Names have no checksum: they are found by context ("my name is …"), and by what name columns of the same table hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from contracts.settings import Privacy
from pipelines.frames import ROW, Finding

Confirm = Callable[[str], str | None]
_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL")  # where a number without a country code is looked for


@dataclass(frozen=True)
class Detector:
    """A pattern in Polars' linear dialect (group 1, if any, is the value), and what confirms a candidate.

    `confirm` returns the personal part of the candidate as written, or None. Text that matches `not_in` is not looked at.
    """

    kind: str
    pattern: str
    confirm: Confirm | None = None
    group: int = 0
    not_in: str | None = None


def _card(text: str) -> str | None:
    from stdnum import luhn

    # a number may be followed by other digits: try the whole, then without its last groups
    while len(digits := re.sub(r"[ -]", "", text)) >= 13:
        if len(digits) <= 19 and _issued(digits) and luhn.is_valid(digits):
            return text
        text = re.sub(r"[ -]?[0-9]+$", "", text)
    return None


def _issued(digits: str) -> bool:
    """Whether an issuer's prefix (ISO/IEC 7812) starts the number: 3 to 6, and Mastercard's 2221 to 2720."""
    return digits[0] in "3456" or 2221 <= int(digits[:4]) <= 2720


def _iban(text: str) -> str | None:
    from stdnum import iban

    # what follows may look like a group of its own: try the whole, then without its last groups
    while len(text) >= 15:
        if iban.is_valid(text):
            return text
        shorter = re.sub(r" [A-Z0-9]+$", "", text)
        if shorter == text:
            return None
        text = shorter
    return None


def _phone(text: str) -> str | None:
    import phonenumbers

    for region in (None,) if text.startswith("+") else _REGIONS:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(text, region)):
                return text
        except phonenumbers.NumberParseException:
            continue
    return None


_IBAN = r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"
_NAME = r"\p{Lu}[\p{L}'’-]+(?: (?:\p{Lu}\.|de|da|van|von|der|di|la|le|\p{Lu}[\p{L}'’-]+)){1,3}"
DETECTORS: tuple[Detector, ...] = (
    Detector("email", r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)*\.\p{L}{2,}"),
    Detector("iban", _IBAN, _iban),
    Detector("card", r"\b[2-6][0-9]{3}(?:[ -]?[0-9]){9,15}\b", _card, not_in=_IBAN),
    Detector("phone", r"\+[0-9]{1,3}(?:[ .()/-]{0,2}[0-9]){6,13}|\(0?[0-9]{2,5}\)[ .-]?[0-9](?:[ .-]?[0-9]){4,9}|\b0[0-9](?:[ ./-]?[0-9]){6,11}\b|\b[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4}\b", _phone, not_in=_IBAN),
    Detector("name", rf"\b(?:(?i:my name is|i am called|regards,?|sincerely,?|thanks,?|dear|mr\.?|mrs\.?|ms\.?|dr\.?|please call|ask for|signed,?))\s+({_NAME})", group=1),
)  # fmt: skip


def spans(frame: pl.LazyFrame, columns: Sequence[str], detectors: Sequence[Detector] = DETECTORS) -> list[pl.LazyFrame]:
    """Plan one search for each column and kind.

    Returns: frames of `_row`, `column`, `kind`, `value` (as written), one row a confirmed value. They hold personal data:
        collect them, use them, let them go.
    """
    return [_search(frame, column, detector) for column in columns for detector in detectors]


def declared_values(frame: pl.LazyFrame, privacy: Privacy) -> list[pl.LazyFrame]:
    """What stands in columns that the contract declares to be of one kind, as `spans` gives it; free text is not of one kind."""
    return [
        frame.filter(pl.col(column).is_not_null()).select(ROW, pl.lit(column).alias("column"), pl.lit(treatment.kind).alias("kind"), pl.col(column).alias("value"))
        for column, treatment in privacy.columns.items()
        if treatment.kind != "other"
    ]


def mentions(frame: pl.LazyFrame, columns: Sequence[str], names: Sequence[str]) -> list[pl.LazyFrame]:
    """Where free text holds a name that a name column of the same table holds, as `spans` gives it.

    Args:
        names: of at least two words; one word alone would be found in ordinary sentences.
    """
    return [
        frame.select(ROW, pl.lit(column).alias("column"), pl.lit("name").alias("kind"), pl.col(column).str.extract_many(list(names), leftmost=True).alias("value"))
        .explode("value", empty_as_null=False)
        .drop_nulls("value")
        for column in columns
        if names
    ]


def whole_names(found: pl.DataFrame) -> list[str]:
    """The distinct names of several words among what was found, longest first, so that the longest is the one matched."""
    names = found.filter((pl.col("kind") == "name") & pl.col("value").str.contains(r"\pL{2,}\S* +\S*\pL{2,}"))["value"].unique()
    return sorted(names.to_list(), key=lambda name: (-len(name), name))


def _search(frame: pl.LazyFrame, column: str, detector: Detector) -> pl.LazyFrame:
    text = pl.col(column)
    if detector.not_in is not None:
        text = text.str.replace_all(detector.not_in, " ")
    found = frame.filter(text.str.contains(detector.pattern)).select(ROW, text.str.extract_all(detector.pattern).alias("value")).explode("value", empty_as_null=False)
    if detector.group:
        found = found.with_columns(pl.col("value").str.extract(detector.pattern, detector.group))
    if detector.confirm is not None:
        found = found.with_columns(pl.col("value").map_batches(_confirmed(detector.confirm), return_dtype=pl.String))
    return found.filter(pl.col("value").is_not_null()).select(ROW, pl.lit(column).alias("column"), pl.lit(detector.kind).alias("kind"), "value")


def _confirmed(confirm: Confirm) -> Callable[[pl.Series], pl.Series]:
    def over(values: pl.Series) -> pl.Series:
        unique = values.unique()  # each distinct candidate is judged once
        judged = pl.Series([confirm(value) for value in unique.to_list()], dtype=pl.String)
        return values.replace_strict(unique, judged, return_dtype=pl.String)

    return over


def findings(found: pl.DataFrame, declared: Sequence[str]) -> tuple[Finding, ...]:
    """Count what `spans` found: rows a column and kind, and whether the contract declares the column personal. Holds no value."""
    counts = found.group_by("column", "kind").agg(pl.col(ROW).n_unique().alias("rows")).sort("column", "kind")
    return tuple(Finding(column, kind, rows, column in declared) for column, kind, rows in counts.iter_rows())
