"""What was dropped, newest first; one object with its versions; its rejected records, a page at a time."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.api import rejected, sources
from chalicelib.api.requests import page_token
from chalicelib.counts import Counts
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry
from tests.app.front import NOW, Front, Reply

INCOMING = "orders_json_incoming/"
QUARANTINE = "orders_quarantine/q.ndjson.gz"


def get(front: Front, route: str, **query: str) -> Reply:
    return front.call("GET", route, query={name: [value] for name, value in query.items()})


def ok(front: Front, route: str, **query: str) -> dict[str, Any]:
    answer = get(front, route, **query)
    assert answer.status == 200, answer.text
    body: dict[str, Any] = answer.body
    return body


def drop(front: Front, name: str, after: timedelta = timedelta(), content: bytes = b"12") -> str:
    front.s3.put(f"{INCOMING}{name}", content, NOW + after)
    return f"{INCOMING}{name}"


def record(front: Front, key: str, state: str, version: str = "2", **more: Any) -> None:
    content = json.dumps(Entry(key, version, "1", state, etag=version, **more).as_json()).encode()
    front.s3.put(f"orders_ledger/{ledger_name(key)}", content, NOW)


def quarantine(front: Front, key: str, *records: RejectedRecord) -> None:
    front.s3.put(QUARANTINE, gzip.compress(b"".join(b"".join(each.json_line()) for each in records)))
    record(front, key, "partly_loaded", counts=Counts(len(records) + 1, 1, len(records), 1), quarantine=QUARANTINE)


def keys(page: dict[str, Any]) -> list[str]:
    return [each["key"] for each in page["sources"]]


def test_what_was_dropped_is_listed_newest_first_whatever_the_order_of_keys(front: Front) -> None:
    names = ["m.json", "a.json", "z.json"]
    dropped = [drop(front, name, timedelta(minutes=i)) for i, name in enumerate(names)]
    front.s3.put(f"{INCOMING}folder/", b"")
    assert keys(ok(front, "/sources")) == dropped[::-1]


def test_pages_follow_one_another_without_a_gap_though_newer_objects_come(front: Front) -> None:
    for i in range(7):
        drop(front, f"{i % 3}{i}.json", timedelta(seconds=i // 2))
    everything = keys(ok(front, "/sources"))
    page = ok(front, "/sources", page_size="3")
    paged = keys(page)
    while page["next_page_token"]:
        drop(front, f"late{len(paged)}.json", timedelta(hours=1))
        page = ok(front, "/sources", page_size="3", page_token=page["next_page_token"])
        paged += keys(page)
    assert paged == everything


def test_a_source_has_what_the_ledger_says_of_the_bytes_that_are_there(front: Front) -> None:
    key = drop(front, "a.json")
    record(front, key, "loaded", counts=Counts(3, 3, 0, 7), files=("f",), seconds=0.5, finished_at=NOW.isoformat())
    (source,) = ok(front, "/sources")["sources"]
    assert (source["status"], source["rows"], source["seconds"], source["contract"]) == ("loaded", 7, 0.5, "orders")
    drop(front, "a.json", content=b"other bytes")
    (source,) = ok(front, "/sources")["sources"]
    assert (source["status"], source["rows"]) == ("loading", 0)
    front.now = NOW + timedelta(hours=2)
    assert ok(front, "/sources")["sources"][0]["status"] == "failed"


def test_sources_are_looked_for_by_prefix_and_by_a_part_of_the_key(front: Front) -> None:
    one, other = drop(front, "eu/Müller.json"), drop(front, "us/b.json")
    assert keys(ok(front, "/sources", prefix=f"{INCOMING}us/")) == [other]
    assert keys(ok(front, "/sources", contains="MÜLLER")) == [one]
    assert keys(ok(front, "/sources", contains="nothing")) == []


@pytest.mark.parametrize("prefix", ["orders_ledger/", "", "orders_json", "/", "../orders_json_incoming/"])
def test_nothing_but_what_was_dropped_can_be_listed_or_read(front: Front, prefix: str) -> None:
    front.s3.put("orders_ledger/x", b"1")
    if prefix:
        assert get(front, "/sources", prefix=prefix).status == 400
    for route in ("/source", "/rejected"):
        answer = get(front, route, key=prefix)
        assert answer.status == 400
        assert set(answer.body["Fields"]) == {"key"}


@pytest.mark.parametrize("route", ["/source", "/rejected"])
def test_a_key_that_nobody_dropped_is_unknown_and_a_missing_one_is_asked_for(front: Front, route: str) -> None:
    assert get(front, route, key=f"{INCOMING}a.json").status == 404
    assert get(front, route, key=f"{INCOMING}{'x' * 1100}").status == 400
    assert "is missing" in get(front, route).body["Message"]


def test_more_objects_than_one_call_looks_through_are_said(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_LISTED", 4)
    front.s3.listed_at_once = 2
    for i in range(5):
        drop(front, f"{i}.json")
    page = ok(front, "/sources")
    assert (page["looked_through"], page["complete"]) == (4, False)
    assert ok(front, "/sources", prefix=f"{INCOMING}4")["complete"] is True


@pytest.mark.parametrize("token", ["x", "bm90aGluZw", "MQ"])
def test_a_token_that_was_not_given_out_is_rejected(front: Front, token: str) -> None:
    key = drop(front, "a.json")
    quarantine(front, key, RejectedRecord(1, "", "no", b"1"))
    assert get(front, "/sources", page_token=token).status == 400
    assert get(front, "/rejected", key=key, page_token=token).status == 400


def version(id_: str, at: datetime, latest: bool, deleted: bool = False, key: str = f"{INCOMING}a.json") -> Any:
    of_file = {} if deleted else {"ETag": '"2"', "Size": 2}
    return {"Key": key, "VersionId": id_, "LastModified": at, "IsLatest": latest, **of_file}


def test_the_versions_of_a_key_tell_which_is_the_newest_and_which_is_in_the_tables(front: Front) -> None:
    key = drop(front, "a.json")
    record(front, key, "quarantined", version="v3", reason="not JSON", loaded_version="v1", files=("f",))
    front.s3.versions = lambda _: {
        "Versions": [
            version("v3", NOW + timedelta(hours=2), True),
            version("v1", NOW, False),
            version("w", NOW, True, key=f"{key}.gz"),
        ],
        "DeleteMarkers": [version("v2", NOW + timedelta(hours=1), False, deleted=True)],
    }
    source = ok(front, "/source", key=key)
    assert (source["status"], source["reason"]) == ("quarantined", "not JSON")
    told = [(each["version"], each["deletion"], each["newest"], each["in_tables"]) for each in source["versions"]]
    assert told == [("v3", False, True, False), ("v2", True, False, False), ("v1", False, False, True)]


@pytest.mark.parametrize(
    ("stored", "receipt"), [(b'{"status": "loaded"}', {"status": "loaded"}), (b"[", None), (b"1", None)]
)
def test_a_source_has_its_receipt_once_there_is_one(front: Front, stored: bytes, receipt: Any) -> None:
    key = drop(front, "a.json")
    front.s3.versions = lambda _: {"Versions": [version("v1", NOW, True)]}
    assert ok(front, "/source", key=key)["receipt"] is None
    front.s3.put(f"orders_receipts/{key}.json", stored)
    assert ok(front, "/source", key=key)["receipt"] == receipt


def test_a_source_that_was_deleted_is_told_of_still(front: Front) -> None:
    key = f"{INCOMING}a.json"
    front.s3.versions = lambda _: {"DeleteMarkers": [version("v2", NOW, True, deleted=True)]}
    assert ok(front, "/source", key=key)["status"] == "deleted"
    record(front, key, "deleted", version="v2")
    assert ok(front, "/source", key=key)["status"] == "deleted"


def test_rejected_records_come_as_they_were_sent_page_by_page(front: Front) -> None:
    key = drop(front, "a.json")
    raws = [b'{\n  "total": 1.10}', '{"name": "Größe"}'.encode(), b'{"x": "\\ud800"}', b"<b>7</b>"]
    quarantine(front, key, *(RejectedRecord(i, "$.x", f"reason {i}", raw) for i, raw in enumerate(raws, 1)))
    page = ok(front, "/rejected", key=key, page_size="3")
    assert page["orders_rejected"] == 4
    assert "X-Amz-Signature" in page["quarantine_url"]
    records = page["records"]
    assert [each["record_number"] for each in records] == [1, 2, 3]
    last = ok(front, "/rejected", key=key, page_size="3", page_token=page["next_page_token"])
    assert last["next_page_token"] is None
    records += last["records"]
    assert [each["raw"].encode() for each in records] == raws
    assert all(each["exact"] for each in records)


def test_what_is_no_utf_8_or_too_long_is_shown_and_said_not_to_be_exact(front: Front) -> None:
    key = drop(front, "a.json")
    long = '{"a": "' + "ä" * rejected.MAX_RAW + '"}'
    longer = ('"' + "\\ü" * rejected.MAX_LINE).encode()
    quarantine(
        front, key, *(RejectedRecord(i, "", "no", raw) for i, raw in enumerate([b"\xff1", b"4", long.encode(), longer]))
    )
    shown = ok(front, "/rejected", key=key)["records"]
    assert [each["exact"] for each in shown] == [False, True, False, False]
    assert shown[0]["raw"] == "\ufffd1"
    assert shown[2]["raw"] == long[: rejected.MAX_RAW]
    assert shown[3]["raw"] == longer.decode()[: rejected.MAX_RAW]


@pytest.mark.parametrize("text", ["a", "ü", "🙂", '"', "\x01"])
def test_the_beginning_of_a_long_record_is_as_long_whatever_it_is_written_in(front: Front, text: str) -> None:
    key = drop(front, "a.json")
    quarantine(front, key, RejectedRecord(1, "", "no", (text * (3 * rejected.MAX_RAW)).encode()))
    answer = ok(front, "/rejected", key=key)
    assert answer["records"][0]["raw"] == text * rejected.MAX_RAW
    assert len(json.dumps(json.dumps(answer))) < 6_000_000


def test_members_that_stand_before_a_record_are_passed_over_whatever_they_hold(front: Front) -> None:
    key = drop(front, "a.json")
    head = '{"source_key": "a\\"record_number\\": 9, \\"raw\\": \\"x", "record_number": 4, "path": "p", "reason": "r"'
    lines = [f'{head}, "contract": "orders", "raw": "{raw}"}}\n' for raw in ("1", "x" * rejected.MAX_LINE)]
    lines.append(f'{head}, "raw_key": "orders_quarantine/long/x.gz", "raw": "the beginning"}}\n')
    front.s3.put(QUARANTINE, gzip.compress("".join(lines).encode()))
    record(front, key, "partly_loaded", counts=Counts(3, 0, 3), quarantine=QUARANTINE)
    records = ok(front, "/rejected", key=key)["records"]
    assert [(each["record_number"], each["path"], each["exact"]) for each in records] == [
        (4, "p", True), (4, "p", False), (4, "p", False),
    ]  # fmt: skip


@pytest.mark.parametrize("raw", ["ü" * 100_000, "🙂" * 300_000])
def test_a_page_ends_before_it_is_too_large_for_an_answer(front: Front, raw: str) -> None:
    key = drop(front, "a.json")
    quarantine(front, key, *(RejectedRecord(i, "", "no", raw.encode()) for i in range(30)))
    page, numbers = ok(front, "/rejected", key=key, page_size="500"), []
    while True:
        assert len(json.dumps(json.dumps(page))) < 6_000_000
        numbers += [each["record_number"] for each in page["records"]]
        if not page["next_page_token"]:
            break
        page = ok(front, "/rejected", key=key, page_size="500", page_token=page["next_page_token"])
    assert numbers == list(range(30))


def test_what_one_call_does_not_read_is_said_with_the_way_to_it(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected, "MOST_READ", 100_000)
    monkeypatch.setattr(rejected, "PIECE", 10_000)
    key = drop(front, "a.json")
    quarantine(front, key, *(RejectedRecord(i, "", "no", b"x" * 1000) for i in range(300)))
    answer = get(front, "/rejected", key=key, page_size="500")
    assert answer.status == 400
    assert "download the quarantine_url" in answer.body["Fields"]["page_token"]
    assert ok(front, "/rejected", key=key, page_size="50")["records"]


@pytest.mark.parametrize(
    ("damaged", "readable"),
    [
        (lambda whole: whole[:-9], 2),
        (lambda whole: whole[:-4], 2),
        (lambda whole: whole[:12] + b"\xff" * 20 + whole[32:], 0),
        (lambda whole: gzip.decompress(whole), 0),
        (lambda whole: gzip.compress(gzip.decompress(whole)[:-9]), 1),
        (lambda whole: gzip.compress(gzip.decompress(whole) + b"{}\n"), 2),
        (lambda whole: gzip.compress(gzip.decompress(whole) + b"[]\n"), 2),
        (lambda whole: gzip.compress(gzip.decompress(whole) + b"no\n"), 2),
        (lambda whole: b"", 0),
    ],
)
def test_rejected_records_that_somebody_wrote_over_are_said_to_be_damaged(
    front: Front, damaged: Callable[[bytes], bytes], readable: int
) -> None:
    key = drop(front, "a.json")
    quarantine(front, key, RejectedRecord(1, "", "no", b"1"), RejectedRecord(2, "", "no", b"2"))
    front.s3.put(QUARANTINE, damaged(front.s3.objects[QUARANTINE][0]))
    answer = get(front, "/rejected", key=key)
    assert answer.status == 500
    assert f"in '{QUARANTINE}' are damaged behind the first {readable}: somebody wrote" in answer.body["Message"]
    assert "replay --key" in answer.body["Message"]


def test_a_token_of_records_that_were_loaded_anew_is_rejected(front: Front) -> None:
    key = drop(front, "a.json")
    quarantine(front, key, RejectedRecord(1, "", "no", b"1"), RejectedRecord(2, "", "no", b"2"))
    token = ok(front, "/rejected", key=key, page_size="1")["next_page_token"]
    front.s3.put("orders_quarantine/newer.ndjson.gz", front.s3.objects[QUARANTINE][0])
    record(front, key, "partly_loaded", quarantine="orders_quarantine/newer.ndjson.gz")
    assert "loaded anew" in get(front, "/rejected", key=key, page_token=token).body["Message"]


@pytest.mark.parametrize("first", ["9" * 30, "9" * 1000, "-1", "٣", ""])
def test_a_token_that_somebody_made_up_is_rejected_and_no_fault_of_ours(front: Front, first: str) -> None:
    key = drop(front, "a.json")
    quarantine(front, key, RejectedRecord(1, "", "no", b"1"))
    answer = get(front, "/rejected", key=key, page_token=str(page_token(f"{first}\n{QUARANTINE}")))
    assert answer.status == 400
    assert "is not a token of these records" in answer.body["Message"]


@pytest.mark.parametrize("state", ["loading", "loaded", "quarantined", "deleted"])
def test_an_object_without_rejected_records_has_an_empty_page(front: Front, state: str) -> None:
    key = drop(front, "a.json")
    record(front, key, state, reason="not JSON" if state == "quarantined" else None)
    page = ok(front, "/rejected", key=key)
    assert (page["status"], page["records"], page["next_page_token"]) == (state, [], None)


def test_a_prefix_longer_than_a_key_may_be_is_rejected(front: Front) -> None:
    answer = get(front, "/sources", prefix=f"{INCOMING}{'p' * 1024}")
    assert answer.status == 400
    assert "is longer than a key may be" in answer.body["Fields"]["prefix"]
