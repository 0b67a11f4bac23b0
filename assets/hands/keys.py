"""The keys of this installation: one that signs evidence, one that pseudonyms are derived from.

Belongs here: making, keeping and using keys. Stays out: what is signed (lineage/evidence.py), which column is a token (contracts).
"""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from assets.hands.disk import sync_folder
from contracts.errors import ConfigurationError, EvidenceError, Where

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, Key, Signer

    from pipelines.admit.treat import Pseudonymize

SIGNING, PUBLIC, PSEUDONYM = "signing.pem", "assay.pub.json", "pseudonym.key"
_NONCE, _PADDED = 12, 64
TOKEN_BYTES = 15  # 120 bits, 24 letters of base 32 without padding


class Keys:
    """The key folder, readable by its owner alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self) -> None:
        """Make the keys that are not there. Only a new installation does this: a lost key must be restored, not replaced."""
        from cryptography.hazmat.primitives import serialization
        from securesystemslib.signer import CryptoSigner

        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.folder / SIGNING).exists():
            self._keep(SIGNING, CryptoSigner.generate_ed25519().private_bytes)
        if not (self.folder / PSEUDONYM).exists():
            self._keep(PSEUDONYM, os.urandom(32))
        private = serialization.load_pem_private_key((self.folder / SIGNING).read_bytes(), None)
        public = CryptoSigner(private).public_key
        if not (self.folder / PUBLIC).exists():
            self._keep(PUBLIC, json.dumps({"keyid": public.keyid, **public.to_dict()}, sort_keys=True).encode())
        sync_folder(self.folder)

    def _keep(self, name: str, content: bytes) -> None:
        """Write beside, then link: of two processes that start together one key wins, and nobody reads half of one."""
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
        """What signs evidence."""
        from cryptography.hazmat.primitives import serialization
        from securesystemslib.signer import CryptoSigner

        return CryptoSigner(serialization.load_pem_private_key(self._read(SIGNING), None))

    def public(self) -> Key:
        """What checks it."""
        return public_key(self.folder / PUBLIC)

    def pseudonymizer(self, purpose: str) -> Pseudonymize:
        """Keyed tokens: stable within one purpose and kind, different across them, and useless to guess without the key.

        Source: HKDF, RFC 5869, SHA-256, one key for each (purpose, kind); HMAC-SHA-256, RFC 2104, cut to 120 bits.
        """
        master = self._read(PSEUDONYM)

        def tokens(values: pl.Series, kind: str) -> pl.Series:
            key = _derived(master, f"assay/{purpose}/{kind}")
            unique = values.drop_nulls().unique()
            made = pl.Series([f"{kind}_{_token(key, value)}" for value in unique.to_list()], dtype=pl.String)
            return values.replace_strict(unique, made, default=None, return_dtype=pl.String)

        return tokens

    def keyed_hash(self) -> Pseudonymize:
        """Keyed hashes, 64 hexadecimal digits: the same for every purpose, so that data sets of several purposes still join.

        Source: HKDF, RFC 5869, SHA-256, one key a kind; HMAC-SHA-256, RFC 2104.
        """
        master = self._read(PSEUDONYM)

        def hashes(values: pl.Series, kind: str) -> pl.Series:
            key = _derived(master, f"assay/hash/{kind}")
            unique = values.drop_nulls().unique()
            made = pl.Series([hmac.digest(key, value.encode(), "sha256").hex() for value in unique.to_list()], dtype=pl.String)
            return values.replace_strict(unique, made, default=None, return_dtype=pl.String)

        return hashes

    def derived(self, purpose: str) -> bytes:
        """A key for one purpose of its own, such as the labels of names. Source: HKDF, RFC 5869."""
        return _derived(self._read(PSEUDONYM), f"assay/own/{purpose}")

    def seal(self, value: Any, about: str) -> str:
        """A plain value that only this installation can read again, bound to what it is about; its length is not told either.

        Source: AES-256-GCM, NIST SP 800-38D, with a nonce of 96 random bits.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        text = json.dumps(value).encode()
        padded = text.ljust(-(-len(text) // _PADDED) * _PADDED)
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(self.derived("sealed")).encrypt(nonce, padded, about.encode())
        return base64.b64encode(nonce + sealed).decode()

    def unseal(self, text: str, about: str) -> Any:
        """The value again. Raises: EvidenceError: it was sealed with another key, or about something else."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            sealed = base64.b64decode(text, validate=True)
            opened = AESGCM(self.derived("sealed")).decrypt(sealed[:_NONCE], sealed[_NONCE:], about.encode())
            return json.loads(opened)
        except (ValueError, InvalidTag):
            remedy = f"Restore keys/{PSEUDONYM} from your backup"
            raise EvidenceError(f"what was sealed about {about} does not open with this key", remedy) from None

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            raise ConfigurationError(f"the key {name} is gone", "Restore it from your backup: a new one could neither continue the evidence nor the pseudonyms") from None


def _derived(master: bytes, info: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info.encode()).derive(master)


def _token(key: bytes, value: str) -> str:
    return base64.b32encode(hmac.digest(key, value.encode(), "sha256")[:TOKEN_BYTES]).decode().lower()


def new_private(file: Path) -> dict[str, Any]:
    """Make a person's key, readable by its owner alone. Returns: its public half, as the stewards' policy holds it.

    Raises: ConfigurationError: the file is there already, or cannot be written.
    """
    from securesystemslib.signer import CryptoSigner

    signer = CryptoSigner.generate_ed25519()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(f"the key cannot be written ({error.strerror})", "Name a new file in a folder this user may write", Where(file=str(file))) from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(signer.private_bytes)
    return {"keyid": signer.public_key.keyid, **signer.public_key.to_dict()}


def read_private(file: Path) -> CryptoSigner:
    """A person's key from its file. Raises: ConfigurationError: the file holds none."""
    from cryptography.hazmat.primitives import serialization
    from securesystemslib.signer import CryptoSigner

    try:
        return CryptoSigner(serialization.load_pem_private_key(file.read_bytes(), None))
    except (OSError, ValueError, TypeError):
        raise ConfigurationError("this is no private key", "Make one: assay review key NAME --out FILE", Where(file=str(file))) from None


def public_of(data: Mapping[str, Any]) -> Key:
    """A public key as the stewards' policy holds it. Raises: EvidenceError: it holds none."""
    from securesystemslib.signer import Key

    try:
        return Key.from_dict(data["keyid"], {name: value for name, value in data.items() if name != "keyid"})
    except (KeyError, ValueError, AttributeError, TypeError):
        raise EvidenceError("a steward's key is none", "Mend the stewards' policy") from None


def public_key(file: Path) -> Key:
    """A public key as Assay writes it. Raises: EvidenceError: the file holds none."""
    from securesystemslib.signer import Key

    try:
        data = json.loads(file.read_text())
        return Key.from_dict(data.pop("keyid"), data)
    except (OSError, ValueError, KeyError, AttributeError):
        raise EvidenceError("this is no public key of Assay", "Give the file keys/assay.pub.json of the installation that signed", Where(file=file.name)) from None
