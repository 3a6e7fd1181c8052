"""Makes contracts from a seed, as contract.toml, and documents for them: sound, unusual and broken, as JSON text."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.unit.ugly_orders import DATES, UNUSUAL, Literal, Pairs, as_json, objects_in

KEYS = ["id", "name", "value", "price", "kind", "at", "ship to", "a.b", "é", "x1", "ref", "node"]
ISO = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S+01:30"]
ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata"]
NULLS = ['[0, "", false]', '[""]', '[-1, "none"]', "[0.50]", '["0000-00-00", "null"]', "[true]"]
UNITS = ["EUR", "JPY", "kwd", "CLF", "USD"]

Make = Callable[[], object]


@dataclass
class Field:
    """A value of an object: the steps of keys to it, what makes it, and the path that a contract reads it at.

    A document without one that is `needed` is rejected.
    """

    keys: tuple[str, ...]
    make: Make
    path: str
    kind: str
    options: str = ""
    needed: bool = False


@dataclass
class Level:
    """The document, or the elements of one of its lists: its fields and lists. `path` ends with `[]`, or is empty."""

    path: str
    fields: list[Field] = field(default_factory=list)
    lists: list[tuple[tuple[str, ...], Level]] = field(default_factory=list)
    named: dict[tuple[str, ...], bool] = field(default_factory=dict)

    def below(self, text: str) -> str:
        """Return the path of what `text` leads to from here."""
        return f"{self.path}.{text}" if self.path else text


class DrawnContract(random.Random):
    """Draws a contract; `text` is its contract.toml. `batch` makes documents of it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.optional = self.choice([0.0, 0.1, 0.4])
        self.odd_numbers = self.choice([0.0, 0.1])
        self.at = self.choice(["", "", "", "node", "wrap.body", '"Sns msg".Message'])
        self.at_is_text = bool(self.at) and self.random() < 0.5
        self.root = Level("")
        self.levels = [[self.root]]
        for _ in range(self.choice([0, 1, 1, 1, 2])):
            self.nest([self.root], self.choice([0, 0, 1]))
        self.outer: list[Field] = []
        self.text = self.contract()

    # The contract ------------------------------------------------------------------------------------------------

    def nest(self, chain: list[Level], more: int) -> None:
        """Add a list below the last level of a chain, and perhaps one below its elements."""
        keys = self.keys_in(chain[-1])
        level = Level(f"{chain[-1].below('.'.join(map(path_key, keys)))}[]")
        chain[-1].lists.append((keys, level))
        self.levels.append([*chain, level])
        if more:
            self.nest([*chain, level], more - 1)

    def keys_in(self, level: Level) -> tuple[str, ...]:
        """Return the keys to a new value of a level: no other value lies on the way to it, and it on that to none.

        Where values have taken all of KEYS, it gets a key of its own.
        """
        while True:
            keys = tuple(self.choice(KEYS) for _ in range(self.choice([1, 1, 1, 2, 3])))
            if all(level.named.get((key,)) for key in KEYS):
                keys = (f"x{len(level.named)}",)
            ways = [keys[:i] for i in range(1, len(keys))]
            if keys not in level.named and not any(level.named.get(way) for way in ways):
                level.named[keys] = True
                level.named |= dict.fromkeys(ways, False)
                return keys

    def contract(self) -> str:
        """Return the text of a contract."""
        tables = [self.choice(self.levels)]
        tables += [self.choice(self.levels) for _ in range(self.choice([0, 0, 1, 1, 2]))]
        roles, names = self.roles()
        date = f'date = "{names[-1]}"\n' if names[-1] == "dated" else ""
        identity = [name for name in names if name != "dated"]
        lines = [f"[document]\nidentity = {json.dumps(identity)}\n{date}at = {json.dumps(self.at)}\n"]
        for number, chain in enumerate(tables):
            lines.append(self.table(number, chain, roles if number == 0 else []))
        return "\n".join(lines)

    def roles(self) -> tuple[list[str], list[str]]:
        """Return the columns of identity and date, and their names."""
        lines, names = [], []
        for i in range(self.choice([1, 1, 1, 2])):
            kind = self.choice(["identifier", "identifier", "text", "integer"])
            lines.append(self.column(f"id_{i}", self.new_field(self.root, kind), required=True))
            names.append(f"id_{i}")
        if self.random() < 0.7:
            kind = self.choice(["timestamp", "timestamp", "date"])
            lines.append(self.column("dated", self.new_field(self.root, kind), required=True))
            names.append("dated")
        return lines, names

    def table(self, number: int, chain: list[Level], roles: list[str]) -> str:
        """Return the text of a table whose rows are the elements of the last level of a chain."""
        lines = [f"[tables.t{number}]"]
        rows = chain[-1].path
        filtered = rows and self.random() < 0.25
        if rows:
            lines.append(f"rows = {json.dumps(f'{rows[:-2]}[which=a][]' if filtered else rows)}")
            if self.random() < 0.2:
                lines.append("one_or_many = true")
        lines.append(f"[tables.t{number}.columns]")
        lines += roles
        for i in range(self.choice([1, 3, 6])):
            lines += self.columns(f"c{number}_{i}", chain)
        for level in chain[1:]:
            if self.random() < 0.5:
                of = "" if level is chain[-1] and self.random() < 0.5 else f", of = {json.dumps(level.path)}"
                lines.append(f'n{number}_{chain.index(level)} = {{ from = "row_number"{of} }}')
        if self.random() < 0.3:
            lines.append(f'extra_{number} = {{ from = "extra_fields" }}')
        return "\n".join(lines) + "\n"

    def columns(self, name: str, chain: list[Level]) -> list[str]:
        """Return a column, or factors and their product."""
        level = self.choice([chain[-1], chain[-1], self.choice(chain)])
        what = self.random()
        if what < 0.12:
            scale = self.choice([0, 2, 4])
            price = self.new_field(level, "decimal", scale)
            lines = [self.column(f"{name}_f", price), self.column(f"{name}_g", self.new_field(level, "integer"))]
            own = self.choice(["", "", f", scale = {self.choice([scale, 9])}"])
            return [*lines, f'{name} = {{ product = ["{name}_f", "{name}_g"]{own} }}']
        if what < 0.2 and level.fields:
            return [self.column(name, self.choice(level.fields))]
        if what < 0.24 and level.fields:
            return [self.read_otherwise(name, self.choice(level.fields))]
        if what < 0.32:
            return [self.alternatives(name, level if self.random() < 0.7 else None, chain)]
        if what < 0.38 and self.at:
            return [self.around(name)]
        return [self.column(name, self.new_field(level, self.kind()))]

    def kind(self) -> str:
        """Return the name of a type."""
        kinds = ("identifier", "text", "json", "decimal", "minor", "integer", "double", "boolean", "date", "timestamp")
        return self.choice(kinds)

    def column(self, name: str, field_: Field, required: bool = False) -> str:
        """Return the line of a column that reads a field."""
        options = field_.options
        field_.needed |= required
        if required or self.random() < 0.05:
            options += ", required = true"
        if not required and self.random() < 0.15:
            options += f", null = {self.choice(NULLS)}"
        kind = "decimal" if field_.kind == "minor" else field_.kind
        return f"{name} = {{ path = {json.dumps(field_.path)}, type = {json.dumps(kind)}{options} }}"

    def read_otherwise(self, name: str, field_: Field) -> str:
        """Return a column that reads a field as it was sent, or an object that a field lies in."""
        inner = field_.keys[-1]
        around = field_.path.removesuffix(f".{path_key(inner)}")
        if len(field_.keys) > 1 and around != field_.path and self.random() < 0.5:
            return f'{name} = {{ path = {json.dumps(around)}, type = "json" }}'
        kind = self.choice(["text", "json"])
        return f"{name} = {{ path = {json.dumps(field_.path)}, type = {json.dumps(kind)} }}"

    def alternatives(self, name: str, level: Level | None, chain: list[Level]) -> str:
        """Return a column of two paths: in a level, one of them in an object that the other is, or in any levels."""
        kind = self.choice(["identifier", "text", "decimal", "integer", "json", "boolean", "double"])
        if level and self.random() < 0.25:
            keys = self.keys_in(level)
            path = level.below(".".join(map(path_key, keys)))
            makes: list[Make] = [self.maker("integer"), lambda: Pairs([("$n", self.randrange(99))])]
            level.fields.append(Field(keys, lambda: self.choice(makes)(), path, "integer"))
            return f'{name} = {{ path = {json.dumps([f"{path}.$n", path])}, type = "integer" }}'
        paths = [self.new_field(level or self.choice(chain), kind).path for _ in range(2)]
        null = f", null = {self.choice(NULLS)}" if self.random() < 0.3 else ""
        return f'{name} = {{ path = {json.dumps(paths)}, type = "{kind}"{null} }}'

    def around(self, name: str) -> str:
        """Return a column that is read around `at`."""
        kind = self.choice(["text", "integer", "identifier"])
        key = f"around {len(self.outer)}"
        self.outer.append(Field((key,), self.maker(kind), "", kind))
        return f"{name} = {{ outer = {json.dumps(path_key(key))}, type = {json.dumps(kind)} }}"

    def new_field(self, level: Level, kind: str, scale: int | None = None) -> Field:
        """Add a field of this type to a level."""
        options = ""
        if kind in ("date", "timestamp"):
            make, options = self.dates(kind)
        elif kind == "minor":
            make, options = self.minor(level)
        elif kind == "decimal":
            scale = self.choice([0, 2, 4, 9]) if scale is None else scale
            make, options = self.amounts(scale), f", scale = {scale}"
        else:
            make = self.maker(kind)
        keys = self.keys_in(level)
        path = ".".join(map(path_key, keys))
        wrapped = make
        what = self.random()
        if what < 0.06 and kind != "json":
            position = self.choice([0, 1])
            path, wrapped = f"{path}[{position}]", lambda: [make() for _ in range(self.choice([1, 2, 2, 3]))]
        elif what < 0.12 and kind != "json":
            value = self.choice(["sku", "7", '"7"', "true", "1.50"])
            path = f"{path}[key={value}].value"
            wrapped = self.pairs(make)
        made = Field(keys, wrapped, level.below(path), kind, options)
        level.fields.append(made)
        return made

    # Values ------------------------------------------------------------------------------------------------------

    def pairs(self, make: Make) -> Make:
        """Return what makes a list of key and value."""

        def made() -> object:
            keys = ["sku", 7, "7", True, Literal("1.5"), "other", None]
            return [Pairs([("key", self.choice(keys)), ("value", make())]) for _ in range(self.choice([0, 1, 2, 3]))]

        return made

    def maker(self, kind: str) -> Make:
        """Return what makes sound values of a type."""
        numbers = self.random() < 0.6
        return {
            "identifier": lambda: self.randrange(10**6) if numbers else f"A-{self.randrange(999):05d}",
            "text": lambda: self.choice([*[self.text_value()] * 9, 1, Literal("1.50"), True, False]),
            "json": lambda: self.choice(
                [self.text_value(), Literal("-2e0"), Pairs([("k", [1, Literal("1.10")])]), [], Pairs(), True, [None]]
            ),
            "integer": lambda: self.choice([0, 1, -7, 10**9, Literal("2.0"), 30]) if numbers else self.randrange(99),
            "double": lambda: Literal(repr(self.choice([self.random(), self.uniform(-1e9, 1e9), 1.5, 0.1]))),
            "boolean": lambda: self.choice([True, False]) if numbers else self.choice([True, False, "true", "false"]),
        }[kind]

    def text_value(self) -> str:
        """Return a text."""
        texts = ["", "Ann", "José Núñez", "a:b", 'say "hi": now', "null", "日本", "x" * 40, "😀", "back\\slash", "0012"]
        return self.choice(texts)

    def amounts(self, scale: int) -> Make:
        """Return what makes amounts of at most so many decimals."""
        decimals = min(scale, 2)

        def made() -> object:
            amount = f"{self.randrange(10**6) / 10**decimals:.{decimals}f}"
            return amount if self.random() < self.odd_numbers else Literal(amount)

        return made

    def minor(self, level: Level) -> tuple[Make, str]:
        """Return what makes amounts in minor units, and the options that say how many decimals they have."""

        def made() -> object:
            amount = self.randrange(10**5) * 1000
            return str(amount) if self.random() < self.odd_numbers else amount

        what = self.randrange(5)
        if what == 0:
            return made, f", divide_by = {self.choice([1, 100, 1000])}, scale = {self.choice([2, 4])}"
        if what == 1:
            return made, f", digits = {self.choice([0, 2, 3])}"
        kinds: list[Make] = [lambda: self.choice([1, 100, 1000]), lambda: self.choice([0, 2, 3])]
        kinds.append(lambda: self.choice(UNITS))
        keys = self.keys_in(level)
        path = json.dumps(level.below(".".join(map(path_key, keys))))
        level.fields.append(Field(keys, kinds[what - 2], json.loads(path), "text", needed=True))
        return made, [f", divide_by = {path}", f", digits = {path}", f", digits = {{ currency = {path} }}"][what - 2]

    def dates(self, kind: str) -> tuple[Make, str]:
        """Return what makes dates in some format, and the options that say so."""

        def when() -> datetime:
            return datetime(2000, 1, 2) + timedelta(seconds=self.randrange(780_000_000))

        def since(per_second: int) -> int:
            return int((when() - datetime(1970, 1, 1)).total_seconds()) * per_second

        written = self.choice(ISO)
        formats: dict[str, Make] = {
            "iso": lambda: when().strftime(written),
            "epoch_seconds": lambda: since(1),
            "epoch_milliseconds": lambda: since(1000),
            "epoch_microseconds": lambda: since(1_000_000),
            "epoch_nanoseconds": lambda: since(1_000_000_000),
            "epoch_days": lambda: since(1) // 86400,
            "dotnet": lambda: f"/Date({since(1000)}+0100)/",
            "rfc2822": lambda: when().strftime("%a, %d %b %Y %H:%M:%S +0200"),
            "yyyymmdd": lambda: when().strftime("%Y%m%d"),
            "%d/%m/%Y": lambda: when().strftime("%d/%m/%Y"),
            "%Y-%m-%d %H:%M:%S %z": lambda: when().strftime("%Y-%m-%d %H:%M:%S -0300"),
        }
        names = ["iso"] if self.random() < 0.5 else self.sample(list(formats), 1)
        if self.random() < 0.3 and not names[0].startswith("epoch"):
            names = [*names, *self.sample([name for name in formats if name not in names], 1)]
        options = "" if names == ["iso"] and self.random() < 0.5 else f", format = {json.dumps(names)}"
        local = {"iso", "rfc2822", "yyyymmdd", "%d/%m/%Y"}
        if local & set(names) and self.random() < 0.4:
            options += f", zone = {json.dumps(self.choice(ZONES))}"
        return (lambda: formats[self.choice(names)]()), options

    # Documents ---------------------------------------------------------------------------------------------------

    def batch(self, ugliness: float) -> list[str]:
        """Return some records as JSON text."""
        foreign = self.choice([0.0, 0.5, 1.0])
        return [self.record(ugliness, foreign) for _ in range(self.randrange(1, 10))]

    def record(self, ugliness: float, foreign: float) -> str:
        """Return one record as JSON text."""
        document = self.object_of(self.root)
        if self.random() < ugliness:
            if self.random() < 0.1:
                return self.choice(UNUSUAL)
            for _ in range(self.choice([1, 1, 2])):
                self.spoil(self.choice(objects_in(document)))
        if self.random() < foreign:
            for _ in range(self.choice([1, 2])):
                members = self.choice(objects_in(document))
                key = self.choice([*KEYS, "other", "more of it"])
                if key not in {each for each, _ in members}:
                    members.insert(self.randrange(len(members) + 1), (key, self.foreign()))
        record = self.wrapped(document)
        style = self.choice([(":", ","), (": ", ", "), (" : ", " ,\n ")])
        return as_json(record, *style)

    def foreign(self) -> object:
        """Return a value of a field that the contract does not name."""
        return self.choice([1, "x", None, Pairs([("id", 1), ("x", Literal("1.50"))]), [Pairs([("id", 2)])], [], True])

    def wrapped(self, document: Pairs) -> Pairs:
        """Return a record that has the document at `at`."""
        record: object = document
        if self.at_is_text:
            record = as_json(record)
        for key in reversed([key.strip('"') for key in self.at.split(".")] if self.at else []):
            record = Pairs([(key, record)])
        assert isinstance(record, Pairs)
        record[:0] = [(each.keys[0], each.make()) for each in self.outer if self.random() >= self.optional]
        return record

    def object_of(self, level: Level) -> Pairs:
        """Return a sound document, or element of a list."""
        made = Pairs()
        for each in level.fields:
            if each.needed or self.random() >= self.optional / 2:
                put(made, each.keys, each.make() if each.needed or self.random() >= self.optional / 4 else None)
        if level.path:
            put(made, ("which",), self.choice(["a", "a", "b"]))
        for keys, inner in level.lists:
            if self.random() >= self.optional / 2:
                elements: object = [self.object_of(inner) for _ in range(self.choice([0, 1, 1, 2, 3]))]
                put(made, keys, elements if self.random() >= self.optional / 4 else None)
        if self.random() < 0.2:
            self.shuffle(made)
        return made

    def spoil(self, members: Pairs) -> None:
        """Put something unusual into an object."""
        unusual: object = Literal(self.choice(UNUSUAL)) if self.random() < 0.8 else self.choice(DATES)
        what = self.random()
        if what < 0.65 and members:
            i = self.randrange(len(members))
            members[i] = (members[i][0], unusual)
        elif what < 0.75 and members:
            del members[self.randrange(len(members))]
        elif what < 0.85 and members:
            members.insert(self.randrange(len(members) + 1), self.choice(members))
        else:
            members.insert(self.randrange(len(members) + 1), (self.choice(KEYS), unusual))


def put(members: Pairs, keys: tuple[str, ...], value: object) -> None:
    """Put a value into an object, below these keys."""
    for key in keys[:-1]:
        inner = next((each for name, each in members if name == key), None)
        if inner is None:
            inner = Pairs()
            members.append((key, inner))
        assert isinstance(inner, Pairs)
        members = inner
    members.append((keys[-1], value))


def path_key(key: str) -> str:
    """Return a key as a path writes it."""
    return key if key.isalnum() else json.dumps(key, ensure_ascii=False)
