"""Presidio on texts, for benchmarks/pii.py: run by the Python of an environment that has presidio-analyzer. Reads and writes JSON.

Pattern recognisers only, as no language model comes from the package registry: names and addresses in text are left out, and said so.
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


class Blank(SpacyNlpEngine):
    """spaCy's tokenizer, without a model."""

    def load(self) -> None:
        """Make it."""
        self.nlp = {"en": spacy.blank("en")}


def main() -> None:
    """standard input: a list of texts; standard output: the spans of each, and the seconds it took."""
    texts = json.load(sys.stdin)
    engine = Blank()
    engine.load()
    analyzer = AnalyzerEngine(nlp_engine=engine)
    analyzer.analyze("warm up", language="en", entities=list(KINDS))
    started = time.perf_counter()
    found = [
        [
            (KINDS[r.entity_type], r.start, r.end)
            for r in analyzer.analyze(text, language="en", entities=list(KINDS))
        ]
        for text in texts
    ]
    json.dump({"spans": found, "seconds": time.perf_counter() - started}, sys.stdout)


if __name__ == "__main__":
    main()
