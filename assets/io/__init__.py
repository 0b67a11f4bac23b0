"""Disk, stores, keys, clock.

Everything here may fail for outside reasons, and its errors name them.
"""
