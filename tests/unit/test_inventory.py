"""S3 Inventory as a listing: CSV and Parquet, versions, keys as they are, and what is refused with the remedy."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.loading.models import ObjectSummary
from glue_setup.errors import SetupError
from operate.inventory import Inventory, address
from tests.inventories import FIELDS, HOME, MANIFEST, MANIFEST_KEY, VERSIONED, WRITTEN, Rows, digest, inventory

BUCKET = "orders-etl-test"
PREFIX = "orders_json_incoming/"
MODIFIED = datetime(2026, 11, 24, 9, 30, 15, 123000, tzinfo=UTC)


class Body(io.BytesIO):
    """The body of an answer of S3's."""

    def iter_chunks(self, size: int) -> Any:
        while part := self.read(size):
            yield part


@dataclass
class Bucket:
    """The bucket that S3 writes inventories to, as a client reads it."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        if Bucket != HOME:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "no"}}, "GetObject")
        return {"Body": Body(self.objects[Key])}


def row(key: str, **more: Any) -> dict[str, Any]:
    made = {"Bucket": BUCKET, "Key": key, "Size": 12, "LastModifiedDate": MODIFIED, "ETag": "abc"}
    return made | {"StorageClass": "STANDARD", "VersionId": "v1", "IsLatest": True, "IsDeleteMarker": False} | more


def put(bucket: Bucket, *parts: Rows, **more: Any) -> None:
    """Put an inventory of these rows, a file a part."""
    bucket.objects |= inventory(more.pop("source", BUCKET), *parts, **more)


def read(bucket: Bucket, prefix: str = PREFIX) -> tuple[list[ObjectSummary], Inventory]:
    listed = Inventory(bucket, MANIFEST, BUCKET)
    return list(listed.objects(prefix)), listed


both = pytest.mark.parametrize("kind", ["CSV", "Parquet"])


@both
def test_objects_of_all_files_are_as_a_listing_shows_them(kind: str) -> None:
    bucket = Bucket()
    put(bucket, [row(f"{PREFIX}a.json"), row(f"{PREFIX}b.json", Size=0)], [row(f"{PREFIX}c.json")], kind=kind)
    objects, listed = read(bucket)
    assert [each.key for each in objects] == [f"{PREFIX}{name}.json" for name in "abc"]
    assert objects[0] == ObjectSummary(f"{PREFIX}a.json", "abc", 12, MODIFIED)
    assert listed.manifest.written_at == WRITTEN


@both
def test_of_an_inventory_of_versions_the_newest_is_taken_and_a_deleted_object_is_none(kind: str) -> None:
    bucket = Bucket()
    rows = [
        row(f"{PREFIX}a.json", VersionId="v2", ETag="new"),
        row(f"{PREFIX}a.json", VersionId="v1", ETag="old", IsLatest=False),
        row(f"{PREFIX}gone.json", IsDeleteMarker=True, Size=None, ETag=None),
        row(f"{PREFIX}gone.json", VersionId="v0", IsLatest=False),
    ]
    put(bucket, rows, kind=kind, fields=VERSIONED)
    objects, listed = read(bucket)
    assert [(each.key, each.etag) for each in objects] == [(f"{PREFIX}a.json", "new")]
    assert listed.left_out.line() == "0 elsewhere, 2 older versions and 1 delete markers"


@both
def test_what_lies_elsewhere_is_counted_and_left_out(kind: str) -> None:
    bucket = Bucket()
    rows = [row(f"{PREFIX}2024/a.json"), row(f"{PREFIX}b.json"), row("orders_ledger/x"), row("x", Bucket="other")]
    put(bucket, rows, kind=kind)
    objects, listed = read(bucket, f"{PREFIX}2024/")
    assert [each.key for each in objects] == [f"{PREFIX}2024/a.json"]
    assert listed.left_out.elsewhere == 3


HOSTILE = ["a b.json", "a+b.json", "50%.json", "%2B.json", 'ä,"ö"\'.json', "日本/注文.json"]
HOSTILE += ["a\nb.json", "a&b=c;d#e?.json"]


@both
def test_keys_come_out_as_they_are_in_the_bucket(kind: str) -> None:
    bucket = Bucket()
    keys = [PREFIX + name for name in HOSTILE]
    put(bucket, [row(key) for key in keys], kind=kind)
    assert [each.key for each in read(bucket)[0]] == keys


def test_a_space_that_is_encoded_by_its_number_is_one_too() -> None:
    bucket = Bucket()
    put(bucket, [row(f"{PREFIX}a b.json")])
    (name,) = [key for key in bucket.objects if key.endswith(".gz")]
    body = gzip.compress(gzip.decompress(bucket.objects[name]).replace(b"a+b", b"a%20b"))
    checksum = digest(body)
    put(bucket, [row("unused")], files=[{"key": "other.csv.gz", "MD5checksum": checksum.upper()}])
    bucket.objects["other.csv.gz"] = body
    assert [each.key for each in read(bucket)[0]] == [f"{PREFIX}a b.json"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True))
def test_csv_and_parquet_of_the_same_objects_say_the_same(names: list[str]) -> None:
    rows = [row(PREFIX + name, Size=number) for number, name in enumerate(names)]
    listings = []
    for kind in ("CSV", "Parquet"):
        bucket = Bucket()
        put(bucket, rows, kind=kind)
        listings.append(read(bucket)[0])
    assert listings[0] == listings[1]
    assert [each.key for each in listings[0]] == [PREFIX + name for name in names]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"sourceBucket": "theirs"}, "is the inventory of bucket theirs, and the stage's is orders-etl-test"),
        ({"fileFormat": "ORC"}, "is an inventory in ORC, which is not read: have S3 write it as CSV or Parquet"),
        ({"fileSchema": "Bucket, Key"}, "has no Size, LastModifiedDate, ETag: add Size, LastModifiedDate and ETag to"),
        ({"fileSchema": ", ".join((*FIELDS, "VersionId"))}, "has versions, and no IsLatest and IsDeleteMarker"),
        ({"fileSchema": None}, "is no manifest of S3 Inventory: it has no fileSchema"),
        ({"creationTimestamp": "today"}, "its creationTimestamp is no time"),
        ({"files": [{"key": "a"}]}, "its files have no key and MD5checksum"),
        ({"files": None}, "its files have no key and MD5checksum"),
        ({"files": [{"key": "all/gone.csv.gz", "MD5checksum": "0"}]}, "s3://inventories/all/gone.csv.gz is not there"),
        ({"files": [{"key": "all/data/0.csv.gz", "MD5checksum": "0"}]}, "is not what its manifest tells of"),
        ({"fileSchema": ", ".join((*FIELDS, "Extra"))}, "0.csv.gz: row 1 has 6 columns, and the manifest 7"),
    ],
)
def test_an_inventory_that_cannot_be_relied_on_is_refused_with_the_remedy(more: dict[str, Any], says: str) -> None:
    bucket = Bucket()
    put(bucket, [row(f"{PREFIX}a.json")], **more)
    with pytest.raises(SetupError) as refused:
        read(bucket)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("body", "says"),
    [(b"{", "it is not JSON"), (b"[]", "it is no object"), (b"\xff", "it is not JSON"), (None, "is not there")],
)
def test_what_is_no_manifest_is_named(body: bytes | None, says: str) -> None:
    bucket = Bucket({} if body is None else {MANIFEST_KEY: body})
    with pytest.raises(SetupError) as refused:
        read(bucket)
    assert says in str(refused.value)
    assert MANIFEST in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"Size": "many"}, "'many' is no size"),
        ({"LastModifiedDate": "yesterday"}, "'yesterday' no time"),
        ({"IsLatest": "perhaps"}, "IsLatest is 'perhaps': true or false was due"),
    ],
)
def test_a_row_that_makes_no_sense_is_named_with_its_key(wrong: dict[str, Any], says: str) -> None:
    bucket = Bucket()
    put(bucket, [row(f"{PREFIX}a.json"), row(f"{PREFIX}b.json", **wrong)], fields=VERSIONED)
    with pytest.raises(SetupError) as refused:
        read(bucket)
    assert says in str(refused.value)
    assert f"{PREFIX}b.json" in str(refused.value)


@pytest.mark.parametrize("kind", ["CSV", "Parquet"])
@pytest.mark.parametrize("body", [b"", b"not a file", gzip.compress(b'"a","b"\n' * 9)[:-9], b"PAR1"])
def test_a_file_that_is_none_is_named(kind: str, body: bytes) -> None:
    bucket = Bucket()
    checksum = digest(body)
    put(bucket, [row(f"{PREFIX}a.json")], kind=kind, files=[{"key": "all/x", "MD5checksum": checksum}])
    bucket.objects["all/x"] = body
    if kind == "CSV" and not body:
        assert read(bucket)[0] == []  # gzip takes no bytes for an empty file
        return
    with pytest.raises(SetupError, match="s3://inventories/all/x: "):
        read(bucket)


def test_a_key_that_is_no_text_is_named() -> None:
    body = gzip.compress(
        b'"orders-etl-test","orders_json_incoming/%FF","1","2026-11-24T09:30:15.123Z","e","STANDARD"\n'
    )
    bucket = Bucket({"all/x": body})
    put(bucket, files=[{"key": "all/x", "MD5checksum": digest(body)}])
    with pytest.raises(SetupError, match="the key 'orders_json_incoming/%FF' is no URL-encoded UTF-8"):
        read(bucket)


def test_an_inventory_that_may_not_be_read_is_s3s_own_error() -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        Inventory(Bucket(), "s3://elsewhere/manifest.json", BUCKET)


@pytest.mark.parametrize("text", ["manifest.json", "s3://bucket/", "s3://b/manifest.json", "s3://bucket/symlink.txt"])
def test_an_address_is_that_of_a_manifest(text: str) -> None:
    with pytest.raises(ValueError, match=r"give s3://BUCKET/…/manifest\.json"):
        address(text)
