"""A child that logs through a shared buffer, or else through the pipe: python writer.py RECORDS

It is the only process of the buffer and logs from one thread, so it takes no tickets and needs no atomic additions. It
prints `full` when it waits for room for the first time.
"""
import contextlib, fcntl, msgpack, os, secrets, select, stat, sys, threading, time

from layout import *

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
version, *numbers = os.environ["RECORD_PIPE"].split(":")
pipe, *numbers = map(int, numbers)
pid, instance, stream, seq = os.getpid(), secrets.randbits(32), secrets.randbits(64), 0
polled = select.poll()
polled.register(pipe, select.POLLOUT)


def is_file(fd, *names):
    status = os.fstat(fd)
    return (status.st_dev, status.st_ino, status.st_size)[: len(names)] == names


class PipeWriter:
    most = select.PIPE_BUF

    def write(self, frame):
        os.write(pipe, frame)


class RingWriter:
    def __init__(self, buffer, index, words, entries):
        self.buffer, self.words, self.entries, self.orders = buffer, words, entries, entries.cast("Q")
        self.head, self.most, self.waits = words[TAIL], min(len(entries) // 4, 4 + 65536), 0
        words[OWNER] = 2**32 + instance
        buffer.words[CLAIMED] |= 1 << index

    def write(self, frame):
        at, end = self.wait_for_room(padded(8 + len(frame)))
        start = at % len(self.entries)
        if at != self.head:
            self.orders[self.head % len(self.entries) // 8] = JUMP
        self.orders[start // 8] = 0
        self.entries[start + 8 : start + 8 + len(frame)] = frame
        self.words[HEAD] = self.head = end
        self.ring_bell()

    def wait_for_room(self, size):
        """The position of an entry of that size, and its end."""
        while True:
            tail, place, ring = self.words[TAIL], self.head % len(self.entries), len(self.entries)
            assert 0 <= self.head - tail <= ring, "the ring is given up"
            # An entry that is longer than the part before it would have no room at the start of an empty ring.
            jumps = place + size > ring or self.head == tail and 8192 <= place and size <= place
            at = padded(self.head, ring) if jumps else self.head
            if at + size - tail <= ring:
                return at, at + size
            self.waits += 1
            self.waits == 1 and print("full", flush=True)
            self.ring_bell()
            time.sleep(0.001)

    def ring_bell(self):
        """Writes a bell whatever the bell's word is, so no fence is needed."""
        events = dict(polled.poll(0)).get(pipe, 0)
        if events & select.POLLERR or self.buffer.words[BELL] == CLOSED:
            raise BrokenPipeError
        if events & select.POLLOUT:
            os.write(pipe, bytes.fromhex("000000020590"))


def ring_writer(fd, dev, ino, size):
    if not is_file(fd, dev, ino, size) or fcntl.fcntl(fd, fcntl.F_GET_SEALS) & SEALS != SEALS:
        return None
    os.set_inheritable(fd, False)
    buffer = Buffer(fd, size)
    for index, (words, entries) in enumerate(buffer.rings()):
        if words[OWNER] == 0 and words[HEAD] == words[TAIL]:
            return RingWriter(buffer, index, words, entries)


def send(kind, *fields):
    payload = msgpack.packb(kind) + msgpack.packb(fields)
    if 4 + len(payload) <= writer.most:
        return writer.write(len(payload).to_bytes(4, "big") + payload)
    pieces = [payload[at : at + writer.most - 39] for at in range(0, len(payload), writer.most - 39)]
    for index, piece in enumerate(pieces):
        send(2, pid, stream, index, index == len(pieces) - 1, piece)


def log(level, message, **key_values):
    global seq
    seq += 1
    thread = threading.get_native_id()
    send(1, seq, time.time_ns(), level, "app", message, pid, None, thread, *[None] * 4, key_values, *[None] * 4, instance)


assert version == "v1" and stat.S_ISFIFO(os.fstat(pipe).st_mode) and is_file(pipe, *numbers[:2])
assert fcntl.fcntl(pipe, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
os.set_inheritable(pipe, False)
writer = len(numbers) >= 6 and ring_writer(*numbers[2:6]) or PipeWriter()


def begin():
    send(0, 1, pid, "writer.py", time.time_ns(), None, instance)


def end():
    send(4, pid, time.time_ns(), seq, 0, instance)
    if isinstance(writer, RingWriter):
        writer.words[RELEASED] = 1


def main():
    begin()
    for n in range(int(sys.argv[1])):
        # Lengths that end at every place of a ring, and now and then a record in fragments.
        log(1 + n % 5, "x" * (100_000 if n % 1000 == 999 else n * 7 % 600), n=n, half=n / 2, way=type(writer).__name__)
    end()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # The parent may be gone.
        main()
