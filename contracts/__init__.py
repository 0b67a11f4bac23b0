"""Contracts: what a data set must be.

Belongs here: the documents (datasets/*.odcs.yaml, policies/*.yaml) and the code that reads and
compiles them; the errors.
Stays out: data, decisions about data, Dagster. May touch: the YAML it is handed. Imports nothing of
ours.
"""
