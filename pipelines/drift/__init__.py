"""Drift: two published windows in, numbers out. Decides nothing.

Belongs here: measuring. Stays out: what to do about it (act/), where reports lie.
"""
