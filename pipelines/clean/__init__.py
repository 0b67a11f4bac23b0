"""Clean: the contract's ordered steps, one kind of repair a module.

Belongs here: changing values, taking rows out, each with its step. Stays out: evaluating (validate/),
features.
A step is fitted on the profile of the rows as they came, before any step, and applied in the
contract's order.
"""
