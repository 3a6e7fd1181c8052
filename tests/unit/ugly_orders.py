"""Makes orders as they come: sound, unusual and broken, as JSON text, from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta

UNUSUAL = [
    *("0", "-0", "1", "-1", "7", "2.0", "2.5", "1e3", "1E-2", "-0.0", "12.30", "12.2999999999999998", "0.00001"),
    *("1e-400", "0e-999", '"1e-999"', '"1\\u0065-400"', "0.0E-0400", "2E-330", "0." + "0" * 330 + "1", "5e-324"),
    *("1e400", "-1e400", '"1,234.56"', '"$12.50"', "9223372036854775807", "9223372036854775808", "99999999999999.9999"),
    *("100000000000000", "123456789.12345", "123456789012345678", "1234567890123456789", "56294995342131.2"),
    *("123456789012.3456", "0.1", "19.99", "1e5", "3.0000000001", "3.000000001", "3.00000001", "2.00005"),
    *("30000000000000", "999999", "70368744177.66405", "70368744177.66395", "1125899906842.62405", "4503599627.370495"),
    *("10000000000.5", "834707194.04", "281474976710656.125", "4294967296.0000001", "2147483647.0000000001"),
    *("true", "false", "null", '""', '"x"', '"12.50"', '"0012"', '"+5"', '".5"', '"5."', '"1e2"', '" 1"', '"0"'),
    *('"nan"', '"inf"', '"-Infinity"', '"1_0"', '"0x10"', '"1\\u0030"', '"\\ud83d\\ude00"', '"\\ud800"', '"a\\":n"'),
    *('"\\u0000"', "{}", "[]", "[null]", '{"a":1}', '{"a":{"b":[1.50,"x"]}}', '[{"order_id":1}]', '"12\\n"', '"é"'),
    *('"\\":1"', '"\\" : null"', '"a\\\\"', '"\u2028"', '{"a":1,"a":2}', '{"name":null}', '[{"name":null}]', "[{}]"),
]
DATES = [
    *("2024-07-05", "2024-07-05T10:15:00Z", "2024-07-05 10:15:00", "2024-07-05T10:15:00.123456+02:00"),
    *("2024-07-05T10:15", "20240705", "20240705T101500Z", "2024-02-29", "2023-02-29", "2024-13-01", "2024-00-10"),
    *("2024-07-05T24:00:00", "2024-07-05T10:15:60Z", "2024-07-05T10:15:00+24:00", "2024-07-05T10:15:00-0530"),
    *("2024-07-05T10:15:00.", "2024-07-05T10:15:00.1Z", "1999-12-31T23:59:59.999Z", "2000-01-01", "2024-04-31"),
    *("2000-01-01T00:00:00+01:00", "2025-11-23T15:00:00Z", "2025-11-23T15:00:00.001Z", "9999-12-31", "", "now"),
    *("2024-07-05T10:15:00,5Z", "2024-07-05t10:15:00z", "２024-07-05", "2024-7-5", "05/07/2024", "0000-01-01"),
    *("2024-07-05T10:15:00.123456789-12:30", "2024-07-05T10:15:00.1234567891", "2024-07-05T10:15:00+02"),
    *("2024-07-05T10:15:00 Z", "2024-07-05T10:15:00.12345", "2024-07-05T10:15:00x02:00", "1900-02-29", "2000-02-29"),
]
STYLES = [(":", ","), (": ", ", "), (" : ", " ,\n  "), (":\n\t ", ", "), (" " * 20 + ":", ",")]
KEYS = ["order_id", "name", "x", "a.b", "price", "products", "customer", "product_id", "customer_id"]
ALL_KEYS = [
    *("order_id", "order_date", "total_amount", "customer", "customer_id", "name", "email", "address"),
    *("products", "product_id", "category", "price", "quantity", "ref", "a.b"),
]
"""Those of the contract, and two others: what fields may be called that the contract does not name where they stand."""
IDENTIFIERS = ["order_id", "customer_id", "product_id"]

Pair = tuple[str, object]


class Literal(str):
    """JSON text that is put into a document as it is."""


class Pairs(list[Pair]):
    """An object as key-value pairs, so that a key may be repeated."""


class UglyOrders(random.Random):
    """Draws batches of orders; `ugliness` is the chance that a record has something unusual in it."""

    def batch(self, ugliness: float) -> list[str]:
        """Return some records as JSON text."""
        self.identifier = self.choice(self.identifiers()[:2])
        self.optional = self.choice([0.0, 0.0, 0.3])
        self.texts = self.choice([0.05, 0.05, 0.5])
        self.foreign = self.choice([0.0, 0.5, 1.0]) if ugliness else 0.0
        style = self.choice(STYLES) if self.random() < 0.5 else STYLES[0]
        records = [self.record(ugliness, *style) for _ in range(self.randrange(1, 12))]
        if ugliness and self.random() < 0.4:
            # After as many as are looked at, to tell how identifiers are written, they are written in another way.
            self.identifier = self.choice([*self.identifiers(), *self.identifiers()[1:3]])
            records += [self.record(ugliness, *style) for _ in range(self.randrange(1, 6))]
        return records

    def identifiers(self) -> list[Callable[[], object]]:
        """Return ways to write an identifier."""
        return [
            lambda: self.randrange(10**6),
            lambda: f"A-{self.randrange(999):05d}",
            lambda: f"{self.randrange(999):04d}",
            lambda: self.choice(["+7", "-7", "1e2", "12.7", "7.", "0", " 7", ""]),
            lambda: Literal(self.choice(["12.7", "1e2", "-0", "12.0", "-7", "123456789012345678901"])),
        ]

    def record(self, ugliness: float, colon: str, comma: str) -> str:
        """Return one record as JSON text."""
        order = self.order()
        if self.random() < ugliness:
            if self.random() < 0.1:
                return self.choice(UNUSUAL)
            self.spoil(order)
            if self.random() < 0.2:
                self.spoil(order)
        if self.random() < self.foreign:
            self.add_foreign(order)
            if self.random() < 0.5:
                self.disguise(order)
        return as_json(order, colon, comma)

    def order(self) -> Pairs:
        """Return a sound order."""
        when = datetime(2000, 1, 2) + timedelta(seconds=self.randrange(780_000_000))
        written = self.choice(
            [when.isoformat(), when.isoformat() + "Z", f"{when:%Y-%m-%d}", when.isoformat() + "+01:30"]
        )
        products = [self.line() for _ in range(self.choice([0, 1, 1, 2, 3]))]
        customer = Pairs(
            [
                ("customer_id", self.identifier()),
                ("name", self.text()),
                ("email", self.text()),
                ("address", self.text()),
            ]
        )
        order = Pairs(
            [
                ("order_id", self.identifier()),
                ("order_date", written),
                ("total_amount", self.money()),
                ("customer", customer),
                ("products", products),
            ]
        )
        self.omit(customer)
        self.omit(order, 2)
        if self.random() < 0.2:
            self.shuffle(order)
        return order

    def line(self) -> Pairs:
        """Return a sound element of the list of lines."""
        line = Pairs(
            [
                ("product_id", self.identifier()),
                ("name", self.text()),
                ("category", self.text()),
                ("price", self.money()),
                ("quantity", self.choice([1, 2, 30, Literal("2.0")])),
            ]
        )
        self.omit(line)
        return line

    def omit(self, members: Pairs, first: int = 0) -> None:
        """Leave out some fields, or make them null."""
        for i in range(len(members) - 1, first - 1, -1):
            if self.random() < self.optional:
                if self.random() < 0.5:
                    del members[i]
                else:
                    members[i] = (members[i][0], None)

    def text(self) -> str:
        """Return a text."""
        return self.choice(
            ["", "Ann", "José Núñez", "a:b", 'say "hi": now', "null", "日本", "x" * 40, "😀", "back\\slash"]
        )

    def money(self) -> object:
        """Return an amount with two decimals, rarely as text."""
        amount = f"{self.randrange(10**7) / 100:.2f}"
        return amount if self.random() < self.texts else Literal(amount)

    def add_foreign(self, order: Pairs) -> None:
        """Add fields that the contract does not name where they stand, with keys that it names elsewhere."""
        for _ in range(self.choice([1, 1, 2, 3])):
            members = self.choice(objects_in(order))
            present = {key for key, _ in members}
            key = self.choice([*ALL_KEYS, "ref", "ref"])
            if key not in present or self.random() < 0.1:
                key = Literal(self.escaped(key)) if self.random() < 0.2 else key
                members.insert(self.randrange(len(members) + 1), (key, self.foreign_value(3)))

    def foreign_value(self, depth: int) -> object:
        """Return a scalar, or objects and lists with keys of the contract."""
        what = self.random()
        if depth and what < 0.4:
            keys = self.sample(ALL_KEYS, self.randrange(4)) + self.sample(IDENTIFIERS, self.randrange(3))
            spelled = [Literal(self.escaped(key)) if self.random() < 0.2 else key for key in dict.fromkeys(keys)]
            return Pairs([(key, self.foreign_value(depth - 1 if key not in IDENTIFIERS else 0)) for key in spelled])
        if depth and what < 0.55:
            return [self.foreign_value(depth - 1) for _ in range(self.randrange(3))]
        number = self.identifiers()[0]
        return self.choice([*[number] * 5, *self.identifiers(), lambda: None, self.money, self.text])()

    def disguise(self, order: Pairs) -> None:
        """Write some identifiers in another way, and some keys with an escape."""
        for members in objects_in(order):
            for i, (key, value) in enumerate(members):
                if key in IDENTIFIERS and self.random() < 0.4:
                    value = self.choice(self.identifiers())()
                if not isinstance(key, Literal) and self.random() < 0.1:
                    key = Literal(self.escaped(key))
                members[i] = (key, value)

    def escaped(self, key: str) -> str:
        """Return a key as JSON may write it too, one of its characters as an escape."""
        i = self.randrange(len(key))
        return f'"{key[:i]}\\u{ord(key[i]):04x}{key[i + 1 :]}"'

    def spoil(self, order: Pairs) -> None:
        """Put something unusual somewhere."""
        members = self.choice(objects_in(order))
        unusual: object = Literal(self.choice(UNUSUAL))
        if self.random() < 0.1:
            # Half a unit beyond the scale, where a float may round to the other side.
            unusual = Literal(f"{self.randrange(10**9)}.{self.randrange(10**4):04d}5")
        what = self.random()
        if what < 0.15 and order:
            order[:] = [(k, self.choice(DATES) if k == "order_date" else v) for k, v in order]
        elif what < 0.6 and members:
            i = self.randrange(len(members))
            members[i] = (members[i][0], unusual)
        elif what < 0.7 and members:
            del members[self.randrange(len(members))]
        elif what < 0.8 and members:
            members.insert(self.randrange(len(members) + 1), self.choice(members))
        else:
            members.insert(self.randrange(len(members) + 1), (self.choice(KEYS), unusual))


def objects_in(order: Pairs) -> list[Pairs]:
    """Return the order, and the objects that it and its lists hold."""
    objects = [order]
    for _, value in order:
        if isinstance(value, Pairs):
            objects.append(value)
        elif isinstance(value, list):
            objects += [each for each in value if isinstance(each, Pairs)]
    return objects


def as_json(value: object, colon: str = ":", comma: str = ",") -> str:
    """Write `value` as JSON; Pairs keep repeated keys, Literal stands for itself, also as a key."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, Pairs):
        return "{" + comma.join(f"{as_json(k)}{colon}{as_json(v, colon, comma)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + comma.join(as_json(each, colon, comma) for each in value) + "]"
    return json.dumps(value, ensure_ascii=isinstance(value, str) and len(value) % 2 == 0)
