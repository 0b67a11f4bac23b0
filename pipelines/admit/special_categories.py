"""Columns -> the special categories of GDPR article 9, and markings of secrecy, that they hold.

Belongs here: the words, and from which share of a column's cells on they say something. Stays out: single values with a form of their own (detectors.py).
A word in a sentence is no finding. A column is one where its name says so and cells hold the words, or where most of its cells are nothing but such words;
words that say other things as well, such as colours, count in the former only. A first look counts each column's words; rows are looked for where that gives reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assay.contracts.settings import PersonalKind
from assay.pipelines.admit.detectors import CONTEXT, FORMAT, NAMED
from assay.pipelines.admit.names import words
from assay.pipelines.frames import ROW

_NAMED_SHARE, _SHARE, _DIFFERENT = 0.1, 0.6, 2
_MENTIONED = 0.2  # from this share of a column's cells on, the mere word is a marking
_LONGEST = 48  # letters of a cell that holds a word and nothing else


@dataclass(frozen=True)
class Category:
    """One kind: what columns of it are called, the words for which it takes no name, those that take one, and what else cells of such a column look like."""

    kind: PersonalKind
    name: str
    sure: tuple[str, ...]
    ambiguous: tuple[str, ...] = ()
    cell: str | None = None


def _split_words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


_YES_NO = _split_words(
    "yes, no, y, n, true, false, 0, 1, ja, nein, oui, non, member, non-member, not a member, none"
)
CATEGORIES: tuple[Category, ...] = (
    Category(
        "religion", r"religions?|religious(_(affiliation|belief|denomination|group))?|faith|denomination|confession|konfession|creed|church(_tax)?|kirchensteuer|beliefs?",
        _split_words("christian, christianity, catholic, roman catholic, protestant, orthodox, greek orthodox, russian orthodox, lutheran, baptist, methodist, anglican, presbyterian, pentecostal, evangelical, mormon, jehovah's witness, muslim, islam, islamic, sunni, shia, jewish, judaism, hindu, hinduism, buddhist, buddhism, sikh, sikhism, jain, jainism, bahai, baha'i, taoist, shinto, zoroastrian, atheist, agnostic, evangelisch, katholisch, römisch-katholisch, muslimisch, jüdisch, konfessionslos, orthodox christian, church of england, catholique, musulman, juif, protestante, católico, cattolico"),
        _split_words("none, other, secular, pagan, no religion, rk, ev, spiritual, no"),
    ),
    Category(
        "politics", r"politic(s|al)?(_(party|opinion|affiliation|leaning|view|views))?|party(_(affiliation|membership|registration|preference))?|voter_registration|voted_for|vote_intention|partei(buch)?",
        _split_words("democrat, democratic party, republican, republican party, libertarian, labour party, conservative party, liberal democrats, lib dem, scottish national party, cdu, csu, spd, fdp, afd, die linke, bündnis 90/die grünen, die grünen, green party, socialist, socialist party, communist, communist party, social democrat, christian democrat, front national, rassemblement national, les républicains, la france insoumise, vox, podemos, partido popular, psoe, fratelli d'italia, lega, partito democratico, tory, tories"),
        _split_words("democratic, labour, conservative, liberal, green, greens, left, right, centre, center, independent, far left, far right, progressive, moderate, lega nord, snp, dem, rep, gop, d, r, i, none, other"),
    ),
    Category(
        "trade_union", r"(trade_|labou?r_)?union(_(member(ship)?|name|status|dues))?|gewerkschaft(smitglied)?|syndicat",
        _split_words("union member, unison, unite the union, gmb, usdaw, rcn, nasuwt, ver.di, verdi, ig metall, ig bce, gew, gdp, ngg, afl-cio, seiu, teamsters, afscme, uaw, cwa, ufcw, cgt, cfdt, force ouvrière, cgil, cisl, uil, ugt, ccoo, comisiones obreras, fnv, cnv"),
        (*_YES_NO, *_split_words("unite, prospect, community, uil, sud, fo, active, inactive")),
    ),
    Category(
        "ethnicity", r"ethnic(ity|_(group|origin|background))?|race|racial(_origin)?|skin_colou?r",
        _split_words("caucasian, white british, white irish, african american, black or african american, african-american, asian american, black african, black caribbean, hispanic, hispanic or latino, not hispanic or latino, latino, latina, latinx, native american, american indian, american indian or alaska native, native hawaiian, native hawaiian or other pacific islander, pacific islander, asian indian, south asian, east asian, southeast asian, middle eastern, mixed race, multiracial, biracial, aboriginal, torres strait islander, maori, māori, inuit, roma, sinti, gypsy, irish traveller, kurdish, han chinese, indigenous, first nations, métis, asian or pacific islander, white and asian, any other white background"),
        _split_words("white, black, asian, other, mixed, unknown, two or more races, arab, african, indian, chinese, pakistani, bangladeshi, amer-indian-eskimo, asian-pac-islander, brown, fair, dark"),
    ),
    Category(
        "sexual_life", r"sexual(_(orientation|preference|identity|life))?|orientation|sexuality",
        _split_words("heterosexual, homosexual, bisexual, lesbian, gay, asexual, pansexual, gay or lesbian, heterosexual or straight, heterosexuell, homosexuell, bisexuell, schwul, lesbisch, hétérosexuel, homosexuel, queer"),
        _split_words("straight, other, prefer not to say, het"),
    ),
    Category(
        "health", r"diagnos[ei]s|disease|illness|medical_(condition|history)|condition|disabilit(y|ies)|disabled|allerg(y|ies)|medications?|blood_(type|group)|health(_(condition|status))?|hiv(_status)?|pregnan(t|cy)|symptoms?|comorbidit(y|ies)|krankheit|behinderung|vaccin(e|ated|ation)(_status)?|smoker|smoking_status",
        _split_words("diabetes, type 1 diabetes, type 2 diabetes, diabetes mellitus, hypertension, asthma, copd, cancer, breast cancer, lung cancer, leukemia, leukaemia, stroke, epilepsy, depression, major depression, anxiety disorder, bipolar disorder, schizophrenia, adhd, autism, dementia, alzheimer's disease, parkinson's disease, multiple sclerosis, hiv, hiv positive, aids, hepatitis b, hepatitis c, tuberculosis, pneumonia, covid-19, influenza, arthritis, rheumatoid arthritis, osteoporosis, migraine, obesity, heart failure, coronary artery disease, myocardial infarction, atrial fibrillation, chronic kidney disease, hypothyroidism, celiac disease, crohn's disease, ulcerative colitis, anemia, anaemia, cystic fibrosis, psoriasis, hearing impairment, visual impairment, penicillin allergy, insulin, metformin, depressionen, bluthochdruck, krebs, pregnant"),
        (*_YES_NO, *_split_words("a+, a-, b+, b-, ab+, ab-, o+, o-, a positive, o positive, o negative, positive, negative, blind, deaf, flu, penicillin, peanuts, ibuprofen, aspirin, paracetamol, amoxicillin, never, former, current")),
    ),
    Category("genetic", r"genotypes?|snps?|dna(_sequence)?|genom(e|ic)s?|genetic(_(data|marker|variant|test|risk))?|gene_variant|haplotype|brca[12]?(_status)?", (), (*_YES_NO, "positive", "negative"), r"^(?i:rs[0-9]{3,}.*|[acgt]{10,}|[acgt-]/?[acgt-]|c\.[0-9]+.*|p\.[a-z]{3}[0-9]+.*)$"),
    Category("biometric", r"biometrics?(_\w+)?|finger_?print(_(template|hash|image))?|(iris|retina)_(scan|template|code)|face_?(print|template|embedding|encoding|id)|voice_?(print|template)|palm_?print|facial_\w+", (), (), r"^.{16,}$"),
)  # fmt: skip
_WORDS = r"strictly confidential|company confidential|commercial in confidence|confidential(?:ity notice)?|proprietary|trade secrets?|internal use only|not for distribution|do not distribute|betriebsgeheimnis|geschäftsgeheimnis|(?:streng )?vertraulich|secret des affaires|secret industriel|(?:strictement )?confidentiel|secreto (?:comercial|industrial)|(?:estrictamente )?confidencial|segreto (?:commerciale|industriale)|(?:strettamente )?riservato"
MARKING = rf"(?m:^[^\p{{L}}\n]*(?i:(?:this document is )?(?:{_WORDS})(?:(?:,| and| und| et|\s*[/&-])\s*(?:{_WORDS}|information))?)[^\p{{L}}\n]*$)|(?m:^\s*[\[(*#]*\s*(?:CONFIDENTIAL|PROPRIETARY|VERTRAULICH|TRADE SECRET|CONFIDENTIEL|BETRIEBSGEHEIMNIS)\b\s*[\])*:–—-])|(?i:strictly confidential|confidential and proprietary|proprietary and confidential|(?:contains|constitutes) (?:a )?trade secrets?|streng vertraulich|company confidential)"
MENTION = rf"(?i:(?-u:\b)(?:{_WORDS})(?-u:\b))"
_MARKED: PersonalKind = "confidential"


def category_of(column: str) -> Category | None:
    """The special category that a column's name says."""
    said = words(column)
    return next(
        (each for each in CATEGORIES if re.search(rf"(?:^|_)(?:{each.name})(?:_?[0-9]+)?$", said)),
        None,
    )


def _cell(column: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String)
    return pl.when(text.str.len_bytes() <= _LONGEST).then(text).str.strip_chars().str.to_lowercase()


def _says_more(column: str) -> pl.Expr:
    """False for `proprietary` and nothing else, which is also what kind of owner somebody is."""
    return pl.col(column).cast(pl.String).str.strip_chars().str.to_lowercase() != "proprietary"


def looks(frame: pl.LazyFrame, columns: Sequence[str], texts: Sequence[str]) -> list[pl.LazyFrame]:
    """Plan the first look.

    Args:
        columns: all of them; those of no text are looked at where their name says a category.
        texts: those in which sure words and markings may stand.
    Returns: one row of `given`, `marked` and `mentioned` cells for each of `texts`, as `<column> given` and so on; then `column`, `word`, `rows` of the words it holds.
    """
    sure = [word for each in CATEGORIES for word in each.sure]
    counted = frame.select(
        pl.lit(0).alias(ROW),
        *(pl.col(column).count().alias(f"{column} given") for column in columns),
        *(
            (_says_more(column) & pl.col(column).cast(pl.String).str.contains(MENTION))
            .sum()
            .alias(f"{column} mentioned")
            for column in texts
        ),
    )
    plans = [counted]
    for column in columns:
        named = category_of(column)
        if named is None and column not in texts:
            continue
        word = pl.col("word")
        wanted = word.is_in(sure if named is None else [*sure, *named.ambiguous])
        if named is not None and named.cell is not None:
            wanted |= word.str.contains(named.cell)
        plans.append(
            frame.select(_cell(column).alias("word"))
            .filter(wanted)
            .group_by("word")
            .agg(pl.len().alias("rows"))
            .select(pl.lit(column).alias("column"), "word", "rows")
        )
    return plans


def holding(
    frame: pl.LazyFrame, texts: Sequence[str], told: Sequence[pl.DataFrame]
) -> list[pl.LazyFrame]:
    """Plan the search for the rows, where `looks` gave reason for one, as `spans` tells it.

    Args:
        told: what `looks` gave.
    """
    counts, *held = told
    plans = [
        _rows(frame, column, category)
        for part in held
        if part.height
        for column, category in _kinds(part, counts)
    ]
    for column in texts:
        mentioned, given = counts[f"{column} mentioned"].item(), counts[f"{column} given"].item()
        if mentioned:
            plans.append(
                _marked(frame, column, MENTION if mentioned >= _MENTIONED * given else MARKING)
            )
    return plans


def _kinds(part: pl.DataFrame, counts: pl.DataFrame) -> list[tuple[str, Category]]:
    """Of what kinds the column is whose words these are."""
    column = str(part["column"][0])
    given, named = counts[f"{column} given"].item(), category_of(column)
    if named is not None and part["rows"].sum() >= _NAMED_SHARE * given:
        return [(column, named)]
    found = []
    for each in CATEGORIES:
        those = part.filter(pl.col("word").is_in(list(each.sure)))
        if those.height >= _DIFFERENT and those["rows"].sum() >= _SHARE * given:
            found.append((column, each))
    return found


def _rows(frame: pl.LazyFrame, column: str, each: Category) -> pl.LazyFrame:
    named = category_of(column) == each
    wanted = pl.col("word").is_in([*each.sure, *(each.ambiguous if named else ())])
    if named and each.cell is not None:
        wanted |= pl.col("word").str.contains(each.cell)
    cells = frame.select(
        ROW, _cell(column).alias("word"), pl.col(column).cast(pl.String).alias("value")
    ).filter(wanted)
    return cells.select(
        ROW,
        pl.lit(column).alias("column"),
        pl.lit(each.kind).alias("kind"),
        "value",
        pl.lit(NAMED if named else CONTEXT).alias("confidence"),
    )


def _marked(frame: pl.LazyFrame, column: str, pattern: str) -> pl.LazyFrame:
    text = pl.col(column).cast(pl.String)
    held = (
        frame.filter(_says_more(column))
        .select(ROW, text.alias("text"))
        .filter(pl.col("text").str.contains(pattern))
        .with_columns(pl.col("text").str.extract(f"({pattern})").alias("value"))
    )
    return held.select(
        ROW,
        pl.lit(column).alias("column"),
        pl.lit(_MARKED).alias("kind"),
        "value",
        pl.lit(FORMAT).alias("confidence"),
    )
