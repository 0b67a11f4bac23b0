"""Validate: candidate and contract -> kept, quarantined with every rule broken, and one check a
rule.

Belongs here: evaluating rows. Stays out: changing a value (clean/), publishing.
"""
