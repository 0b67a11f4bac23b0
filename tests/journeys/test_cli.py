"""The command line as people meet it: one clear sentence and an exit code for everything that can be wrong, and nothing lost."""

from __future__ import annotations

import gc
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml

from tests.conftest import GOOD, SampleHome, columns, setting, small_disk
from tests.journeys.conftest import Assay

ROOT = Path(__file__).parents[2]


def test_the_way_of_a_small_data_set(assay: Assay) -> None:
    code, out, _ = assay("run", "readings")
    assert code == 0
    assert "3 in = 3 kept + 0 quarantined + 0 removed" in out
    assert "1.0.0: First version: 3 rows" in out
    code, out, _ = assay("run", "readings")
    assert code == 0
    assert "nothing new: already published as 1.0.0" in out
    assert json.loads(assay("status", "--json")[1])[0]["versions"] == ["1.0.0"]
    card = json.loads(assay("show", "readings@1.0.0", "--json")[1])
    assert card["rows"]["published"] == 3
    assert card["license"]["purposes"] == ["analytics", "training"]
    assert card["quality"]["bias"] == "unknown"
    assert json.loads(assay("verify", "readings@1.0.0", "--json")[1])[0]["version"] == "1.0.0"
    assert "verified; nothing differs" in assay("verify", "--all")[1]
    assert "readings@1.0.0" in assay("show", "readings")[1]
    assert "No delivery was held for review" in assay("review", "list")[1]


Edits = tuple[Callable[[dict[str, object]], None], ...]
REFUSALS: dict[str, tuple[Edits, str | bytes, str]] = {
    "a non-commercial licence": (
        (setting("license", expression="CC-BY-NC-4.0"),),
        GOOD,
        "does not allow commercial use",
    ),
    "undeclared e-mails": (
        (columns({"name": "meter", "logicalType": "string"}),),
        "meter\nann@example.com\n",
        "column 'meter' holds email in 1 rows, undeclared",
    ),
    "a missing source": (
        (setting("source", location="inbox/gone.csv"),),
        GOOD,
        "the source does not exist. Put the file there",
    ),
    "a typo in a key": (
        (setting("source", orgin="internal"),),
        GOOD,
        "Did you mean 'origin'",
    ),
    "too many broken rows": (
        (),
        "meter,energy_kwh,tariff\nx,1,day\ny,1,day\nM1,1,day\n",
        "2 of 3 rows break it",
    ),
    "no CSV at all": ((), b"\x00\x01\x02", "binary data of an unknown kind"),
}


def test_a_refusal_is_one_clear_message_and_exit_1_and_the_last_version_stays(
    assay: Assay, installation: SampleHome
) -> None:
    assert assay("run", "readings")[0] == 0
    for case, (edits, delivery, says) in REFUSALS.items():
        installation.promise(*edits)
        installation.deliver(delivery)
        code, out, err = assay("run", "readings")
        assert code == 1, case
        assert says in err, case
        assert "Traceback" not in out + err, case
        assert len([line for line in err.splitlines() if line.strip()]) == 1, err
        installation.promise()
        assert assay("verify", "--all")[0] == 0, case
        assert _opened(installation).height == 3, case


def _opened(installation: SampleHome) -> pl.DataFrame:
    import assay as api

    return api.open("readings", purpose="analytics").collect()


def test_broken_lines_are_kept_and_told(assay: Assay, installation: SampleHome) -> None:
    installation.deliver(GOOD + 'M4\n"M"5,1,day\n')
    code, out, _ = assay("run", "readings")
    assert code == 0
    assert "3 rows, 2 unreadable records" in out
    assert "5 in = 3 kept + 2 quarantined + 0 removed" in out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("run", "reading"), 1, "Did you mean 'readings'"),
        (("show", "readings"), 1, "Publish it: assay run readings"),
        (("verify", "readings@9.9.9"), 1, "no evidence is stored for readings@9.9.9"),
        (("review", "show", "7"), 1, "there is no review 7"),
        (("verify",), 2, "give NAME@VERSION, or --all"),
        (("review", "sign", "7", "maybe", "--why", "x", "--key", "k"), 2, "approve or reject"),
        (("nonsense",), 2, "No such command"),
        (("check", "nowhere.odcs.yaml"), 1, "cannot be read"),
    ],
)
def test_wrong_words_are_answered_with_what_would_be_right(
    assay: Assay, arguments: tuple[str, ...], code: int, says: str
) -> None:
    ended, out, err = assay(*arguments)
    assert ended == code
    assert says in out + err


def test_a_person_decides_a_review_and_the_next_run_publishes(
    assay: Assay, installation: SampleHome
) -> None:
    installation.promise(columns({"name": "meter", "logicalType": "string"}))
    installation.deliver("meter\nann@example.com\nbob@example.com\n")
    assert assay("run", "readings")[0] == 1
    ann, bob = installation.appoint("ann", "first"), installation.appoint("bob", "second")
    assert json.loads(assay("review", "list", "--json")[1])[0]["decision"] == "open"
    why = "mailboxes of meters, not of people"
    code, out, _ = assay("review", "approve", "1", "--why", why, "--key", str(ann))
    assert (code, "still needs an approval of the second level" in out) == (0, True)
    assert assay("run", "readings")[0] == 1
    code, _, err = assay("review", "approve", "1", "--why", why, "--key", str(ann))
    assert (code, "ann has decided already" in err) == (1, True)
    signed = installation.root / "bob.dsse.json"
    signed.write_text(assay("review", "sign", "1", "approve", "--why", why, "--key", str(bob))[1])
    assert "approved. Run it again" in assay("review", "submit", "1", str(signed))[1]
    assert assay("run", "readings")[0] == 0
    assert (
        json.loads(assay("show", "readings", "--json")[1])["license"]["decided_by"]
        == f"ann: {why}; bob: {why}"
    )
    assert "2 signed approvals" in assay("verify", "readings")[1]


def test_a_steward_s_key_is_made_once_and_is_its_owner_s_alone(
    assay: Assay, installation: SampleHome
) -> None:
    file = installation.root / "ann.pem"
    entry = yaml.safe_load(assay("review", "key", "ann", "--out", str(file))[1])[0]
    assert (entry["name"], entry["key"]["keytype"], file.stat().st_mode & 0o077) == (
        "ann",
        "ed25519",
        0,
    )
    code, _, err = assay("review", "key", "ann", "--out", str(file))
    assert (code, "cannot be written" in err) == (1, True)


def test_a_version_opens_for_its_purposes_only_and_both_are_recorded(
    assay: Assay, installation: SampleHome
) -> None:
    import assay as api
    from assay.contracts.errors import AdmissionError

    assert assay("run", "readings")[0] == 0
    assert api.open("readings", "1.0.0", purpose="training").select(pl.len()).collect().item() == 3
    with pytest.raises(AdmissionError, match="was not admitted for 'redistribution'"):
        api.open("readings", purpose="redistribution")
    uses = [(use.purpose, use.allowed) for use in installation.open().registry.uses.all("readings")]
    assert uses == [("training", True), ("redistribution", False)]


def test_a_copy_verifies_elsewhere_with_the_public_key_alone(
    assay: Assay, installation: SampleHome, tmp_path: Path
) -> None:
    assert assay("run", "readings")[0] == 0
    copy = tmp_path / "copy"
    for part in ("evidence", "lake"):
        shutil.copytree(installation.root / part, copy / part)
    shutil.copy(installation.root / "keys" / "assay.pub.json", tmp_path)
    shutil.rmtree(copy / "lake" / "readings" / "landed")
    assert (
        assay("verify", "--all", "--home", str(copy), "--key", str(tmp_path / "assay.pub.json"))[0]
        == 0
    )


def test_a_wrong_setting_stops_with_its_name(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_REGISTRY_URL", "nonsense")
    code, _, err = assay("status")
    assert code == 1
    assert "ASSAY_REGISTRY_URL" in err
    monkeypatch.setenv("ASSAY_REGISTRY_URL", "")
    monkeypatch.setenv("ASSAY_LINEAGE_URL", "not a url")
    code, _, err = assay("status")
    assert code == 1
    assert "ASSAY_LINEAGE_URL is not valid" in err


def test_a_disk_that_is_full_is_one_sentence_and_the_last_version_still_opens(
    tmp_path: Path, command: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process on the full disk is one of its own; those before and after it are not the subject."""
    with small_disk(tmp_path / "disk", 12 * 1024) as disk:
        installation = SampleHome(disk)
        installation.deliver(GOOD)
        for name, value in installation.environment.items():
            monkeypatch.setenv(name, value)
        assert command("run", "readings")[0] == 0
        rows = "".join(f"M{n},{n * 7919 % 100003},day\n" for n in range(100_000))
        installation.deliver(f"meter,energy_kwh,tariff\n{rows}")
        (disk / "ballast").write_bytes(b"\0" * (shutil.disk_usage(disk).free - 2**19))
        full = subprocess.run(
            [sys.executable, "-m", "assay.cli", "run", "readings"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert full.returncode == 1
        assert "the disk is full. Free some space and run again" in full.stderr
        assert "Traceback" not in full.stdout + full.stderr
        assert command("verify", "--all")[0] == 0
        (disk / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
        assert command("run", "readings")[0] == 0
        assert command("verify", "--all")[0] == 0
        gc.collect()  # what still holds a file of the disk


def test_the_ui_is_refused_where_something_else_listens(
    assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "assay.web.serve._start", lambda _: pytest.fail("the services were started")
    )
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, _, said = assay("ui", "--port", str(port))
    assert code == 1
    assert (
        said
        == f"assay: the page cannot be served on port {port} (Address already in use). Name a free one with --port.\n"
    )
