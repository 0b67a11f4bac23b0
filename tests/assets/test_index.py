"""An index follows its documents: built beside the one in service, judged, swapped at once, rolled back; and searched for a purpose, on record."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.assets.services import acts, retrieve, review
from assay.assets.services.retrieve import Found, search
from assay.assets.stages.act import Acted
from assay.assets.stages.index import rebuild, rebuild_if_due, roll_back
from assay.assets.stages.index_build import build
from assay.assets.stages.indexed_data_set import IndexedDataSet, index_store
from assay.cli import main
from assay.contracts.errors import ActionError, AdmissionError, ConfigurationError
from tests.assets.copied_homes import copied
from tests.conftest import Edit, SampleHome, columns, setting
from tests.forked import forked

WORDS = "parser token grammar scope class module import function value object attribute method loop branch tuple list dictionary string number name".split()  # noqa: SIM905  # a list of words reads better as a sentence
POLICY: dict[str, Any] = {
    "key": "name",
    "text": "text",
    "chunk_chars": 400,
    "dimensions": 16,
    "questions": 10,
    "floor": 0.6,
    "tolerance": 0.05,
}
Library = dict[str, str]


def written() -> Library:
    """Twenty documents, each about a word of its own."""
    chance = random.Random(7)
    said = "The {0} of every program {1} is written before anything else happens to the {0} here."
    return {
        f"topic-{word}": " ".join(said.format(word, chance.choice(WORDS)) for _ in range(6))
        for word in WORDS
    }


class Shelf:
    """An installation whose documents can be changed and indexed."""

    first: dict[str, Any]
    """What the registry keeps of the first index, where there is one."""

    def __init__(self, installation: SampleHome) -> None:
        self.installation, self.documents = installation, written()
        self.promise()

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the command line and the Python API open this installation."""
        for name, value in self.installation.environment.items():
            if name.startswith("ASSAY_"):
                monkeypatch.setenv(name, value)

    def promise(self, *edits: Edit, **policy: Any) -> None:
        self.installation.promise(
            columns(
                {"name": "name", "logicalType": "string", "primaryKey": True, "required": True},
                {"name": "text", "logicalType": "string", "required": True},
            ),
            setting("source", location="inbox/documents.jsonl", format="jsonl"),
            setting("license", purposes=["retrieval", "analytics"], holder="The Writers"),
            setting("cleaning", _=[]),
            setting("index", **{**POLICY, **policy}),
            *edits,
        )

    def publish(self, **more: Any) -> None:
        """Deliver the documents, with `more` columns beside, and publish them."""
        inbox = self.installation.root / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        rows = [
            {"name": name, "text": text, **{column: value(name) for column, value in more.items()}}
            for name, text in self.documents.items()
        ]
        (inbox / "documents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.installation.published()

    def indexed(self) -> Acted | None:
        self.publish()
        return rebuild_if_due(self.installation.run())

    def details(self) -> dict[str, Any]:
        acted = self.indexed()
        assert acted is not None
        return acted.details

    @property
    def serving(self) -> str:
        service = self.installation.open().registry.indexes.serving("readings")
        assert service is not None
        return str(service.build)

    def found(self, question: str, **more: Any) -> Found:
        return search("readings", question, **{"purpose": "retrieval", "k": 5, **more})

    def on_disk(self) -> list[str]:
        return index_store(self.installation.open()).builds("readings")


@pytest.fixture
def shelf(installation: SampleHome, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    shelf = Shelf(installation)
    shelf.enter(monkeypatch)
    return shelf


@pytest.fixture(scope="module")
def first_index(tmp_path_factory: pytest.TempPathFactory) -> tuple[SampleHome, dict[str, Any]]:
    """Twenty documents with their index, and what the registry keeps of it. Only to be copied."""
    home = SampleHome(tmp_path_factory.mktemp("first_index"))
    return home, Shelf(home).details()


@pytest.fixture
def with_index(
    first_index: tuple[SampleHome, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Shelf:
    """An installation with an index in service."""
    home, details = first_index
    shelf = Shelf(copied(home, tmp_path))
    shelf.first = details
    shelf.enter(monkeypatch)
    return shelf


def test_an_index_is_built_once_and_again_only_for_what_changed(with_index: Shelf) -> None:
    first = with_index.first
    assert first["outcome"] == "in service"
    assert first["changed"] == {
        "added": 20,
        "changed": 0,
        "removed": 0,
        "carried": 0,
        "embedded": first["chunks"],
    }
    assert with_index.indexed() is None
    with_index.documents["topic-tuple"] += " It has changed since."
    with_index.documents["topic-new"] = (
        "The quagga of every program is written before anything else."
    )
    del with_index.documents["topic-list"]
    second = with_index.details()
    assert second["outcome"] == "in service"
    assert {key: second["changed"][key] for key in ("added", "changed", "removed")} == {
        "added": 1,
        "changed": 1,
        "removed": 1,
    }
    assert 1 <= second["changed"]["embedded"] <= 3
    assert second["embedder"]["digest"] == first["embedder"]["digest"]
    (trigger,) = [
        t
        for t in with_index.installation.open().registry.triggers.all("readings")
        if t.version == "1.1.0"
    ]
    assert (
        trigger.reason
        == "Documents have changed since the index in service was built: 1 added, 1 changed, 1 removed."
    )
    assert trigger.outcome["outcome"] == "in service"
    assert with_index.serving == second["build"]


def test_an_index_that_grew_by_changes_is_the_index_built_afresh(with_index: Shelf) -> None:
    with_index.documents["topic-tuple"] += " It has changed since."
    del with_index.documents["topic-list"]
    with_index.promise(embedding={"method": "fitted", "refit": 1.0})
    grown = with_index.details()
    opened_home = with_index.installation.open()
    data_set = IndexedDataSet.of(opened_home, opened_home.contract("readings"))
    opened = data_set.store.open("readings", grown["build"])
    row = opened_home.version("readings")
    only_the_space = pl.DataFrame(
        {name: [] for name in opened.documents.columns}, schema=opened.documents.schema
    )
    emptied = _Emptied(opened, only_the_space)
    afresh = build(data_set, row.version, data_set.documents(row), emptied)  # type: ignore[arg-type]  # a build of no documents
    assert afresh.build == grown["build"]  # its name is the digest of every passage and vector


class _Emptied:
    """A build that knows its space and no document: everything is cut and embedded again."""

    def __init__(self, opened: Any, documents: pl.DataFrame) -> None:
        self.manifest, self.documents, self.rows = (
            {**opened.manifest, "since_fit": -opened.manifest["passages"]},
            documents,
            opened.rows.clear(),
        )


def test_much_change_fits_the_space_anew(with_index: Shelf) -> None:
    first = with_index.first
    for name in list(with_index.documents)[:8]:
        with_index.documents[name] += " Much has changed since."
    assert with_index.details()["embedder"]["digest"] != first["embedder"]["digest"]


def test_other_settings_index_the_same_documents_again_and_unchanged_words_keep_their_vectors(
    with_index: Shelf,
) -> None:
    with_index.promise(format="markdown")
    again = with_index.details()
    assert (again["changed"]["carried"], again["changed"]["embedded"]) == (
        0,
        0,
    )  # cut anew, into the same passages
    with_index.promise(format="markdown", dimensions=12)
    assert with_index.details()["embedder"]["dimensions"] == 12


def test_a_worse_index_is_refused_and_the_old_one_answers(with_index: Shelf) -> None:
    first = with_index.first
    with_index.promise(questions=20)  # of all documents, so that equal texts answer half of them
    with_index.documents = dict.fromkeys(
        with_index.documents,
        " ".join(
            [
                "The thing of every program thing is written before anything else happens to the thing here."
            ]
            * 6
        ),
    )
    worse = with_index.details()
    assert worse["outcome"] == "refused"
    assert "under the floor of 0.6" in worse["reason"]
    assert with_index.serving == first["build"]
    assert with_index.on_disk() == [first["build"]]
    assert with_index.found("tuple").passages[0].document == "topic-tuple"


def test_what_is_withdrawn_goes_at_once_whatever_becomes_of_the_candidate(shelf: Shelf) -> None:
    shelf.promise(questions=20)
    shelf.documents["topic-secret"] = (
        "The quagga of Zanzibar is written before anything else happens. " * 3
    )
    shelf.details()
    assert shelf.found("quagga zanzibar").passages[0].document == "topic-secret"
    del shelf.documents["topic-secret"]
    good = dict(shelf.documents)
    shelf.documents = dict.fromkeys(
        good,
        "The thing of every program thing is written before anything else happens to the thing here.",
    )
    shelf.publish()
    assert "topic-secret" not in {
        p.document for p in shelf.found("quagga zanzibar", k=100).passages
    }  # published, and the index has not followed yet
    refused = shelf.details()
    assert refused["outcome"] == "refused"
    found = shelf.found("quagga zanzibar", k=100)
    assert "topic-secret" not in {passage.document for passage in found.passages}
    assert found.passages  # the old index serves all else
    assert shelf.on_disk() == [shelf.serving]
    readable = "".join(
        str(pl.read_parquet(file).to_dicts())
        if file.suffix == ".parquet"
        else file.read_bytes().decode("latin-1")
        for file in shelf_files(shelf)
    )
    assert "quagga" not in readable.lower()
    assert "topic-secret" not in readable


def shelf_files(shelf: Shelf) -> list[Path]:
    return [file for file in (shelf.installation.root / "index").rglob("*") if file.is_file()]


def test_rolling_back_moves_the_pointer_and_the_next_version_moves_on(with_index: Shelf) -> None:
    first = with_index.first
    with pytest.raises(ActionError, match="no earlier build"):
        roll_back(with_index.installation.open(), "readings", None, "too soon")
    with_index.documents["topic-tuple"] += " It has changed since."
    second = with_index.details()
    before, now = roll_back(with_index.installation.open(), "readings", None, "answers were odd")
    assert (before, now.build, with_index.serving) == (
        second["build"],
        first["build"],
        first["build"],
    )
    assert with_index.indexed() is None  # it stays until there is something new
    assert with_index.found("tuple").version == "1.0.0"
    roll_back(with_index.installation.open(), "readings", second["build"], "they were not")
    assert with_index.serving == second["build"]
    with pytest.raises(ActionError, match="there is no such build"):
        roll_back(with_index.installation.open(), "readings", "1.0.0-000000000000", "a slip")
    with_index.documents["topic-list"] += " So has this."
    assert with_index.details()["build"] == with_index.serving


def test_rolling_back_an_index_is_requested_signed_and_done_once(with_index: Shelf) -> None:
    home, first = with_index.installation, with_index.first
    home.appoint("ann", "first")
    with_index.documents["topic-tuple"] += " It has changed since."
    second = with_index.details()

    def request() -> int:
        wish = {"to": None}
        kept = acts.request(home.open(), "readings", "roll back index", wish, "answers were odd")
        assert (kept.effect["from"], kept.effect["to"]) == (second["build"], first["build"])
        return kept.review_id

    def sign(number: int) -> str:
        key = home.contracts.parent / "ann.pem"
        text = review.sign(home.open(), number, "approve", "compared", key)
        return review.submit(home.open(), number, text).decision

    number = request()
    assert with_index.serving == second["build"]
    assert sign(number) == "done"
    assert with_index.serving == first["build"]
    roll_back(home.open(), "readings", second["build"], "they were not")
    overtaken = request()
    roll_back(home.open(), "readings", first["build"], "by another process")
    with pytest.raises(AdmissionError, match=f"request {overtaken} is void"):
        sign(overtaken)
    moves = home.open().registry.indexes.moves("readings")
    assert [each.build for each in moves][1:].count(first["build"]) == 2


@pytest.mark.parametrize("point", ["act signed", "act prepared", "act carried out"])
def test_a_roll_back_that_was_killed_is_made_once_by_the_next_command(
    with_index: Shelf, point: str
) -> None:
    home, first = with_index.installation, with_index.first
    home.appoint("ann", "first")
    with_index.documents["topic-tuple"] += " It has changed since."
    with_index.details()
    acts.request(home.open(), "readings", "roll back index", {"to": None}, "answers were odd")
    file = home.contracts.parent / "ann.dsse.json"
    key = home.contracts.parent / "ann.pem"
    file.write_text(review.sign(home.open(), 1, "approve", "compared", key))
    environment = {**home.environment, "ASSAY_TEST_SIGNATURE": str(file)}
    driver = "tests.assets.signed_act_driver"
    with forked(f"{driver}:submit_last", {**environment, "ASSAY_CRASH_AT": point}) as process:
        assert process.wait(120) == -signal.SIGKILL
    for _ in range(2):
        with forked(f"{driver}:next_command", environment) as process:
            assert process.wait(120) == 0, process.communicate()
        assert with_index.serving == first["build"]
    assert len(home.open().registry.indexes.moves("readings")) == 3


def test_there_is_no_way_back_to_a_build_that_holds_what_is_withdrawn(with_index: Shelf) -> None:
    first = with_index.first
    del with_index.documents["topic-list"]
    with_index.details()
    with pytest.raises(ActionError, match="no earlier build"):
        roll_back(with_index.installation.open(), "readings", None, "answers were odd")
    with pytest.raises(ActionError, match="no longer on the disk"):
        roll_back(with_index.installation.open(), "readings", first["build"], "answers were odd")


def test_as_many_builds_stay_as_the_contract_keeps(shelf: Shelf) -> None:
    shelf.promise(keep=2)
    builds = []
    for number in range(3):
        shelf.documents["topic-tuple"] += f" Change {number}."
        builds.append(shelf.details()["build"])
    assert shelf.on_disk() == sorted(builds[-2:])


@pytest.mark.parametrize("damaged", ["*_invert.lance", "embedders/*.arrow"])
def test_a_damaged_index_is_refused_and_can_be_built_again(with_index: Shelf, damaged: str) -> None:
    file = next((with_index.installation.root / "index" / "readings").rglob(damaged))
    file.write_bytes(file.read_bytes()[:-1] + b"\xff")
    retrieve._OPENED.clear()
    with pytest.raises(ActionError, match=r"has changed"):
        with_index.found("tuple")
    assert rebuild(with_index.installation.run(), full=False).details["outcome"] == "in service"
    assert with_index.found("tuple").passages[0].document == "topic-tuple"


def test_building_again_what_serves_changes_nothing_however_slow_the_machine_is_today(
    with_index: Shelf,
) -> None:
    built = with_index.first["build"]
    with_index.promise(p95_ms=0.001)
    again = rebuild(with_index.installation.run(), full=True).details
    assert (again["build"], again["accepted"], again["reason"]) == (
        built,
        True,
        "nothing has changed since the index in service was built",
    )
    assert len(with_index.installation.open().registry.indexes.moves("readings")) == 1
    assert with_index.on_disk() == [built]


# -- the contract's own terms -----------------------------------------------------------------------


def test_the_contracts_own_questions_are_asked_and_measured(shelf: Shelf) -> None:
    asked = [
        {"ask": "what is a tuple", "documents": ["topic-tuple"]},
        {"ask": "which loop", "documents": ["topic-loop", "topic-gone"]},
        {"ask": "a quagga", "documents": ["topic-gone"]},
    ]
    shelf.promise(questions=asked, metric="mrr", k=3)
    details = shelf.details()
    assert (details["metric"], details["measured"]["questions"], details["measured"]["mrr"]) == (
        "mrr@3",
        2,
        1.0,
    )
    assert details["measured"]["citations"] == 1.0
    assert details["measured"]["p95_ms"] >= details["measured"]["p50_ms"] > 0


def test_documents_of_which_nothing_can_be_asked_say_so_and_what_to_do(shelf: Shelf) -> None:
    shelf.documents = {name: "1.2.3 " * 12 + name for name in shelf.documents}
    assert shelf.details()["reason"] == (
        "no question to evaluate it with: no document holds a sentence of 6 to 30 plain words; write some under `questions` in assay.index"
    )


def test_too_slow_is_refused(shelf: Shelf) -> None:
    shelf.promise(p95_ms=0.001)
    assert "longer than" in shelf.details()["reason"]
    with pytest.raises(ActionError, match="no index is in service"):
        shelf.found("tuple")


def test_a_model_other_than_the_vector_column_promises_is_refused(shelf: Shelf) -> None:
    def vector(model: str, dimensions: int = 16) -> Edit:
        options = {"dimensions": dimensions, "embeddingModel": model}
        return columns(
            {"name": "name", "logicalType": "string", "primaryKey": True},
            {"name": "text", "logicalType": "string"},
            {"name": "embedding", "logicalType": "vector", "logicalTypeOptions": options},
        )

    shelf.promise(vector("assay/latent-semantic"), vector="embedding")
    shelf.publish(embedding=lambda _: [0.25] * 16)
    assert rebuild(shelf.installation.run(), full=False).details["outcome"] == "in service"
    shelf.promise(vector("somebody/else"), vector="embedding")
    shelf.publish(embedding=lambda _: [0.25] * 16)
    with pytest.raises(
        ActionError,
        match=r"declares vectors of 'somebody/else', but the index uses 'assay/latent-semantic'",
    ):
        rebuild(shelf.installation.run(), full=False)


# -- searching --------------------------------------------------------------------------------------


def test_a_passage_comes_with_place_version_licence_and_trace(with_index: Shelf) -> None:
    built = with_index.first
    found = with_index.found(
        "what about the tuple",
        k=2,
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )
    assert (found.version, found.build, found.license, found.trace_id) == (
        "1.0.0",
        built["build"],
        "CC0-1.0",
        "4bf92f3577b34da6a3ce929d0e0e4736",
    )
    assert "The Writers" in found.attribution or found.attribution == "none"
    first = found.passages[0]
    assert with_index.documents[first.document][first.start : first.end] == first.text
    assert first.license == "CC0-1.0"
    (use,) = with_index.installation.open().registry.uses.of_trace(
        "4bf92f3577b34da6a3ce929d0e0e4736"
    )
    assert (use.kind, use.version, use.purpose, use.allowed) == (
        "search",
        "1.0.0",
        "retrieval",
        True,
    )
    assert use.details == {
        "build": built["build"],
        "passages": [passage.passage for passage in found.passages],
        "k": 2,
    }
    uses = [asdict(use) for use in with_index.installation.open().registry.uses.all("readings")]
    assert "tuple" not in json.dumps(uses)  # what somebody asked is nobody's business


def test_another_purpose_is_refused_and_the_refusal_recorded(with_index: Shelf) -> None:
    with pytest.raises(AdmissionError, match="not admitted for 'training'"):
        with_index.found("tuple", purpose="training")
    (use,) = with_index.installation.open().registry.uses.all("readings")
    assert (use.kind, use.purpose, use.allowed) == ("search", "training", False)


@pytest.mark.parametrize(
    "traceparent", ["00-zz", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"]
)
def test_what_is_no_trace_is_refused(shelf: Shelf, traceparent: str) -> None:
    with pytest.raises(ConfigurationError, match="not a trace id"):
        shelf.found("tuple", traceparent=traceparent)


@pytest.mark.parametrize("question", ["", "   ", "why " * 2000])
def test_what_is_no_question_is_refused(shelf: Shelf, question: str) -> None:
    with pytest.raises(ActionError, match="question"):
        shelf.found(question)


def test_rows_with_licences_of_their_own_carry_them(shelf: Shelf) -> None:
    shelf.promise(
        columns(
            {"name": "name", "logicalType": "string", "primaryKey": True},
            {"name": "text", "logicalType": "string"},
            {"name": "terms", "logicalType": "string"},
        ),
        setting("license", column="terms"),
    )
    shelf.publish(terms=lambda name: "MIT" if name == "topic-tuple" else "CC0-1.0")
    rebuild_if_due(shelf.installation.run())
    licences = {
        passage.document: passage.license for passage in shelf.found("tuple loop", k=20).passages
    }
    assert licences["topic-tuple"] == "MIT"
    assert set(licences.values()) == {"MIT", "CC0-1.0"}


def test_the_command_line_searches_lists_and_rolls_back(
    with_index: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_index.documents["topic-tuple"] += " It has changed since."
    second = with_index.details()

    def assay(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["assay", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    code, said = assay("search", "readings", "the tuple", "-k", "1")
    assert (code, "topic-tuple" in said, "readings@1.1.0, topic-tuple, characters 0–" in said) == (
        0,
        True,
        True,
    )
    assert [
        build["state"] for build in json.loads(assay("index", "list", "readings", "--json")[1])
    ] == ["kept", "in service"]
    with_index.installation.appoint("ann", "first")
    key = str(with_index.installation.contracts.parent / "ann.pem")
    code, said = assay("index", "rollback", "readings", "--why", "odd answers", "--key", key)
    assert (code, f"was build {second['build']} and is now build 1.0.0-" in said) == (0, True)
    assert json.loads(assay("search", "readings", "the tuple", "--json")[1])["version"] == "1.0.0"
    code, said = assay("search", "readings", "the tuple", "--purpose", "training")
    assert (code, "not admitted for 'training'" in said) == (1, True)
    assert assay("search", "readings", "zebra quagga")[0] == 1


# -- kill -9 ----------------------------------------------------------------------------------------


def rebuilding() -> subprocess.Popen[str]:
    """A process that is about to rebuild what is due."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.assets.index_driver"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def killed_at_random(shelf: Shelf, kills: int, seed: int) -> None:
    """Kill builds till so many died at work; after each, the index that serves is one that was judged and answers."""
    chance = random.Random(seed)
    shelf.publish()
    process, started = rebuilding(), time.monotonic()
    assert process.communicate()[0] == "in service\n"
    whole = time.monotonic() - started
    died = 0
    for number in range(4 * kills):
        shelf.documents["topic-tuple"] += f" Change {number}."
        shelf.documents.pop(f"topic-old{number - 1}", None)
        shelf.documents[f"topic-old{number}"] = (
            f"The marker{number} of every program is written before anything else."
        )
        shelf.publish()
        before = shelf.serving
        process = rebuilding()
        time.sleep(chance.uniform(0, whole))
        alive = process.poll() is None
        if alive:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        died += alive
        retrieve._OPENED.clear()
        registry = shelf.installation.open().registry
        built = {row.build: row for row in registry.indexes.builds("readings")}
        assert (
            shelf.serving == before
            or built[shelf.serving].version == registry.references.resolve("readings").version
        )  # type: ignore[index]  # it is published
        found = shelf.found("the tuple", k=50)
        assert found.passages[0].document == "topic-tuple"
        assert f"topic-old{number - 1}" not in {passage.document for passage in found.passages}
        if died == kills:  # a moment after the work was over is no kill
            break
    assert died == kills
    acted = rebuild_if_due(shelf.installation.run())
    registry = shelf.installation.open().registry
    assert all(trigger.done_at for trigger in registry.triggers.all("readings"))
    swaps = [move.build for move in registry.indexes.moves("readings")]
    assert len(swaps) == len(set(swaps))  # none was done twice
    service = registry.indexes.serving("readings")
    assert service is not None
    latest = registry.references.resolve("readings")
    assert latest is not None
    assert service.version == latest.version  # it is published
    assert acted is None or acted.details["build"] == service.build
    folders = {path.name for path in (shelf.installation.root / "index" / "readings").iterdir()}
    assert not [name for name in folders if name.startswith(".unfinished")]
    assert shelf.found(f"marker{number}").passages[0].document == f"topic-old{number}"


def test_kill_9_at_random_moments_leaves_the_old_index_serving_and_the_action_happens_once(
    shelf: Shelf,
) -> None:
    killed_at_random(shelf, 2, 20261125)


@pytest.mark.soak
def test_kill_9_at_fifty_random_moments_of_a_rebuild(shelf: Shelf) -> None:
    killed_at_random(shelf, 50, 20261126)


def test_the_page_of_an_index_says_how_it_answers_and_why_it_was_built(shelf: Shelf) -> None:
    import dagster as dg

    from assay.assets.dagster.definitions import build_definitions

    shelf.publish()
    with dg.DagsterInstance.ephemeral() as instance:
        result = (
            build_definitions()
            .resolve_job_def("readings_act")
            .execute_in_process(instance=instance)
        )
    (page,) = [
        {n: v.value for n, v in event.step_materialization_data.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
    ]
    assert (page["outcome"], page["documents"], page["dagster/row_count"]) == (
        "in service",
        20,
        page["passages"],
    )
    assert page["asked_because"] == "No index is in service, so this is the first."
    assert page["built_from"].startswith(
        "documents: 20 added, 0 changed, 0 removed; passages: 0 carried over, "
    )
    assert page["judged_by"].splitlines()[0] == "| 10 questions, k = 10 | of it | in service |"
    assert f"| recall | {page['recall']:.4g} | — |" in page["judged_by"]
    assert not [
        name for name, value in page.items() if isinstance(value, dict | list)
    ]  # nobody reads JSON on a page
