# SPDX-License-Identifier: MIT OR Apache-2.0
"""The test child: `python3 child.py SCENARIO [ARG..]`. The scenarios are listed in tests/clients/main.rs."""

import decimal, logging, os, sys, threading
from datetime import datetime, timezone
from itertools import count
from unittest.mock import MagicMock

import pipe_handler

log = logging.getLogger("clients.hello")


def hello():
    log.info("hello from %s", "Python", extra={"user": "ada", "n": 7})


def types():
    values = {
        "null": None, "bool": True, "int": -7, "big": 2**53 + 1, "unsigned": 2**64 - 1, "float": 1.5, "whole": 1.0,
        "text": "x", "list": [1, "a", None], "map": {"a": 1, "b": [True]},
    }
    for name, value in values.items():
        log.info(name, extra={"value": value})
    for level in 5, 10, 20, 30, 40:
        log.log(level, "level")


def error():
    try:
        try:
            raise FileNotFoundError("no such file")
        except OSError as cause:
            raise RuntimeError("cannot open") from cause
    except RuntimeError:
        log.exception("failed")


def uncaught():
    raise RuntimeError("nobody catches this")


def flood(threads, records):
    def run():
        for n in range(int(records) // int(threads)):
            log.info("flood", extra={"n": n})

    running = [threading.Thread(target=run) for _ in range(int(threads))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def json(threads, records):
    """As `flood`, with JSON on stderr by a library."""
    from pythonjsonlogger.json import JsonFormatter

    fields = "{created}{levelname}{name}{message}{process}{thread}{threadName}{module}{pathname}{lineno}"
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(fields, style="{"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    flood(threads, records)


def big(size):
    log.info("x" * int(size))
    log.info("after")


def unicode():
    text = "grüße 漢字 🦀 \u0007 \u001b[31m \n \u2028"
    log.info(text, extra={text: text})


def ack():
    for n in count():
        log.info("ack", extra={"n": n})
        os.write(1, b"%d\n" % n)


def survive(records):
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(int(records)):
        log.info("survive", extra={"n": n})
    print("done", flush=True)


def fork():
    log.info("parent")
    child = os.fork()
    if child == 0:
        log.info("child")
        sys.exit(0)
    os.waitpid(child, 0)
    log.info("parent again")


def recipes():
    import loguru, structlog

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    structlog.get_logger("clients.structlog").info("structlog", user="ada", n=7)

    loguru.logger.remove()
    loguru.logger.add(pipe_handler.loguru_sink, level=0)
    loguru.logger.bind(user="ada", n=7).success("loguru")

    from logbook import Logger

    with pipe_handler.logbook_handler().applicationbound():
        Logger("clients.logbook").notice("logbook", extra={"user": "ada", "n": 7})


class Raises:
    def __init__(self, error):
        self.error = error

    def __str__(self):
        raise self.error

    __repr__ = __str__


class ErrorRaises(Exception):
    def __str__(self):
        raise ValueError("no text")


class Logs:
    def __str__(self):
        log.info("inner")
        return "a text"


class Text:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


class Endless:
    def __iter__(self):
        return count()


class Seven(int):
    pass


class Getter:
    @property
    def field(self):
        raise ValueError("no field")


def nasty():
    surrogate = "a\udc80b"
    deep, cycle, map_cycle = 1, [], {}
    for _ in range(8):
        deep = [deep]
    deepest = deep
    for _ in range(100_000 - 8):
        deepest = [deepest]
    cycle.append(cycle)
    map_cycle["a"] = map_cycle
    values = {
        "i64-min": -(2**63), "u64-max": 2**64 - 1, "beyond-u64": 2**64, "below-i64": -(2**63) - 1,
        "very-long-integer": 10**10000, "nan": float("nan"), "infinity": float("inf"), "minus-infinity": float("-inf"),
        "minus-zero": -0.0, "least-float": 5e-324, "greatest-float": 1.7976931348623157e308,
        "decimal": decimal.Decimal("1.10"), "complex": 1 + 2j, "int-subclass": Seven(7), "surrogate": surrogate,
        "nul": "a\0b", "empty-text": "", "huge-text": "x" * 2**20, "huge-wide-text": "🦀" * 100_000, "bytes": b"\0\xff",
        "huge-bytes": b"x" * 2**20, "integer-keys": {1: "a"}, "odd-keys": {None: 1, 1.5: 2, (1,): 3}, "depth-8": deep,
        "depth-9": [deep], "depth-100000": deepest, "cycle": cycle, "map-cycle": map_cycle,
        "huge-list": list(range(100_000)), "tuple": (1, 2), "set": {1}, "endless": Endless(), "object": Text("a = 1"),
        "date": datetime(2024, 2, 29, 12, 30, tzinfo=timezone.utc), "function": nasty, "type": Text,
        "error-value": ValueError("a value"), "raises": Raises(ValueError("no text")),
        "raises-in-list": [Raises(ValueError("no text"))], "raises-exit": Raises(SystemExit(3)), "not-text": Text(7),
        "logs": Logs(), "huge-text-of": Text("x" * 10 * 2**20), "answers-everything": MagicMock(), "getter-raises": Getter(),
    }
    for name, value in values.items():
        log.info(name, extra={"value": value})
    log.info("huge-message " + "x" * 2**20)
    log.info("surrogate-message " + surrogate)
    log.info("bad-format %d", "text")
    pairs = {
        "empty-key": {"": 1}, "nul-key": {"a\0b": 1}, "surrogate-key": {surrogate: 1}, "long-key": {"k" * 100 * 1024: 1},
        "huge-key": {"k" * 2**20: 1}, "many-keys": {f"k{n}": n for n in range(10_000)}, "integer-key": {7: 1},
        "huge-together": {key: "x" * 200 * 1024 for key in ("value", "b", "c")},
    }
    for name, extra in pairs.items():
        log.info(name, extra=extra)
    circle = ValueError("circle")
    circle.__cause__ = circle
    for name, error in {"error-raises": ErrorRaises(), "cause-cycle": circle}.items():
        log.error(name, exc_info=error)
    log.info("end")
    while type(deepest) is list:  # freeing it all at once would be a recursion
        deepest = deepest[0]


if sys.argv[1] != "json":
    pipe_handler.install()
globals()[sys.argv[1]](*sys.argv[2:])
