"""Which objects belong to which partition of a Glue table: partition projection, registered partitions, or none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local.athena.lake import Lake, QueryError, StoredObject

LOCATION = re.compile(r"s3a?://([^/]+)/?(.*)")
NOW = re.compile(r"NOW\s*(?:([+-])\s*(\d+)\s*(YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND)S?)?", re.IGNORECASE)
JAVA_FORMAT = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
UNITS = {
    "WEEK": timedelta(weeks=1),
    "DAY": timedelta(days=1),
    "HOUR": timedelta(hours=1),
    "MINUTE": timedelta(minutes=1),
    "SECOND": timedelta(seconds=1),
}


@dataclass(frozen=True)
class TableObject:
    """One object of a table and the values of its partition keys, as text, in the order of the keys."""

    stored: StoredObject
    values: tuple[str, ...]


def table_objects(lake: Lake, table: Mapping[str, Any]) -> Iterator[TableObject]:
    """Yield every object that a query over the table may read. Raises QueryError for projection that is wrong."""
    keys = [key["Name"] for key in table.get("PartitionKeys") or []]
    location = table["StorageDescriptor"]["Location"]
    properties = table.get("Parameters") or {}
    if not keys:
        return _objects_below(lake, location, ())
    if properties.get("projection.enabled", "").lower() == "true":
        return _projected_objects(lake, properties, keys, location)
    return _registered_objects(lake, table)


def _registered_objects(lake: Lake, table: Mapping[str, Any]) -> Iterator[TableObject]:
    """Yield the objects of the registered partitions. Raises QueryError for one whose columns are of other types."""
    types = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    for partition in lake.partitions(table["DatabaseName"], table["Name"]):
        storage, values = partition["StorageDescriptor"], tuple(partition["Values"])
        for column in storage.get("Columns") or ():
            declared = types.get(column["Name"], column["Type"])
            if declared != column["Type"]:
                problem = "There is a mismatch between the table and partition schemas. The types are incompatible and "
                problem += f"cannot be coerced. The column '{column['Name']}' in table '{table['Name']}' is declared "
                problem += f"as type '{declared}', but partition {values} declared it as type '{column['Type']}'"
                raise QueryError("HIVE_PARTITION_SCHEMA_MISMATCH", problem)
        yield from _objects_below(lake, storage["Location"], values)


def _objects_below(lake: Lake, location: str, values: tuple[str, ...]) -> Iterator[TableObject]:
    bucket, prefix = split_location(location)
    return (
        TableObject(stored, values) for stored in lake.objects(bucket, prefix) if _is_visible(stored.key[len(prefix) :])
    )


def _is_visible(path: str) -> bool:
    """Tell whether Athena reads an object by its path below the location: no hidden file, no folder marker."""
    names = path.split("/")
    return bool(names[-1]) and not any(name.startswith(("_", ".")) for name in names)


def split_location(location: str) -> tuple[str, str]:
    """Return (bucket, prefix) of an S3 address; the prefix is empty or ends with a slash. Raises QueryError."""
    match = LOCATION.fullmatch(location)
    if match is None:
        raise QueryError("HIVE_METASTORE_ERROR", f"{location} is not an S3 location")
    bucket, prefix = match.groups()
    return bucket, prefix if not prefix or prefix.endswith("/") else prefix + "/"


def _projected_objects(
    lake: Lake, properties: Mapping[str, str], keys: list[str], location: str
) -> Iterator[TableObject]:
    """Yield the objects of the projected partitions.

    Athena counts up the partitions and looks into each; here the objects are listed once and matched, which finds the
    same ones. What lies outside the projected range is invisible, as in Athena.
    """
    accepted = {key: _accepts(properties, key) for key in keys}
    bucket, prefix = split_location(_location_template(properties, keys, location))
    partition = _partition_pattern(prefix, keys)
    for stored in lake.objects(bucket, prefix.split("${", 1)[0]):
        match = partition.match(stored.key)
        if match is None or not _is_visible(stored.key[match.end() :]):
            continue
        if all(accepts(match[key]) for key, accepts in accepted.items()):
            yield TableObject(stored, tuple(match[key] for key in keys))


def _location_template(properties: Mapping[str, str], keys: list[str], location: str) -> str:
    """Return the location of a partition with `${key}` for each value. Raises QueryError where one is not in it."""
    folders = "".join(f"{key}=${{{key}}}/" for key in keys)
    template = properties.get("storage.location.template") or location.rstrip("/") + "/" + folders
    for key in keys:
        if f"${{{key}}}" not in template:
            raise _wrong("storage.location.template", template, f"it does not contain ${{{key}}}")
    return template


def _partition_pattern(prefix: str, keys: list[str]) -> re.Pattern[str]:
    """Return what matches the beginning of an object's key in a partition, with a group for each partition key."""
    pattern = re.escape(prefix)
    for key in keys:
        pattern = pattern.replace(re.escape(f"${{{key}}}"), f"(?P<{key}>[^/]+)", 1)
    return re.compile(pattern)


def _accepts(properties: Mapping[str, str], key: str) -> Callable[[str], bool]:
    """Return the test of whether a value of a partition key is one that projection makes. Raises QueryError."""

    def required(name: str) -> str:
        full = f"projection.{key}.{name}"
        if full not in properties:
            raise _wrong(full, "nothing", "it is missing")
        return properties[full]

    kind = required("type").lower()
    if kind == "enum":
        return set(required("values").split(",")).__contains__
    if kind == "injected":
        return lambda value: True
    if kind == "integer":
        return _integers(required("range"), properties.get(f"projection.{key}.digits"))
    if kind == "date":
        return _dates(required("range"), required("format"))
    raise _wrong(f"projection.{key}.type", kind, "it is not enum, integer, date or injected")


def _integers(text: str, digits: str | None) -> Callable[[str], bool]:
    try:
        low, high = (int(end) for end in text.split(","))
    except ValueError:
        raise _wrong("range", text, "it is not two whole numbers") from None
    width = int(digits or 0)
    return lambda value: (
        value.lstrip("-").isdigit() and low <= int(value) <= high and value == f"{int(value):0{width}d}"
    )


def _dates(text: str, java: str) -> Callable[[str], bool]:
    form = re.sub("|".join(JAVA_FORMAT), lambda match: JAVA_FORMAT[match[0]], java)
    ends = text.split(",")
    if len(ends) != 2:
        raise _wrong("range", text, "it is not two dates")
    low, high = (_moment(end.strip(), form) for end in ends)

    def accept(value: str) -> bool:
        try:
            moment = datetime.strptime(value, form)
        except ValueError:
            return False
        return low <= moment <= high and moment.strftime(form) == value

    return accept


def _moment(text: str, form: str) -> datetime:
    match = NOW.fullmatch(text)
    try:
        if match is None:
            return datetime.strptime(text, form)
    except ValueError:
        raise _wrong("range", text, "it is not a date of the format, nor NOW") from None
    now = datetime.now(UTC).replace(tzinfo=None)
    if match[1] is None:
        return now
    count, unit = int(match[1] + match[2]), match[3].upper()
    if unit in UNITS:
        return now + count * UNITS[unit]
    months = now.year * 12 + now.month - 1 + count * (12 if unit == "YEAR" else 1)
    return now.replace(year=months // 12, month=months % 12 + 1, day=min(now.day, 28))


def _wrong(name: str, value: str, problem: str) -> QueryError:
    return QueryError("INVALID_TABLE_PROPERTY", f"Table property {name} is {value!r}: {problem}")
