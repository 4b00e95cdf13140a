"""A process of the campaign, as `tests/campaign/child.rs` is one: python member.py ring|pipe PLAN COUNTERS PLACE

It logs from one thread, counts in memory of the campaign how many log calls have begun and returned, and dies as planned.
"""
import atexit, json, logging, mmap, os, pathlib, signal, sys, time

TOO_LATE = 42  # The status of a process that nobody has killed.
way, plan, counters, _ = sys.argv[1:]
plan = json.loads(plan)
member = plan["members"][0]
(moment, details), = member["moment"].items()

file = os.open(counters, os.O_RDWR | os.O_CLOEXEC)
words = memoryview(mmap.mmap(file, 0)).cast("Q")  # The pid, and how many calls have begun and returned.
os.close(file)
words[0] = os.getpid()

if way == "ring":
    import writer

    writer.begin()
    atexit.register(writer.end)
    log = lambda n, message: writer.log(1 + n % 5, message)
else:
    sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples/clients/python"))
    import pipe_handler

    pipe_handler.install("trace")
    logger = logging.getLogger("campaign")
    log = lambda n, message: logger.log([40, 30, 20, 10, 5][n % 5], message)


def die():
    match member["death"]:
        case "return" | "exit":
            sys.exit()
        case "_exit":
            os._exit(0)
        case "exec":
            os.execvp("true", ["true"])
        case "abort":
            os.abort()
        case death:
            os.kill(os.getpid(), getattr(signal, death.upper()))
            time.sleep(60)


started = time.monotonic()
at_record = details.get("records")
at_time = started + details["micros"] / 1e6 if moment == "later" else None
for n in range(member["records"]):
    length = 20_000 if n % 100 == 99 else n * 37 % 300
    message = f"0 0 {n} {length} 0 {'x' * length}"
    words[1] = n + 1
    log(n, message)
    words[2] = n + 1
    if n + 1 == at_record or at_time and time.monotonic() >= at_time:
        die()
    if plan["pause_micros"]:
        time.sleep(plan["pause_micros"] / 1e6)
if at_time:
    time.sleep(max(at_time - time.monotonic(), 0))
    die()
time.sleep(45)
os._exit(TOO_LATE)
