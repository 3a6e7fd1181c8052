"""Files made to cost time or memory, each of about so many bytes: for tests of what an input may cost."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import count, islice

ORDER = b'{"order_id":1,"order_date":"2024-01-01"}'
ENVELOPE = '{"orders":[{"order_id":%d,"order_date":"2024-01-01"}]}'
BOM = b"\xef\xbb\xbf"


def filled(piece: bytes, size: int) -> bytes:
    """Return `piece` repeated to about `size` bytes."""
    return piece * (size // len(piece) + 1)


def numbered(template: str, size: int) -> bytes:
    """Return `template` repeated to about `size` bytes, its `%d` counting up."""
    pieces = [template % i for i in islice(count(1), size // len(template % 100_000) + 1)]
    return "".join(pieces).encode()


def elements(piece: bytes, size: int) -> bytes:
    """Return an array of `piece`, of about `size` bytes."""
    return b"[" + filled(piece + b",", size) + piece + b"]"


def after_an_order(lines: bytes) -> bytes:
    """Return a newline-delimited file that begins with a sound order."""
    return ORDER + b"\n" + lines


def order_of(field: bytes) -> bytes:
    """Return an order that has `field` as well."""
    return ORDER[:-1] + b"," + field + b"}"


def mixed(bad: bytes, share: float, size: int) -> bytes:
    """Return lines of which this share is `bad`, the rest sound orders."""
    good = round(100 * (1 - share))
    return filled((ORDER + b"\n") * good + (bad + b"\n") * (100 - good), size)


def lines_of(record: bytes, size: int) -> bytes:
    """Return `record` on each line, after a sound order."""
    return after_an_order(filled(record + b"\n", size))


def months(size: int) -> bytes:
    """Return orders of as many months as there are."""
    dates = [f"{2000 + month // 12}-{month % 12 + 1:02d}-01" for month in range(280)]
    orders = [f'{{"order_id":{i},"order_date":"{date}"}}\n' for i, date in enumerate(dates)]
    return filled("".join(orders).encode(), size)


LONG = order_of(b'"x":"' + b"y" * 8_388_700 + b'"')
JUST_FITS = order_of(b'"x":"' + b"y" * 8_388_500 + b'"')
DEEP = b"[" * 1500 + b"]" * 1500

HOSTILE: dict[str, Callable[[int], bytes]] = {
    # Envelopes.
    "envelopes of one order, a line each": lambda n: numbered(ENVELOPE + "\n", n),
    "envelopes of one order, nothing between": lambda n: numbered(ENVELOPE, n),
    "empty envelopes, a line each": lambda n: filled(b'{"orders":[]}\n', n),
    "empty envelopes, nothing between": lambda n: filled(b'{"orders":[]}', n),
    "empty envelopes with escaped keys": lambda n: filled(b'{"\\u006frders":[]}\n', n),
    "empty envelopes, pretty-printed": lambda n: filled(b'{\n "page": 1,\n "orders": [\n ],\n "next": null\n}\n', n),
    "envelopes of one order, pretty-printed": lambda n: filled(b'{\n "orders": [\n  ' + ORDER + b"\n ]\n}\n", n),
    "envelopes of many keys": lambda n: filled(b'{"a":1,"b":[2],"orders":[' + ORDER + b'],"c":{"orders":[]}}\n', n),
    "envelopes between orders": lambda n: filled(ORDER + b'\n{"orders":[' + ORDER + b"]}\n", n),
    "envelopes of empty objects": lambda n: filled(b'{"orders":[{}]}\n', n),
    "envelopes with a broken line between": lambda n: filled(b'{"orders":[]}\n' * 50 + b"x\n", n),
    "envelopes whose array comes twice": lambda n: filled(b'{"orders":[],"orders":[]}\n', n),
    "many keys before the array": lambda n: b"{" + filled(b'"a":1,', n) + b'"orders":[' + ORDER + b"]}",
    "many other keys before the array": lambda n: (
        b"{" + numbered('"%d":[],', n) + b'"orders":[' + ORDER + b"]}"
    ),
    "many NaN before the array": lambda n: b"{" + filled(b'"a":NaN,', n) + b'"orders":[' + ORDER + b"]}",
    "many lone surrogates before the array": lambda n: (
        b"{" + filled(b'"a":"\\ud800",', n) + b'"orders":[' + ORDER + b"]}"
    ),
    "envelopes with NaN beside": lambda n: filled(b'{"a":NaN,"orders":[],"b":[NaN]}\n', n),
    "many keys and no array": lambda n: b"{" + filled(b'"a":1,', n) + b'"b":1}',
    "many keys after the array": lambda n: b'{"orders":[' + ORDER + b"]" + filled(b',"a":1', n) + b"}",
    "many objects after the array": lambda n: b'{"orders":[' + ORDER + b'],"a":' + elements(b"{}", n) + b"}",
    "a huge key": lambda n: b'{"' + filled(b"k", n) + b'":1,"orders":[' + ORDER + b"]}",
    "a huge key of escapes": lambda n: b'{"' + filled(b"\\u006b", n) + b'":1,"orders":[' + ORDER + b"]}",
    "envelope in envelope": lambda n: filled(b'{"orders":[{"orders":[]}]}\n', n),
    # Tiny documents.
    "empty objects in an array": lambda n: elements(b"{}", n),
    "numbers in an array": lambda n: elements(b"1", n),
    "nulls in an array": lambda n: elements(b"null", n),
    "arrays in an array": lambda n: elements(b"[]", n),
    "texts in an array": lambda n: elements(b'""', n),
    "objects with one key in an array": lambda n: elements(b'{"a":1}', n),
    "objects with one key of many": lambda n: b"[" + numbered('{"%d":1},', n) + b"1]",
    "empty objects, a line each": lambda n: filled(b"{}\n", n),
    "numbers, a line each, after an order": lambda n: lines_of(b"1", n),
    "numbers on one line": lambda n: filled(b"1 ", n),
    "numbers on one line, after an order": lambda n: after_an_order(filled(b"1 ", n)),
    "texts on one line": lambda n: filled(b'""', n),
    "empty objects on one line": lambda n: filled(b"{}", n),
    "orders on one line": lambda n: filled(ORDER + b" ", n),
    "orders on one line, the last broken": lambda n: after_an_order(filled(ORDER + b" ", n) + b"x"),
    "orders on one line, after an order": lambda n: after_an_order(filled(ORDER + b" ", n)),
    "sound and empty objects, half and half": lambda n: mixed(b"{}", 0.5, n),
    "sound and empty objects, most of them empty": lambda n: mixed(b"{}", 0.89, n),
    "sound and broken lines, half and half": lambda n: mixed(b"x", 0.5, n),
    "sound and broken lines, most of them broken": lambda n: mixed(b"{", 0.89, n),
    "sound orders and lone surrogates": lambda n: mixed(b'"\\ud800"', 0.5, n),
    "sound orders and lines that are not UTF-8": lambda n: mixed(b'"\xff"', 0.5, n),
    # Lines that are not JSON.
    "lines of x": lambda n: lines_of(b"x", n),
    "lines of an open brace": lambda n: lines_of(b"{", n),
    "lines of an open bracket": lambda n: lines_of(b"[", n),
    "lines of an open array": lambda n: lines_of(b"[" + b"1," * 500, n),
    "lines of an open array, its elements a line each": lambda n: after_an_order(filled(b"[\n" + b"1,\n" * 500, n)),
    "lines of a quote": lambda n: lines_of(b'"', n),
    "lines of an open key": lambda n: lines_of(b'{"a":', n),
    "lines that go on": lambda n: lines_of(b"{} x", n),
    "lines that are not UTF-8": lambda n: lines_of(b"\xff", n),
    "orders that are not UTF-8": lambda n: lines_of(order_of(b'"x":"\xfc"'), n),
    "lines of NUL": lambda n: lines_of(b"\0", n),
    "lines of a long broken text": lambda n: lines_of(b'"' + b"\\x" * 2000, n),
    "lines that end with CR": lambda n: (ORDER + b"\r") + filled(b"x\r", n),
    # Nothing, much of it.
    "spaces": lambda n: ORDER + filled(b" ", n) + ORDER,
    "empty lines": lambda n: after_an_order(filled(b"\n", n) + ORDER),
    "empty lines of CR LF": lambda n: after_an_order(filled(b"\r\n", n) + ORDER),
    "white space in an array": lambda n: b"[" + filled(b" \n", n) + ORDER + filled(b"\t\r", n) + b"]",
    "byte order marks": lambda n: after_an_order(filled(BOM, n) + ORDER),
    "byte order marks, a line each": lambda n: after_an_order(filled(BOM + b"\n", n) + ORDER),
    "byte order marks before orders": lambda n: filled(BOM + ORDER + b"\n", n),
    "gzip members of nothing": lambda n: (
        gzip.compress(b"[") + filled(gzip.compress(b"", mtime=0), n) + gzip.compress(b"]")
    ),
    "gzip members of an order": lambda n: filled(gzip.compress(ORDER + b"\n", mtime=0), n),
    # Depth and unusual values.
    "open brackets": lambda n: filled(b"[", n),
    "open objects": lambda n: filled(b'{"a":', n),
    "deep arrays that end with a brace": lambda n: lines_of(b"[" * 999 + b"]" * 998 + b"}", n),
    "deep arrays with too many ends": lambda n: lines_of(b"[" * 500 + b"]" * 1000, n),
    "deep arrays around a lone surrogate": lambda n: lines_of(b"[" * 999 + b'"\\ud800"' + b"]" * 999, n),
    "deep arrays around a lone surrogate, spaced": lambda n: lines_of(b"[ " * 499 + b'"\\ud800"' + b" ]" * 499, n),
    "one deep order": lambda n: order_of(b'"x":' + b"[" * (n // 2) + b"]" * (n // 2)),
    "one deep order of numbers": lambda n: order_of(b'"x":' + b"[" * 1500 + filled(b"1,", n) + b"1" + b"]" * 1500),
    "one deep order of objects": lambda n: order_of(b'"x":' + b"[" * 1500 + filled(b'{"":1},', n) + b"1" + b"]" * 1500),
    "deep orders": lambda n: filled(order_of(b'"x":' + DEEP) + b"\n", n),
    "deep elements": lambda n: elements(DEEP, n),
    "lone surrogates": lambda n: elements(b'"\\ud800"', n),
    "orders with lone surrogates": lambda n: elements(order_of(b'"x":"\\ud800"'), n),
    "one unchecked order of many values": lambda n: order_of(b'"y":"\\ud800","x":' + elements(b"1", n)),
    "NaN in an array": lambda n: elements(b"NaN", n),
    "long escapes": lambda n: order_of(b'"customer":{"name":"' + filled(b"\\u00e9", n) + b'"}'),
    "escapes and a lone surrogate": lambda n: order_of(b'"customer":{"name":"\\ud800' + filled(b"\\n", n) + b'"}'),
    # Orders of much.
    "an order of empty products": lambda n: order_of(b'"products":' + elements(b"{}", n)),
    "an order of products that are numbers": lambda n: order_of(b'"products":' + elements(b"1", n)),
    "an order of null products": lambda n: order_of(b'"products":' + elements(b"null", n)),
    "orders of empty products": lambda n: elements(order_of(b'"products":' + elements(b"{}", 10_000)), n),
    "orders of broken products": lambda n: elements(
        order_of(b'"products":' + elements(b"{}", 10_000)[:-1] + b",1]"), n
    ),
    "an order of many values": lambda n: order_of(b'"x":' + elements(b"1", n)),
    "an order of many objects": lambda n: order_of(b'"x":' + elements(b"{}", n)),
    "an order of many texts": lambda n: order_of(b'"x":' + elements(b'""', n)),
    "an order of many keys": lambda n: order_of(b'"x":{' + numbered('"%d":1,', n) + b'"y":1}'),
    "an order of many fields": lambda n: order_of(numbered('"%d":1,', n) + b'"y":1'),
    "products of many fields": lambda n: order_of(b'"products":[{' + numbered('"%d":1,', n) + b'"y":1}]'),
    "an order whose texts repeat on many rows": lambda n: order_of(
        b'"customer":{"address":"' + b"a" * 180 + b'"},"products":' + elements(b"{}", min(n, 200_000))
    ),
    "orders whose texts repeat on many rows": lambda n: elements(
        order_of(b'"customer":{"address":"' + b"a" * 9000 + b'"},"products":' + elements(b"{}", 9_000)), n
    ),
    "orders whose fields repeat on many rows": lambda n: elements(
        order_of(b'"x":"' + b"a" * 9000 + b'","products":' + elements(b"{}", 9_000)), n
    ),
    "orders whose many fields repeat on lines with one of their own": lambda n: filled(
        order_of(numbered('"%d":1,', 3_000) + b'"products":' + elements(b'{"a":1}', 2_400)) + b"\n", n
    ),
    "orders of many fields": lambda n: filled(order_of(numbered('"%d":1,', 20_000) + b'"y":1') + b"\n", n),
    "orders of many fields in their products": lambda n: filled(
        order_of(b'"products":' + elements(b'{"a":1}', 20_000)) + b"\n", n
    ),
    "orders with escaped keys": lambda n: filled(order_of(b'"\\u0061":1,"\\"":{"\\n":2}') + b"\n", n),
    "arrays, a line each": lambda n: lines_of(b"[]", n),
    "envelopes of orders with the envelope's key": lambda n: filled(
        b'{"orders":[' + order_of(b'"orders":1') + b"]}\n", n
    ),
    "envelopes with a lone surrogate": lambda n: filled(b'{"orders":[],"x":"\\ud800"}\n', n),
    "envelopes with a lone surrogate before": lambda n: filled(b'{"x":"\\ud800","orders":[]}\n', n),
    "envelopes with NaN": lambda n: filled(b'{"orders":[' + order_of(b'"total_amount":NaN') + b"]}\n", n),
    "orders with a few fields": lambda n: filled(order_of(b'"a":1,"b":{"c":[]}') + b"\n", n),
    "orders of a key given twice": lambda n: filled(order_of(b'"a":1,"a":2') + b"\n", n),
    "orders whose price is no number": lambda n: filled(order_of(b'"products":[{"price":"x"}]') + b"\n", n),
    "orders rejected with long paths": lambda n: filled(order_of(b'"' + b"p" * 300 + b'":{"q":NaN}') + b"\n", n),
    "orders of every month": months,
    "orders of ids of every kind": lambda n: filled(ORDER + b'{"order_id":"x","order_date":"2024-01-01"}', n),
    "orders whose join is never the same": lambda n: numbered('{"order_id":%d,"order_date":"2024-01-01"} {"a":1} ', n),
    "elements of every kind": lambda n: elements(ORDER + b',1,"1,1",{"order_date":[1,1]},[1]', n),
    "an array that misleads": lambda n: elements(order_of(b'"x":"},{\\"order_id\\":"'), n),
}  # fmt: skip

LARGE: dict[str, Callable[[], bytes]] = {
    "an order just within the limit": lambda: b"[" + JUST_FITS + b"]",
    "orders over the limit on each line": lambda: after_an_order((LONG + b"\n") * 3),
    "orders over the limit in an array": lambda: elements(LONG, len(LONG) * 2),
    "a line over the limit, not JSON": lambda: after_an_order(b"x" * 10_000_000 + b"\n" + ORDER),
    "8 MB of numbers on one line": lambda: after_an_order(filled(b"1 ", 8_000_000)),
    "8 MB of orders on one line": lambda: after_an_order(filled(ORDER + b" ", 8_000_000)),
    "8 MB of keys before the array": lambda: HOSTILE["many keys before the array"](7_500_000),
    "8 MB of other keys before the array": lambda: HOSTILE["many other keys before the array"](7_500_000),
    "an order of 8 MB of empty products": lambda: HOSTILE["an order of empty products"](8_000_000),
    "an order of 8 MB of numbers as products": lambda: HOSTILE["an order of products that are numbers"](8_000_000),
    "an order of 8 MB of values": lambda: HOSTILE["an order of many values"](8_000_000),
    "an order of 8 MB of keys": lambda: HOSTILE["an order of many keys"](8_000_000),
    "an unchecked order of 8 MB of values": lambda: HOSTILE["one unchecked order of many values"](8_000_000),
    "8 MB of envelopes of 2 MB a line": lambda: filled(b'{"orders":' + elements(ORDER, 2_000_000) + b"}\n", 8_000_000),
    "8 MB of envelopes over the limit": lambda: filled(b'{"orders":' + elements(ORDER, 9_000_000) + b"}\n", 18_000_000),
    "8 MB of a value before the array": lambda: (
        b'{"meta":' + elements(b'{"a":[]}', 7_500_000) + b',"orders":' + elements(ORDER, 500_000) + b"}"
    ),
    "8 MB of texts on one line": lambda: after_an_order(filled(b'""', 8_000_000)),
    "8 MB of texts on one line, the last broken": lambda: after_an_order(filled(b'"a"', 8_000_000) + b"x"),
    "8 MB of numbers on one line, the last broken": lambda: after_an_order(filled(b"1 ", 8_000_000) + b"x"),
    "8 MB of unchecked values on one line": lambda: after_an_order(filled(b'"\\ud800" 1 ', 8_000_000) + b"x"),
    "8 MB of envelopes": lambda: HOSTILE["envelopes of one order, a line each"](8_000_000),
    "8 MB of empty objects": lambda: HOSTILE["empty objects in an array"](8_000_000),
    "8 MB of months": lambda: months(8_000_000),
    "8 MB of open brackets": lambda: filled(b"[", 8_000_000),
}
