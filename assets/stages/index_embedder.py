"""The embedder of an index: from the contract's settings, or the very one that a build was created
with.
"""

from __future__ import annotations

from pathlib import Path

from assay.assets.io.embedders import Endpoint, Folder
from assay.assets.io.index import Opened
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.stages.indexed_data_set import IndexedDataSet
from assay.contracts.errors import ActionError, Where
from assay.contracts.settings import EndpointEmbedding, ModelEmbedding
from assay.pipelines.act.renewal import Embedder


def embedder_of_build(data_set: IndexedDataSet, opened: Opened) -> Embedder:
    """The embedder that gave a build's passages their vectors.

    Raises: ActionError: it is gone, or another one by now.
    """
    manifest = opened.manifest
    digest, settings = manifest["embedder"]["digest"], manifest["settings"]
    if settings["method"] == "fitted":
        return data_set.store.space(data_set.name, digest)
    embedder = embedder_of_settings(data_set.installation, settings, manifest["probe"])
    if embedder.digest != digest:
        raise ActionError(
            "the embedder is not the one that the index was built with",
            f"Restore the model, or rebuild the index: assay index rebuild {data_set.name}",
            Where(dataset=data_set.name),
        )
    return embedder


def embedder_of_settings(
    installation: Installation, settings: Json, probe: list[float] | None = None
) -> Folder | Endpoint:
    """An embedder that is a model: in a folder, or behind an address.

    Args:
        probe: the vector by which an endpoint is known to have the model that a build was created
            with.
    Raises: ActionError: the model's folder is not there, or may not be read.
    """
    options = {key: value for key, value in settings.items() if key not in ("dimensions", "seed")}
    dimensions = settings["dimensions"]
    if settings["method"] == "sentence-transformers":
        model = ModelEmbedding.model_validate(options)
        return Folder(
            Path(model.model).name,
            model_folder(installation, model.model),
            dimensions,
            model.before_question,
            model.before_passage,
            model.batch,
        )
    endpoint = EndpointEmbedding.model_validate(options)
    return Endpoint(
        endpoint.url,
        endpoint.model,
        dimensions,
        installation.home.embedders,
        installation.home.embedding_key.get_secret_value(),
        endpoint.batch,
        tuple(probe or ()),
    )


def model_folder(installation: Installation, name: str) -> Path:
    """The folder of a model.

    Raises: ActionError: it is in none of the folders that may be read, or is not there.
    """
    for root in installation.home.roots:
        folder = (root / name).resolve()
        if folder.is_relative_to(root) and folder.is_dir():
            return folder
    raise ActionError(
        f"there is no folder '{name}'",
        "Put the model in ASSAY_HOME, or in a folder of ASSAY_SOURCE_ROOTS",
        Where(file="assay.index"),
    )
