"""Upload links and what became of uploads: names, ids, forms, and the truth at every stage."""

from __future__ import annotations

import base64
import gzip
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.upload_names import MAX_NAME_BYTES, UploadId, safe_name
from chalicelib.counts import Counts
from chalicelib.documents.decompress import is_supported
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.errors import RequestError, UnknownUpload
from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry
from tests.app.front import NOW, Front

GOOD = [
    "orders.json",
    "Bestellungen Größe 5.json",
    "注文 ☕ 👩‍🚀.ndjson",
    "a.JSON.GZ",
    "x+y%20&=?#'.jsonl",
    "a b.json.gz",
    "ünï.json",
    "a..b.json",
    "..json",
    "می\u200cخواهم.json",
    "ක්\u200dෂ.json",
    "\u0600١.json",
]
BAD: list[Any] = [
    "", " ", "orders", "orders.csv", "orders.json.zip", ".gz", "a/b.json", "a\\b.json", "../orders.json",
    "C:\\fakepath\\orders.json", "a\x00.json", "a\n.json", "a\r\nX: y.json", "a\u2028.json", "a\u202egnp.json",
    "\ud800.json", "${filename}.json", "5$.json", "\ufefforders.json", "or\u200bders.json", "or\u00adders.json",
    "or\u2060ders.json", "or\u200dders.json", "é\u200d.json", "\u200c注文.json", "é\u200c\u200d注.json", "\u3164.json",
    "a\U000e0041.json", "a;type=text.json", "ü" * 126 + ".json", "x" * 300 + ".json", None, 7, True,
    ["orders.json"], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_good_name_ends_the_key_as_it_is(front: Front, name: str) -> None:
    answer = front.post(name)
    assert answer.status == 201
    link = answer.body
    assert link["key"] == f"orders_json_incoming/{link['upload_id']}/{name}"
    assert front.call("GET", "/uploads/{upload_id}", path={"upload_id": link["upload_id"]}).body["key"] == link["key"]


@pytest.mark.thorough
@pytest.mark.parametrize("name", BAD, ids=lambda name: ascii(name)[:30])
def test_a_bad_name_is_rejected_with_the_remedy(front: Front, name: Any) -> None:
    answer = front.post(name)
    assert answer.status == 400
    assert set(answer.body["Fields"]) == {"filename"}
    assert answer.body["Fields"]["filename"].count(": ") >= 1 or "give" in answer.body["Fields"]["filename"]
    assert len(answer.text) < 1500


def test_a_character_that_cannot_be_seen_is_named_by_its_code_point(front: Front) -> None:
    for character, code in (("\ufeff", "U+FEFF"), ("\u200b", "U+200B"), ("\u00ad", "U+00AD"), ("\u200d", "U+200D")):
        message = front.post(f"a{character}.json").body["Fields"]["filename"]
        assert code in message
        assert character not in message


def test_an_id_that_was_issued_when_more_names_were_taken_is_known_still() -> None:
    for name in ("5$ off.json", "\ufefforders.json", "a\u200b.ndjson.gz"):
        assert UploadId.read(UploadId.new("orders", name, NOW, bytes(16)).text).name == name


@pytest.mark.parametrize("name", ["../a.json", "a/b.json", "a\\b.json", "a\n.json", "", "a.csv"])
def test_an_id_made_up_for_a_name_that_was_never_taken_is_unknown(name: str) -> None:
    with pytest.raises(UnknownUpload):
        UploadId.read(UploadId.new("orders", name, NOW, bytes(16)).text)


def test_spaces_around_a_name_are_left_out(front: Front) -> None:
    assert front.post("  orders.json\u3000").body["key"].endswith("/orders.json")


def test_the_longest_name_makes_a_key_that_s3_takes(front: Front) -> None:
    link = front.post("x" * (MAX_NAME_BYTES - 5) + ".json").body
    assert len(link["key"].encode()) <= 1024
    assert front.call("GET", "/uploads/{upload_id}", path={"upload_id": link["upload_id"]}).status == 200


@given(st.text())
def test_what_passes_is_one_segment_of_a_supported_type(text: str) -> None:
    for given_name in (text, f"{text}.json"):
        with suppress(RequestError):
            name = safe_name(given_name)
            assert is_supported(name)
            assert 0 < len(name.encode()) <= MAX_NAME_BYTES
            assert not set(name) & set("/\\;\0\r\n")
            assert "$" not in name
            assert safe_name(name) == name
            assert UploadId.read(UploadId.new("orders", name, NOW, bytes(16)).text).name == name


@given(st.text() | st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789-_", min_size=36, max_size=60))
def test_an_id_that_was_never_issued_is_unknown(text: str) -> None:
    with pytest.raises(UnknownUpload):
        UploadId.read(text)


@given(st.data())
def test_an_id_with_one_wrong_letter_is_unknown(data: st.DataObject) -> None:
    issued = UploadId.new("orders", "orders.json", NOW, bytes(range(16))).text
    position = data.draw(st.integers(0, len(issued) - 1))
    letter = data.draw(st.sampled_from("abcxyzABCXYZ0189-_"))
    mistyped = issued[:position] + letter + issued[position + 1 :]
    if mistyped != issued:
        with pytest.raises(UnknownUpload):
            UploadId.read(mistyped)


def test_ids_cannot_be_guessed_from_one_another(front: Front) -> None:
    ids = {front.post("orders.json").body["upload_id"] for _ in range(50)}
    assert len(ids) == 50
    random = {base64.urlsafe_b64decode(each + "==")[5:21] for each in ids}
    assert len({each[:8] for each in random}) == len({each[8:] for each in random}) == 50


@pytest.mark.parametrize(
    ("name", "type_"),
    [("a.json", "application/json"), ("a.NDJSON", "application/x-ndjson"), ("a.jsonl", "application/x-ndjson"),
     ("a.json.gz", "application/gzip")],
)  # fmt: skip
def test_the_form_allows_one_key_one_type_one_size_for_minutes(name: str, type_: str) -> None:
    front = Front(UPLOAD_MAX_BYTES="1000", UPLOAD_SECONDS="120")
    link = front.post(name).body
    assert link["url"] == "https://orders-etl-test.s3.eu-central-1.amazonaws.com/"
    assert link["max_bytes"] == 1000
    policy = json.loads(base64.b64decode(link["fields"]["policy"]))
    conditions = policy["conditions"]
    assert {"bucket": "orders-etl-test"} in conditions
    assert {"key": link["key"]} in conditions
    assert {"Content-Type": type_} in conditions
    assert {"x-amz-server-side-encryption": "AES256"} in conditions
    assert ["content-length-range", 1, 1000] in conditions
    assert not [each for each in conditions if isinstance(each, list) and each[0] == "starts-with"]
    named = {name for each in conditions if isinstance(each, dict) for name in each}
    assert set(link["fields"]) - {"policy", "x-amz-signature"} <= named  # S3 rejects a field that is not
    assert link["fields"]["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert link["expires_at"] == (NOW + timedelta(seconds=120)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (None, {"Content-Type": "application/json"}, 400),
        ("", {"Content-Type": "application/json"}, 400),
        ("{", {"Content-Type": "application/json"}, 400),
        ("[]", {"Content-Type": "application/json"}, 400),
        ("null", {"Content-Type": "application/json"}, 400),
        ("{}", {"Content-Type": "application/json"}, 400),
        ('{"filename": "a.json", "key": "other"}', {"Content-Type": "application/json"}, 400),
        ('{"filename": "a.json"}', {}, 400),
        ('{"filename": "a.json"}', None, 400),
        ('{"filename": "a.json"}', {"Content-Type": "text/plain"}, 415),
        ('{"filename": "a.json"}', {"content-type": "application/json; charset=utf-8"}, 201),
        ("[" * 10_000, {"Content-Type": "application/json"}, 400),
        ('{"filename": "a.json", "x": "' + "x" * 20_000 + '"}', {"Content-Type": "application/json"}, 413),
        ('{"filename": NaN}', {"Content-Type": "application/json"}, 400),
        ('{"filename": 1' + "0" * 5000 + "}", {"Content-Type": "application/json"}, 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_that_is_not_what_is_asked_for(front: Front, body: Any, headers: Any, status: int) -> None:
    answer = front.call("POST", "/uploads", body=body, headers=headers)
    assert answer.status == status
    if status != 201:
        assert set(answer.body) >= {"Code", "Message", "RequestId"}


class UploadWorld:
    """One upload, whose object and ledger entry the test sets."""

    def __init__(self, front: Front) -> None:
        self.front = front
        link = front.post("orders.json").body
        self.id, self.key = link["upload_id"], link["key"]

    def arrived(self, after: timedelta = timedelta(), content: bytes = b"12") -> None:
        self.front.s3.put(self.key, content, NOW + after)

    def entry(self, state: str, after: timedelta = timedelta(), **more: Any) -> None:
        entry = Entry(self.key, str(more.pop("version", "2")), "1", state, **more)
        content = json.dumps(entry.as_json()).encode()
        self.front.s3.put(f"orders_ledger/{ledger_name(self.key)}", content, NOW + after)

    def at(self, after: timedelta) -> dict[str, Any]:
        self.front.now = NOW + after
        answer = self.front.call("GET", "/uploads/{upload_id}", path={"upload_id": self.id})
        assert answer.status == 200
        status: dict[str, Any] = answer.body
        assert status["orders_read"] == status["orders_loaded"] + status["orders_rejected"]
        return status


@pytest.fixture
def uploaded(front: Front) -> UploadWorld:
    return UploadWorld(front)


def test_it_waits_until_the_file_comes_or_cannot_come_any_more(uploaded: UploadWorld) -> None:
    assert (uploaded.at(timedelta())["status"], uploaded.at(timedelta())["reason"]) == ("waiting", None)
    late = uploaded.at(timedelta(minutes=16))
    assert late["status"] == "waiting"
    assert "the link expired at 2026-11-23T12:15:00+00:00" in late["reason"]
    over = uploaded.at(timedelta(minutes=80))
    assert over["status"] == "failed"
    assert "POST /uploads" in over["reason"]


def test_it_is_loading_from_when_the_file_is_there(uploaded: UploadWorld) -> None:
    uploaded.arrived()
    assert uploaded.at(timedelta(seconds=1))["status"] == "loading"
    assert uploaded.at(timedelta(minutes=40))["status"] == "loading"
    assert uploaded.at(timedelta(minutes=60))["status"] == "failed"
    uploaded.entry("loading", timedelta(minutes=61))
    assert uploaded.at(timedelta(minutes=61))["status"] == "loading"


def test_a_load_that_never_ends_has_failed_once_no_attempt_can_be_alive(uploaded: UploadWorld) -> None:
    uploaded.arrived()
    uploaded.entry("loading")
    assert uploaded.at(timedelta(minutes=17))["status"] == "loading"
    gone = uploaded.at(timedelta(minutes=20))
    assert gone["status"] == "failed"
    assert "begun 1 times" in gone["reason"]
    uploaded.entry("loading", attempts=3)
    assert uploaded.at(timedelta(minutes=15))["status"] == "loading"
    assert uploaded.at(timedelta(minutes=17))["status"] == "failed"


def test_a_file_removed_before_it_was_loaded_has_failed(uploaded: UploadWorld) -> None:
    uploaded.entry("loading")
    assert uploaded.at(timedelta(seconds=1))["status"] == "failed"


def test_the_end_is_what_the_ledger_says_even_when_the_file_is_gone(uploaded: UploadWorld) -> None:
    uploaded.entry("loaded", counts=Counts(3, 3, 0, 7), files=("a", "b"))
    for _ in range(2):
        status = uploaded.at(timedelta(days=400))
        assert (status["status"], status["orders_read"], status["rows"], status["files"]) == ("loaded", 3, 7, 2)
        uploaded.arrived()


def test_a_second_file_by_the_same_link_is_loading_until_it_is_the_one_that_was_loaded(uploaded: UploadWorld) -> None:
    uploaded.entry("loaded", counts=Counts(3, 3, 0, 7), files=("a",))
    uploaded.arrived(timedelta(seconds=10), b"12345")
    status = uploaded.at(timedelta(seconds=11))
    assert (status["status"], status["rows"]) == ("loading", 0)
    uploaded.entry("loaded", version="5", counts=Counts(1, 1, 0, 1), files=("b",))
    assert uploaded.at(timedelta(seconds=12))["rows"] == 1


@pytest.mark.parametrize("content", [b"null", b"[]", b"{", b'{"version": 1}', b"\xff", b"[" * 100_000])
def test_an_entry_that_cannot_be_read_is_no_error_of_the_caller(uploaded: UploadWorld, content: bytes) -> None:
    uploaded.arrived()
    uploaded.front.s3.put(f"orders_ledger/{ledger_name(uploaded.key)}", content, NOW)
    assert uploaded.at(timedelta(seconds=1))["status"] == "loading"


def test_what_was_rejected_is_shown_by_a_sample_without_the_orders_and_a_link(uploaded: UploadWorld) -> None:
    uploaded.arrived()
    records = [
        RejectedRecord(number, "$.price", f'"{number}", "raw": "x" is not a number', b'{"secret": 1, "raw": "y"}')
        for number in range(1, 9)
    ]
    content = gzip.compress(b"".join(b"".join(each.json_line()) for each in records))
    uploaded.front.s3.put("orders_quarantine/q.ndjson.gz", content)
    uploaded.entry("partly_loaded", counts=Counts(9, 1, 8), quarantine="orders_quarantine/q.ndjson.gz")
    status = uploaded.at(timedelta(seconds=5))
    assert [each["record_number"] for each in status["rejected"]] == [1, 2, 3, 4, 5]
    assert status["rejected"][0] == {
        "record_number": 1, "path": "$.price", "reason": '"1", "raw": "x" is not a number',
    }  # fmt: skip
    assert "secret" not in json.dumps(status["rejected"])
    assert "/orders_quarantine/q.ndjson.gz?" in status["quarantine_url"]
    assert "X-Amz-Signature" in status["quarantine_url"]


def test_a_sample_stays_small_whatever_was_rejected(uploaded: UploadWorld) -> None:
    uploaded.arrived()
    huge = b"".join(RejectedRecord(1, "", "too long", b"x" * 30_000_000).json_line())
    content = gzip.compress(huge + b"".join(RejectedRecord(2, "", "late", b"1").json_line()))
    uploaded.front.s3.put("orders_quarantine/q.ndjson.gz", content)
    uploaded.entry("partly_loaded", counts=Counts(2, 0, 2), quarantine="orders_quarantine/q.ndjson.gz")
    status = uploaded.at(timedelta(seconds=5))
    assert status["rejected"] == [{"record_number": 1, "path": "", "reason": "too long"}]


def test_a_file_rejected_whole_tells_why_and_counts_nothing_of_an_earlier_one(uploaded: UploadWorld) -> None:
    uploaded.arrived()
    report = "orders_quarantine/q.report.json"
    uploaded.entry("quarantined", reason="not JSON (at byte 3)", quarantine=report, files=("of an earlier version",))
    status = uploaded.at(timedelta(seconds=5))
    assert (status["status"], status["reason"], status["files"]) == ("quarantined", "not JSON (at byte 3)", 0)
    assert report in status["quarantine_url"]


def test_an_upload_is_told_of_though_what_was_rejected_of_it_is_gone(uploaded: UploadWorld) -> None:
    uploaded.arrived()
    uploaded.entry("partly_loaded", counts=Counts(2, 1, 1), quarantine="orders_quarantine/gone.ndjson.gz")
    status = uploaded.at(timedelta(seconds=5))
    assert (status["status"], status["orders_rejected"], status["rejected"]) == ("partly_loaded", 1, [])
