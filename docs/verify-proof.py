#!/usr/bin/env python3
"""Verifies a proof from a Watchkeeper audit log, with nothing of Watchkeeper: Python's standard library and openssl.

    verify-proof.py record-1204.tlog-proof 'example.com/audit+1a2b3c4d+AQ…'

The second argument is the key of the log, as it was noted elsewhere. Ends with 0 when the record in the proof is in the log.
The formats are C2SP signed-note, tlog-checkpoint and tlog-proof, and RFC 6962's Merkle tree.
"""
import base64
import hashlib
import json
import subprocess
import sys
import tempfile
from datetime import datetime, timezone


def main(proof_path, key):
    with open(proof_path, encoding="utf-8", newline="") as file:
        record, origin, size = verified(file.read().replace("\r\n", "\n"), key)
    print(f"record {record['seq']} is in {origin}, whose checkpoint has {size} records:")
    print(json.dumps(record, indent=2, ensure_ascii=False))


def verified(proof, key):
    """The record of a proof that holds, the name of the log, and how many records its checkpoint has."""
    head, note = proof.split("\n\n", 1)
    lines = head.split("\n")
    must(lines[0] == "c2sp.org/tlog-proof@v1", "it is no proof")
    record = json.loads(base64.b64decode(lines[1].removeprefix("extra ")))
    index = int(lines[2].removeprefix("index "))
    path = [base64.b64decode(line) for line in lines[3:]]

    origin, size, root = checkpoint(note, key)
    must(record_hash(record) == record["hash"], "the record's content does not give its hash")
    must(record["seq"] == index + 1, "the record has another number than the proof says")
    leaf = hashlib.sha256(b"\0" + bytes.fromhex(record["hash"])).digest()
    must(root_by(leaf, index, size, path) == root, "the record is not in the log that the checkpoint stands for")
    return record, origin, size


def checkpoint(note, key):
    """What a signed checkpoint says: the name of the log, how many records it stands for, and the root over them."""
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    must(signed(text, signatures, key), "no signature of the log's key stands under the checkpoint")
    origin, size, root = text.split("\n")[:3]
    must(origin == key.split("+")[0], "the checkpoint is of another log")
    return origin, int(size), base64.b64decode(root)


def must(holds, otherwise):
    if not holds:
        sys.exit(f"The proof does not hold: {otherwise}.")


def signed(text, signatures, key):
    """Whether one of the lines is the Ed25519 signature of the key `name+id+base64` over the text."""
    name, key_id, packed = key.strip().split("+", 2)
    packed = base64.b64decode(packed)
    must(hashlib.sha256(name.encode() + b"\n" + packed).hexdigest()[:8] == key_id, "the key does not fit its id")
    must(packed[0] == 1 and len(packed) == 33, "the key is no Ed25519 key")
    for line in signatures.split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[:2] != ["\u2014", name]:
            continue
        signature = base64.b64decode(parts[2])
        if signature[:4].hex() == key_id and openssl(packed[1:], signature[4:], text.encode()):
            return True
    return False


def openssl(public, signature, message):
    # An Ed25519 key as openssl reads it: a fixed head (RFC 8410) and the 32 bytes.
    pem = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + public).decode()
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "key": f"-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n".encode(),
            "signature": signature,
            "message": message,
        }
        for name, content in files.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", "-inkey", "key", "-sigfile", "signature", "-in", "message"]
        return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def record_hash(record):
    """SHA-256 over the record's fields, each preceded by its length as eight bytes."""
    at = datetime.fromisoformat(record["at"].replace("Z", "+00:00"))
    since = at - datetime(1970, 1, 1, tzinfo=timezone.utc)
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    fields = [str(record["seq"]), str(micros)]
    fields += [record[name] for name in ("actor", "action", "subject", "detail", "prev_hash")]
    digest = hashlib.sha256()
    for field in map(str.encode, fields):
        digest.update(len(field).to_bytes(8, "big") + field)
    return digest.hexdigest()


def root_by(leaf, index, size, path):
    """The root that the path gives for the leaf (RFC 9162, section 2.1.3.2)."""
    must(0 <= index < size, "there is no such record in the checkpoint")
    node, last, found = index, size - 1, leaf
    for other in path:
        must(last > 0, "its path is too long")
        if node % 2 == 1 or node == last:
            found = hashlib.sha256(b"\1" + other + found).digest()
            while node % 2 == 0 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + other).digest()
        node, last = node >> 1, last >> 1
    must(last == 0, "its path is too short")
    return found


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
