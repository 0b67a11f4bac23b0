"""The hands: disk, stores, keys, clock. Everything here may fail for reasons outside; the errors say so."""
