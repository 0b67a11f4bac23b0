"""A data set with an index: what its contract asks for, where its builds lie, and the documents to
be indexed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from assay.assets.io.index import IndexStore
from assay.assets.io.installation import Installation
from assay.assets.io.registry.versions import Version
from assay.contracts.errors import ActionError, Where
from assay.contracts.model import Contract
from assay.contracts.settings import FittedEmbedding, Index
from assay.pipelines.act import passages
from assay.pipelines.act.renewal import Cutting


def index_store(installation: Installation) -> IndexStore:
    """The indexes of this installation."""
    return IndexStore(installation.home.root / "index")


def policy_of(contract: Contract) -> Index:
    """What the contract asks for. Raises: ActionError: no index."""
    if contract.index is None:
        raise ActionError(
            "the contract declares no index",
            "Add assay.index",
            Where(file=contract.file, dataset=contract.name),
        )
    return contract.index


@dataclass(frozen=True)
class IndexedDataSet:
    """A data set whose contract asks for an index, and the store of its builds."""

    installation: Installation
    contract: Contract
    policy: Index
    store: IndexStore

    @classmethod
    def of(cls, installation: Installation, contract: Contract) -> IndexedDataSet:
        """The index of a contract. Raises: ActionError: the contract requests none."""
        return cls(installation, contract, policy_of(contract), index_store(installation))

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.contract.name

    @property
    def cutting(self) -> Cutting:
        """How documents are cut into passages."""
        policy = self.policy
        return Cutting(policy.format, policy.chunk_chars, policy.overlap_chars, policy.language)

    @property
    def embedding_settings(self) -> dict[str, Any]:
        """What makes other vectors of the same passages."""
        embedding = self.policy.embedding
        seeded = isinstance(embedding, FittedEmbedding)
        return {
            **embedding.model_dump(mode="json", exclude={"batch", "refit"}),
            "dimensions": self.policy.dimensions,
            **({"seed": self.policy.seed} if seeded else {}),
        }

    def documents(self, row: Version) -> pl.DataFrame:
        """A version's documents, as `pipelines.act.passages.documents` gives them.

        Raises: ActionError: two documents have the same key.
        """
        policy, license_column = self.policy, self.contract.license.column
        named = (policy.key, policy.text, policy.title, license_column)
        columns = list(dict.fromkeys(column for column in named if column))
        table = self.installation.scan(row).select(columns).collect()
        keys = table[policy.key].drop_nulls()
        if keys.n_unique() != len(keys):
            raise ActionError(
                f"the key '{policy.key}' has the same value for several documents",
                "Declare it `unique`, or choose another column as `key`",
                Where(file=self.contract.file, dataset=self.name),
            )
        return passages.documents(
            table, key=policy.key, text=policy.text, title=policy.title, license=license_column
        )
