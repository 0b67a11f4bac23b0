"""What personal data look like, by kind: a pattern, the words it stands behind, and the library that confirms a candidate.

Belongs here: one entry a way of writing. Stays out: searching frames (personal.py), what happens to what is found (treat.py).
Patterns are in Polars' linear dialect. A kind without a check digit or a form of its own counts only behind words that announce it, or in a
column whose name says so: plain digits are as often an order number.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from assay.contracts.settings import PersonalKind
from assay.pipelines.admit.person_names import confirm_full_name, confirm_given_name

Confirm = Callable[[str], str | None]
CHECKSUM, FORMAT, CONTEXT, NAMED = (
    0.99,
    0.9,
    0.7,
    0.6,
)  # how sure: a check digit, a form of its own, words before it, the column's name


@dataclass(frozen=True)
class Detector:
    """One way of writing one kind.

    Args:
        pattern: with `captures` or `words`, its group 1 is the value.
        confirm: returns the personal part of the candidate as written, or None.
        words: what announces the value, at most 40 characters before it; a column whose name holds one needs none.
        not_in: text that matches is not looked at.
        alone: where the whole cell is the candidate, most of the column's candidates must hold, or none counts:
            one long number in ten has the check digit of a card, and one town in many is called like a person.
    """

    kind: PersonalKind
    pattern: str
    confirm: Confirm | None = None
    words: tuple[str, ...] = ()
    not_in: str | None = None
    alone: bool = False
    captures: bool = False
    confidence: float = FORMAT
    spaced: bool = False

    @property
    def in_words(self) -> bool:
        """Whether letters, digits and underscores alone can be it. What stands behind a word, or has a mark in it (`spaced`), needs more than those."""
        return not self.words and not self.spaced

    @property
    def search(self) -> str:
        """The pattern as it is looked for in text. Word boundaries are ASCII's: with Unicode's, the engine leaves its fast path at the first é."""
        whole = (
            rf"(?i:\b(?:{'|'.join(self.words)})\b)[^\n]{{0,40}}?{self.pattern}"
            if self.words
            else self.pattern
        )
        return whole.replace(r"\b", r"(?-u:\b)")

    @property
    def group(self) -> int:
        """Which group of `search` is the value."""
        return 1 if self.words or self.captures else 0


# -- what confirms -------------------------------------------------------------------------------


def confirm_card(text: str) -> str | None:
    """A card's number: an issuer's prefix, its length, and the check digit."""
    from stdnum import luhn

    # a number may be followed by other digits: try the whole, then without its last groups
    while len(digits := re.sub(r"[ -]", "", text)) >= 13:
        if _issued(digits) and luhn.is_valid(digits):
            return text
        text = re.sub(r"[ -]?[0-9]+$", "", text)
    return None


def _possible_card(text: str) -> str | None:
    """A number that is announced as a card's: 12 to 19 digits with the check digit right (ISO/IEC 7812 allows that few)."""
    from stdnum import luhn

    digits = re.sub(r"[ -]", "", text)
    return text if 12 <= len(digits) <= 19 and luhn.is_valid(digits) else None


def _issued(digits: str) -> bool:
    """Whether an issuer's prefix starts a number of that length (ISO/IEC 7812; the networks' published ranges)."""
    two, four, length = int(digits[:2]), int(digits[:4]), len(digits)
    return (
        (digits[0] == "4" and length in (13, 16, 19))
        or ((51 <= two <= 55 or 2221 <= four <= 2720) and length == 16)
        or (two in (34, 37) and length == 15)
        or ((two in (36, 38, 39) or 300 <= int(digits[:3]) <= 305) and length == 14)
        or ((four == 6011 or two in (64, 65, 62) or 3528 <= four <= 3589) and 16 <= length <= 19)
        or (
            two in (50, 56, 57, 58, 60, 61, 63, 66, 67, 68, 69) and 13 <= length <= 19
        )  # Maestro and others; 12 digits are too few to tell
        or (four in (1800, 2131) and length == 15)
    )


def confirm_iban(text: str) -> str | None:
    """An IBAN: its country's shape, and the check digits."""
    from stdnum import iban

    # what follows may look like a group of its own: try the whole, then without its last groups
    while len(text) >= 15:
        # the check digits and the country's shape; a bank's own check digits are its own affair
        if iban.is_valid(text.replace("-", " "), check_country=False):
            return text
        shorter = re.sub(r"[ -][A-Za-z0-9]+$", "", text)
        if shorter == text:
            return None
        text = shorter
    return None


_PLAIN_DATE = r"\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d{2}"
_REGIONS = (
    "US",
    "GB",
    "DE",
    "FR",
    "ES",
    "IT",
    "NL",
    "AU",
    "BR",
    "IN",
)  # where a number without a country code is looked for


def confirm_phone(text: str) -> str | None:
    """A number that somebody's numbering plan has."""
    import phonenumbers

    if not 7 <= sum(c.isdigit() for c in text) <= 15 or re.fullmatch(_PLAIN_DATE, text):
        return None
    for region in (None,) if text.startswith("+") else _REGIONS:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(text, region)):
                return text
        except phonenumbers.NumberParseException:
            continue
    return None


def _possible_phone(text: str) -> str | None:
    """Digits that are announced as a phone number need only be of a length that one can have (ITU E.164)."""
    return text if 7 <= sum(c.isdigit() for c in text) <= 15 else None


def _ip(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if address.is_unspecified or text in ("127.0.0.1", "::1") else text


# python-stdnum's modules of numbers that one person has; where a form of its own tells enough, by itself, else behind words
_OWN_FORM = ("es.dni", "es.nie", "it.codicefiscale", "fi.hetu", "ie.pps", "in_.pan", "mx.curp")
_DIGITS = (
    "us.ssn", "gb.nhs", "fr.nir", "de.idnr", "nl.bsn", "be.nn", "pl.pesel", "se.personnummer", "no.fodselsnummer", "dk.cpr", "pt.nif", "pt.cc", "at.vnr", "ch.ssn", "cz.rc", "ro.cnp",
    "bg.egn", "hr.oib", "ee.ik", "lt.asmens", "si.emso", "br.cpf", "ca.sin", "in_.aadhaar", "cn.ric", "kr.rrn", "tr.tckimlik", "za.idnr", "cl.rut", "il.idnr", "au.tfn", "th.pin", "my.nric",
    "ar.dni", "id.nik", "eg.tn", "is_.kennitala", "gr.amka", "ua.rntrc", "ec.ci", "do.cedula", "pe.cui",
)  # fmt: skip
_TAX = (
    "eu.vat",
    "us.ein",
    "us.itin",
    "gb.utr",
    "br.cnpj",
    "au.abn",
    "ch.vat",
    "no.mva",
    "mx.rfc",
    "in_.gstin",
    "de.stnr",
)


@cache
def _modules(names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(importlib.import_module(f"stdnum.{name}") for name in names)


def _valid_in(names: tuple[str, ...]) -> Confirm:
    def confirm(text: str) -> str | None:
        return text if any(module.is_valid(text) for module in _modules(names)) else None

    return confirm


def _national(text: str) -> str | None:
    # British numbers have a form and no check digit; prefixes as HMRC's NIM39110 gives them
    british = re.fullmatch(
        r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]",
        text,
    )
    return text if british else _valid_in((*_OWN_FORM, *_DIGITS))(text)


def _bitcoin(text: str) -> str | None:
    from stdnum import bitcoin

    return text if bitcoin.is_valid(text) else None


def _jwt(text: str) -> str | None:
    head = text.partition(".")[0]
    try:
        return text if b'"alg"' in base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)) else None
    except (binascii.Error, ValueError):
        return None


def _secret_word(text: str) -> str | None:
    """What stands behind `password:` counts where it is no ordinary word."""
    return text if re.search(r"\d|[^\w]", text) or re.search(r"[a-z][A-Z]", text) else None


# -- the table --------------------------------------------------------------------------------------

_IBAN = r"\b[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b"
_NAME = r"\p{Lu}[\p{L}'’-]+(?: (?:\p{Lu}\.|de|da|van|von|der|di|la|le|\p{Lu}[\p{L}'’-]+)){1,3}"
_DATE = r"(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ](?:19|20)[0-9]{2}|[0-9]{1,2}(?:st|nd|rd|th)? \p{L}{3,9},? (?:19|20)[0-9]{2}|\p{L}{3,9} [0-9]{1,2}(?:st|nd|rd|th)?,? (?:19|20)[0-9]{2})"
_STREET = r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Way|Place|Pl|Terrace|Parkway|Pkwy|Circle|Cir|Highway|Hwy|Trail|Crescent|Close|Grove|Mews|Esplanade|Bypass|Gardens|Quay)"
_DOT = r"\s?(?:\(dot\)|\[dot\]|\{dot\}|<dot>|\sdot\s|\.)\s?"
TOP = r"(?:com|org|net|edu|gov|info|io|example|test|de|fr|uk|co|it|es|nl|eu|us|ca|au|ch|at|be|se|no|dk|pl|in|br)"
DETECTORS: tuple[Detector, ...] = (
    Detector("email", r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)*\.\p{L}{2,}", spaced=True),
    Detector("email", rf"(?i)\b[\w%+-]+(?:{_DOT}[\w%+-]+)?(?:\s?(?:\(at\)|\[at\]|\{{at\}}|<at>)\s?|\sat\s)[\w-]+(?:{_DOT}[\w-]+)?(?:\s?(?:\(dot\)|\[dot\]|\{{dot\}}|<dot>)\s?|\sdot\s){TOP}\b", spaced=True),
    Detector("email", rf"(?i)\b[\w.%+-]+(?:\s?(?:\(at\)|\[at\]|\{{at\}}|<at>)\s?|\s@\s?|@\s)[\w-]+(?:\.[\w-]+)*\.{TOP}\b", spaced=True),
    Detector("iban", _IBAN, confirm_iban, confidence=CHECKSUM),
    Detector("card", r"([0-9](?:[ -]?[0-9]){11,18})\b", _possible_card, ("card",), not_in=_IBAN, confidence=CHECKSUM),
    Detector("card", r"\b[1-6][0-9]{3}(?:[ -]?[0-9]){9,15}\b", confirm_card, not_in=_IBAN, alone=True, confidence=CHECKSUM),
    Detector("phone", r"\+[0-9]{1,3}(?:[ .()/-]{0,2}[0-9]){6,13}|\(0?[0-9]{2,5}\)[ .-]?[0-9](?:[ .-]?[0-9]){4,9}|\b0[0-9]{1,4}[ ./-][0-9](?:[ ./-]?[0-9]){4,9}\b|\b[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4}\b", confirm_phone, not_in=_IBAN, spaced=True),
    Detector("phone", r"(\+?[(0-9][0-9 ().x/-]{5,20}[0-9])", _possible_phone, ("phone(?: number)?", "telephone", "tel", "mobile", "cell", "fax", "call me (?:at|on)", "call us (?:at|on)", "reach me (?:at|on)", "my number(?: is)?"), not_in=_IBAN, confidence=CONTEXT),
    Detector("ip_address", r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b", _ip, spaced=True),
    Detector("ip_address", r"(?i)(?:\b[0-9a-f]{1,4}|:)(?::{1,2}[0-9a-f]{1,4}){2,7}(?:::)?", _ip, spaced=True),
    Detector("mac_address", r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b", spaced=True),
    Detector("url", r"(?i)\b(?:https?://)?(?:www\.)?(?:linkedin\.com/in|facebook\.com|twitter\.com|x\.com|instagram\.com|github\.com|tiktok\.com|t\.me|orcid\.org)/@?[\w.-]{2,}", spaced=True),
    Detector("url", r"(?i)\bhttps?://[^\s/]+/[^\s]*[?&](?:user|uid|userid|user_id|email|customer|patient|session|sid|token)=[^\s&]+", spaced=True),
    Detector("secret", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{60,}\b|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{35}|\b(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{16,}\b|\bglpat-[\w-]{20,}|\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    Detector("secret", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", _jwt, confidence=CHECKSUM, spaced=True),
    Detector("secret", r"\b[a-z][a-z0-9+]{2,20}://[^\s/:@]+:([^\s/@]+)@[\w.-]+", captures=True, spaced=True),
    Detector("secret", r"\s*[:=]\s*[\"']?([^\s\"',;]{6,64})", _secret_word, ("password", "passwd", "pwd", "passphrase", "api[_ -]?key", "secret(?:[_ -]?key)?", "access[_ -]?token"), confidence=CONTEXT),
    Detector("crypto_address", r"\b(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[02-9ac-hj-np-z]{11,71})\b", _bitcoin, confidence=CHECKSUM),
    Detector("crypto_address", r"\b0x[0-9a-fA-F]{40}\b"),
    Detector("national_id", r"\b(?:[0-9XYZxyz][0-9]{7}-?[A-Za-z]|[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]|[0-9]{6}[-+A-F][0-9]{3}[0-9A-Z]|[0-9]{7}[A-W][AB]?|[A-Z]{5}[0-9]{4}[A-Z]|[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9])\b", _valid_in(_OWN_FORM), confidence=CHECKSUM),
    Detector("national_id", r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b", _national),
    Detector("national_id", r"\b(?:[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}|756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}|[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}[.-][0-9]{2})\b", _valid_in(("us.ssn", "br.cpf", "ch.ssn", "be.nn")), spaced=True),
    Detector("national_id", r"\b([0-9A-Z][0-9 .-]{5,18}[0-9A-Z])\b", _national, ("ssn", "social security(?: number)?", "national id(?:entity)?(?: number| card)?", "id number", "nhs(?: number)?", "national insurance", "nino", "n[°º]? ?(?:de )?s[eé]curit[eé] sociale", "nir", "steuer-?id", "idnr", "bsn", "burgerservicenummer", "rijksregisternummer", "pesel", "personnummer", "f[oø]dselsnummer", "cpr(?:-nummer)?", "nif", "ahv", "avs", "rodn[eé] [cč][ií]slo", "cnp", "egn", "oib", "isikukood", "asmens kodas", "emšo", "cpf", "sin", "aadhaar", "kimlik", "rut", "teudat zehut", "tfn", "mykad", "nric", "dni", "nik", "kennitala", "amka", "curp"), confidence=CONTEXT),
    Detector("tax_number", r"\b([A-Z0-9][A-Z0-9 ./-]{6,18}[A-Z0-9])\b", _valid_in(_TAX), ("vat(?: number| id| no)?", "tax(?:payer)? (?:id|number|no)", "tin", "ein", "itin", "utr", "ust-?id(?:nr)?", "steuernummer", "partita iva", "cnpj", "abn", "rfc", "gstin"), confidence=CONTEXT),
    Detector("passport", r"\b([A-Z]{0,2}[0-9]{6,9}[A-Z]?)\b", None, (r"passport(?: (?:number|no|nr|#))?\.?", "reisepass", "passeport", "pasaporte"), confidence=CONTEXT),
    Detector("bank_account", r"\b([0-9][0-9 -]{5,16}[0-9])\b", None, ("account (?:number|no|nr)", "bank account", "kontonummer", "routing number", "sort code", "acct"), confidence=CONTEXT),
    Detector("license_plate", r"\b([A-Z0-9ÄÖÜ]{1,4}[ -]?[A-Z0-9]{1,4}[ -]?[A-Z0-9]{2,4})\b", None, ("licen[cs]e plate", "number plate", "registration (?:number|plate)", "plate (?:number|no)", "kennzeichen", "plaque d'immatriculation"), confidence=CONTEXT),
    Detector("medical_record", r"\b([A-Z]{0,3}-?[0-9]{5,10})\b", None, ("mrn", r"medical record(?: (?:number|no))?\.?", r"patient (?:id|number|no)\.?", "health insurance (?:number|no)", "versichertennummer"), confidence=CONTEXT),
    Detector("medical_code", r"\b([A-TV-Z][0-9][0-9A-Z](?:\.[0-9A-Z]{1,4})?)\b", None, (r"icd(?:-?(?:9|10|11))?(?:-?cm)?", "diagnos(?:is|ed|e)", "diagnosis code"), confidence=CONTEXT),
    Detector("birth_date", rf"\b({_DATE})\b", None, ("born(?: on)?", "birth ?date", "date of birth", "birthday", "d\\.?o\\.?b", "geboren(?: am)?", "née? le", "nacid[oa]"), confidence=CONTEXT),
    Detector("coordinates", r"(-?[0-9]{1,2}\.[0-9]{3,}°?,? ?[NS]?,? ?-?[0-9]{1,3}\.[0-9]{3,})", None, ("lat(?:itude)?", "coordinates?", "gps", "location", "geo"), confidence=CONTEXT, spaced=True),
    Detector("address", rf"\b[0-9]{{1,5}}[A-Za-z]?,? (?:(?:[NSEW]\.?|[NS][EW]) )?(?:[\p{{Lu}}0-9][\p{{L}}0-9'.-]* ){{1,4}}{_STREET}\b\.?(?:,? (?:Apt|Suite|Ste|Unit|#)\.? ?[\w-]+)?", confidence=CONTEXT, spaced=True),
    Detector("address", r"\b\p{Lu}[\p{L}-]+(?:straße|strasse|str\.|weg|platz|allee|gasse|straat|laan|gatan|gata|vägen|veien|vej|vejen|gade|stræde|stien|bakken|kade|plein|dijk|katu|tie|utca|ulica) ?[0-9]{1,4}[a-z]?\b|\b(?:Rue|rue|Avenue|Via|via|Calle|calle|Rua|Plaza|Boulevard) (?:\p{L}+ ){0,3}\p{Lu}[\p{L}'-]+,? [0-9]{1,4}\b|\b[0-9]{1,4},? (?:rue|avenue|boulevard|place|chemin) (?:\p{L}+[' ]){1,4}\p{L}+|\bP\.?\s?O\.? ?Box [0-9]+", confidence=CONTEXT),
    Detector("address", r"\b(?:Apt|Suite|Ste|Apartment)\.? #?[0-9]{1,5}[A-Z]?\b|\b(?:PSC|Unit) [0-9]{1,6},? Box [0-9]{1,6}\b|\b(?:Postbox|Postboks|Postfach|Casilla) [0-9]+\b", confidence=CONTEXT, spaced=True),
    Detector("address", r"\b(?:ul\.|ulica|Viale|Corso|Piazza|Rúa|Avenida|Av\.|Praça|Travessa|Largo|Plaça|Carrer|Ulica|Vicolo|Camino|Paseo|Chaussée|Allée|Chemin|Quai) (?:\p{L}+[' ]){0,4}\p{Lu}[\p{L}'-]+,? [0-9]{1,4}[a-z]?\b", confidence=CONTEXT, spaced=True),
    Detector("name", rf"\b(?:(?i:my name is|i am called|i am|i'm|name is|name:|this is|follow(?:ed)? up with|speak (?:to|with)|on behalf of|written by|sung by|invited by|care of|c/o|regards,?|sincerely,?|thanks,?|dear|mr\.?|mrs\.?|ms\.?|dr\.?|prof\.?|please call|ask for|signed,?|contact|patient|sincerely yours,?))\s+({_NAME})", captures=True, confidence=CONTEXT, spaced=True),
    Detector("name", r"\b\p{Lu}\p{Ll}[\p{L}'’-]*(?: (?:\p{Lu}\.?|de|da|van|von|der|den|di|la|le|del|della|dos)){0,2}(?: \p{Lu}[\p{L}'’-]+){1,3}", confirm_full_name, alone=True, confidence=CONTEXT, spaced=True),
    Detector("name", r"\b(?i:hi|hello|hey|dear|calls? me|called|my (?:son|daughter|wife|husband|brother|sister|friend|kid|colleague|boss|mother|father)|kid|told|given|asked|says|said|thanks|ask|tell|with|by)\s(\p{Lu}\p{Ll}[\p{L}'’-]+)(?:[:,.!?\n]|'s\b| (?:is|was|has|had|said|says|will|would|wrote|called|told|from)\b|$)", confirm_given_name, captures=True, confidence=CONTEXT, spaced=True),
    Detector("name", r"(?m:^)[>\s\"]*(\p{Lu}\p{Ll}[\p{L}'’-]+): ?[\"“A-Z]", confirm_given_name, captures=True, confidence=CONTEXT, spaced=True),
    Detector("name", r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.? (\p{Lu}[\p{L}'’-]+)(?: [^\p{Lu}]|[^\p{L} '’-]|\s*$)", captures=True, confidence=CONTEXT, spaced=True),
)  # fmt: skip

# in a column whose name says what it holds, a whole value needs to look like it no further than this
_WHOLE: tuple[Detector, ...] = (
    Detector("phone", r"^\s*\+?[(0-9][0-9 ().x/+-]{5,24}\s*$", _possible_phone, confidence=NAMED),
    Detector("card", r"^[0-9](?:[ -]?[0-9]){11,18}$", confidence=NAMED),
    Detector("national_id", r"^[0-9A-Za-z][0-9A-Za-z ./-]{5,20}$", _national, confidence=CHECKSUM),
    Detector("tax_number", r"^[0-9A-Za-z][0-9A-Za-z ./-]{5,20}$", _valid_in(_TAX), confidence=CHECKSUM),
    Detector("passport", r"^[A-Z]{0,2}[0-9]{6,9}[A-Z]?$", confidence=NAMED),
    Detector("birth_date", rf"^{_DATE}(?:[ T][0-9:.]+Z?)?$", confidence=NAMED),
    Detector("name", r"^\s*\p{Lu}[\p{L}'’.-]*(?:[ ,]+(?:\p{Lu}\.?|de|da|van|von|der|di|la|le|\p{Lu}[\p{L}'’.-]+)){0,4}\s*$", confidence=NAMED),
    Detector("address", r"^.*(?:[0-9].*\p{L}|\p{L}.*[0-9]).*$", confidence=NAMED),
    Detector("bank_account", r"^[0-9][0-9 -]{5,16}[0-9]$", confidence=NAMED),
    Detector("license_plate", r"^[A-Z0-9ÄÖÜ]{1,4}[ -]?[A-Z0-9]{1,4}[ -]?[A-Z0-9]{0,4}$", confidence=NAMED),
    Detector("medical_record", r"^[A-Za-z]{0,4}-?[0-9]{4,12}$", confidence=NAMED),
    Detector("medical_code", r"^[A-TV-Z][0-9][0-9A-Z](?:\.[0-9A-Z]{1,4})?$", confidence=NAMED),
    Detector("coordinates", r"^-?[0-9]{1,3}\.[0-9]{2,}(?:, ?-?[0-9]{1,3}\.[0-9]{2,})?$", confidence=NAMED),
    Detector("secret", r"^\S{6,}$", confidence=NAMED),
)  # fmt: skip


def detectors_for(column: str) -> tuple[Detector, ...]:
    """What is looked for in a column: every way of writing, and where its name says a kind, what that kind looks like by itself."""
    from assay.pipelines.admit.names import personal_hint

    hint = personal_hint(column)
    return (*DETECTORS, *(each for each in _WHOLE if each.kind == hint))
