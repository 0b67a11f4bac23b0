"""Assay: data sets taken in, judged, repaired, published with evidence, and watched.

>>> import assay
>>> flights = assay.open("flights", purpose="training")  # a polars.LazyFrame of the newest version
"""

from assay.api import open, search, verify

__all__ = ["open", "search", "verify"]
