"""The registry: which versions exist, and everything decided about them, in one database."""

from assay.assets.io.registry.registry import Registry

__all__ = ["Registry"]
