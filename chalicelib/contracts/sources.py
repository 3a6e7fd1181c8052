"""Where a column's values come from: a path, a count, other columns, or the source object."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.paths import JsonPath


class FromDocument(Struct, frozen=True):
    """The value at the first of `paths`, each from the document's root, that holds one.

    Null, and a value in the column's `nulls`, count as none. Where there are several paths, one that meets something
    else than the object or list it steps through holds none; where there is one, that rejects the document. What
    another of the paths holds as well is an unnamed field.
    """

    paths: tuple[JsonPath, ...]


class FromRecord(Struct, frozen=True):
    """As `FromDocument`, from the root of the record that has the document at `Contract.at`. It has no `[]`."""

    paths: tuple[JsonPath, ...]


class RowNumber(Struct, frozen=True):
    """The position among the elements that make rows of the table whose `rows` are `of`, within one document, from 1.

    `of` is this table's own list of rows (None in contract.toml) or one that encloses it, without filters. Where the
    table of an enclosing list filters its elements, one that it leaves out has no number (NULL); where no table has
    that list, all its elements count. NULL in the row of a document without elements.

    With the identity it is the key of its table: it goes on from one enclosing element to the next.
    """

    of: JsonPath


class Product(Struct, frozen=True):
    """The exact product of two columns of the same table, by their names; NULL where one of them is."""

    factors: tuple[str, str]


class Origin(Enum):
    """What is not read at a path."""

    EXTRA_FIELDS = "extra_fields"
    """The fields that no column takes, as one JSON object keyed by JSON path: in the main table those of the document
    and of its rows, and the lists that no table takes; in another those of its own rows."""
    SOURCE_KEY = "source_key"
    SOURCE_VERSION = "source_version"
    SOURCE_MODIFIED_AT = "source_modified_at"
    RECORD_NUMBER = "record_number"
    MONTH = "month"


Source = FromDocument | FromRecord | RowNumber | Product | Origin

LINEAGE = (Origin.SOURCE_KEY, Origin.SOURCE_VERSION, Origin.SOURCE_MODIFIED_AT, Origin.RECORD_NUMBER)

ORIGIN_TYPES: dict[Origin, Type] = {
    Origin.EXTRA_FIELDS: Type.JSON,
    Origin.SOURCE_KEY: Type.TEXT,
    Origin.SOURCE_VERSION: Type.TEXT,
    Origin.SOURCE_MODIFIED_AT: Type.TIMESTAMP,
    Origin.RECORD_NUMBER: Type.INTEGER,
    Origin.MONTH: Type.MONTH,
}

DESCRIPTIONS: dict[Origin | type[RowNumber], str] = {
    Origin.EXTRA_FIELDS: "The fields that no column has, as one JSON object keyed by JSON path; NULL if none.",
    Origin.SOURCE_KEY: "Which object the row came from.",
    Origin.SOURCE_VERSION: "Which version of that object: its version id, else its ETag.",
    Origin.SOURCE_MODIFIED_AT: "The object's last-modified time.",
    Origin.RECORD_NUMBER: "The position of the document in its file, from 1.",
    Origin.MONTH: "The partition key.",
    RowNumber: "The number of the row within its document, from 1; NULL for a document without rows.",
}
"""The descriptions of columns that declare none."""
