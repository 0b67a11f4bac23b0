"""Act: drift and policy in, intents out; then the candidate model or index, and its judgement.

Belongs here: deciding, training on a frame, cutting text, measuring recall. Stays out: stores,
registries, files.
"""
