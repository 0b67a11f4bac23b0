"""Assets: Dagster, and the only hands.

Belongs here: `io/` (disk, stores, keys, clock), `stages/` (each stage of the way done with it), and the Dagster
definitions made from the contracts. Stays out: deciding and transforming (pipelines/), parsing and printing (assay/).
Dagster is imported by the definitions alone: the command line reads versions without it.
"""
