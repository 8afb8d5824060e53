"""Checkpoints as signed notes, and the keys that sign them.

The form is that of transparency logs, so that their tools read it: https://c2sp.org/signed-note
and https://c2sp.org/tlog-checkpoint. The lines after the root are ours: `time`, until when
everything committed is sealed, and while a key is changed one `key` for each that signs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
_SIGNED = "— "
_NOTE = re.compile(r"^\S[^\n]*\n\d+\n[A-Za-z0-9+/=]{44}\n(?:\S[^\n]*\n)*\n(?:— [^\n]+\n)+", re.M)


class NoKey(ValueError):
    """What was given as a key is none. The message holds nothing of it."""


class NoteBroken(ValueError):
    """This is no signed note, or none of the keys has signed it."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks; as text `name+id+key`, the form of signed notes."""

    name: str
    raw: bytes

    @classmethod
    def read(cls, text: str) -> PublicKey:
        """The key from its text. Raises NoKey."""
        try:
            name, given_id, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            raise NoKey("A public key looks like name+id+key.") from None
        key = cls(name, raw[1:])
        if raw[:1] != _ED25519 or len(key.raw) != 32 or key.id.hex() != given_id:
            raise NoKey("This public key is damaged or of another kind than Ed25519.")
        return key

    @property
    def id(self) -> bytes:
        digest = hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.raw)
        return digest.digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(_ED25519 + self.raw).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"

    def has_signed(self, text: str, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs; as text `name:seed`, the seed 32 bytes in base64."""

    public: PublicKey
    _private: Ed25519PrivateKey

    @classmethod
    def read(cls, text: str) -> SigningKey:
        """The key from its text. Raises NoKey."""
        name, _, encoded = text.strip().partition(":")
        try:
            seed = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            seed = b""
        if len(seed) != 32 or not name or set(name) & set("+ \n"):
            raise NoKey("A key of the record looks like name:seed, with 32 bytes in base64.")
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(PublicKey(name, private.public_key().public_bytes_raw()), private)

    def line(self, text: str) -> str:
        signed = self.public.id + self._private.sign(text.encode())
        return f"{_SIGNED}{self.public.name} {base64.b64encode(signed).decode()}\n"

    def __repr__(self) -> str:
        return f"<signing key {self.public.name}>"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a checkpoint says. `keys`: public keys, as text, between which the signer changes."""

    origin: str
    size: int
    root: bytes
    at: datetime
    keys: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        lines = [self.origin, str(self.size), base64.b64encode(self.root).decode()]
        lines += [f"time {moment(self.at)}", *(f"key {key}" for key in self.keys)]
        return "\n".join(lines) + "\n"


def moment(at: datetime) -> str:
    """A time as the seal writes it: UTC, to the microsecond."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def sign(statement: Statement, keys: Sequence[SigningKey]) -> str:
    """The statement as a note with a signature by each key."""
    text = statement.text
    return text + "\n" + "".join(key.line(text) for key in keys)


def opened(note: str, keys: Iterable[PublicKey]) -> Statement:
    """What a note says, when one of the keys has signed it. Raises NoteBroken."""
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    known = {(key.name, key.id): key for key in keys}
    for line in signatures.splitlines():
        name, _, encoded = line.removeprefix(_SIGNED).partition(" ")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            continue
        key = known.get((name, raw[:4]))
        if key is not None and key.has_signed(text, raw[4:]):
            return _read(text)
    raise NoteBroken("No key that is known has signed this checkpoint.")


def notes_in(text: str) -> list[str]:
    """The notes in a text, whatever stands between them."""
    return [found[0] for found in _NOTE.finditer(text)]


def _read(text: str) -> Statement:
    try:
        origin, size, root, *more = text.splitlines()
        said = [line.partition(" ") for line in more]
        at = next(value for name, _, value in said if name == "time")
        keys = tuple(value for name, _, value in said if name == "key")
        moment_ = datetime.fromisoformat(at)
        return Statement(origin, int(size), base64.b64decode(root), moment_, keys)
    except (ValueError, StopIteration):
        raise NoteBroken("This checkpoint was signed and cannot be read.") from None
