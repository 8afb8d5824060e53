#!/usr/bin/env python3
"""Checks a record of Socialdesk without Socialdesk: needs Python 3.11 and `cryptography`.

  verify_socialdesk.py record EXPORT --key KEY --witnessed FILE     the whole record
  verify_socialdesk.py proof PROOF --key KEY [--witnessed FILE]     what one proof proves

KEY is a public key (name+id+key) or a file of such; get it, and the witnessed checkpoints, from
somebody else than gave you the export. Exit code: 0 well, 1 something is wrong, 2 no answer.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import re
import sys
from collections import namedtuple
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

sha256, loads, unbase64 = hashlib.sha256, json.loads, base64.b64decode
NOTE = re.compile(r"^(\S[^\n]*\n\d+\n[A-Za-z0-9+/=]{44}\n(?:\S[^\n]*\n)*)\n((?:— [^\n]+\n)+)", re.M)
GUESSES_MAX = 2_000  # lines between two checkpoints for which it is worked out what was done
Key = tuple[str, bytes]
Found = list[tuple[str, str]]
Answer = tuple[Found, list[str], list[str]]  # what is wrong, proven, not proven
Checkpoint = namedtuple("Checkpoint", "size root time")
Changed = namedtuple("Changed", "place part leaf text stored")  # `part` is not what was sealed


def key_of(text: str) -> Key:
    name, _, encoded = text.strip().split("+", 2)
    return name, unbase64(encoded)[1:]


def is_signed(text: str, signatures: str, key: Key) -> bool:
    for name, encoded in re.findall("^— ([^ ]+) (.+)$", signatures, re.M):
        with suppress(InvalidSignature, ValueError):
            Ed25519PublicKey.from_public_bytes(key[1]).verify(unbase64(encoded)[4:], text.encode())
            return bool(name == key[0])
    return False


def checkpoints_in(text: str, keys: list[Key]) -> tuple[list[Checkpoint], int]:
    """Those signed by a known key, or one that a known key vouches for; how many others are."""
    good, strangers = set(), 0
    for said, signatures in sorted(NOTE.findall(text), key=lambda one: int(one[0].split("\n")[1])):
        if not any(is_signed(said, signatures, key) for key in keys):
            strangers += 1
            continue
        _, size, root, *more = said.splitlines()
        named = [key_of(line[4:]) for line in more if line.startswith("key ")]
        keys += [key for key in named if key not in keys and is_signed(said, signatures, key)]
        time = next((line[5:] for line in more if line.startswith("time ")), "")
        good.add(Checkpoint(int(size), unbase64(root), time))
    return sorted(good), strangers


def climb(place: int, end: int, start: bytes, path: bytes) -> tuple[bytes, bytes]:
    """The roots of the old and the new tree to which a proof leads (RFC 9162, 2.1.3.2, 2.1.4.2)."""
    before = after = start
    for step in (path[at : at + 32] for at in range(0, len(path), 32)):
        if not end:
            return b"", b""
        if place & 1 or place == end:
            before = sha256(b"\1" + step + before).digest()
            after = sha256(b"\1" + step + after).digest()
            while not place & 1 and place:
                place, end = place >> 1, end >> 1
        else:
            after = sha256(b"\1" + after + step).digest()
        place, end = place >> 1, end >> 1
    return (b"", b"") if end else (before, after)


def grows_into(old: Checkpoint, new: Checkpoint, path: bytes) -> bool:
    if old.size == new.size:
        return bool(old.root == new.root)
    path = path if old.size & (old.size - 1) else old.root + path
    place, end = old.size - 1, new.size - 1
    while place & 1:
        place, end = place >> 1, end >> 1
    return climb(place, end, path[:32], path[32:]) == (old.root, new.root)


class Tree:  # the roots of the complete subtrees, from the left: all that growing and a root need
    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size, self.peaks = size, list(peaks)

    def add(self, leaf: bytes, height: int = 0) -> None:
        rest, peaks = self.size >> height, self.peaks
        while rest & 1:
            leaf = sha256(b"\1" + peaks.pop() + leaf).digest()
            rest >>= 1
        peaks.append(leaf)
        self.size += 1 << height

    def root(self, more: Iterable[bytes] = ()) -> bytes:
        grown = Tree(self.size, self.peaks)
        for leaf in more:
            grown.add(leaf)
        found = grown.peaks.pop() if grown.peaks else sha256().digest()
        while grown.peaks:
            found = sha256(b"\1" + grown.peaks.pop() + found).digest()
        return found


class Record:  # reads an export line by line and collects what is wrong with it
    def __init__(self, witnessed: list[Checkpoint], late: float, post: int | None) -> None:
        self.witnessed, self.ahead, self.late, self.post = witnessed, witnessed[::-1], late, post
        self.found, self.changed, self.notes = Found(), list[Changed](), ""
        self.tree, self.start = Tree(), Tree()  # as it grows; where a checkpoint last held
        self.since = list[tuple[int, bytes]]()  # number and hash of the lines after `start`
        self.broken: Checkpoint | None = None  # the first witnessed checkpoint that does not hold
        self.lines, self.waiting, self.erased, self.erasures = 0, 0, set[int](), set[int]()
        self.floor, self.newest, self.say = "", self.late_of(witnessed[-1]), self.found.append
        self.of_post = [f"Of post {post} exactly this is on record:"]
        self.gone = ("removed", "no erasure is on record")

    def late_of(self, seen: Checkpoint) -> str:
        at = datetime.fromisoformat(seen.time) - timedelta(seconds=self.late)
        return at.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def line(self, index: bytes, hexed: bytes, leaf: bytes, who: bytes, what: bytes) -> None:
        event = loads(leaf or b'{"number": 0, "time": "9", "event": "", "post_id": null}')
        number, time = event["number"], event["time"]
        if not hexed:
            self.waiting += 1
            if event["event"] == "record.erased":  # explains nothing without a seal, which may come
                self.gone = ("unsettled", "an erasure is not sealed yet: export again")
            if time < self.newest:
                self.say(("inserted", f"Event {number} of {time} was put in past the seal."))
            return
        place, stored = int(index), bytes.fromhex(hexed.decode())
        if place != self.lines:
            self.say(("removed", f"The places {self.lines} to {place - 1} are missing."))
        self.lines = place + 1
        self.tree.add(stored)
        self.since += [(number, stored)] * (len(self.since) <= GUESSES_MAX)
        if not leaf:
            self.say(("removed", f"The event at place {place} was removed."))
        elif sha256(b"\0" + leaf).digest() != stored:
            self.changed.append(Changed(place, "event", leaf, leaf, stored))
        for part, text in (("who", who), ("what", what)) if leaf else ():
            if not text:
                self.erased.add(number)
            elif sha256(text).hexdigest() != event[f"{part}_sha256"]:
                self.changed.append(Changed(place, part, leaf, text, stored))
        if event["event"] == "record.erased" and what:
            self.erasures.update(loads(what)["data"]["events"])
        if time < self.floor:
            self.say(("backdated", f"Event {number} says {time}, and came in long after that."))
        if self.post is not None and event["post_id"] == self.post:
            self.of_post.append(f"{time} {event['event']} {who.decode()} {what.decode()}")
        while self.ahead and self.ahead[-1].size <= self.tree.size and not self.broken:
            seen = self.ahead.pop()
            if self.tree.size != self.lines or seen.root != self.tree.root():
                self.broken = seen
            else:
                self.start, self.since = Tree(self.tree.size, self.tree.peaks), []
                self.floor = self.late_of(seen)

    def conclude(self, keys: list[Key]) -> None:  # first of single events, then of the whole
        places = {one.stored: one.place for one in self.changed if one.part == "event"}
        contents = [one for one in self.changed if one.part == "what"][:GUESSES_MAX]
        for one in self.changed:
            number, place = loads(one.leaf)["number"], one.place
            origin = places.get(sha256(b"\0" + one.leaf).digest())
            other = next((c for c in contents if one.part == "what" and is_content_of(one, c)), one)
            if origin is not None:
                self.say(("reordered", f"Event {number} of place {origin} is at place {place}."))
            elif other is not one:
                self.say(("swapped", f"Event {number} has that of {loads(other.leaf)['number']}."))
            else:
                self.say(("edited", f"Event {number} was edited: {one.part}, at place {place}."))
        own, strangers = checkpoints_in(self.notes, list(keys))
        newest = [Checkpoint(0, b"", ""), *own][-1]
        if strangers:
            self.say(("rebuilt", "The export is signed with a key that no known key vouches for."))
        if self.lines < (top := self.witnessed[-1].size):
            kind = "restored" if newest.size == self.lines else "truncated"
            self.say((kind, f"{top} lines were witnessed, the export has {self.lines}: old or cut"))
        if self.broken and self.tree.size == self.lines:
            self.name_rewriting(self.broken, newest)
        for number in self.erased - self.erasures:
            self.say((self.gone[0], f"Content of event {number} is gone, {self.gone[1]}."))

    def name_rewriting(self, broken: Checkpoint, newest: Checkpoint) -> None:
        count, hashes = broken.size - self.start.size, [stored for _, stored in self.since]
        where = f"among the lines from place {self.start.size} up to {broken.size - 1}."
        if newest[:2] == (self.lines, self.tree.root()):
            self.say(("forked", f"The record's own key signed two histories, that differ {where}"))
        if count <= GUESSES_MAX:
            if self.start.root(stored for _, stored in sorted(self.since[:count])) == broken.root:
                return self.say(("reordered", f"Lines were put into another order {where}"))
            for at, (number, _) in enumerate(self.since[: count + 1]):
                if self.start.root(hashes[:at] + hashes[at + 1 : count + 1]) == broken.root:
                    return self.say(("inserted", f"Event {number} was put in afterwards {where}"))
        return self.say(("rewritten", f"Lines and all hashes after them were made anew {where}"))


def is_content_of(one: Changed, other: Changed) -> bool:
    moved = loads(one.text) | {"salt": loads(other.text)["salt"]}
    again = json.dumps(moved, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return one != other and sha256(again).hexdigest() == loads(other.leaf)["what_sha256"]


def check_record(given: argparse.Namespace, keys: list[Key], seen: list[Checkpoint]) -> Answer:
    record = Record(seen, given.late, given.post)
    with given.file.open("rb") as lines:
        if next(lines, b"") != b"socialdesk-record\t1\n":
            raise ValueError("this is no sealed export of a form known here")
        for line in lines:
            if line.startswith(b"checkpoint\t"):
                record.notes += loads(line[11:]) + "\n"
            else:
                record.line(*line.rstrip(b"\n").split(b"\t"))
    record.conclude(keys)
    top, more = record.start.size, record.of_post if given.post is not None else []
    text = "none edited, removed, put in, moved or dated back, but for what is found above"
    proven = [f"{top} lines stand as witnessed by {seen[-1].time}: {text}.", *more]
    return record.found, proven, [
        f"The {record.lines - top} sealed lines after these; {record.waiting} are not sealed yet.",
        f"What the erased content of {len(record.erased)} events said.",
        "That what was written down is true: only that it was, and when by the server's clock.",
    ]  # fmt: skip


def check_proof(given: argparse.Namespace, keys: list[Key], seen: list[Checkpoint]) -> Answer:
    """A proof a line: of events by paths, or of all `listed` ones with what is between them."""
    found, proven, total = Found(), list[str](), 0
    with (gzip.open if given.file.suffix == ".gz" else open)(given.file, "rb") as lines:
        for proof in map(loads, lines):
            known, strangers = checkpoints_in("\n".join(proof["checkpoints"]), keys)
            if strangers or not known:
                return [("unsigned", "No known key has signed the checkpoint.")], [], []
            old, top, tree, listed = known[0], known[-1], Tree(), proof.get("listed", 0)
            if not grows_into(old, top, unbase64(proof["consistency"])):
                found.append(("forked", "The two checkpoints belong to different histories."))
            text = f"The record of {old.size} lines is the beginning of that of {top.size}."
            proven += [text] if old != top and not found else []
            for event in proof["events"]:
                if "height" in event:  # a complete subtree of events that are not listed
                    tree.add(bytes.fromhex(event["hash"]), event["height"])
                    continue
                leaf, place, path = event["leaf"].encode(), event["index"], event.get("path", "")
                said, hashed = loads(leaf), sha256(b"\0" + leaf).digest()
                texts = [(said[p + "_sha256"], event[p].encode()) for p in ("who", "what")]
                good = all(not text or sha256(text).hexdigest() == bound for bound, text in texts)
                total += bool(listed)
                tree.add(hashed)
                root = climb(place, top.size - 1, hashed, unbase64(path))[1]
                if not (good := good and (listed or root == top.root) and place < top.size):
                    found.append(("edited", f"Event {said['number']} was not recorded like this."))
                text = f"Recorded by {top.time}: {event['leaf']} {event['who']} {event['what']}"
                proven += [text] if good and not listed else []
            if listed and (tree.size, tree.root()) != top[:2]:
                found.append(("edited", "Events of one part were not recorded like this."))
            if seen and not {old, top} & set(seen):
                found.append(("unwitnessed", "Its checkpoint is not among those witnessed."))
    proven += [f"{total} events were recorded exactly as they are listed."] if total else []
    rest = ["That nothing else was recorded: only an export of the whole record shows that."]
    return found, proven, rest if seen else [*rest, "That somebody else saw the checkpoint."]


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("kind", choices=("record", "proof"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", action="append", required=True)
    parser.add_argument("--witnessed", type=Path, action="append", default=[])
    parser.add_argument("--late", type=float, default=300, help="seconds a line may come in late")
    parser.add_argument("--post", type=int, help="say all that is on record of this post")
    given = parser.parse_args()
    try:
        texts = [Path(one).read_text() if Path(one).is_file() else one for one in given.key]
        keys = [key_of(line) for text in texts for line in text.split()]
        seen, _ = checkpoints_in("\n".join(path.read_text() for path in given.witnessed), keys)
        if given.kind == "record" and not seen:
            raise ValueError("no witnessed checkpoint is signed by the key")
        checks = {"record": check_record, "proof": check_proof}
        found, proven, rest = checks[given.kind](given, keys, seen)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        parser.exit(2, f"It could not be checked: {error}\n")
    wrong = [f"{kind}: {text}" for kind, text in found]
    for title, lines in (("FOUND:", wrong), ("PROVEN:", proven), ("NOT PROVEN:", rest)):
        sys.stdout.writelines(f"{line}\n" for line in [title, *lines] if lines)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
