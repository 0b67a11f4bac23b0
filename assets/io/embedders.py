"""Models from outside that give texts their vectors: a folder that sentence-transformers reads, or
an HTTP endpoint.

Belongs here: calling them, in batches, and telling whether it is still the same model. Stays out:
the space that needs none (pipelines/act/lsa_embedder.py), which one an index has.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from assay.assets.io.disk import sha256
from assay.assets.io.sources.hosts import Resolve, addresses, is_allowed, is_public, resolve
from assay.assets.io.sources.web import pool
from assay.contracts.errors import ActionError, SourceError, Where

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROBE = "The quick brown fox jumps over the lazy dog."
ALIKE = 0.999  # cosine of the probe's vectors: what two runs of one model leave, and no two models
TRIES, CONNECT_S, READ_S = 4, 10.0, 60.0
MOST_BYTES = 256 * 2**20
_BUSY = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Folder:
    """A model of sentence-transformers in a folder; nothing is downloaded, and no code of the
    model's is run.
    """

    name: str
    folder: Path
    dimensions: int
    before_question: str = ""
    before_passage: str = ""
    batch: int = 64

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the folder's files, and the words that are put before texts."""
        files = {
            str(file.relative_to(self.folder)): sha256(file)
            for file in sorted(self.folder.rglob("*"))
            if file.is_file()
        }
        return hashlib.sha256(
            json.dumps([files, self.before_passage, self.before_question]).encode()
        ).hexdigest()

    def of_passages(self, texts: Sequence[str], words: Sequence[str]) -> NDArray[Any]:  # noqa: ARG002  # an embedder is given both
        """(n, dimensions) float32 of length 1."""
        return self._encoded([f"{self.before_passage}{text}" for text in texts])

    def of_question(self, text: str, words: str) -> NDArray[Any]:  # noqa: ARG002  # as above
        """(dimensions,) float32 of length 1."""
        vector: NDArray[Any] = self._encoded([f"{self.before_question}{text}"])[0]
        return vector

    def _encoded(self, texts: list[str]) -> NDArray[Any]:
        import numpy as np

        vectors = _model(str(self.folder)).encode(
            texts,
            batch_size=self.batch,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return checked(
            np.asarray(vectors, dtype=np.float32), len(texts), self.dimensions, self.name
        )


@cache
def _model(folder: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise ActionError(
            "sentence-transformers is not installed",
            "Install it: pip install sentence-transformers",
            Where(file="assay.index"),
        ) from None
    try:
        return SentenceTransformer(
            folder,
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError) as error:
        problem = f"sentence-transformers cannot read the model ({type(error).__name__})"
        raise ActionError(
            problem,
            "Save it there with `SentenceTransformer.save`, its weights as safetensors",
            Where(file="assay.index"),
        ) from error


@dataclass(frozen=True)
class Network:
    """How names are looked up and time passes; tests have their own."""

    look_up: Resolve = resolve
    pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that answers `POST {model, input: [text]}` with `{data: [{index, embedding}]}`,
    as OpenAI's and many servers of one's own do.

    `hosts` are those that passages may be sent to; `known` is the probe's vector when the index was
    built, since what answers to a name may be another model by now.
    """

    url: str
    name: str
    dimensions: int
    hosts: frozenset[str]
    key: str = field(default="", repr=False)
    batch: int = 64
    known: Sequence[float] = ()
    network: Network = Network()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the address and the model's name."""
        return hashlib.sha256(
            json.dumps([self.url, self.name, self.dimensions]).encode()
        ).hexdigest()

    @cached_property
    def probe(self) -> list[float]:
        """The vector of a text that never changes."""
        return [float(number) for number in self._request_vectors([PROBE])[0]]

    def of_passages(self, texts: Sequence[str], words: Sequence[str]) -> NDArray[Any]:  # noqa: ARG002  # an embedder is given both
        """(n, dimensions) float32 of length 1.

        Raises: ActionError: the endpoint does not answer as it should, or the model is another one.
        """
        import numpy as np

        self._check(self.probe)
        return np.concatenate(
            [
                self._request_vectors(texts[at : at + self.batch])
                for at in range(0, len(texts), self.batch)
            ]
        )

    def of_question(self, text: str, words: str) -> NDArray[Any]:  # noqa: ARG002  # as above
        """(dimensions,) float32 of length 1. Raises: as above."""
        vectors = self._request_vectors([PROBE, text])
        self._check([float(number) for number in vectors[0]])
        vector: NDArray[Any] = vectors[1]
        return vector

    def is_of(self, known: Sequence[float]) -> bool:
        """Whether the endpoint gives the probe the vector that it had."""
        return _alike(self.probe, known)

    def _check(self, probe: Sequence[float]) -> None:
        if self.known and not _alike(probe, self.known):
            raise ActionError(
                f"the endpoint's model '{self.name}' is not the model that the index was built with",
                "Build the index again: assay index rebuild NAME --full",
                self._where,
            )

    @property
    def _where(self) -> Where:
        return Where(file="assay.index")

    def _request_vectors(self, texts: Sequence[str]) -> NDArray[Any]:
        import numpy as np

        request = {"model": self.name, "input": list(texts), "encoding_format": "float"}
        content = self._post(json.dumps(request).encode())
        try:
            entries = sorted(json.loads(content)["data"], key=lambda entry: entry["index"])
            vectors = np.array([entry["embedding"] for entry in entries], dtype=np.float32)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ActionError(
                "the endpoint's response contains no vectors",
                "Use an endpoint that is compatible with OpenAI's embeddings API",
                self._where,
            ) from None
        return checked(vectors, len(texts), self.dimensions, self.name)

    def _post(self, body: bytes) -> bytes:
        """The answer to one request, tried a few times; no redirect is followed: it could lead
        anywhere with the passages.
        """
        url = urlsplit(self.url)
        host = (url.hostname or "").lower()
        port = url.port or (443 if url.scheme == "https" else 80)
        if not is_allowed(host, port, self.hosts):
            raise ActionError(
                "passages are not sent to this endpoint's host",
                "If the host may receive passages, add it to ASSAY_EMBEDDING_HOSTS",
                self._where,
            )
        problem = ""
        for attempt in range(TRIES):
            if attempt:
                self.network.pause(2.0 ** (attempt - 1))
            for address in self._addresses(host, port):
                try:
                    status, content = self._request(url, host, port, address, body)
                except _NotReached as error:
                    problem = str(error)
                    continue
                if status == 200:
                    return content
                problem = f"it answers {status}"
                if status not in _BUSY:
                    raise ActionError(
                        f"the endpoint refuses the request: {problem}",
                        "Check `url`, `model` and ASSAY_EMBEDDING_KEY",
                        self._where,
                    )
                break
        raise ActionError(
            f"the endpoint failed in {TRIES} tries: {problem}",
            "Run again later; if it happens again, check the server",
            self._where,
        )

    def _request(
        self, url: SplitResult, host: str, port: int, address: str, body: bytes
    ) -> tuple[int, bytes]:
        """Post to one address, which was checked. Returns: the status, and the answer.

        Raises: ActionError: what is sent would not be protected. _NotReached: another address, or
            another try, may help.
        """
        import urllib3

        if url.scheme == "http" and is_public(address):
            raise ActionError(
                "passages are not sent over the public network without encryption",
                "Use an address that begins with https://",
                self._where,
            )
        headers = {"Host": url.netloc, "User-Agent": "assay", "Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            connections = pool(url.scheme, host, address, port, CONNECT_S, READ_S)
            response = connections.urlopen(
                "POST", path, body=body, headers=headers, redirect=False, preload_content=False
            )
            return response.status, self._read(response)
        except urllib3.exceptions.SSLError:
            raise ActionError(
                "the endpoint's certificate is not valid for its name",
                "Fix the certificate; nothing is sent without a valid one",
                self._where,
            ) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _NotReached(f"no connection ({type(error).__name__})") from None

    def _addresses(self, host: str, port: int) -> Iterable[str]:
        try:
            return addresses(
                host, port, allowed=True, where=self._where, look_up=self.network.look_up
            )
        except SourceError as error:
            remedy = "Check `url`, and that this machine can resolve host names"
            raise ActionError(
                f"the endpoint's host cannot be used: {error.problem}", remedy, self._where
            ) from None

    def _read(self, response: Any) -> bytes:
        parts, size = [], 0
        for part in response.stream(2**16):
            size += len(part)
            if size > MOST_BYTES:
                raise ActionError(
                    "the endpoint's response is too large", "Choose a smaller `batch`", self._where
                )
            parts.append(part)
        return b"".join(parts)


class _NotReached(Exception):
    """An address did not answer: another one, or another try, may help."""


def _alike(first: Sequence[float], second: Sequence[float]) -> bool:
    return sum(a * b for a, b in zip(first, second, strict=True)) >= ALIKE


def checked(vectors: NDArray[Any], count: int, dimensions: int, model: str) -> NDArray[Any]:
    """The vectors at length 1.

    Raises: ActionError: they are not so many, not of so many dimensions, or not numbers.
    """
    import numpy as np

    if vectors.ndim != 2 or vectors.shape[0] != count:
        raise ActionError(
            f"'{model}' gave {len(vectors)} vectors for {count} texts",
            "Use an embedding model, which gives one vector for each text",
            Where(file="assay.index"),
        )
    if vectors.shape[1] != dimensions:
        raise ActionError(
            f"'{model}' gives vectors of {vectors.shape[1]} dimensions, but the contract declares {dimensions}",
            "Write the model's number of dimensions as `dimensions`",
            Where(file="assay.index"),
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise ActionError(
            f"'{model}' returned values that are not numbers",
            "Use another embedding model",
            Where(file="assay.index"),
        )
    return np.asarray(vectors / np.where(lengths == 0, 1, lengths), dtype=np.float32)
