#!/usr/bin/env python3
"""Verifies an auditor's pack from Watchkeeper, with nothing of Watchkeeper: Python's standard library and openssl.

    verify-pack.py watchkeeper-pack-INC-0042.zip --key 'example.com/audit+1a2b3c4d+AQ…'
    verify-pack.py folder/ --key …          a pack that was unpacked
    verify-pack.py PACK --manifest SHA256   what the log of the service says of the pack (record `pack.exported`)

Take the key, and this script, from where you noted them before, not from the pack: a forger would have changed both. Without --key the
pack's own is used, which finds accidents but no forger. verify-proof.py must lie beside this script. Ends with 0 when every check
holds, with 1 when one does not, with 2 when the pack cannot be read.
"""
import argparse
import csv
import email
import email.policy
import hashlib
import importlib.util
import io
import json
import os
import sys
import zipfile
import zlib

sys.dont_write_bytecode = True
BESIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "verify-proof.py")
spec = importlib.util.spec_from_file_location("verify_proof", BESIDE)
proofs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(proofs)


# What reading a pack can end with that somebody has tampered with, or that a disk has damaged.
BROKEN = (
    KeyError, ValueError, IndexError, TypeError, AttributeError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error,
)


class Zipped:
    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)
        self.names = [name for name in self.zip.namelist() if not name.endswith("/")]

    def open(self, name):
        return self.zip.open(name)


class Unpacked:
    def __init__(self, path):
        self.path, self.names = path, []
        for folder, _, files in os.walk(path):
            within = os.path.relpath(folder, path)
            self.names += [os.path.normpath(os.path.join(within, file)).replace(os.sep, "/") for file in files]

    def open(self, name):
        return open(os.path.join(self.path, *name.split("/")), "rb")


class Verification:
    """The checks, in their order, and everything that does not fit."""

    def __init__(self, pack, key):
        self.pack, self.key = pack, key
        self.rows = []
        self.log = {"count": 0, "head": "0" * 64}
        self.letters, self.notices = {}, {}
        self.queued, self.attempted, self.acts, self.lines = {}, {}, {}, {}
        self.written, self.first_written, self.erased = {}, None, set()
        self.words, self.sent_with, self.by_hand = {}, {}, {}
        self.bases, self.rules = {}, []

    def read(self, name):
        with self.pack.open(name) as file:
            return file.read()

    def text(self, name):
        return self.read(name).decode("utf-8")

    def check(self, what, work):
        """Runs one check; it gives how many things held and what did not."""
        try:
            held, faults = work()
        except SystemExit as fault:
            held, faults = 0, [str(fault)]
        except BROKEN as fault:
            held, faults = 0, [f"it cannot be read: {type(fault).__name__}: {fault}"]
        self.rows.append((what, held, faults))

    def run(self, manifest):
        self.check("manifest", lambda: self.manifest(manifest))
        self.check("audit log: hash chain", self.chain)
        self.check("audit log: checkpoint", self.checkpoint)
        self.check("proofs of delivery", self.proofs)
        self.check("timelines", self.timelines)
        self.check("letters and approvals", self.approvals)
        self.check("words of holding notices", self.holding_words)
        self.check("told by hand", self.told_by_hand)
        self.check("contracts and rules as they were counted on", self.counted)
        self.check("messages", self.messages)
        return all(not faults for _, _, faults in self.rows)

    def manifest(self, expected):
        raw = self.read("manifest.json")
        faults = []
        digest = hashlib.sha256(raw).hexdigest()
        if expected and digest != expected.lower():
            faults.append(f"manifest.json: its SHA-256 is {digest}, and should be {expected.lower()}")
        manifest = json.loads(raw)
        self.about = manifest
        named = {}
        for file in manifest["files"]:
            if file["path"] in named:
                faults.append(f"{file['path']}: it is named twice")
            named[file["path"]] = file
        for path, file in named.items():
            if path not in self.pack.names:
                faults.append(f"{path}: it was removed")
                continue
            digest, size = hashlib.sha256(), 0
            try:
                with self.pack.open(path) as content:
                    while part := content.read(1 << 20):
                        digest.update(part)
                        size += len(part)
            except BROKEN as fault:
                faults.append(f"{path}: it is damaged ({fault})")
                continue
            if digest.hexdigest() != file["sha256"] or size != file["bytes"]:
                faults.append(f"{path}: it was changed")
        for path in self.pack.names:
            if path not in named and path != "manifest.json":
                faults.append(f"{path}: it was added, the manifest does not name it")
        if len(set(self.pack.names)) != len(self.pack.names):
            faults.append("the zip has two files of one name")
        return len(named), faults

    def chain(self):
        seq, head, faults, tree = 0, "0" * 64, [], []
        try:
            sealed = int(self.text("log/checkpoint.txt").split("\n")[1])
        except BROKEN:
            sealed = None  # The check of the checkpoint says so.
        with self.pack.open("log/log.jsonl") as lines:
            for number, line in enumerate(lines, 1):
                record = json.loads(line)
                if record["seq"] != seq + 1:
                    faults.append(f"log/log.jsonl:{number}: record {seq + 1} should stand here, but {record['seq']} does: a row was removed or moved")
                    break
                if record["prev_hash"] != head:
                    faults.append(f"log/log.jsonl:{number}: record {record['seq']} follows another one than stands before it")
                    break
                if proofs.record_hash(record) != record["hash"]:
                    faults.append(f"log/log.jsonl:{number}: record {record['seq']} was changed")
                    break
                seq, head = record["seq"], record["hash"]
                push(tree, hashlib.sha256(b"\0" + bytes.fromhex(head)).digest())
                if seq == sealed:
                    self.log["root"] = root_of(tree)
                self.keep(record, line)
        self.log.update(count=seq, head=head)
        said = self.about["log"] if hasattr(self, "about") else {"records": seq, "head": head}
        if not faults and (said["records"], said["head"]) != (seq, head):
            faults.append(f"log/log.jsonl: it ends with record {seq}, and the manifest says {said['records']}: its end was cut off or changed")
        return seq, faults

    def keep(self, record, line):
        """What later checks look for in the log."""
        action = record["action"]
        if action.startswith("notice."):
            self.acts.setdefault(record["subject"], []).append(record)
        if action in ("words.put_forward", "words.approved", "words.taken_back"):
            detail = json.loads(record["detail"])
            acts = self.words.setdefault((detail["language"], detail["digest"]), [])
            acts.append((record["seq"], action, json.loads(record["actor"]), detail.get("why_sha256")))
        if action == "timeline.written":
            self.first_written = self.first_written or instant(record["at"])
            for entry, commitment in json.loads(record["detail"])["entries"].items():
                self.written[entry] = (record["subject"], commitment)
        if action == "contact.erased":
            detail = json.loads(record["detail"])
            self.erased.update(detail["deliveries"], detail["letters"], detail["entries"], detail.get("obligations", []))
        if action in ("obligation.begun", "obligation.moved"):
            basis = json.loads(record["detail"]).get("counted_on")
            bases = self.bases.setdefault(record["subject"], [])
            if basis and bases[-1:] != [basis]:
                bases.append(basis)
        if action == "rules.counted":
            for path, sha256 in json.loads(record["detail"])["files"].items():
                self.rules.append((record["subject"], path, sha256))
        if action == "obligation.told_by_hand":
            detail = json.loads(record["detail"])
            self.by_hand[detail["telling"]] = (record["subject"], detail["commitment"])
        if action == "delivery.queued":
            detail = json.loads(record["detail"])
            self.queued[record["subject"]] = detail
            if detail.get("template"):
                self.sent_with.setdefault(detail["letter"], []).append((detail["template"], record["seq"]))
        if action == "delivery.attempted":
            self.attempted.setdefault(record["subject"], []).append(json.loads(record["detail"]))
            self.lines[record["seq"]] = json.loads(line)

    def checkpoint(self):
        _, size, root = proofs.checkpoint(self.text("log/checkpoint.txt"), self.key)
        if self.log["count"] < size:
            return 0, [f"log/log.jsonl: the checkpoint stands for {size} records, but only {self.log['count']} hold: the log was cut or changed"]
        if self.log.get("root") != root:
            return 0, [f"log/log.jsonl: its first {size} records are not those that the checkpoint stands for: one was changed, and the hashes with it"]
        return size, []

    def proofs(self):
        names = [name for name in self.pack.names if name.startswith("log/proofs/")]
        faults = []
        for name in sorted(names):
            try:
                record, _, _ = proofs.verified(self.text(name), self.key)
                if record != self.lines.get(record["seq"]):
                    faults.append(f"{name}: its record is not the one in log/log.jsonl")
            except (SystemExit, *BROKEN) as fault:
                faults.append(f"{name}: {fault}")
        accepted = {id for id, tried in self.attempted.items() if any(t["outcome"] == "accepted" for t in tried)}
        for name in self.messages_there():
            id = name.removeprefix("messages/").removesuffix(".eml")
            if id in accepted and f"log/proofs/{id}.tlog-proof" not in names:
                faults.append(f"log/proofs/{id}.tlog-proof: the log says that a server took the message, but its proof is missing")
        return len(names), faults

    def timelines(self):
        """Each entry is the one that a record commits to, and none is missing; what somebody was taken out of is named by the log."""
        faults, held, seen, matters = [], 0, set(), set()
        for line in self.text("timeline.jsonl").splitlines():
            entry = json.loads(line)
            matter = entry.get("incident") or entry.get("change")
            matters.add(matter)
            seen.add(entry["id"])
            _, commitment = self.written.get(entry["id"], (None, None))
            if entry["id"] in self.erased:
                continue
            if commitment is None:
                if self.first_written and instant(entry["recorded_at"]) >= self.first_written:
                    faults.append(f"timeline.jsonl: no record of the log knows entry {entry['id']}")
            elif commitment != entry_commitment(entry, matter):
                faults.append(f"timeline.jsonl: entry {entry['id']} is not as it was written")
            else:
                held += 1
        for entry, (matter, _) in self.written.items():
            if matter in matters and entry not in seen:
                faults.append(f"timeline.jsonl: the log knows entry {entry} of {matter}, and it is missing")
        return held, faults

    def approvals(self):
        faults, held = [], 0
        for line in self.text("letters.jsonl").splitlines():
            letter = json.loads(line)
            if letter["id"] not in self.erased and letter_digest(letter) != letter["hash"]:
                faults.append(f"letters.jsonl: letter {letter['id']} was changed")
            self.letters.setdefault(letter["notice"], []).append(letter)
        for notice in json.loads(self.text("approvals.json")):
            self.notices[notice["notice"]] = notice
            fault = self.approval_fault(notice)
            if fault:
                faults.append(f"approvals.json: notice {notice['notice']}: {fault}")
            else:
                held += 1
        return held, faults

    def approval_fault(self, notice):
        approved = notice["approved"]
        if not approved:
            return "it is sent, but nobody approved it" if notice["state"] == "sent" else None
        acts = self.acts.get(notice["notice"], [])
        action = {"holding": "notice.dispatched"}.get(notice["kind"], "notice.approved")
        records = [act for act in acts if act["action"] == action]
        if not records:
            return f"the log has no record `{action}` of it"
        said = json.loads(records[-1]["detail"])["content_hash"]
        if said != approved["content_hash"]:
            return f"the log says that {said} was approved, not {approved['content_hash']}"
        if json.loads(records[-1]["actor"]) != approved["actor"]:
            return "the log says that somebody else approved it"
        if action != "notice.approved":
            # Its template was approved beforehand, and customers who were found later have letters of their own.
            return None
        if self.content_hash(notice["notice"]) != said:
            return "its letters are not those that were approved"
        submitted = [json.loads(act["actor"]) for act in acts if act["action"] == "notice.submitted"][-1:]
        if approved["actor"] in submitted:
            return "who approved it submitted it"
        # The log has everybody who began or changed it, also where the notice itself names only the last one.
        wrote = [json.loads(act["actor"]) for act in acts if act["action"] in ("notice.drafted", "notice.edited")]
        named = [writer["actor"] for writer in notice.get("writers", [])]
        if approved["actor"] in [notice["author"]["actor"], *named, *wrote]:
            return "who approved it began it or wrote in it"
        return None

    def told_by_hand(self):
        """Each telling is the one that a record commits to, and none of these obligations is missing."""
        faults, held, seen = [], 0, set()
        for line in self.text("told-by-hand.jsonl").splitlines():
            said = json.loads(line)
            telling = said["telling"]
            seen.add(telling["id"])
            if said["obligation"] in self.erased:
                continue
            if hashlib.sha256(telling["said"].encode()).hexdigest() != telling["said_sha256"]:
                faults.append(f"told-by-hand.jsonl: telling {telling['id']}: what was said is not what its digest stands for")
            elif self.by_hand.get(telling["id"]) != (said["obligation"], telling_commitment(telling)):
                faults.append(f"told-by-hand.jsonl: telling {telling['id']} is not as it was written down")
            else:
                held += 1
        with self.pack.open("obligations.csv") as table:
            rows = csv.DictReader(io.TextIOWrapper(table, "utf-8", newline=""))
            here = {row["obligation"] for row in rows}
        for telling, (obligation, _) in self.by_hand.items():
            if obligation in here and telling not in seen:
                faults.append(f"told-by-hand.jsonl: the log knows telling {telling}, and it is missing")
        return held, faults

    def counted(self):
        """What each deadline was counted on is what the log has, none is missing, and each file of a rule gives its digest."""
        faults, held, seen = [], 0, set()
        lines = [json.loads(line) for line in self.text("rules-counted.jsonl").splitlines()]
        contracts = [json.loads(line) for line in self.text("contracts.jsonl").splitlines()]
        incidents = {line["incident_id"] for line in lines + contracts}
        for line in lines:
            name, key = f"rules-counted/{line['sha256']}.yaml", (line["incident_id"], line["path"], line["sha256"])
            if name not in self.pack.names:
                faults.append(f"{name}: {line['path']} as it was counted on is missing")
            elif hashlib.sha256(self.read(name)).hexdigest() != line["sha256"]:
                faults.append(f"{name}: it is not the file that was counted on")
            elif key not in self.rules:
                faults.append(f"rules-counted.jsonl: the log does not know that {line['incident']} was counted on {line['path']} so")
            else:
                held += 1
        there = {(line["incident_id"], line["path"], line["sha256"]) for line in lines}
        for key in self.rules:
            if key[0] in incidents and key not in there:
                faults.append(f"rules-counted.jsonl: the log knows that {key[1]} was counted on, and it is missing")
        for said in contracts:
            seen.add(said["obligation"])
            if [basis_digest(basis) for basis in said["counted_on"]] != self.bases.get(said["obligation"], []):
                faults.append(f"contracts.jsonl: obligation {said['obligation']}: the log has another contract that it was counted on")
            else:
                held += 1
        with self.pack.open("obligations.csv") as table:
            for row in csv.DictReader(io.TextIOWrapper(table, "utf-8", newline="")):
                if row["obligation"] and row["obligation"] not in seen:
                    faults.append(f"contracts.jsonl: obligation {row['obligation']} is missing")
        return held, faults

    def holding_words(self):
        """Each letter of a holding notice says which words it was filled from and who had approved them: as the log says, when it went."""
        faults, held = [], 0
        for letters in self.letters.values():
            for letter in letters:
                sent, said = self.sent_with.get(letter["id"], []), letter.get("template")
                if not sent:
                    continue  # It was not put on its way, or by a version that kept no words.
                fault = self.words_fault(said, sent)
                if fault:
                    faults.append(f"letters.jsonl: letter {letter['id']}: {fault}")
                else:
                    held += 1
        for notice in self.notices.values():
            for words in notice.get("words", []):
                if self.acts_on(words) != self.acts_said(words):
                    faults.append(f"approvals.json: notice {notice['notice']}: its words in `{words['language']}`: the log has another approval of them")
        return held, faults

    def acts_on(self, words, before=None):
        """Who put words forward, who approved them and which approvals were taken back, as the log has it; up to a record of it."""
        forward, approved, taken = [], [], []
        for seq, action, by, why in self.words.get((words["language"], words["digest"]), []):
            if before is not None and seq >= before:
                break
            if action == "words.put_forward":
                forward.append(by)
            elif action == "words.approved":
                approved.append(by)
            else:
                taken.append((forward, approved, by, why))
                forward, approved = [], []
        return forward, approved, taken

    @staticmethod
    def acts_said(words):
        actors = lambda acts: [act["actor"] for act in acts if act]
        why = lambda one: hashlib.sha256(one["why"].encode()).hexdigest()
        taken = [(actors(one["put_forward"]), actors([one["approved"]]), one["actor"], why(one)) for one in words.get("taken_back", [])]
        return actors(words["put_forward"]), actors([words.get("approved")]), taken

    def words_fault(self, said, sent):
        if any(template != said for template, _ in sent):
            return "the log says that it went with other words, or with another approval of them"
        forward, approvers, _ = self.acts_on(said, before=min(seq for _, seq in sent))
        approved = said.get("approved")
        if not approved:
            return "it says that nobody had approved its words, and the log has who did" if approvers else None
        if approved["by"] not in approvers:
            return "the log has no record `words.approved` by whom it names that stood when it went"
        if not forward:
            return "the log has no record `words.put_forward` of its words"
        if approved["by"] in forward:
            return "who approved its words put them forward"
        return None

    def content_hash(self, notice):
        """Of the letters as they were approved: one from which somebody was erased counts with the digest that it had."""
        letters = self.letters.get(notice, [])
        return digest(sorted(letter["hash"] if letter["id"] in self.erased else letter_digest(letter) for letter in letters))

    def messages_there(self):
        return sorted(name for name in self.pack.names if name.startswith("messages/"))

    def messages(self):
        faults, held = [], 0
        for id, said in sorted(self.queued.items()):
            told = said.get("notice") in self.notices and id not in self.erased
            if told and f"messages/{id}.eml" not in self.pack.names:
                faults.append(f"messages/{id}.eml: the log says that it was sent, but it is missing")
        for name in self.messages_there():
            fault = self.message_fault(name)
            if fault:
                faults.append(f"{name}: {fault}")
            else:
                held += 1
        return held, faults

    def message_fault(self, name):
        id = name.removeprefix("messages/").removesuffix(".eml")
        raw = self.read(name)
        queued, tried = self.queued.get(id), self.attempted.get(id, [])
        if not queued and not tried:
            return "the log knows no such message"
        if queued and queued["message_sha256"] != hashlib.sha256(raw).hexdigest():
            return "its bytes are not those that the log says were sent"
        text = plain_text(raw)
        # A mail ends with a line break, whether the letter does or not.
        ends = (text, text.rstrip("\n"), text.rstrip("\n") + "\n")
        texts = {hashlib.sha256(end.encode()).hexdigest() for end in ends}
        for attempt in tried:
            if attempt.get("text_sha256") not in texts:
                return "its text is not the one that the log says a server was given"
        return None


def push(tree, leaf):
    """A leaf more: `tree` has the roots of perfect trees, the largest first, as (leaves, hash)."""
    tree.append((1, leaf))
    while len(tree) > 1 and tree[-1][0] == tree[-2][0]:
        (size, right), (_, left) = tree.pop(), tree.pop()
        tree.append((2 * size, hashlib.sha256(b"\1" + left + right).digest()))


def root_of(tree):
    root = tree[-1][1]
    for _, left in reversed(tree[:-1]):
        root = hashlib.sha256(b"\1" + left + root).digest()
    return root


def digest(parts):
    """SHA-256 over texts, each preceded by its length as eight bytes."""
    found = hashlib.sha256()
    for part in (part.encode() for part in parts):
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


def letter_digest(letter):
    return digest([letter["customer"], letter["subject"], letter["text"], letter["html"], *letter["recipients"]])


def entry_commitment(entry, matter):
    by = json.dumps(entry["by"], separators=(",", ":"), ensure_ascii=False)
    parts = [entry.get("salt", ""), entry["id"], matter, entry["happened_at"], entry["recorded_at"], by, entry["kind"], entry["text"]]
    return digest(parts)


def basis_digest(basis):
    contract = basis["contract"]
    terms = contract["terms"]
    return digest([basis["at"], basis["due_at"], basis["rule"], basis.get("rule_sha256", ""), contract["reference"],
                   contract["notify_within"] or "", terms["counts_from"], ",".join(terms["recipients"]), terms["channel"],
                   str(contract["customer_version"])])


def telling_commitment(telling):
    names = ["id", "channel", "teller", "to", "told_at", "said_sha256", "evidence", "recorded_at"]
    return digest([telling.get("salt", ""), *(telling[name] for name in names)])


def instant(text):
    """An instant to compare: seconds, and what follows them, padded."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return whole, fraction.ljust(9, "0")


def plain_text(raw):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    part = message.get_body(preferencelist=("plain",))
    return part.get_payload(decode=True).decode("utf-8").replace("\r\n", "\n")


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("pack")
    asked.add_argument("--key", help="the key of the log, as it was noted elsewhere")
    asked.add_argument("--manifest", metavar="SHA256", help="the digest of manifest.json, as the service's log has it")
    asked = asked.parse_args()
    try:
        pack = Unpacked(asked.pack) if os.path.isdir(asked.pack) else Zipped(asked.pack)
        key = asked.key
        if not key:
            with pack.open("log/key.txt") as file:
                key = file.read().decode("utf-8").strip()
    except BROKEN as fault:
        print(f"{asked.pack}: {fault}", file=sys.stderr)
        return 2
    verification = Verification(pack, key)
    sound = verification.run(asked.manifest)
    width = max(len(what) for what, _, _ in verification.rows)
    for what, held, faults in verification.rows:
        print(f"{what:{width}}  {'holds' if not faults else 'DOES NOT HOLD':13}  {held}")
        for fault in faults[:50]:
            print(f"{'':{width}}    {fault}")
        if len(faults) > 50:
            print(f"{'':{width}}    and {len(faults) - 50} more")
    try:
        print(f"\nmanifest.json has the SHA-256 {hashlib.sha256(verification.read('manifest.json')).hexdigest()}.")
    except BROKEN:
        pass  # The check of the manifest has said so.
    if not asked.key:
        print("The key is the pack's own: compare it with the one that you noted elsewhere, or a forger could have changed it, too.")
    print("Every check holds." if sound else "The pack is not as it was exported.")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
