"""Keyed hashes: so that a value can be looked for in the record without standing in it.

A plain hash of a phone number is the phone number to anybody with an afternoon; HMAC with a key that is not
in the record is not. The key comes from the environment, or for a record in a file from a file beside it
that only its owner may read. Whoever holds both the record and the key can try values out.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from safety.errors import ConfigError, StoreError
from safety.events.place import is_url

KEY_VARIABLE = "SAFETY_LAYER_RECORD_KEY"
KEY_BYTES = 32
SHORTEST = 16  # characters of a key from the environment
DIGITS = 32  # hexadecimal digits that are kept of a hash: 128 bits

_BLANKS = dict.fromkeys(map(ord, " \t\r\n\u00a0-–()/"))  # how numbers are written differently


def value_hash(text: str, key: bytes) -> str:
    """The name under which ``text`` is found, however it is spaced or capitalised."""
    return _keyed("value", normalised(text), key)


def user_key(label: str, key: bytes) -> str:
    """A name for the user ``label`` that tells users apart and does not tell who they are."""
    return _keyed("user", label, key)


def normalised(text: str) -> str:
    """``text`` without what different writings of one value differ in: case, width, blanks, hyphens and
    brackets; in numbers also dots."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_BLANKS)
    return plain if any(map(str.isalpha, plain)) else plain.replace(".", "")


def _keyed(kind: str, text: str, key: bytes) -> str:
    message = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:DIGITS]


def record_key(store: str | Path, *, make: bool = False) -> bytes | None:
    """The key of the record's hashes: the environment's, else that beside an SQLite file, which ``make``
    makes where there is none. ``None`` when there is no key: a record in PostgreSQL needs the environment's.
    ``StoreError`` for a file that can be neither read nor made; ``ConfigError`` for a key too short."""
    given = key_from(os.environ)
    if given is not None or is_url(store):
        return given
    return made_key(Path(store)) if make else read_key(Path(store))


def key_from(environ: Mapping[str, str]) -> bytes | None:
    """The key that the environment gives, if any. ``ConfigError`` for one that is too short to be one."""
    given = environ.get(KEY_VARIABLE, "")
    if not given:
        return None
    if len(given) < SHORTEST:
        raise ConfigError(f"{KEY_VARIABLE}: {len(given)} characters: at least {SHORTEST} are needed")
    return hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()


def key_file(path: Path) -> Path:
    """Where the key of the record at ``path`` is kept."""
    return path.with_name(f"{path.name}.key")


def read_key(path: Path) -> bytes | None:
    """The key in the file beside the record at ``path``; ``None`` when there is none. ``StoreError`` for a
    file that cannot be read or is no key."""
    file = key_file(path)
    try:
        return _parsed(file, file.read_text("ascii"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file}: {getattr(error, 'strerror', None) or 'not a key'}") from error


def made_key(path: Path) -> bytes:
    """``read_key``, and where there is none a new key. Several processes may ask at once: all get the same.
    ``StoreError`` when it can be neither read nor made."""
    file = key_file(path)
    found = read_key(path)
    if found is not None:
        return found
    # Written under another name and linked: nobody sees half a key, and the first one wins.
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(KEY_BYTES) + "\n")
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror or error}") from error
    found = read_key(path)
    if found is None:
        raise StoreError(f"{file}: was removed as soon as it was made")
    return found


def _parsed(file: Path, text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StoreError(f"{file}: not a key: {KEY_BYTES} bytes in hexadecimal digits are expected")
    return key
