"""Features: a published version and a specification -> a feature table and the state that inference
needs.

Belongs here: fitting and applying transforms as Polars expressions. Stays out: training, files.
State is plain JSON data; the same state gives the same values on a batch and on one row.
"""
