"""A home begins once: its keys are created with it and never again, and what it has lost is named, not replaced."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from assay.assets.io import installation as installation_module
from assay.assets.io.home import LAYOUT, MARK
from assay.assets.io.home_state import HomeState, next_step
from assay.assets.io.registry.keys import RECORDED, KeyRecords, key_fingerprints
from assay.assets.io.registry.ledger import ledger
from assay.assets.io.registry.migrate import TABLE
from assay.assets.io.signing_keys import PSEUDONYM, PUBLIC, SIGNING, Keys, read_private
from assay.assets.services.verify import verify
from assay.contracts.errors import AssayError, ConfigurationError
from tests.conftest import SampleHome, columns, setting
from tests.forked import forked

METER = {"name": "meter", "logicalType": "string", "primaryKey": True, "required": True}
MAIL = {"name": "mail", "logicalType": "string", "classification": "confidential"}


def pem(make: Callable[[], object]) -> bytes:
    from cryptography.hazmat.primitives import serialization

    key = make()
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # type: ignore[attr-defined]  # of any type


def rsa_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return pem(lambda: rsa.generate_private_key(65537, 2048))


def elliptic_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec

    return pem(lambda: ec.generate_private_key(ec.SECP256R1()))


def other_signing_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return pem(Ed25519PrivateKey.generate)


WRONG_PSEUDONYM_KEYS = {
    "empty": b"",
    "cut": b"x" * 31,
    "with a line's end": b"x" * 32 + b"\n",
    "much longer": b"x" * 4096,
    "another one": b"x" * 32,
    "text": b"not a key",
}
WRONG_SIGNING_KEYS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda key: key[: len(key) // 2],
    "no PEM": lambda _: b"-----BEGIN PRIVATE KEY-----\nnothing\n-----END PRIVATE KEY-----\n",
    "bytes": lambda _: bytes(range(256)),
    "RSA": lambda _: rsa_key(),
    "elliptic curve": lambda _: elliptic_key(),
    "another one": lambda _: other_signing_key(),
}


@pytest.fixture
def persons(published_persons: SampleHome, tmp_path: Path) -> SampleHome:
    """An installation with a version of persons, whose addresses became tokens."""
    return published_persons.copy_to(tmp_path)


@pytest.fixture(scope="module")
def published_persons(tmp_path_factory: pytest.TempPathFactory) -> SampleHome:
    installation = SampleHome(tmp_path_factory.mktemp("persons"))
    installation.promise(
        columns(METER, MAIL),
        lambda data: data["schema"][0].pop("quality", None),
        setting(
            "privacy",
            sensitivity="personal",
            lawful_basis="contract",
            columns={"mail": {"kind": "email", "treatment": "token"}},
        ),
        setting("cleaning", _=[]),
    )
    installation.deliver("meter,mail\nM1,anna@canary.example\n")
    installation.published()
    return installation


def tokens(installation: SampleHome) -> list[str]:
    opened_home = installation.create()
    return (
        opened_home.scan(opened_home.version("readings")).select("mail").collect()["mail"].to_list()
    )


def next_delivery(installation: SampleHome) -> None:
    installation.deliver("meter,mail\nM1,anna@canary.example\nM2,bob@canary.example\n")
    installation.published()


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(place.relative_to(root)): place.read_bytes()
        for place in root.rglob("*")
        if place.is_file()
    }


# -- wrong keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", list(WRONG_PSEUDONYM_KEYS.values()), ids=list(WRONG_PSEUDONYM_KEYS))
def test_a_wrong_pseudonym_key_is_refused_and_the_restored_one_goes_on(
    persons: SampleHome, key: bytes
) -> None:
    file = persons.root / "keys" / PSEUDONYM
    before, first = file.read_bytes(), tokens(persons)
    file.write_bytes(key)
    with pytest.raises(
        ConfigurationError, match=r"^keys/pseudonym\.key, data set .*\. Restore it from your backup"
    ):
        next_delivery(persons)
    assert [row.version for row in persons.create().registry.versions.all("readings")] == ["1.0.0"]
    for use in (persons.create().keys.keyed_hash, persons.create().keys.check):
        with pytest.raises(ConfigurationError, match="Restore it from your backup"):
            use()
    file.write_bytes(before)
    next_delivery(persons)
    assert tokens(persons)[0] == first[0]


@pytest.mark.parametrize("change", list(WRONG_SIGNING_KEYS.values()), ids=list(WRONG_SIGNING_KEYS))
def test_a_wrong_signing_key_is_refused(
    persons: SampleHome, change: Callable[[bytes], bytes]
) -> None:
    file = persons.root / "keys" / SIGNING
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ConfigurationError, match=r"^keys/signing\.pem, data set .*\. Restore"):
        next_delivery(persons)
    assert [row.version for row in persons.create().registry.versions.all("readings")] == ["1.0.0"]
    with pytest.raises(ConfigurationError, match="Restore"):
        persons.create().keys.check()


def test_another_pair_of_signing_keys_is_refused_though_its_halves_fit(
    persons: SampleHome, tmp_path: Path
) -> None:
    stranger = Keys(tmp_path / "stranger")
    stranger.create()
    for name in (SIGNING, PUBLIC):
        shutil.copyfile(stranger.folder / name, persons.root / "keys" / name)
    for use in (
        persons.create().keys.signer,
        persons.create().keys.public,
        persons.create().keys.check,
    ):
        with pytest.raises(ConfigurationError, match="not the key that the home was created with"):
            use()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"keyid": 1}',
        '{"keyid": "a", "keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": "zz"}}',
        "\xff",
    ],
)
def test_a_public_key_that_is_none_is_refused(persons: SampleHome, text: str) -> None:
    (persons.root / "keys" / PUBLIC).write_bytes(text.encode("latin-1"))
    for use in (
        persons.create().keys.public,
        persons.create().keys.signer,
        persons.create().keys.check,
    ):
        with pytest.raises(AssayError):
            use()


@pytest.mark.parametrize(
    "content",
    [b"", b"text", rsa_key(), elliptic_key()],
    ids=["empty", "text", "RSA", "elliptic curve"],
)
def test_a_steward_s_key_of_another_kind_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "ann.pem"
    file.write_bytes(content)
    with pytest.raises(
        ConfigurationError,
        match=r"this is not an Ed25519 private key\. Create one: assay review key NAME",
    ):
        read_private(file)


def test_the_fingerprint_of_a_key_does_not_hold_the_key(persons: SampleHome) -> None:
    recorded = json.dumps(persons.rows(sa.select(key_fingerprints))) + json.dumps(
        persons.rows(sa.select(ledger))
    )
    key = (persons.root / "keys" / PSEUDONYM).read_bytes()
    for plain in (key.hex(), hashlib.sha256(key).hexdigest()):
        assert plain not in recorded


# -- what was lost ---------------------------------------------------------------------------------


LOSSES = {
    "the pseudonym key": ([f"keys/{PSEUDONYM}"], PSEUDONYM),
    "the signing key": ([f"keys/{SIGNING}"], SIGNING),
    "the public key": ([f"keys/{PUBLIC}"], PUBLIC),
    "the keys": (["keys"], SIGNING),
    "the mark": ([MARK], MARK),
    "mark and pseudonym key": ([MARK, f"keys/{PSEUDONYM}"], PSEUDONYM),
    "mark and keys": ([MARK, "keys"], MARK),
    "the registry": (["registry.db"], "registry"),
    "registry and mark": (["registry.db", MARK], MARK),
    "registry, mark and keys": (["registry.db", MARK, "keys"], PSEUDONYM),
    "registry, mark, keys and lake": (["registry.db", MARK, "keys", "lake"], MARK),
    "registry, mark, keys and evidence": (["registry.db", MARK, "keys", "evidence"], MARK),
    "mark, keys, lake and evidence": ([MARK, "keys", "lake", "evidence"], MARK),
}


@pytest.mark.parametrize(("lost", "named"), list(LOSSES.values()), ids=list(LOSSES))
def test_what_a_home_has_lost_is_named_and_not_created_again(
    persons: SampleHome, lost: list[str], named: str
) -> None:
    kept = persons.root.parent / "backup"
    for place in lost:
        (kept / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(persons.root / place, kept / place)
    before = contents(persons.root)
    with pytest.raises(ConfigurationError) as refused:
        persons.create().keys.check()
    assert named in str(refused.value)
    assert "Restore" in refused.value.remedy
    with pytest.raises(ConfigurationError):
        next_delivery(persons)
    assert not any(
        (persons.root / place).exists() for place in lost if place not in ("lake", "evidence")
    )
    assert {
        name: content
        for name, content in contents(persons.root).items()
        if name.startswith("keys/")
    } == {name: content for name, content in before.items() if name.startswith("keys/")}
    for place in lost:
        shutil.rmtree(persons.root / place, ignore_errors=True)
        shutil.move(kept / place, persons.root / place)
    next_delivery(persons)
    assert [row.version for row in persons.create().registry.versions.all("readings")] == [
        "1.0.0",
        "1.1.0",
    ]


def test_a_lost_registry_elsewhere_is_no_new_installation(either_registry: SampleHome) -> None:
    either_registry.published()
    shutil.rmtree(either_registry.root / "keys")
    (either_registry.root / MARK).unlink()
    with pytest.raises(ConfigurationError, match=f"{MARK}.* are missing"):
        either_registry.create()


# -- the first start, interrupted --------------------------------------------------------------------


STEPS = [
    (Keys, "create"),
    (installation_module.Registry, "create"),
    (KeyRecords, "record"),
    (installation_module, "write_atomically"),
]


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), STEPS, ids=[name for _, name in STEPS])
def test_a_first_start_that_was_interrupted_is_completed(
    either_registry: SampleHome,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    done: bool,
) -> None:
    original = getattr(owner, name)

    def interrupted(*arguments: object, **named: object) -> None:
        if done:
            original(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            either_registry.create()
    folder = either_registry.root / "keys"
    before = {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else {}
    either_registry.create().keys.check()
    assert before.items() <= {file.name: file.read_bytes() for file in folder.iterdir()}.items()
    either_registry.published()
    actions = [row["action"] for row in either_registry.rows(sa.select(ledger.c.action))]
    assert actions.count(RECORDED) == 1


@pytest.mark.parametrize(
    "kept", [(), (SIGNING,), (SIGNING, PSEUDONYM), (SIGNING, PUBLIC), (PSEUDONYM,)]
)
def test_keys_that_an_interrupted_start_left_are_kept_and_the_others_created(
    tmp_path: Path, kept: tuple[str, ...]
) -> None:
    installation = SampleHome(tmp_path)
    keys = Keys(installation.root / "keys")
    keys.create()
    for name in {SIGNING, PUBLIC, PSEUDONYM} - set(kept):
        (keys.folder / name).unlink()
    before = {name: (keys.folder / name).read_bytes() for name in kept}
    installation.create().keys.check()
    assert {name: (keys.folder / name).read_bytes() for name in kept} == before


def test_processes_that_start_a_home_together_have_the_same_keys(installation: SampleHome) -> None:
    started = [forked("tests.assets.driver:print_key", installation.environment) for _ in range(4)]
    answers = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0] * 4, answers
    assert len({out for out, _ in answers}) == 1
    for process in started:
        process.close()


# -- layouts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mark", [str(LAYOUT + 1), "99", "", "five", "0", "-4", "4.5", "4 5", "1e9", "\xff", "９"]
)
def test_a_home_of_a_newer_or_unknown_layout_is_refused_and_not_changed(
    persons: SampleHome, mark: str
) -> None:
    persons.create().deliver_outbox()
    (persons.root / MARK).write_bytes(mark.encode("latin-1" if mark == "\xff" else "utf-8"))
    before = contents(persons.root)
    for use in (persons.open, persons.published):
        with pytest.raises(ConfigurationError, match=MARK):
            use()
    assert contents(persons.root) == before


def to_older_layout(installation: SampleHome, layout: int) -> None:
    """The registry and mark as an earlier Assay left them."""
    registry = installation.create().registry
    with registry.database.write() as connection:
        connection.execute(sa.text("DROP TABLE key_fingerprints"))
        connection.execute(sa.text("DROP TABLE clock_doubts"))
        connection.execute(sa.text("DROP TABLE partition_documents"))
        connection.execute(sa.text(f"DROP TABLE {TABLE}"))
        connection.execute(sa.delete(ledger).where(ledger.c.action == RECORDED))
    (installation.root / MARK).write_text(f"{layout}\n")


@pytest.mark.parametrize("layout", range(1, LAYOUT))
def test_a_home_of_an_earlier_layout_is_taken_over(persons: SampleHome, layout: int) -> None:
    persons.create().deliver_outbox()
    first = tokens(persons)
    to_older_layout(persons, layout)
    opened_home = persons.create()
    assert (persons.root / MARK).read_text() == f"{LAYOUT}\n"
    assert verify(persons.root, "readings", "1.0.0", opened_home.keys.public()).version == "1.0.0"
    next_delivery(persons)
    assert tokens(persons)[0] == first[0]


@pytest.mark.parametrize("name", [SIGNING, PUBLIC, PSEUDONYM])
def test_an_earlier_home_without_a_key_is_not_taken_over(persons: SampleHome, name: str) -> None:
    to_older_layout(persons, 4)
    (persons.root / "keys" / name).unlink()
    with pytest.raises(ConfigurationError, match=f"keys/{name} is missing"):
        persons.create()
    assert (persons.root / MARK).read_text() == "4\n"


def test_an_earlier_home_with_keys_that_have_not_signed_its_versions_is_not_taken_over(
    persons: SampleHome, tmp_path: Path
) -> None:
    to_older_layout(persons, 4)
    stranger = Keys(tmp_path / "stranger")
    stranger.create()
    for name in (SIGNING, PUBLIC):
        shutil.copyfile(stranger.folder / name, persons.root / "keys" / name)
    with pytest.raises(AssayError):
        persons.create()
    assert (persons.root / MARK).read_text() == "4\n"


def test_what_is_decided_about_a_home_is_decided_without_touching_it() -> None:
    fingerprints = {SIGNING: "a", PSEUDONYM: "b"}
    assert next_step(HomeState(None, "none", {}, None, (SIGNING, PUBLIC, PSEUDONYM))) == "create"
    assert next_step(HomeState(None, "empty", fingerprints, None, ())) == "create"
    assert next_step(HomeState(LAYOUT, "used", fingerprints, "lake/a", ())) == "open"
    assert next_step(HomeState(LAYOUT, "used", {}, "lake/a", ())) == "take over"
    assert next_step(HomeState(LAYOUT - 1, "used", {}, None, ())) == "take over"
    with pytest.raises(ConfigurationError, match=r"keys/pseudonym\.key is missing"):
        next_step(HomeState(None, "empty", fingerprints, None, (PSEUDONYM,)))
