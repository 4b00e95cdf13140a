"""A parent that offers a buffer and reads it to the end: python reader.py THREADS RECORDS CMD [ARG..]

CMD logs RECORDS messages `tT nN ..` from each of its THREADS, as the example `emit` does. The reader checks that all
arrive, those of each thread in order. It makes no ring free again: that needs an atomic operation on `claimed`.
"""
import ctypes, fcntl, msgpack, os, subprocess, sys, threading

from layout import *

RINGS, RING_BYTES, FUTEX, WAKE = 8, 2**15, 202, 1
threads, records, *command = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]


def fence():
    """A full memory fence: taking a lock is a locked instruction, which is one on x86-64."""
    with threading.Lock():
        pass


def offer(size):
    fd = os.memfd_create("records", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    buffer = Buffer(fd, size)
    for number, word in ((0, MAGIC), (1, 1), (2, RINGS), (3, RING_BYTES), (TICKET, 1), (BELL, 1)):
        buffer.words[number] = word
    return fd, buffer


def start(buffer_fd, size):
    """The child, and the read end of its pipe."""
    pipe, write_end = os.pipe()
    given = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in (write_end, buffer_fd)]
    parts = [f"{fd}:{os.fstat(fd).st_dev}:{os.fstat(fd).st_ino}" for fd in given]
    value = ":".join(["v1", *parts, str(size)])
    child = subprocess.Popen(command, env={**os.environ, "RECORD_PIPE": value}, pass_fds=given)
    for fd in (write_end, buffer_fd, *given):
        os.close(fd)
    return child, pipe


class RingReader:
    def __init__(self, words, entries):
        self.words, self.entries, self.orders = words, entries, entries.cast("Q")
        self.position = self.head = 0

    def look(self):
        self.before, self.head = self.head, self.words[HEAD]
        assert self.before <= self.head <= self.position + len(self.entries), "a senseless head"

    def front(self):
        """The order of the next entry, its payload and its end, or nothing."""
        at, ring = self.position, len(self.entries)
        if at == self.head:
            return ()
        if self.orders[at % ring // 8] == JUMP:
            assert at % ring, "a jump at the start of the ring"
            at = padded(at, ring)
        start, room = at % ring, min(self.head - at, ring - at % ring)
        size = 12 + int.from_bytes(self.entries[start + 8 : start + 12], "big")
        assert size <= room, "an entry passes the head or the end of the ring"
        return self.orders[start // 8], bytes(self.entries[start + 12 : start + size]), at + padded(size)

    def free(self, end):
        self.position = self.words[DISPATCHED] = self.words[TAIL] = end
        fence()
        if self.words[WAITING] and self.head - end <= len(self.entries) // 2:
            address = ctypes.addressof(ctypes.c_char.from_buffer(self.words[TAIL:]))
            ctypes.CDLL(None).syscall(FUTEX, ctypes.c_void_p(address), WAKE, 2**31 - 1, None, None, 0)


def look(last=False):
    """Dispatches the entries that may be. Returns whether there were entries."""
    below = buffer.words[TICKET]
    fence()
    claimed = buffer.words[CLAIMED]
    looked, found = [ring for index, ring in enumerate(rings) if claimed >> index & 1], False
    for ring in looked:
        ring.look()
    while fronts := [(*front, ring) for ring in looked if (front := ring.front())]:
        ready = [front for front in fronts if front[0] < below or not last and front[2] <= front[3].before]
        if not ready:
            return True
        order, payload, end, ring = min(ready, key=lambda front: front[0])
        dispatch(payload)
        ring.free(end)
        found = True
    return found


def dispatch(payload):
    unpacker = msgpack.Unpacker()
    unpacker.feed(payload)
    kind, fields = unpacker
    received[kind].append(fields)
    if kind == 1:
        thread, n = fields[4].split()[:2]
        numbers.setdefault(thread, []).append(n)


def dispatch_frames(data):
    """Dispatches the whole frames and returns the rest."""
    while len(data) >= 4 and len(data) >= (end := 4 + int.from_bytes(data[:4], "big")):
        dispatch(data[4:end])
        data = data[end:]
    return data


received, numbers, data = {kind: [] for kind in range(6)}, {}, b""
buffer_fd, buffer = offer(size_of(RINGS, RING_BYTES))
rings = [RingReader(*ring) for ring in buffer.rings()]
child, pipe = start(buffer_fd, size_of(RINGS, RING_BYTES))
while True:
    buffer.words[BELL] += buffer.words[BELL] % 2
    if look():
        continue
    # Frames in the pipe follow the entries that were there when they were read.
    data = dispatch_frames(data)
    buffer.words[BELL] += 1
    fence()
    if not look():
        more = os.read(pipe, 65536)
        if not more:
            break
        data += more
buffer.words[BELL] = CLOSED
fence()
look(last=True)
assert not data and child.wait() == 0
assert numbers == {f"t{thread}": [f"n{n}" for n in range(records)] for thread in range(threads)}, "order"
assert sorted(fields[0] for fields in received[1]) == list(range(1, threads * records + 1)), "seqs"
assert len(received[0]) == 1 and [fields[2] for fields in received[4]] == [threads * records], "hello and close"
print(f"{threads * records} records in {sum(ring.position for ring in rings)} bytes, {len(received[5])} bells")
