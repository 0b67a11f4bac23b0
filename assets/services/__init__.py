"""Services: what is done with published versions, for people and programs.

They use stages; no stage uses them.
"""
