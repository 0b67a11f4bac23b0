"""Stages: what leads from a source to a published version, and what is derived from versions.

No Dagster: the assets, the command line and the tests call the same functions.

Belongs here: reading and writing around one call into pipelines/, and what a run remembers. Stays
out: deciding.
"""
