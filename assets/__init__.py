"""Assets: Dagster, and everything that touches disk, network, clock or secrets.

Belongs here: `io/` (disk, stores, keys, clock), `stages/` (the stages of the way, done with `io/`), and the Dagster
definitions derived from the contracts. Stays out: deciding and transforming (pipelines/), parsing and printing (assay/).
Dagster is imported by the definitions alone: the command line reads versions without it.
"""
