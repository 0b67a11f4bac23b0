"""The steps from one layout of the registry to the next, for Alembic."""
