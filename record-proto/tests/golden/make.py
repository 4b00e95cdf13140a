"""Writes the golden frames with an encoder that has nothing to do with this crate: `pip install msgpack`.

The frames are a promise (version 1 decodes for ever): add new ones, never change those that are there. The tests read
the stored files and do not run this.
"""

import pathlib
import struct

import msgpack


class Raw(bytes):
    """An object that is already packed."""


class Pairs(list):
    """A map whose keys may repeat."""


def pack(value):
    head = msgpack.Packer()
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Pairs):
        return head.pack_map_header(len(value)) + b"".join(pack(k) + pack(v) for k, v in value)
    if isinstance(value, dict):
        return pack(Pairs(value.items()))
    if isinstance(value, (list, tuple)) and not isinstance(value, msgpack.ExtType):
        return head.pack_array_header(len(value)) + b"".join(map(pack, value))
    return msgpack.packb(value)


def frame(kind, *fields):
    payload = pack(kind) + pack(fields)
    return struct.pack(">I", len(payload)) + payload


def wide(number):
    """An unsigned number in the longest signed form."""
    return Raw(b"\xd3" + struct.pack(">q", number))


TIME = 1_700_000_000_123_456_789
HELLO, RECORD, FRAGMENT, DROPPED, CLOSE, BELL = range(6)
INFO = 3
LEAST = [1, TIME, INFO, "app", "hello"]
SOURCE = [4711, "worker", 4712, "pool-1", "worker::job", "src/job.rs", 42]
INSTANCE = 0x9F3A_1C02
ERROR = ["cannot open", ["no such file", "os error 2"], None, "err"]

ints = [0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1]
ints += [-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**63)]
eight_deep = "bottom"
for depth in range(8):
    eight_deep = [eight_deep] if depth % 2 else {"k": eight_deep}
deep = {0: 1}
for _ in range(40):
    deep = [deep, {True: deep}] if _ % 20 == 0 else [deep]

FRAMES = {
    "hello": frame(HELLO, 1, 4711, "worker", TIME, {"worker": 3}),
    "hello-bare": frame(HELLO, 1),
    "hello-pid": frame(HELLO, 1, 4711),
    "hello-process": frame(HELLO, 1, None, "worker"),
    "hello-time": frame(HELLO, 1, None, None, TIME),
    "hello-context": frame(HELLO, 1, None, None, None, {"worker": 3}),
    "hello-instance": frame(HELLO, 1, 4711, "worker", TIME, {"worker": 3}, INSTANCE),
    "record": frame(RECORD, *LEAST, *SOURCE, {"job": 7, "took": 1.5}, {"worker": 3}),
    "record-least": frame(RECORD, *LEAST),
    "record-error": frame(RECORD, 2, TIME, 1, "app", "failed", *SOURCE, {"err": "cannot open"}, None, ERROR),
    "record-all": frame(RECORD, *LEAST, *SOURCE, {"err": "cannot open"}, {"worker": 3}, ERROR, 300_000),
    "record-panic": frame(
        RECORD, 3, TIME, 1, "panic", "boom", *SOURCE[:4], None, "src/main.rs", 9, None, {"worker": 3},
        ["boom", [], "0: main\n1: start", None],
    ),
    "record-empty-texts": frame(RECORD, 0, 0, 5, "", "", 0, "", 0, "", "", "", 0, {"": ""}, None, ["", [""], "", ""]),
    "record-greatest-numbers": frame(
        RECORD, 2**64 - 1, 2**64 - 1, INFO, "app", "hello", 2**64 - 1, None, 2**64 - 1, None, None, None, 2**32 - 1,
        None, None, None, 2**64 - 1,
    ),
    "record-cut": frame(RECORD, *LEAST, *[None] * 10, 262_145),
    "record-error-only": frame(RECORD, *LEAST, *[None] * 9, ["cannot open", [], None, None]),
    "record-context-only": frame(RECORD, *LEAST, *[None] * 8, {"worker": 3, "role": "indexer"}),
    "record-instance": frame(RECORD, *LEAST, *SOURCE, {"job": 7, "took": 1.5}, {"worker": 3}, *[None] * 3, INSTANCE),
    "record-instance-only": frame(RECORD, *LEAST, *[None] * 12, 2**32 - 1),
    "record-spans": frame(
        RECORD, *LEAST, *SOURCE, None, None, None, None, [["request", {"id": 7, "path": "/a"}], ["query", None]], INSTANCE
    ),
    "record-spans-only": frame(RECORD, *LEAST, *[None] * 11, [["request", None]]),
    "record-batch": frame(RECORD, *LEAST, *SOURCE, *[None] * 5, INSTANCE, [0, 7, 2]),
    "record-batch-only": frame(RECORD, *LEAST, *[None] * 13, [1, 2**64 - 1, 0]),
    "record-line-only": frame(RECORD, *LEAST, *[None] * 6, 65536),
    "record-unicode": frame(RECORD, 4, TIME, 4, "größe", "日本 🦀 \x1b[31m\u202e\0", 1, "прцс"),
    "record-long-texts": frame(RECORD, 5, TIME, 2, "t" * 32, "m" * 256, 1, "p" * 31, 2, "n" * 255, "s" * 256),
    "bell": frame(BELL),
    "values-simple": frame(
        RECORD, *LEAST, *[None] * 7,
        {"nil": None, "false": False, "true": True, "text": "text", "empty": "", "bytes": b"\x00\xff", "none": b""},
    ),
    "values-ints": frame(RECORD, *LEAST, *[None] * 7, {str(n): n for n in ints}),
    "values-floats": frame(
        RECORD, *LEAST, *[None] * 7,
        {"half": 0.5, "minus zero": -0.0, "tiny": 5e-324, "inf": float("inf"), "minus inf": -float("inf")},
    ),
    "values-nested": frame(
        RECORD, *LEAST, *[None] * 7, {"list": [1, "two", [3.0], {"k": None}], "map": {"a": {"b": []}, "c": {}}}
    ),
    "values-eight-deep": frame(RECORD, *LEAST, *[None] * 7, {"deep": eight_deep}, {"deep": eight_deep}),
    "values-same-key": frame(RECORD, *LEAST, *[None] * 7, Pairs([("job", 1), ("job", 2), ("job", "three")])),
    "values-sixteen": frame(RECORD, *LEAST, *[None] * 7, {f"k{n}": n for n in range(16)}, {"list": list(range(16))}),
    "values-long": frame(RECORD, *LEAST, *[None] * 7, {"s8": "s" * 32, "s16": "s" * 256, "b16": b"b" * 256}),
    "fragment-first": frame(FRAGMENT, 4711, 0x0123_4567_89AB_CDEF, 0, False, b"\x01\x95\x01"),
    "fragment-last": frame(FRAGMENT, 4711, 0x0123_4567_89AB_CDEF, 1, True, b"\x02\x03\xa0\xa0"),
    "fragment-bare": frame(FRAGMENT, None, 2**64 - 1, 0, True, b""),
    "dropped": frame(DROPPED, 4711, TIME, [1, 0, 20, 300, 70_000]),
    "dropped-bare": frame(DROPPED, None, None, [0, 0, 0, 0, 0]),
    "dropped-instance": frame(DROPPED, 4711, TIME, [1, 0, 20, 300, 70_000], INSTANCE),
    "close": frame(CLOSE, 4711, TIME, 1000, 7),
    "close-instance": frame(CLOSE, 4711, TIME, 1000, 7, INSTANCE),
    "close-levels": frame(CLOSE, 4711, TIME, 1000, 7, INSTANCE, None, [1, 2, 3, 1, 0]),
    "close-held-back": frame(CLOSE, 4711, TIME, 1000, 7, INSTANCE, 12),
    "close-held-back-levels": frame(CLOSE, 4711, TIME, 1000, 7, None, 2**64 - 1, [1, 2, 3, 1, 0]),
    "close-bare": frame(CLOSE, None, None, 0, 0),
    # Writers that know fewer fields, or write what they know in other words: decoded, not written like this by us.
    "older-hello-empty": frame(HELLO),
    "older-hello-nils": frame(HELLO, None, None, None, None, None),
    "older-record-nils": frame(RECORD, *LEAST, *[None] * 11),
    "older-record-eight": frame(RECORD, *LEAST, *SOURCE[:3]),
    "older-record-empty-maps": frame(RECORD, *LEAST, *SOURCE, {}, Raw(b"\xde\0\0")),
    "older-error-message": frame(RECORD, *LEAST, *[None] * 9, ["boom"]),
    "older-error-sources": frame(RECORD, *LEAST, *[None] * 9, ["boom", ["bang"]]),
    "older-error-nils": frame(RECORD, *LEAST, *[None] * 9, ["boom", None, None, None]),
    "older-dropped-empty": frame(DROPPED),
    "older-dropped-short": frame(DROPPED, 4711, TIME, [1, 2]),
    "older-close-empty": frame(CLOSE),
    "older-close-sent": frame(CLOSE, 4711, None, 12),
    "other-ints": frame(
        RECORD, wide(1), TIME, wide(3), "app", "hello", wide(4711), None, Raw(b"\xce\0\0\x12\x68"), None, None, None,
        Raw(b"\xcd\0\x2a"), {"wide": wide(7), "single": Raw(msgpack.packb(0.5, use_single_float=True))},
    ),
    "other-heads": frame(
        RECORD, 1, TIME, INFO, Raw(b"\xd9\x03app"), Raw(b"\xdb\0\0\0\x05hello"), *[None] * 7,
        Raw(b"\xdf\0\0\0\x01\xda\0\x03job\xdc\0\x01\xa1x"),
    ),
    # Fields of which earlier versions ignored the type: another one is nil.
    "mistyped-hello": frame(HELLO, 1, 4711, "worker", TIME, {"worker": 3}, "host-7"),
    "mistyped-record": frame(RECORD, *LEAST, *[None] * 11, {"span": [1, 2]}, 2**32),
    "mistyped-spans": frame(RECORD, *LEAST, *[None] * 11, [["request", {"id": 7}], ["query", {1: 2}]], None, [0, 7, 2]),
    "mistyped-span-name": frame(RECORD, *LEAST, *[None] * 11, [[None, {}]]),
    "mistyped-batch": frame(RECORD, *LEAST, *SOURCE, *[None] * 5, INSTANCE, ["escalation", 7, 2]),
    "mistyped-batch-short": frame(RECORD, *LEAST, *[None] * 13, [0, 7]),
    "mistyped-dropped": frame(DROPPED, 4711, TIME, [1, 2, 3, 4, 5], "why"),
    "mistyped-close": frame(CLOSE, 4711, TIME, 1000, 7, [0, {1: deep}], "bye", [1, "two"]),
    # Writers that know more.
    "newer-hello": frame(HELLO, 2, 4711, "worker", TIME, {"worker": 3}, INSTANCE, "host-7", [1, {2: 3}]),
    "newer-record": frame(
        RECORD, *LEAST, *SOURCE, *[None] * 5, INSTANCE, None, 99, {"span": [1, 2]}, {1: {None: b"\0"}},
        msgpack.ExtType(5, b"ext"), Raw(b"\xd6\xff\0\0\0\1"), deep,
    ),
    "newer-error": frame(RECORD, *LEAST, *[None] * 9, [*ERROR, "code", {2: deep}]),
    "newer-spans": frame(RECORD, *LEAST, *[None] * 11, [["request", {"id": 7}, TIME, {1: 2}], ["query"]]),
    "newer-batch": frame(RECORD, *LEAST, *[None] * 13, [9, 7, 2, "more"]),
    "newer-bell": frame(BELL, "sleep", {1: deep}),
    "newer-fragment": frame(FRAGMENT, 4711, 7, 0, True, b"\x01", "crc", 9),
    "newer-dropped": frame(DROPPED, 4711, TIME, [1, 2, 3, 4, 5, 6, "seven"], INSTANCE, "why"),
    "newer-close": frame(CLOSE, 4711, TIME, 1000, 7, INSTANCE, None, [1, 2, 3, 1, 0, 8], "bye"),
    "newer-kind-100": frame(100, "span", {"id": 1}),
    "newer-kind-127": frame(127),
    "newer-kind-no-array": struct.pack(">I", 4) + b"\x09abc",
}

for name, content in FRAMES.items():
    pathlib.Path(__file__).with_name(f"{name}.bin").write_bytes(content)
