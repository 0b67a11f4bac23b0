"""A drafted table -> a list of doubts: what looks like an error before it becomes a rule.

Belongs here: one small decider a kind, the table of kinds, the words about a doubt. Stays out: what
a draft declares (pipelines/draft), repairs (pipelines/clean). Never shows a value of a column that
may be personal, only its shape.
"""
