"""The children of speed.py in Python: `speed_python.py SYSTEM THREADS RECORDS`."""

import asyncio, logging, os, pathlib, sys, threading, time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples/clients/python"))
system, threads, records = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def flood(info):
    def run():
        for n in range(records // threads):
            info("finished a job for a tenant", extra={"job": n, "tenant": "alpha-7"})

    running = [threading.Thread(target=run) for _ in range(threads)]
    start = time.monotonic()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return start


async def with_logbook():
    from aiopipe import AioPipeWriter
    from logbook import Logger
    from logbook_aiopipe import AioPipeHandler

    tx = await AioPipeWriter(int(os.environ["LOGBOOK_PIPE"])).open(asyncio.get_running_loop())
    log = Logger("worker.job")
    log.handlers.append(AioPipeHandler(tx))
    start = time.monotonic()
    for n in range(records):
        log.info("finished a job for a tenant", extra={"job": n, "tenant": "alpha-7"})
        if n % 64 == 63:
            await tx.drain()
    await tx.drain()
    while tx.transport.get_write_buffer_size():
        await asyncio.sleep(0)
    return start


if system == "logbook":
    started = asyncio.run(with_logbook())
else:
    if system == "pipe":
        import pipe_handler

        pipe_handler.install()
    else:
        from pythonjsonlogger.json import JsonFormatter

        fields = "{created}{levelname}{name}{message}{process}{thread}{threadName}{module}{pathname}{lineno}"
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter(fields, style="{"))
        logging.basicConfig(handlers=[handler], level=logging.INFO)
    started = flood(logging.getLogger("worker.job").info)
pathlib.Path(os.environ["START"]).write_text(str(started))
