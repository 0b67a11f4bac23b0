"""Assay: data sets taken in, evaluated, repaired, published with evidence, and watched.

>>> import assay
>>> flights = assay.open("flights", purpose="training")  # a polars.LazyFrame of the newest version
"""

from assay.api import features, model, open, search, verify

__all__ = ["features", "model", "open", "search", "verify"]
