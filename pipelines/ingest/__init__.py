"""Ingest: bytes -> landed rows, and the lines that could not be read, with their reason.

Belongs here: numbering and accounting for records. Stays out: opening sources (assets/io/sources/),
types (clean/).
"""
