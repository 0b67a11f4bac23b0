"""Admit: licence and personal data -> verdict, and the treatment of personal columns.

Belongs here: deciding whether data may be used; masking. Stays out: repairing (clean/), keys
(assets/io/signing_keys.py).
"""
