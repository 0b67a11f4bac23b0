"""Machine-readable reservations next to the data are one more witness on what may be done with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest

from assay.assets.io.opt_out_files import cawg_of_media, opt_outs_beside
from assay.contracts.policy import license_policy
from assay.contracts.settings import License, Purpose
from assay.pipelines.admit.license import judge_license
from assay.pipelines.admit.opt_outs import (
    cawg_assertion,
    judge_opt_outs,
    tdm_of_file,
    tdm_of_headers,
    tdm_of_page,
)


def outcome(path: Path, *purposes: Purpose) -> str:
    """Of data under CC BY 4.0 with what lies next to them."""
    wanted = License(expression="CC-BY-4.0", holder="h", evidence="e", purposes=purposes)
    verdict = judge_license(wanted, license_policy())
    return judge_opt_outs(verdict, wanted, opt_outs_beside(path, path.parents[1])).outcome


def box(label: str, content: bytes, kind: bytes = b"cbor") -> bytes:
    """A JUMBF box of one assertion, without what stands around it in a manifest."""
    description = b"\x00\x00\x00\x3ajumd" + b"\x00" * 16 + b"\x03" + label.encode() + b"\x00"
    return description + (len(content) + 8).to_bytes(4, "big") + kind + content


def assertion(**uses: str) -> dict[str, Any]:
    return {"entries": {f"cawg.{name}": {"use": use} for name, use in uses.items()}}


NO_TRAINING = assertion(ai_training="notAllowed", ai_inference="allowed")


@pytest.mark.parametrize(
    ("file", "content", "training", "analytics"),
    [
        ("tdmrep.json", '[{"location": "/", "tdm-reservation": 1}]', "refused", "review"),
        (".well-known/tdmrep.json", '[{"location": "/*.csv", "tdm-reservation": 1}]', "refused", "review"),
        ("tdmrep.json", '[{"location": "/", "tdm-reservation": 1, "tdm-policy": "https://e.com"}]', "review", "review"),
        ("tdmrep.json", '[{"location": "/", "tdm-reservation": 0}]', "allowed", "allowed"),
        ("tdmrep.json", '[{"location": "/other", "tdm-reservation": 1}]', "allowed", "allowed"),
        ("tdmrep.json", '[{"location": "/", "tdm-reservation": 1, "tdm-policy": "https://e.com"}, {"location": "/*.csv", "tdm-reservation": 1}]', "refused", "review"),
        ("tdmrep.json", "no json", "review", "review"),
        ("tdmrep.json", '[{"location": "/", "tdm-reservation": "yes"}]', "review", "review"),
        ("../tdmrep.json", '[{"location": "/data/x.csv$", "tdm-reservation": 1}]', "refused", "review"),
        ("index.html", '<html><META content="1" name="TDM-Reservation"></html>', "refused", "review"),
        ("index.html", "<html><p>tdm-reservation: 1</p></html>", "allowed", "allowed"),
        ("x.csv.c2pa", box("cawg.training-mining", cbor2.dumps(NO_TRAINING)), "refused", "allowed"),
        ("x.png", b"\x89PNG" + box("c2pa.training-mining", cbor2.dumps(NO_TRAINING)), "refused", "allowed"),
        ("x.c2pa", box("cawg.training-mining", json.dumps(NO_TRAINING).encode(), b"json"), "refused", "allowed"),
        ("x.c2pa", box("cawg.training-mining", b"\xff"), "review", "review"),
        ("manifest.json", json.dumps({"assertions": [{"label": "cawg.training-mining", "data": NO_TRAINING}]}), "refused", "allowed"),
        ("x.c2pa", box("c2pa.actions", cbor2.dumps({"actions": []})), "allowed", "allowed"),
    ],
)  # fmt: skip
def test_a_reservation_next_to_the_data_holds(
    file: str, content: str | bytes, training: str, analytics: str, tmp_path: Path
) -> None:
    data = tmp_path / "data" / "x.csv"
    place = data.parent / file
    place.parent.mkdir(parents=True, exist_ok=True)
    data.parent.mkdir(exist_ok=True)
    place.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert outcome(data, "training") == training
    assert outcome(data, "analytics") == analytics
    assert outcome(data, "redistribution") == "allowed"


@pytest.mark.parametrize(
    ("uses", "held"),
    [
        ({"ai_generative_training": "constrained"}, {"training": "review", "fine-tuning": "review"}),
        ({"ai_training": "allowed", "ai_generative_training": "notAllowed"}, {"training": "refused", "fine-tuning": "refused"}),
        ({"data_mining": "notAllowed"}, {"analytics": "refused"}),
        ({"ai_inference": "maybe"}, {"retrieval": "review", "evaluation": "review"}),
        ({"something_new": "notAllowed"}, {}),
        ({"ai_training": "allowed"}, {}),
    ],
)  # fmt: skip
def test_each_use_of_an_assertion_holds_its_purposes(
    uses: dict[str, str], held: dict[str, str]
) -> None:
    opt_out = cawg_assertion(assertion(**uses))
    assert dict(opt_out.held if opt_out else {}) == held


@pytest.mark.parametrize("headers", [{"TDM-Reservation": "1"}, {"tdm-reservation": " 1 "}])
def test_headers_reserve_in_any_case(headers: dict[str, str]) -> None:
    opt_out = tdm_of_headers(headers)
    assert opt_out is not None
    assert opt_out.held["training"] == "refused"
    assert tdm_of_headers({"server": "x"}) is None


@pytest.mark.parametrize("text", ["", "[" * 100_000, '{"a": 1}', "[1]", "\x00"])
def test_no_file_breaks_the_reading_and_what_is_not_read_waits(text: str) -> None:
    opt_out = tdm_of_file(text, "/x.csv")
    assert opt_out is not None
    assert set(opt_out.held.values()) == {"review"}
    assert tdm_of_page(text) is None
    assert cawg_of_media(text.encode()) is None
