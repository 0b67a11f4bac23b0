"""Dagster: assets, jobs, sensors and schedules made from the contracts.

Start reading in definitions.py.
"""
