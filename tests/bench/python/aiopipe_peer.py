"""logbook_aiopipe as its documentation shows it, repaired so that it loses nothing: the parent reads before it joins,
the child drains every 64 records and waits at the end until its transport has written all.

Prints the figures of one measurement as JSON; the argument is the number of records."""

from contextlib import closing
from resource import RUSAGE_SELF, getrusage
import asyncio
import json
import multiprocessing
import sys
import time

from aiopipe import aiopipe
from logbook import Handler, Logger
from logbook_aiopipe import AioPipeHandler, AioPipeSubscriber

FIRST_JOB = 1_000_000
NAME = "alpha-7"


def cpu():
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_kib():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


class Sink(Handler):
    """Touches every field and counts."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.jobs = 0
        self.last = 0.0

    def emit(self, record):
        touched = (
            record.level, record.channel, record.message, record.module, record.filename, record.lineno,
            record.time, record.process, record.thread, record.thread_name, record.extra["name"],
        )
        assert touched
        self.count += 1
        self.jobs += record.extra["job"]
        self.last = time.monotonic()


def child(tx, go, told, records):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(emit(loop, tx, go, told, records))


async def emit(loop, tx, go, told, records):
    tx = await tx.open(loop)
    handler = AioPipeHandler(tx)
    log = Logger("worker::job")
    log.handlers.append(handler)
    told.send(None)
    go.wait()
    start = cpu()
    with closing(handler):
        for i in range(records):
            job = FIRST_JOB + i
            log.info(
                "finished job {} for tenant {} with status done", job, NAME,
                extra={"job": job, "name": NAME},
            )
            if i % 64 == 63:
                await tx.drain()
        while tx.transport.get_write_buffer_size():
            await asyncio.sleep(0)
    told.send(cpu() - start)


async def main(loop, records):
    processes = multiprocessing.get_context("fork")
    go = processes.Event()
    hear, told = processes.Pipe(duplex=False)
    sink = Sink()
    log = Logger("parent")
    log.handlers.append(sink)

    rx, tx = aiopipe()
    with tx.send() as tx:
        process = processes.Process(target=child, args=(tx, go, told, records))
        process.start()
    subscriber = AioPipeSubscriber(await rx.open(loop), log)
    with closing(subscriber):
        hear.recv()
        before = cpu()
        start = time.monotonic()
        go.set()
        await subscriber.run()
        parent_cpu = cpu() - before
    child_cpu = hear.recv()
    process.join()

    jobs = sum(range(FIRST_JOB, FIRST_JOB + records))
    assert sink.count != records or sink.jobs == jobs, "job numbers that were not sent"
    print(json.dumps({
        "records": records, "lost": abs(records - sink.count), "seconds": sink.last - start,
        "child_cpu": child_cpu, "parent_cpu": parent_cpu, "peak_kib": peak_kib(),
    }))


if __name__ == "__main__":
    event_loop = asyncio.new_event_loop()
    event_loop.run_until_complete(main(event_loop, int(sys.argv[1])))
