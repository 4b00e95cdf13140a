"""A child of logbook_aiopipe as its documentation shows it. Only the last line differs: there, multiprocessing hands the
write end over, and here run_child does."""

import asyncio
import os
from contextlib import closing

from aiopipe import AioPipeWriter
from logbook import Logger
from logbook_aiopipe import AioPipeHandler


def child_proc(tx):
    event_loop = asyncio.new_event_loop()
    event_loop.run_until_complete(child_task(event_loop, tx))


async def child_task(event_loop, tx):
    log = Logger("app.child")
    tx = await tx.open(event_loop)
    handler = AioPipeHandler(tx)
    log.handlers.append(handler)

    with closing(handler):
        log.info("hello from child process")
        for level in "trace", "debug", "info", "notice", "warning", "error", "critical":
            getattr(log, level)(level)
        extra = {"job": 7, "ratio": 0.5, "tags": ["a", None], "nested": {"deep": (True,)}, "big": 2**70, "nan": float("nan")}
        log.info("job {} of {user} done", 7, user="ada", extra=extra)
        try:
            try:
                raise OSError("the disk\nis full")
            except OSError as cause:
                raise ValueError("bad") from cause
        except ValueError:
            log.exception("failed")
        log.info("x" * 200_000)
        await tx.drain()
        # The package loses what its transport has not written at the end of the loop.
        while tx.transport.get_write_buffer_size():
            await asyncio.sleep(0)


child_proc(AioPipeWriter(int(os.environ["LOGBOOK_PIPE"])))
