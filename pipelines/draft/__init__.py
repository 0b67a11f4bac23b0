"""Draft: text columns -> what they hold -> a contract worth keeping.

Belongs here: measuring a file no one has declared anything about, proposing promises, writing them
down with their reasons.
Stays out: reading files (assets/), evaluating rows (validate/). Never writes a value of a column that
may be personal.
"""
