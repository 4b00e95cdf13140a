"""What only Python has. `python3 of_python.py SCENARIO [ARG..]`, as examples/clients/python/child.py."""

import logging, multiprocessing, os, pathlib, signal, subprocess, sys, threading

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples/clients/python"))
import pipe_handler

log = logging.getLogger("clients.python")


def work(handler, name):
    # Forked processes have the parent's handlers; those that are started anew have none.
    if handler and not logging.getLogger().handlers:
        logging.getLogger().addHandler(handler)
    log.info(name)


def processes(method, given):
    context = multiprocessing.get_context(method)
    handler = logging.getLogger().handlers[0] if given == "given" else None
    log.info("before")
    process = context.Process(target=work, args=(handler, method))
    process.start()
    process.join()
    assert process.exitcode == 0, process.exitcode
    log.info("after")


def pool(method):
    handler = logging.getLogger().handlers[0]
    with multiprocessing.get_context(method).Pool(2, work, (handler, "begins")) as workers:
        workers.map(log.info, [f"job {n}" for n in range(20)])
        workers.close()
        workers.join()


def subprocesses(shared):
    log.info("before")
    arguments = pipe_handler.share() if shared == "shared" else {"close_fds": False}
    subprocess.run([sys.executable, __file__, "worker"], check=True, **arguments)
    log.info("after")


def worker():
    log.info("worker")


def forks_among_threads(forks, records):
    def run():
        while not stop.is_set():
            log.info("thread")

    stop = threading.Event()
    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(int(forks)):
        child = os.fork()
        if child == 0:
            for n in range(int(records)):
                log.info("forked", extra={"text": "x" * 500 * n})
            pipe_handler.adopt().close()
            os._exit(0)
        os.waitpid(child, 0)
    stop.set()


def silent_fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    log.info("parent")


def sigpipe(disposition):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL if disposition == "default" else lambda number, frame: sys.exit(7))
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(10):
        log.info("nobody reads")
    assert signal.SIGPIPE not in signal.sigpending()
    print("done", flush=True)


def interrupted(*how):
    """A signal in the middle of a record that waits for room."""

    how = " ".join(how)

    class Stop(Exception):
        pass

    def handle(number, frame):
        nonlocal waits
        waits = False
        print("signal", flush=True)
        if how != "log":
            raise Stop
        log.warning("inside " + "y" * 20_000)

    waits, logged = True, 0
    signal.signal(signal.SIGUSR1, handle)
    print("ready", flush=True)
    try:
        while waits:
            logged += 1
            log.info("outside " + "x" * 200_000)
    except Stop:
        pass
    log.info("after", extra={"logged": logged})
    if how == "raise and die":
        os.kill(os.getpid(), signal.SIGKILL)


def uncaught():
    def run():
        raise KeyError("in a thread")

    thread = threading.Thread(target=run, name="worker-1")
    thread.start()
    thread.join()
    raise ValueError("the end") from OSError("the cause")


def recursion():
    class Recursive:
        def __str__(self):
            log.info("inner %s", self)
            return "never"

    log.info("value", extra={"value": Recursive()})
    log.info("end")


def escalation():
    from logbook import FingersCrossedHandler, Logger

    logger = Logger("clients.logbook")
    with FingersCrossedHandler(pipe_handler.logbook_handler()).applicationbound():
        logger.debug("kept back")
        logger.info("kept back too")
        logger.error("severe")


def odd_logbook():
    from logbook import Logger

    with pipe_handler.logbook_handler().applicationbound():
        Logger(7).log(20, 5)
        Logger().log(1, "m {}")
        Logger("").notice("m {}", 1)
        try:
            raise ValueError("bad")
        except ValueError:
            Logger("c").exception("failed", extra={"error": 7})


def own_levels():
    log.setLevel(logging.DEBUG)
    log.info("below the filter")
    log.warning("above the filter")


def late():
    import atexit

    atexit.register(log.info, "at exit")


if __name__ == "__main__":
    pipe_handler.install()
    globals()[sys.argv[1]](*sys.argv[2:])
