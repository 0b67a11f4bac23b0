"""Lineage: what happened, recorded so that others can check it.

Belongs here: OpenLineage events and column lineage, the audit log's chain, signed evidence.
Stays out: doing the work (pipelines/), keeping it (assets/io). May touch: the OpenLineage transport
it is handed.
"""
