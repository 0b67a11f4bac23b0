"""Decode: bytes that no one trusts -> Parquet, in a process that can be lost.

Belongs here: the readers of each kind of bytes, and `__main__`, which runs one of them under
limits. Stays out: everything of the installation. What is imported here is what such a process
waits for: each module imports its library and little else.
"""
