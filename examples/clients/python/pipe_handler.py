# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sends log records through the pipe of the parent process, as PROTOCOL.md of record-proto says. Copy this file.

    import logging, pipe_handler

    pipe_handler.install()  # into the parent's pipe, or to stderr if there is none
    logging.getLogger("shop").info("sold", extra={"item": 7})

A record is in the pipe when its log call returns; the call waits while the pipe is full. Needs Python 3.8 or later on
Unix and msgpack 1.0 or later; tried with CPython 3.8 to 3.13 on Linux, and msgpack 1.0.3 to 1.2.4.
"""

import atexit, fcntl, itertools, logging, numbers, os, resource, secrets, select, signal, stat, sys, threading, time
import traceback
from datetime import timezone

import msgpack

__version__ = "0.2.0"

_LEVELS = {"off": 0, "error": 1, "warn": 2, "info": 3, "debug": 4, "trace": 5}
_KNOWN_NAMES = {"ERROR", "WARNING", "INFO", "DEBUG", "TRACE"}
_NO_EXTRA = vars(logging.makeLogRecord({})).keys() | {"message", "asctime", "taskName"}
_MOST_BYTES, _MOST_VALUES = 320 * 1024, 8127  # of a record; a reader takes 384 KiB and 8,192 values
_pipe = None


def install(level="info"):
    """Lets `logging` log into the parent's pipe, and reports exceptions there that nobody catches.

    The levels of the loggers are those of `RECORD_PIPE_FILTER`, or else `level`: a level or directives such as
    `info,shop.db=debug`. Without a pipe, `logging.basicConfig` lets them log to stderr.
    """
    pipe = adopt(level)
    _set_levels(pipe.directives if pipe else _directives(level))
    if not pipe:
        return logging.basicConfig()
    logging.getLogger().addHandler(PipeHandler(pipe))
    sys.excepthook = _reporting(pipe, sys.excepthook, lambda kind, error, trace: error)
    threading.excepthook = _reporting(pipe, threading.excepthook, lambda hook: hook.exc_value)


def adopt(level="info"):
    """Returns the `Pipe` of this process, or `None`. The first call takes it; `level` is as for `install`."""
    global _pipe
    if _pipe is None:
        fd = _claim()
        _pipe = None if fd is None else Pipe(fd, os.environ.get("RECORD_PIPE_FILTER") or level)
    return _pipe


def share():
    """Returns arguments of `subprocess.Popen` that let the new process log into the same pipe."""
    if _pipe is None:
        return {}
    end = os.fstat(_pipe.fd)
    address = {"RECORD_PIPE": f"v1:{_pipe.fd}:{end.st_dev}:{end.st_ino}", "RECORD_PIPE_FILTER": _pipe.filter}
    return {"pass_fds": [_pipe.fd], "env": {**os.environ, **address}}


class PipeHandler(logging.Handler):
    """A handler of `logging`. `multiprocessing` can hand it to a process that it starts by spawn or forkserver."""

    def __init__(self, pipe):
        super().__init__()
        self.pipe = pipe

    def createLock(self):
        self.lock = None  # a write is atomic, and a lock would be held while the pipe is full

    def handle(self, record):
        passed = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return passed

    def emit(self, record):
        try:
            extra = {key: value for key, value in record.__dict__.items() if key not in _NO_EXTRA}
            if record.stack_info:
                extra["stack_info"] = record.stack_info
            self.pipe.log(
                _level(record.levelno), record.levelname, record.name, _message(record.getMessage, record), extra,
                record.exc_info and record.exc_info[1], at=record.created, process=record.processName,
                thread=record.threadName, module=record.module, file=record.pathname, line=record.lineno,
            )
        except Exception:
            self.handleError(record)

    def __reduce__(self):
        from multiprocessing.reduction import DupFd

        return _shared, (DupFd(self.pipe.fd), self.pipe.filter)


def loguru_sink(message):
    """A sink of Loguru that logs into the pipe, or to stderr if there is none: `logger.add(loguru_sink, level=0)`."""
    record, pipe = message.record, adopt()
    if not pipe:
        return sys.stderr.write(message)
    pipe.log(
        _level(record["level"].no), record["level"].name, record["name"], record["message"], record["extra"],
        record["exception"] and record["exception"].value, at=record["time"].timestamp(), process=record["process"].name,
        thread=record["thread"].name, module=record["module"], file=record["file"].path, line=record["line"],
    )


def logbook_handler(**options):
    """Returns a handler of Logbook that logs into the pipe, or to stderr if there is none."""
    import logbook

    pipe = adopt()

    class LogbookHandler(logbook.Handler):
        def emit(self, record, batch=None):
            level = [5, 4, 3, 3, 2, 1, 1][min(max(record.level - 9, 0), 6)]
            name = {9: "TRACE", 10: "DEBUG", 11: "INFO", 12: "NOTICE", 13: "WARNING", 14: "ERROR", 15: "CRITICAL"}
            channel = "logbook" if record.channel is None else record.channel
            at = record.time if record.time.tzinfo else record.time.replace(tzinfo=timezone.utc)
            pipe.log(
                level, name.get(record.level, str(record.level)), channel, _message(lambda: record.message, record),
                record.extra, record.exc_info and record.exc_info[1], at=at.timestamp(), process=record.process_name,
                thread=record.thread_name, module=record.module, file=record.filename, line=record.lineno, batch=batch,
            )

        def emit_batch(self, records, reason):
            records, batch, is_group = list(records), next(pipe.batches), reason == "group"
            for left, record in zip(range(len(records) - 1, -1, -1), records):
                if is_group:
                    self.emit(record, [1, batch, left])
                else:  # the last one is the severe record, which was not held back
                    self.emit(record, [0, batch, left - 1] if left else None)

    return LogbookHandler(**options) if pipe else logbook.StderrHandler(**options)


class Pipe:
    """The write end of a record pipe, for all threads and forks of a process. It has no lock."""

    def __init__(self, fd, filter):
        self.fd, self.filter, self.gone, invalid = fd, filter, False, None
        try:
            self.directives = _directives(filter)
        except ValueError as error:
            self.directives, invalid = _directives("info"), error
        self.name = os.path.splitext(os.path.basename(sys.argv[0]))[0] if sys.argv else "python"
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.close)
        self._hello()
        if invalid:
            self.log(2, "WARNING", "pipe_handler", f"RECORD_PIPE_FILTER: {invalid}: it is taken for info", {})

    def log(self, level, name, target, message, pairs, error=None, key="error", at=None, process=None, thread=None,
            module=None, file=None, line=None, batch=None):
        """Sends a record. `at` is its time in seconds, `error` an exception, `key` its key or `None`."""
        target = target if type(target) is str else _text(target)
        most = next((most for start, most in self.directives if target.startswith(start)), 0)
        if level > most and key or self.gone:  # no filter stops an exception that nobody catches
            return
        pairs, info = _key_values(pairs)
        if name not in _KNOWN_NAMES:
            pairs["levelname"] = name
        if error is not None:
            key = "exc_info" if key in pairs else key
            info = [*_error(error), key]
            if key:
                pairs[key] = info[0]
        self._record([
            None, time.time_ns() if at is None else max(round(at * 1e9), 0), level, target, message, self.pid,
            self.name if process in (None, "MainProcess") else process, threading.get_native_id(), thread, module, file,
            line, pairs or None, None, info, None, None, self.instance, batch,
        ])

    def close(self):
        """Reports how many records were sent. More may follow."""
        if self.greeted and not self.gone:
            self._report_drops()
            sent = next(self.sent) - next(self.closes)  # reading a count has added one to it
            self._send(4, self.pid, time.time_ns(), sent, sum(self.dropped), self.instance, None, self.dropped)

    def close_at_end(self):
        """Closes at the end of a process of `multiprocessing`, which ends without `atexit`."""
        from multiprocessing import util

        util.Finalize(None, self.close, exitpriority=-100)

    def _begin(self):
        """Begins a session: once, and after each fork in the new process, which says hello in its first record."""
        self.pid, self.instance, self.greeted = os.getpid(), secrets.randbits(32), False
        self.seqs, self.batches, self.streams = itertools.count(1), itertools.count(1), itertools.count(secrets.randbits(63))
        self.sent, self.closes, self.dropped, self.unreported = itertools.count(), itertools.count(), [0] * 5, [0] * 5

    def _hello(self):
        self._send(0, 1, self.pid, self.name, time.time_ns(), None, self.instance)
        self.greeted = True
        if "multiprocessing" in sys.modules and sys.modules["multiprocessing"].parent_process():
            self.close_at_end()

    def _report_drops(self):
        if any(self.unreported):
            counts, self.unreported = self.unreported, [0] * 5
            self._send(3, self.pid, time.time_ns(), counts, self.instance)

    def _record(self, record):
        if not self.greeted:
            self._hello()
        self._report_drops()
        record[0] = next(self.seqs)
        try:
            self._write_payload(_fitting(record))
        except BaseException:  # of a signal handler, between two fragments
            self.dropped[record[2] - 1] += 1
            self.unreported[record[2] - 1] += 1
            raise
        next(self.sent)

    def _send(self, kind, *fields):
        self._write_payload(_pack(kind, fields))

    def _write_payload(self, payload):
        if len(payload) + 4 <= select.PIPE_BUF:
            return self._write(payload)
        # A number for each record, not for each thread: a signal handler may log between two fragments.
        stream, size = next(self.streams), select.PIPE_BUF - 39
        for at in range(0, len(payload), size):
            piece = payload[at:at + size]
            self._write(_pack(2, (self.pid, stream, at // size, at + size >= len(payload), piece)))

    def _write(self, payload):
        frame = len(payload).to_bytes(4, "big") + payload
        write = os.write if signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN else _write_without_signal
        while not self.gone:
            try:
                return write(self.fd, frame)
            except BlockingIOError:  # another process that shares the pipe has set O_NONBLOCK
                room = select.poll()
                room.register(self.fd, select.POLLOUT)
                room.poll()
            except OSError:
                self.gone = True


def _claim():
    """Takes the descriptor that the variable names and returns its own, or `None` if it is not that pipe."""
    try:
        version, *numbers_given = os.environ["RECORD_PIPE"].split(":")[:4]
        if version != "v1" or not all(number.isdecimal() for number in numbers_given):
            return None
        fd, dev, ino = map(int, numbers_given)
        end, limit = os.fstat(fd), resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if not stat.S_ISFIFO(end.st_mode) or (end.st_dev, end.st_ino) != (dev, ino):
            return None
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            return None
        own = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100 if limit == resource.RLIM_INFINITY else min(100, limit // 2))
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    try:
        if fd > 2:
            os.close(fd)
        else:  # the next file that is opened must not become a standard stream
            null = os.open(os.devnull, os.O_RDWR) if os.path.exists(os.devnull) else os.pipe()[0]
            os.dup2(null, fd)
            os.close(null)
    except OSError:  # other code was first
        os.close(own)
        return None
    _close_buffer(os.environ["RECORD_PIPE"].split(":")[4:])
    return own


def _close_buffer(numbers):
    """Closes the shared buffer, if there is one: this handler does not use it, and no program shall inherit it."""
    try:
        fd, dev, ino, size = map(int, numbers)
        file, seals = os.fstat(fd), fcntl.fcntl(fd, 1034)  # F_GET_SEALS, which only memory has
        if (file.st_dev, file.st_ino, file.st_size) == (dev, ino, size) and seals & 7 == 7:
            os.close(fd)
    except (ValueError, OverflowError, OSError):
        pass


def _shared(dup, filter):
    """Makes the handler in a process of `multiprocessing` that was given one."""
    from multiprocessing import util

    global _pipe
    if _pipe is None:
        _pipe = Pipe(dup.detach(), filter)
        util.register_after_fork(_pipe, Pipe.close_at_end)  # when it forgets what should be done at its end
        _set_levels(_pipe.directives)
    return PipeHandler(_pipe)


def _level(number):
    """Returns the level on the wire for one of `logging`, which Loguru counts in the same way."""
    return 1 if number >= 40 else 2 if number >= 30 else 3 if number >= 20 else 4 if number >= 10 else 5


def _directives(text):
    """Returns pairs of a target's beginning and its highest level, the longest beginnings first."""
    found = {}
    for directive in filter(str.strip, text.split(",")):
        target, _, level = directive.rpartition("=")
        if level.strip().lower() not in _LEVELS:
            raise ValueError(f"{directive!r} is no directive")
        found[target.strip()] = _LEVELS[level.strip().lower()]
    return sorted(found.items(), key=lambda pair: -len(pair[0]))


def _set_levels(directives):
    for target, most in directives:
        logging.getLogger(target).setLevel([100, 40, 30, 20, 10, 1][most])


def _reporting(pipe, before, error_of):
    def hook(*args):
        error = error_of(*args)
        if error is not None and not isinstance(error, (KeyboardInterrupt, SystemExit)):
            frame = (traceback.extract_tb(error.__traceback__) or [traceback.FrameSummary(None, None, "")])[-1]
            pipe.log(1, "ERROR", "panic", _error(error)[0], {}, error, key=None, file=frame.filename, line=frame.lineno,
                     thread=threading.current_thread().name)
        before(*args)

    return hook


def _write_without_signal(fd, frame):
    """Writes without SIGPIPE in a program that does not ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
    try:
        return os.write(fd, frame)
    except BrokenPipeError:
        if signal.SIGPIPE not in before and signal.SIGPIPE in signal.sigpending():
            signal.sigwait({signal.SIGPIPE})
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pack(kind, fields):
    try:
        return bytes([kind]) + msgpack.packb(fields)
    except UnicodeEncodeError:  # a lone surrogate
        return bytes([kind]) + msgpack.packb(fields, unicode_errors="backslashreplace")


def _message(format, record):
    try:
        return _text(format())
    except (Exception, SystemExit) as error:
        return f"{_text(record.msg)} {_text(record.args)}: {type(error).__name__}: {_text(error)}"


def _text(value):
    try:
        return str(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        return f"{object.__repr__(value)}: no text, {type(error).__name__}"


def _key_values(pairs):
    """Returns pairs whose values have a type on the wire, and the error value of the first exception among them."""
    plain, info, room = {}, None, [_MOST_VALUES]
    for key, value in pairs.items():
        room[0] -= 1
        if room[0] < 0:
            plain["cut"] = f"… (cut after {len(plain)} pairs)"
            break
        key = key if type(key) is str else _text(key)
        if issubclass(type(value), BaseException):
            error = _error(value)
            plain[key] = error[0] if info is None else ": ".join([error[0], *error[1]])
            info = info or [*error, key]
        else:
            plain[key] = _plain(value, 1, room)
    return plain, info


def _plain(value, depth, room):
    """Returns the value as a type of the wire. What has none becomes text: integers beyond 64 bits, structures that are
    too deep or have too many values, maps with keys that are no text, objects."""
    kind = type(value)  # not `isinstance`: it believes an object that says it is a dict
    if kind in (str, bool, float, type(None)) or kind is int and -(2**63) <= value < 2**64:
        return value
    try:
        if issubclass(kind, numbers.Integral) and -(2**63) <= int(value) < 2**64:
            return int(value)
        if issubclass(kind, (bytes, bytearray)):
            return bytes(value)
        if depth <= 8 and issubclass(kind, (list, tuple)):
            return [_item(item, depth, room) for item in value]
        if depth <= 8 and issubclass(kind, dict) and all(type(key) is str for key in value):
            return {key: _item(item, depth, room) for key, item in value.items()}
    except _TooMany:
        if depth > 1:
            raise
    except Exception:
        pass  # of a class that is derived from one of these
    return _text(value)


def _item(item, depth, room):
    room[0] -= 1
    if room[0] < 0:
        raise _TooMany
    return _plain(item, depth + 1, room)


class _TooMany(Exception):
    """A structure has more values than a record may have."""


def _error(error):
    """Returns the text of an exception, those of its causes, and the traceback."""
    texts, seen, link = [], set(), error
    while link is not None and id(link) not in seen and len(texts) < 64:
        seen.add(id(link))
        kind, text = type(link), _text(link)
        name = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
        texts.append(f"{name}: {text}" if text else name)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    try:
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:
        trace = "".join(traceback.format_tb(error.__traceback__))
    return [texts[0], texts[1:], trace.rstrip()]


def _fitting(record):
    """Returns the payload of a record. If it is too long, the message is cut, then the backtrace and the values."""
    payload = _pack(1, record)
    if len(payload) > _MOST_BYTES and (length := len(record[4].encode("utf-8", "backslashreplace"))) > 2**18:
        record[4], record[15] = _cut(record[4], 2**18, ""), length
        payload = _pack(1, record)
    for room in (32768, 2048, 64):
        if len(payload) <= _MOST_BYTES:
            return payload
        record[12] = record[12] and {key: _cut(value, room) for key, value in record[12].items()}
        if record[14]:
            text, causes, trace, key = record[14]
            record[14] = [_cut(text, room), [_cut(cause, room) for cause in causes], _cut(trace, room), key]
        payload = _pack(1, record)
    record[3], record[12] = _cut(record[3], 1024), {"cut": "… (cut after 0 pairs)"}
    return _pack(1, record)


def _cut(value, room, mark="… (cut)"):
    if len(_pack(0, value)) <= room:
        return value
    return _text(value).encode("utf-8", "backslashreplace")[:room].decode("utf-8", "ignore") + mark
