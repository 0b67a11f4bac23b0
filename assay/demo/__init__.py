"""Demo: data to try Assay with, created from a seed.

Belongs here: generators, and the record of what they planted. Stays out: anything a real data set
needs.
"""
