"""The keys of this installation: one that signs evidence, one that pseudonyms are derived from.

Belongs here: making, keeping and using keys. Stays out: what is signed (lineage/evidence.py), which
column is a token (contracts).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.assets.io.disk import sync_folder
from assay.contracts.errors import ConfigurationError, EvidenceError, Where

if TYPE_CHECKING:
    import polars as pl
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from securesystemslib.signer import CryptoSigner, Key, Signer

    from assay.pipelines.admit.treat import Pseudonymize

SIGNING, PUBLIC, PSEUDONYM = "signing.pem", "assay.pub.json", "pseudonym.key"
_NONCE, _PADDED = 12, 64
FILES = (SIGNING, PUBLIC, PSEUDONYM)
PSEUDONYM_BYTES = 32
TOKEN_BYTES = 15  # 120 bits, 24 letters of base 32 without padding
RESTORE = (
    "Restore it from your backup. A new key could not continue the evidence and the pseudonyms"
)


class Keys:
    """The key folder, readable by its owner alone.

    Args:
        recorded: reads the fingerprints that the registry keeps of the installation's keys, by file
            name; empty where it has none yet.
    """

    def __init__(self, folder: Path, recorded: Callable[[], Mapping[str, str]] = dict) -> None:
        self.folder, self._recorded = folder, recorded

    @property
    def missing(self) -> list[str]:
        """The key files that are not there."""
        return [name for name in FILES if not (self.folder / name).exists()]

    def create(self) -> None:
        """Create the keys that are not there.

        Only a new installation does this: a lost key must be restored, not replaced.
        """
        from cryptography.hazmat.primitives import serialization
        from securesystemslib.signer import CryptoSigner

        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.folder / SIGNING).exists():
            self._keep(SIGNING, CryptoSigner.generate_ed25519().private_bytes)
        if not (self.folder / PSEUDONYM).exists():
            self._keep(PSEUDONYM, os.urandom(PSEUDONYM_BYTES))
        if not (self.folder / PUBLIC).exists():
            private = serialization.load_pem_private_key(self._signing_key_bytes(), None)
            public = CryptoSigner(private).public_key
            self._keep(
                PUBLIC,
                json.dumps({"keyid": public.keyid, **public.to_dict()}, sort_keys=True).encode(),
            )
        sync_folder(self.folder)

    def restore_public(self) -> bool:
        """Write a lost public key again from the signing key, where that is the one the
        installation began with.

        Returns: whether it was written. Raises: ConfigurationError: the signing key is not the
            installation's.
        """
        if SIGNING not in self._recorded() or (self.folder / PUBLIC).exists():
            return False
        self._refuse_another_key(
            SIGNING, _signing_fingerprint(self._signing_key().public_key().public_bytes_raw())
        )
        self.create()
        return True

    def fingerprints(self) -> dict[str, str]:
        """One-way digests of the keys, by file name: by them the registry recognizes the keys, and
        no one can compute a key from them.

        Source: HKDF, RFC 5869, SHA-256, of the pseudonym key; SHA-256 of the public half of the
            signing key.
        Raises: ConfigurationError: a key is missing or is none, or the public key is not that of
            the signing key.
        """
        private = self._signing_key()
        self._check_pair(private)
        return {
            SIGNING: _signing_fingerprint(private.public_key().public_bytes_raw()),
            PSEUDONYM: _derived(self._pseudonym_bytes(), _FINGERPRINT_OF_PSEUDONYMS).hex(),
        }

    def check(self) -> None:
        """Compare the keys with those the installation began with.

        Raises: ConfigurationError: one is missing, is none, or is another one.
        """
        for name, fingerprint in self.fingerprints().items():
            self._refuse_another_key(name, fingerprint)

    def _refuse_another_key(self, name: str, fingerprint: str) -> None:
        recorded = self._recorded().get(name)
        if recorded is not None and not hmac.compare_digest(recorded, fingerprint):
            raise ConfigurationError(
                "this is not the key that the home was created with", RESTORE, _where(name)
            )

    def _keep(self, name: str, content: bytes) -> None:
        """Write next to, then link: of two processes that start together one key wins, and no one
        reads half of one.
        """
        temporary = self.folder / f".{name}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(temporary, self.folder / name)
        except FileExistsError:
            pass  # the other process was first; its key is the key
        finally:
            temporary.unlink()

    def signer(self) -> Signer:
        """What signs evidence.

        Raises: ConfigurationError: the key is missing, is none, or is not the installation's.
        """
        from securesystemslib.signer import CryptoSigner

        private = self._signing_key()
        self._check_pair(private)
        self._refuse_another_key(
            SIGNING, _signing_fingerprint(private.public_key().public_bytes_raw())
        )
        return CryptoSigner(private)

    def public(self) -> Key:
        """What checks it.

        Raises: ConfigurationError: the key is missing or is not the installation's. EvidenceError:
            the file holds none.
        """
        self._read(PUBLIC)
        key = public_key(self.folder / PUBLIC)
        self._check_recorded_public(key)
        return key

    def _check_recorded_public(self, key: Key) -> None:
        recorded = self._recorded().get(SIGNING)
        if recorded is not None and recorded != _signing_fingerprint(_public_bytes(key)):
            raise ConfigurationError(
                "this is not the key that the home was created with",
                RESTORE,
                _where(PUBLIC),
            )

    def _signing_key(self) -> Ed25519PrivateKey:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        try:
            private = serialization.load_pem_private_key(self._signing_key_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise ConfigurationError("this is not an Ed25519 private key", RESTORE, _where(SIGNING))
        return private

    def _signing_key_bytes(self) -> bytes:
        return self._read(SIGNING)

    def _check_pair(self, private: Ed25519PrivateKey) -> None:
        self._read(PUBLIC)
        public = _public_bytes(public_key(self.folder / PUBLIC))
        if public != private.public_key().public_bytes_raw():
            raise ConfigurationError(
                f"{SIGNING} is not the private half of {PUBLIC}",
                "Restore both from one backup",
                _where(SIGNING),
            )

    def _pseudonym_bytes(self) -> bytes:
        master = self._read(PSEUDONYM)
        if len(master) != PSEUDONYM_BYTES:
            raise ConfigurationError(
                f"the key holds {len(master)} bytes, not {PSEUDONYM_BYTES}",
                RESTORE,
                _where(PSEUDONYM),
            )
        return master

    def _pseudonym_key(self) -> bytes:
        master = self._pseudonym_bytes()
        self._refuse_another_key(PSEUDONYM, _derived(master, _FINGERPRINT_OF_PSEUDONYMS).hex())
        return master

    def pseudonymizer(self, purpose: str) -> Pseudonymize:
        """Keyed tokens: stable within one purpose and kind, different across them, and useless to
        guess without the key.

        Source: HKDF, RFC 5869, SHA-256, one key for each (purpose, kind); HMAC-SHA-256, RFC 2104,
            cut to 120 bits.
        """
        import polars as pl

        master = self._pseudonym_key()

        def tokens(values: pl.Series, kind: str) -> pl.Series:
            key = _derived(master, f"assay/{purpose}/{kind}")
            unique = values.drop_nulls().unique()
            replacements = pl.Series(
                [f"{kind}_{_token(key, value)}" for value in unique.to_list()], dtype=pl.String
            )
            return values.replace_strict(unique, replacements, default=None, return_dtype=pl.String)

        return tokens

    def keyed_hash(self) -> Pseudonymize:
        """Keyed hashes, 64 hexadecimal digits: the same for every purpose, so that data sets of
        several purposes still join.

        Source: HKDF, RFC 5869, SHA-256, one key a kind; HMAC-SHA-256, RFC 2104.
        """
        import polars as pl

        master = self._pseudonym_key()

        def hashes(values: pl.Series, kind: str) -> pl.Series:
            key = _derived(master, f"assay/hash/{kind}")
            unique = values.drop_nulls().unique()
            replacements = pl.Series(
                [hmac.digest(key, value.encode(), "sha256").hex() for value in unique.to_list()],
                dtype=pl.String,
            )
            return values.replace_strict(unique, replacements, default=None, return_dtype=pl.String)

        return hashes

    def derived(self, purpose: str) -> bytes:
        """A key for one purpose of its own, such as the labels of names. Source: HKDF, RFC 5869."""
        return _derived(self._read(PSEUDONYM), f"assay/own/{purpose}")

    def seal(self, value: Any, subject: str) -> str:
        """A plain value that only this installation can read again, bound to what it is about; its
        length is not shown either.

        Source: AES-256-GCM, NIST SP 800-38D, with a nonce of 96 random bits.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        text = json.dumps(value).encode()
        padded = text.ljust(-(-len(text) // _PADDED) * _PADDED)
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(self.derived("sealed")).encrypt(nonce, padded, subject.encode())
        return base64.b64encode(nonce + sealed).decode()

    def unseal(self, text: str, subject: str) -> Any:
        """The value again.

        Raises: EvidenceError: it was sealed with another key, or about something else.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            sealed = base64.b64decode(text, validate=True)
            opened = AESGCM(self.derived("sealed")).decrypt(
                sealed[:_NONCE], sealed[_NONCE:], subject.encode()
            )
            return json.loads(opened)
        except (ValueError, InvalidTag):
            remedy = f"Restore keys/{PSEUDONYM} from your backup"
            raise EvidenceError(
                f"the sealed values of {subject} cannot be decrypted with this key", remedy
            ) from None

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            raise ConfigurationError(
                f"the key file {name} is missing", RESTORE, _where(name)
            ) from None
        except OSError as error:
            raise ConfigurationError(
                f"the key {name} cannot be read ({error.strerror})", RESTORE, _where(name)
            ) from None


_FINGERPRINT_OF_PSEUDONYMS = "assay/fingerprint/pseudonym.key"
_FINGERPRINT_OF_SIGNING = b"assay/fingerprint/signing.pem\0"


def _where(name: str) -> Where:
    return Where(file=f"keys/{name}")


def _signing_fingerprint(public: bytes) -> str:
    return hashlib.sha256(_FINGERPRINT_OF_SIGNING + public).hexdigest()


def _public_bytes(key: Key) -> bytes:
    """The 32 bytes of a public key of Ed25519; of another type nothing, which fits no key."""
    try:
        return bytes.fromhex(key.keyval["public"]) if key.keytype == "ed25519" else b""
    except (KeyError, ValueError, TypeError):
        return b""


def _derived(master: bytes, info: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info.encode()).derive(master)


def _token(key: bytes, value: str) -> str:
    return (
        base64.b32encode(hmac.digest(key, value.encode(), "sha256")[:TOKEN_BYTES]).decode().lower()
    )


def new_private(file: Path) -> dict[str, Any]:
    """Make a person's key, readable by its owner alone.

    Returns: its public half, as the stewards' file holds it.
    Raises: ConfigurationError: the file is there already, or cannot be written.
    """
    from securesystemslib.signer import CryptoSigner

    signer = CryptoSigner.generate_ed25519()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"the key cannot be written ({error.strerror})",
            "Choose a new file in a folder this user may write",
            Where(file=str(file)),
        ) from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(signer.private_bytes)
    return {"keyid": signer.public_key.keyid, **signer.public_key.to_dict()}


def read_private(file: Path) -> CryptoSigner:
    """A person's key from its file.

    Raises: ConfigurationError: the file holds none, or one of another type.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from securesystemslib.signer import CryptoSigner

    try:
        private = serialization.load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigurationError(
            "this is not an Ed25519 private key",
            "Create one: assay review key NAME --out FILE",
            Where(file=str(file)),
        )
    return CryptoSigner(private)


def public_of(data: Mapping[str, Any]) -> Key:
    """A public key as the stewards' file holds it. Raises: EvidenceError: it holds none."""
    from securesystemslib.signer import Key

    try:
        return Key.from_dict(
            data["keyid"], {name: value for name, value in data.items() if name != "keyid"}
        )
    except (KeyError, ValueError, AttributeError, TypeError):
        raise EvidenceError(
            "a steward's key is not valid", "Correct the key in the stewards' file"
        ) from None


def public_key(file: Path) -> Key:
    """A public key as Assay writes it. Raises: EvidenceError: the file holds none."""
    from securesystemslib.signer import Key

    try:
        data = json.loads(file.read_text())
        return Key.from_dict(data.pop("keyid"), data)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise EvidenceError(
            "this is not a public key of Assay",
            "Give the file keys/assay.pub.json of the installation that signed",
            Where(file=file.name),
        ) from None
