"""Records per second of the clients, beside lines of JSON on stderr by a library of the same language, with run_child as
the parent of both. The systems take turns.

    cargo build --release --example run_child
    python3 tests/clients/speed.py target/ci-clients target/release/examples/run_child [RECORDS [ROUNDS [THREADS..]]]

`target/ci-clients` is the folder that tests/clients/install has filled. The time is that from the first log call to the
exit of run_child, which has read all records by then. The CPU time is that of both processes, and is good on a busy
machine too. Lines of JSON are read by `--capture`, which recognises level,
message and fields. A round in which a record is missing is an error."""

import os, pathlib, re, resource, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).parents[2]
PYTHON = "{clients}/venv/bin/python"
SYSTEMS = {
    "Python, pipe_handler": ([], [PYTHON, "tests/clients/speed_python.py", "pipe"]),
    "Python, python-json-logger": (["--capture"], [PYTHON, "tests/clients/speed_python.py", "json"]),
    "Python, logbook_aiopipe": (["--input", "logbook"], [PYTHON, "tests/clients/speed_python.py", "logbook"]),
}


def measure(run_child, clients, options, command, records, threads):
    command = [part.replace("{clients}", clients) for part in command]
    run = [run_child, "--format", "none", *options, "--", *command, str(threads), str(records)]
    before = cpu()
    with tempfile.NamedTemporaryFile("r") as start:  # the child writes its monotonic time there
        done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "START": start.name})
        end, start = time.monotonic(), start.read()
    arrived = re.search(r"([\d,]+) (?:records received|lines captured)", done.stderr)
    if done.returncode or not start or not arrived or int(arrived[1].replace(",", "")) < records:
        sys.exit(f"{run}: {done.returncode}\n{done.stdout}{done.stderr}")
    return records / (end - float(start)), (cpu() - before) / records * 1e6


def cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main(clients, run_child, records="100000", rounds="3", *threads):
    clients, run_child = str(pathlib.Path(clients).resolve()), str(pathlib.Path(run_child).resolve())
    for count in threads or ["1", "4"]:
        figures = {name: [] for name in SYSTEMS}
        for _ in range(int(rounds)):
            for name, (options, command) in SYSTEMS.items():
                if "logbook" not in name or count == "1":  # it is for one thread
                    figures[name].append(measure(run_child, clients, options, command, int(records), count))
        for name, all_rounds in figures.items():
            if all_rounds:
                rates, costs = zip(*all_rounds)
                rate, cost = statistics.median(rates), statistics.median(costs)
                spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
                print(f"{count} threads  {name:28} {rate:>9,.0f} records/s ({spread}), {cost:5.1f} us of CPU", flush=True)


main(*sys.argv[1:])
