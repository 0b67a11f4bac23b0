"""Models from outside: an endpoint that is asked only where passages may go, and only while it is the same model; a folder that is read and never run."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.assets.io.embedders import PROBE, Endpoint, Folder, Network, checked
from assay.assets.services.retrieve import search
from assay.assets.stages.index import rebuild, rebuild_if_due
from assay.contracts.errors import ActionError
from tests.assets.test_index import Shelf
from tests.conftest import SampleHome

Answer = Callable[[dict[str, Any]], tuple[int, Any]]


class Server:
    """A model server: remembers what it was sent, and answers as it is told to."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Answer = self.vectors
        self.seed = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bodies.append(body)
                outer.headers.append(dict(self.headers.items()))
                status, said = outer.answer(body)
                content = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if status == 307:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/embeddings"

    def vector(self, text: str) -> list[float]:
        """A bag of words in 16 dimensions."""
        total = np.zeros(16)
        for word in text.lower().replace(".", " ").split():
            total += np.random.default_rng([self.seed, *word.encode()]).normal(size=16)
        return [float(number) for number in total]

    def vectors(self, body: dict[str, Any]) -> tuple[int, Any]:
        data = [
            {"index": place, "embedding": self.vector(text)}
            for place, text in enumerate(body["input"])
        ]
        return 200, {"data": data[::-1]}  # the index says which is which, not the order


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


def endpoint(server: Server, **more: Any) -> Endpoint:
    return Endpoint(
        **{
            "url": server.url,
            "name": "small",
            "dimensions": 16,
            "hosts": frozenset({"127.0.0.1"}),
            "network": Network(pause=lambda _: None),
            **more,
        }
    )


def test_texts_are_sent_in_batches_and_vectors_come_back_at_length_one(server: Server) -> None:
    texts = [f"text number {number}" for number in range(5)]
    vectors = endpoint(server, batch=2, key="secret").of_passages(texts, texts)
    assert vectors.shape == (5, 16)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert vectors[3] == pytest.approx(
        np.array(server.vector(texts[3])) / np.linalg.norm(server.vector(texts[3])), abs=1e-5
    )
    assert [body["input"] for body in server.bodies] == [[PROBE], texts[:2], texts[2:4], texts[4:]]
    assert {body["model"] for body in server.bodies} == {"small"}
    assert {headers["Authorization"] for headers in server.headers} == {"Bearer secret"}


def test_nothing_is_sent_to_a_host_that_the_installation_does_not_name(server: Server) -> None:
    with pytest.raises(ActionError, match="passages are not sent to this endpoint's host"):
        endpoint(server, hosts=frozenset({"elsewhere"})).of_question("a", "a")
    assert server.bodies == []


def test_nothing_goes_over_the_public_network_in_the_open(server: Server) -> None:
    public = endpoint(
        server,
        url="http://models.example/v1",
        hosts=frozenset({"models.example"}),
        network=Network(look_up=lambda host, port: ["93.184.215.14"]),
    )
    with pytest.raises(ActionError, match="without encryption"):
        public.of_question("a", "a")


def test_no_redirect_is_followed(server: Server) -> None:
    server.answer = lambda body: (307, {})
    with pytest.raises(ActionError, match="the endpoint refuses the request: it answers 307"):
        endpoint(server).of_question("a", "a")


def test_a_busy_server_is_asked_again(server: Server) -> None:
    answers = iter([(503, {}), (429, {})])
    server.answer = lambda body: next(answers, None) or server.vectors(body)
    assert endpoint(server).of_question("a", "a").shape == (16,)
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"no json", "contains no vectors"), (b'{"data": [{"index": 0}]}', "contains no vectors"), (b"[" * 5000, "contains no vectors"), (b'{"data": []}', "0 vectors for 2 texts"),
        (json.dumps({"data": [{"index": n, "embedding": [1.0] * 3} for n in range(2)]}).encode(), "vectors of 3 dimensions, but the contract declares 16"),
        (json.dumps({"data": [{"index": n, "embedding": [float("nan")] * 16} for n in range(2)]}).encode(), "not numbers"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_refused_in_words(
    server: Server, said: bytes, problem: str
) -> None:
    server.answer = lambda body: (200, said)
    with pytest.raises(ActionError, match=problem):
        endpoint(server).of_question("a", "a")


def test_another_model_under_the_same_name_is_noticed(server: Server) -> None:
    known = tuple(endpoint(server).probe)
    assert endpoint(server, known=known).of_question("a", "a").shape == (16,)
    server.seed = 1
    with pytest.raises(ActionError, match="not the model that the index was built with"):
        endpoint(server, known=known).of_question("a", "a")


def test_an_index_is_built_and_asked_through_an_endpoint(
    server: Server, installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(installation)
    shelf.enter(monkeypatch)
    shelf.promise(embedding={"method": "endpoint", "url": server.url, "model": "small"})
    with pytest.raises(ActionError, match="passages are not sent"):
        shelf.indexed()
    monkeypatch.setenv("ASSAY_EMBEDDING_HOSTS", f"127.0.0.1:{server.port}")
    monkeypatch.setattr(SampleHome, "open", _of_the_environment)
    built = rebuild_if_due(shelf.installation.run())
    assert built is not None
    assert built.details["embedder"]["name"] == "small"
    sent = sum(len(body["input"]) for body in server.bodies)
    assert (
        search("readings", "the tuple", purpose="retrieval", k=1).passages[0].document
        == "topic-tuple"
    )
    assert (
        sum(len(body["input"]) for body in server.bodies) == sent + 2
    )  # the question, and the probe
    server.seed = 1
    with pytest.raises(ActionError, match="not the model"):
        search("readings", "the tuple", purpose="retrieval", k=1)
    again = rebuild(shelf.installation.run(), full=False).details
    assert (
        again["changed"]["embedded"] == again["chunks"]
    )  # vectors of two models do not stand side by side
    assert (
        search("readings", "the tuple", purpose="retrieval", k=1).passages[0].document
        == "topic-tuple"
    )


def _of_the_environment(_: SampleHome) -> Any:
    from assay.assets.io.installation import Installation

    return Installation.open()


# -- a folder -----------------------------------------------------------------------------------------


def test_a_folder_outside_the_installation_is_none(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(installation)
    shelf.enter(monkeypatch)
    shelf.promise(embedding={"method": "sentence-transformers", "model": "../../etc"})
    with pytest.raises(ActionError, match="there is no folder"):
        shelf.indexed()


def test_a_folders_digest_is_that_of_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = Folder("m", tmp_path, 16).digest
    assert Folder("m", tmp_path, 16).digest == before
    assert Folder("m", tmp_path, 16, before_question="query: ").digest != before
    (tmp_path / "model.safetensors").write_bytes(b"weightz")
    assert Folder("m", tmp_path, 16).digest != before


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "tuple", "list"]


def _tiny(folder: Path, kind: str, **more: Any) -> Path:
    """A BERT of one layer that has learned nothing, with a vocabulary of eight words."""
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    import transformers
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(
        WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = Whitespace()
    marks = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks).save_pretrained(
        folder
    )
    shape = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        **more,
    )
    getattr(transformers, kind)(shape).save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_model_of_sentence_transformers_is_read_from_its_folder(tmp_path: Path) -> None:
    bert = _tiny(tmp_path / "bert", "BertModel")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    SentenceTransformer(modules=[Transformer(str(bert)), Pooling(16)]).save(str(tmp_path / "model"))
    made = Folder("model", tmp_path / "model", 16)
    vectors = made.of_passages(["a tuple", "a list"], ["", ""])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(2), abs=1e-5)
    assert made.of_question("a tuple", "") == pytest.approx(vectors[0], abs=1e-5)
    with pytest.raises(ActionError, match="16 dimensions, but the contract declares 8"):
        Folder("model", tmp_path / "model", 8).of_question("a", "")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_cross_encoder_puts_passages_in_its_own_order(
    tmp_path: Path, installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    _tiny(installation.root / "models" / "judge", "BertForSequenceClassification", num_labels=1)
    shelf = Shelf(installation)
    shelf.enter(monkeypatch)
    shelf.promise(
        reranker={"method": "cross-encoder", "model": "models/judge", "look_at": 10}, floor=0.0
    )
    assert shelf.details()["measured"]["questions"] == 10
    found = search("readings", "the tuple", purpose="retrieval", k=10)
    assert [passage.score for passage in found.passages] == sorted(
        (passage.score for passage in found.passages), reverse=True
    )


def test_vectors_of_nothing_stay_nothing() -> None:
    assert not checked(np.zeros((2, 4), dtype=np.float32), 2, 4, "m").any()
