"""What several stages share: the engine, the shapes they hand each other, fitting, sampling, exact
sums.

Belongs here: what two stages or more need. Stays out: what one stage alone does (its own folder).
"""
