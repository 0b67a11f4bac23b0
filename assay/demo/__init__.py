"""Demo: data to try Assay with, made from a seed.

Belongs here: generators, and the record of what they planted. Stays out: anything a real data set
needs.
"""
