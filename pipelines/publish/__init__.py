"""Publish: names a version. From here on nothing is overwritten.

Belongs here: version numbers, the key of a run's inputs, change notes. Stays out: files,
signatures, the registry.
"""
