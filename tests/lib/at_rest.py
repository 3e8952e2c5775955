# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail as it lies on disk, read without Dovecot: the format of its
mail_crypt plug-in (version 2) and of its lz4 files, after their
documentation, so that what we promise to be readable with the key alone
is read with the key alone."""

import ctypes
import functools
import hashlib
import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import (Cipher, algorithms,
                                                    modes)
from cryptography.hazmat.primitives.serialization import (
    Encoding, PublicFormat, load_pem_private_key)

MAGIC = b"CRYPTED\x03\x07"
LZ4_MAGIC = b"Dovecot-LZ4\x0d\x2a\x9b\xc5"
TAG = 16


@functools.lru_cache(maxsize=64)
def load(pem):
    return load_pem_private_key(pem, None)


def public_der(private):
    point = private.public_key().public_bytes(
        Encoding.X962, PublicFormat.CompressedPoint)
    # SubjectPublicKeyInfo of prime256v1 with a compressed point.
    return bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107"
                         "032200") + point


def key_id(private):
    """What Dovecot calls the key: hex of SHA-256 of its public half."""
    return hashlib.sha256(public_der(private)).hexdigest()


def forms(pem):
    """Both halves as Dovecot writes its own keys."""
    private = load(pem)
    number = private.private_numbers().private_value
    # With a zero before a top bit, without others.
    digits = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return (b"2:1.2.840.10045.3.1.7:0:%08x%s:%s" % (
        len(digits), digits.hex().encode(), key_id(private).encode()),
        b"2:%s:%s" % (public_der(private).hex().encode(),
                      key_id(private).encode()))


def fingerprint(pem):
    """What mailherd shows of a key."""
    return key_id(load(pem))[:32]


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, length):
        piece = self.data[self.at:self.at + length]
        if len(piece) != length:
            raise ValueError("cut short")
        self.at += length
        return piece

    def number(self):
        return int.from_bytes(self.take(4), "big")

    def field(self):
        return self.take(self.number())

    def identifier(self):
        assert self.take(1) == b"\x06"
        self.take(self.take(1)[0])


def decrypt(data, pems):
    """The clear bytes behind an encrypted file, with the key among pems."""
    read = Reader(data)
    assert read.take(len(MAGIC)) == MAGIC and read.take(1) == b"\x02"
    assert read.number() == 2  # authenticated
    length = read.number()
    read.identifier()
    read.identifier()
    rounds = read.number()
    read.number()
    assert read.take(2) == b"\x01\x02"  # one EC key
    wanted = read.take(32).hex()
    private = next((k for k in map(load, pems) if key_id(k) == wanted), None)
    if private is None:
        raise KeyError(wanted)
    ephemeral, sealed = read.field(), read.field()
    read.field()
    assert read.at == length, (read.at, length)
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey
                              .from_encoded_point(ec.SECP256R1(), ephemeral))
    derived = hashlib.pbkdf2_hmac("sha256", shared, ephemeral, rounds, 48)
    opener = Cipher(algorithms.AES(derived[:32]),
                    modes.CBC(derived[32:])).decryptor()
    secret = opener.update(sealed) + opener.finalize()
    secret = secret[:-secret[-1]]
    body = data[read.at:]
    if len(body) < TAG:
        raise ValueError("cut short")
    opener = Cipher(algorithms.AES(secret[:32]), modes.GCM(
        secret[32:44], body[-TAG:])).decryptor()
    opener.authenticate_additional_data(secret[44:])
    return opener.update(body[:-TAG]) + opener.finalize()


@functools.lru_cache(maxsize=1)
def library():
    return ctypes.CDLL("liblz4.so.1")


def unpack(data):
    """Dovecot's lz4: blocks of a length and so many compressed bytes."""
    read = Reader(data)
    read.take(len(LZ4_MAGIC))
    size = read.number()
    out = []
    while read.at < len(data):
        block = read.field()
        room = ctypes.create_string_buffer(size)
        length = library().LZ4_decompress_safe(block, room, len(block), size)
        if length < 0:
            raise ValueError("a damaged block")
        out.append(room.raw[:length])
    return b"".join(out)


def keys_beside(path):
    """The keys of the instance to whose mail the file belongs."""
    state = path.partition("/vmail/")[0]
    found = []
    for name in ["mail-crypt"] + ["mail-crypt-%d" % n for n in range(2, 10)]:
        try:
            with open(os.path.join(state, "secrets", name), "rb") as file:
                found.append(file.read())
        except OSError:
            continue
    return found


_known = {}


def clear(path):
    """A stored message's bytes, whatever form it is stored in."""
    with open(path, "rb") as stored:
        data = stored.read()
        status = os.fstat(stored.fileno())
    if not data.startswith((MAGIC, LZ4_MAGIC)):
        return data
    name = (status.st_dev, status.st_ino, status.st_mtime_ns, len(data))
    if name not in _known:
        if len(_known) > 5000:
            _known.clear()
        plain = data
        if plain.startswith(MAGIC):
            plain = decrypt(plain, keys_beside(path))
        if plain.startswith(LZ4_MAGIC):
            plain = unpack(plain)
        _known[name] = plain
    return _known[name]
