"""Stages: each stage of the way, done with the hands. No Dagster: the assets, the command line and the tests call the same functions.

Belongs here: reading and writing around one call into pipelines/, and what a run remembers. Stays out: deciding.
"""
