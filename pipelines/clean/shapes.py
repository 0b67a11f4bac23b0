"""Values without the form of their column -> with it, where one way leads there.

Belongs here: patterns of the contract, forms that nearly all values have, and the few ways in which
one is lost: a letter for a digit that looks alike, a character too many, a mark left out. Stays
out: which of several right-looking values was meant.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import polars as pl

from assay.contracts.exports.patterns import NotPortable, portable
from assay.contracts.model import Rule
from assay.contracts.patterns import rust_pattern
from assay.contracts.steps import Shapes
from assay.pipelines.clean.step_spec import Columns, Effect, Kind, unclear
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.core.package_data import read_yaml

FORMS = 6  # a column with more forms has none
_LONGEST = 60
_RATIO = (
    10  # by how much a form must be more frequent than another that is a slip of it, as in typos
)
_PADDED = r"(?:^|[^0-9])0[0-9]"
IDENTIFIER = r"^\{?[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\}?$"
"""A UUID, as it is written or in braces (RFC 9562): letters and digits in no order, so that it has
no other form.
"""
Fits = Callable[[str], bool]


def form(text: pl.Expr) -> pl.Expr:
    """`AB-123` -> `AA-999`."""
    return (
        text.str.replace_all(r"\p{Lu}", "A")
        .str.replace_all(r"[\p{L}--\p{Lu}]", "a")
        .str.replace_all(r"[0-9]", "9")
    )


def form_of(text: str) -> str:
    """The same of one value."""
    return "".join(
        "A" if c.isupper() else "a" if c.isalpha() else "9" if c in "0123456789" else c
        for c in text
    )


def _pattern(name: str, columns: Columns) -> Rule | None:
    return next(
        (
            rule
            for rule in columns.rules
            if rule.kind == "pattern" and rule.columns == (name,) and not rule.path
        ),
        None,
    )


def _fit(step: Shapes, rows: pl.LazyFrame, columns: Columns) -> Learning:
    free = {
        f"{index}": name
        for index, name in enumerate(step.columns)
        if _pattern(name, columns) is None
    }
    plans = {
        index: rows.select(
            form(pl.col(name)).alias("form"), pl.col(name).str.contains(_PADDED).alias("padded")
        )
        .drop_nulls()
        .group_by("form")
        .agg(pl.len(), pl.col("padded").sum())
        .sort("len", "form", descending=[True, False])
        .head(100)
        for index, name in free.items()
    }
    plans |= {f"{index} rows": rows.select(pl.col(name).count()) for index, name in free.items()}
    plans |= {
        f"{index} identifiers": rows.select(pl.col(name).str.contains(IDENTIFIER).sum())
        for index, name in free.items()
    }
    found = (yield plans) if plans else {}
    learned = {}
    for index, name in free.items():
        given = found[f"{index} rows"].item()
        known = forms(found[index], given, step.share)
        learned[name] = {
            "forms": known,
            "of_any_length": any_length(known),
            "identifiers": bool(
                given and found[f"{index} identifiers"].item() >= step.share * given
            ),
        }
    return Fitted(learned)


def any_length(known: list[str]) -> list[str]:
    """Those of the forms, with `9+` for digits, that occur with numbers of several lengths."""
    short = Counter(re.sub("9+", "9+", one) for one in known)
    return sorted(one for one, times in short.items() if times > 1)


def forms(counted: pl.DataFrame, given: int, share: float) -> list[str]:
    """The few forms that at least that share of the values has, each of them common; none where
    there are no few.

    A form that is one slip away from a much more frequent one is a mistake that was made often,
    where digits are filled up with zeros, so that numbers have one length.
    """
    common = counted.filter(
        (pl.col("len") >= max(3, 0.01 * given)) & (pl.col("form").str.len_chars() <= _LONGEST)
    ).head(FORMS)
    if not given or common["len"].sum() < share * given:
        return []
    return [
        one
        for one, count, _ in common.iter_rows()
        if not any(
            often >= _RATIO * count and 2 * padded > often and _a_slip(one, other)
            for other, often, padded in common.iter_rows()
        )
    ]


def _a_slip(one: str, other: str) -> bool:
    from rapidfuzz.distance import OSA

    return OSA.distance(one, other, score_cutoff=1) == 1


def candidates(text: str, *, zeros: bool, letters: bool) -> Iterator[str]:
    """What the text may have been: a character that is no digit too many, two swapped, a mark left
    out, a letter for a digit that looks alike.
    """
    lookalikes = read_yaml("clean/lookalikes.yaml")
    digits, back = lookalikes["digits"], lookalikes["letters"] if letters else {}
    if bare := re.sub(r"^\W+|\W+$", "", text):
        yield bare
    for at, character in enumerate(text):
        if not character.isdigit():
            yield text[:at] + text[at + 1 :]
        for table in (digits, back):
            if character in table:
                yield text[:at] + table[character] + text[at + 1 :]
        if at and text[at - 1] != character:
            yield text[: at - 1] + character + text[at - 1] + text[at + 1 :]
    yield "".join(digits.get(character, character) for character in text)
    for mark in "-/.:_ ":
        for at in range(1, len(text)):
            yield text[:at] + mark + text[at:]
    if zeros:
        yield from ("0" * count + text for count in (1, 2))


def mended(text: str, fits: Fits, *, zeros: bool = False, letters: bool = False) -> str | None:
    """The one text of the right form that this was, if there is one; none where any letter or digit
    may be missing, or represent another.

    Args:
        zeros, letters: whether a leading zero may be put in, and a letter for a digit that looks
            alike.
    """
    possible = {
        candidate
        for candidate in candidates(text, zeros=zeros, letters=letters)
        if candidate != text and fits(candidate)
    }
    if len(possible) != 1:
        return None
    right = possible.pop()
    alike = len(right) == len(text) and sorted(right) != sorted(text)
    return (
        right
        if alike
        or (zeros and right.lstrip("0") == text.lstrip("0"))
        or not _hides(text, right, fits)
        else None
    )


def _hides(text: str, right: str, fits: Fits) -> bool:
    """Whether an unknown letter or digit, put in or in place of another, would do as well."""
    lost = any(fits(text[:at] + one + text[at:]) for at in range(len(text) + 1) for one in "5Aa")
    return lost or (
        len(right) < len(text)
        and any(
            fits(text[:at] + digit + text[at + 1 :])
            for at, c in enumerate(text)
            if not c.isdigit()
            for digit in "05"
        )
    )


def _effect(step: Shapes, fitted: Fitted, columns: Columns) -> Effect:
    changes: dict[str, pl.Expr] = {}
    doubts: dict[str, pl.Expr] = {}
    for name in step.columns:
        rule, known = (
            _pattern(name, columns),
            fitted.values.get(name, {"forms": [], "of_any_length": [], "identifiers": False}),
        )
        text = pl.col(name)
        if (
            rule is None and known["identifiers"]
        ):  # a letter or digit that is missing, or too many, could be any
            doubts[name] = ~text.str.contains(IDENTIFIER)
            continue
        if rule is None and not known["forms"]:
            continue
        wrong = ~(
            text.str.contains(rust_pattern(rule.argument))
            if rule
            else form(text).is_in(known["forms"])
            | form(text).str.replace_all("9+", "9+").is_in(known["of_any_length"])
        )
        right = (
            pl.when(wrong)
            .then(text)
            .map_batches(
                _mender(rule, known, step.zeros), return_dtype=pl.String, is_elementwise=True
            )
        )
        changes[name] = pl.coalesce(right, text)
        doubts[name] = wrong & right.is_null()
    return Effect(changes, **unclear(step, doubts))


def _matcher(pattern: str) -> Fits:
    """Whether a text matches, by Python where it reads the pattern as the rule's engine does."""
    try:
        compiled = re.compile(portable(pattern))
    except NotPortable:
        in_rust = rust_pattern(pattern)
        return lambda text: bool(pl.Series([text]).str.contains(in_rust).item())
    return lambda text: compiled.search(text) is not None


def _mender(
    rule: Rule | None, known: Mapping[str, list[str]], zeros: bool
) -> Callable[[pl.Series], pl.Series]:
    if rule:
        fits = _matcher(rule.argument)
    else:
        allowed, free = frozenset(known["forms"]), frozenset(known["of_any_length"])
        fits = lambda text: form_of(text) in allowed or re.sub("9+", "9+", form_of(text)) in free  # noqa: E731

    def mend(values: pl.Series) -> pl.Series:
        broken = values.drop_nulls().unique()
        right = [
            mended(text, fits, zeros=zeros, letters=rule is not None)
            if len(text) <= _LONGEST
            else None
            for text in broken
        ]
        return (
            values.replace_strict(broken, pl.Series(right, dtype=pl.String), default=None)
            if broken.len()
            else values
        )

    return mend


SHAPES = Kind(_fit, _effect, corrects=True)
