"""Makes hostile files from a seed: sound orders in some input form, then cut, flipped, spliced and poisoned."""

from __future__ import annotations

import gzip
import random
import re
from dataclasses import dataclass

from tests.unit.ugly_orders import DATES, UNUSUAL, UglyOrders

TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}\[\],:]')

HOSTILE = [
    *(b"null", b"NaN", b"-Infinity", b"-", b"01", b"1.", b".5", b"1e", b"+1", b"0x1", b"1e999999999", b"-1e-999999999"),
    *(b"9" * 400, b"0." + b"0" * 400 + b"1", b"1" * 5000, b"-" + b"7" * 30, b"1e+0000000000000000001", b"-0", b"1E400"),
    *(
        b'"\\u0000"',
        b'"a\\u0000b"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\ud83d\\ude00"',
        b'"\\u00',
        b'"\\x"',
        b'"\\',
    ),
    *(b"\x00", b"\x01", b"\x1f", b"\x7f", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf"),
    *("\u2028".encode(), "\u202e\U0010ffff".encode(), b'"' + "é😀".encode() * 3000 + b'"', b'"' + b"x" * 70000 + b'"'),
    *(b"[" * 200, b"[" * 1200 + b"]" * 1200, b'{"a":' * 600 + b"1" + b"}" * 600, b"[" * 30000, b"]" * 50, b"[{" * 400),
    *(b"[" * 990 + b"]" * 990, b'{"products":' * 900 + b"[]" + b"}" * 900, b"[[]" + b",[]" * 5000 + b"]"),
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\n", b"\r\n", b"\r", b" " * 300, b"\t\n " * 40, b"}{", b"},{"),
    *(
        b'"order_id":1,',
        b'"products":null,',
        b'"a":1,"a":2,',
        b'{"orders":[',
        b"]}",
        b'{"order_id":',
        b"//",
        b"/*",
        b"'",
    ),
    *(b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(3000)) + b"}", b'{"":""}', b'{"a.b[\\"]":{"":[]}}', b"true"),
    *(b'"\\"order_id\\":n"', b'"\\":"', b'"2024-07-05T10:15:00.' + b"1" * 60 + b'Z"', b'"2024-07-05T10:15:00Z\\u0000"'),
]
FORMS = ("array", "pretty array", "ndjson", "crlf", "concatenated", "pretty", "envelope", "one")


@dataclass(frozen=True)
class Mutant:
    """A file with its expectations: how it was split by us, and which records must come through untouched."""

    data: bytes
    neighbours: tuple[bytes, ...] = ()
    plain: bytes | None = None

    @property
    def text(self) -> bytes | None:
        """The bytes that rejected records are slices of, where there are any."""
        return self.plain


def mutant(seed: int) -> Mutant:
    """Return the hostile file of this seed."""
    rng = UglyOrders(seed)
    records = [each.replace("\n", " ").encode() for _ in range(rng.randrange(1, 4)) for each in rng.batch(0.1)]
    what = rng.random()
    if what < 0.25:
        return _one_bad_line(rng, records)
    if what < 0.45:
        return _one_bad_element(rng, records)
    data = joined(records, rng.choice(FORMS), rng)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        data = mutated(rng, data)
    if what < 0.9:
        return Mutant(data, plain=data)
    zipped = gzip.compress(data, rng.choice([0, 1, 9]), mtime=0)
    if rng.random() < 0.3:
        zipped += gzip.compress(b"\n" + data, mtime=0)
    if rng.random() < 0.7:
        zipped = _bytes_changed(rng, zipped)
        return Mutant(zipped, plain=zipped if not zipped.startswith(b"\x1f\x8b") else None)
    return Mutant(zipped)


def joined(records: list[bytes], form: str, rng: random.Random) -> bytes:
    """Return records in one of the input forms."""
    comma = rng.choice([b",", b", ", b",\n", b"\n , \n"])
    if form == "one":
        return records[0]
    if form == "array":
        return b"[" + comma.join(records) + b"]"
    if form == "pretty array":
        return b"[\n  " + b",\n  ".join(_pretty(each) for each in records) + b"\n]\n"
    if form == "envelope":
        return b'{"meta": {"n": 1}, "orders": [' + comma.join(records) + rng.choice([b"]}", b'], "next": null}'])
    if form == "concatenated":
        return b"".join(records)
    if form == "pretty":
        return b"\n".join(_pretty(each) for each in records)
    return (b"\r\n" if form == "crlf" else b"\n").join(records) + rng.choice([b"", b"\n", b"\n\n"])


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Change `data` at one position or a few."""
    return rng.choice([_bytes_changed, _cut, _doubled, _poisoned, _poisoned, _token_replaced, _token_replaced])(
        rng, data
    )


def _one_bad_line(rng: UglyOrders, records: list[bytes]) -> Mutant:
    good = [_sound(rng.randrange(2**32)) for _ in range(4)]
    bad = rng.choice(records)
    for _ in range(rng.choice([1, 1, 2, 4])):
        bad = mutated(rng, bad)
    bad = bad.replace(b"\n", b" ").replace(b"\x1f\x8b", b"")
    end = rng.choice([b"\n", b"\n", b"\r\n"])
    data = end.join([good[0], good[1], bad, good[2], good[3]])
    return Mutant(data, tuple(good), data)


def _one_bad_element(rng: UglyOrders, records: list[bytes]) -> Mutant:
    good = [_sound(rng.randrange(2**32)) for _ in range(4)]
    bad = rng.choice(records)
    for _ in range(rng.choice([1, 1, 2, 3])):
        bad = _token_replaced(rng, bad)
    data = joined([good[0], good[1], bad, good[2], good[3]], rng.choice(["array", "envelope"]), rng)
    # A file that is broken by it is quarantined whole; what the rest is, the worker sees.
    return Mutant(data, tuple(good), data)


def _sound(seed: int) -> bytes:
    return re.sub(r"\s+", " ", UglyOrders(seed).batch(0)[0]).encode()


def _pretty(record: bytes) -> bytes:
    return record.replace(b'{"', b'{\n  "').replace(b',"', b',\n    "')


def _place(rng: random.Random, data: bytes) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice([0, 1, 2, 5, 20, 100, 1000]))


def _bytes_changed(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 6]) if data else 0):
        at = rng.randrange(len(changed))
        changed[at] = rng.choice(
            [changed[at] ^ 1 << rng.randrange(8), rng.randrange(256), rng.choice(b'"\\{}[],:0-n\n')]
        )
    return bytes(changed)


def _cut(rng: random.Random, data: bytes) -> bytes:
    start, end = _place(rng, data)
    return data[:start] if rng.random() < 0.3 else data[:start] + data[end:]


def _doubled(rng: random.Random, data: bytes) -> bytes:
    start, end = _place(rng, data)
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[start:end] * rng.choice([1, 1, 2, 50]) + data[at:]


def _poisoned(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + _poison(rng) + data[at:]


def _token_replaced(rng: random.Random, data: bytes) -> bytes:
    tokens = [match for match in TOKEN.finditer(data[:100_000]) if len(match[0]) > 1 or rng.random() < 0.1]
    if not tokens:
        return data
    token = rng.choice(tokens)
    return data[: token.start()] + _poison(rng) + data[token.end() :]


def _poison(rng: random.Random) -> bytes:
    what = rng.random()
    if what < 0.6:
        return rng.choice(HOSTILE)
    if what < 0.7:
        return f'"{rng.choice(DATES)}"'.encode()
    if what < 0.8:
        return str(
            rng.choice(
                [
                    rng.uniform(-1e6, 1e6),
                    rng.randrange(-(2**70), 2**70),
                    rng.random() * 10.0 ** rng.randrange(-330, 309),
                ]
            )
        ).encode()
    return rng.choice(UNUSUAL).encode()
