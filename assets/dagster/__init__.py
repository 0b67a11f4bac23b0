"""Dagster: assets, jobs, sensors and schedules derived from the contracts.

Start reading in definitions.py.
"""
