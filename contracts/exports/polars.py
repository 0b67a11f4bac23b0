"""Contract -> a Python module of named Polars expressions, which runs without Assay."""

from __future__ import annotations

from assay.contracts.exports.promised import (
    NOT_PUBLISHED,
    SEES_OTHERS,
    rule_id,
    speaks_of_a_version,
)
from assay.contracts.exports.source import helpers_source, rule_source
from assay.contracts.model import Contract

HEAD = '''"""The rules of a data set, compiled by Assay from its contract.

RULES: name of the rule -> expression that is true where a row keeps it, never null. LEFT_OUT: what no expression of a frame can say, and why.
"""

import datetime
import decimal

import polars as pl

'''
TAIL = '''

def broken(frame: pl.LazyFrame) -> pl.LazyFrame:
    """One row: for each rule, how many rows of the frame break it."""
    return frame.select((~keeps).sum().alias(name) for name, keeps in RULES.items())
'''


def polars(contract: Contract) -> str:
    """A module with RULES, SEVERITIES, LEFT_OUT and `broken(frame)`."""
    rules, severities, left_out = [], [], []
    for rule in contract.rules:
        name = rule_id(contract, rule)
        reason = SEES_OTHERS.get(rule.kind)
        if reason is None and not speaks_of_a_version(contract, rule):
            reason = NOT_PUBLISHED
        if reason:
            left_out.append(f"    {name!r}: {reason!r},\n")
        else:
            rules.append(f"    {name!r}: {rule_source(rule)},\n")
            severities.append(f"    {name!r}: {rule.severity!r},\n")
    origin = {"name": contract.name, "version": contract.version, "digest": contract.digest}
    return (
        f"{HEAD}{helpers_source(contract.rules)}CONTRACT = {origin!r}\n\n"
        f"RULES: dict[str, pl.Expr] = {{\n{''.join(rules)}}}\n"
        f"SEVERITIES: dict[str, str] = {{\n{''.join(severities)}}}\n"
        f"LEFT_OUT: dict[str, str] = {{\n{''.join(left_out)}}}\n"
        f"{TAIL}"
    )
