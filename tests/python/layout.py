"""A shared buffer as record-proto/PROTOCOL.md describes it, for CPython on x86-64. A word's number is its offset / 8.

A store to an item of a memoryview of format "Q" is one instruction: CPython copies the 8 bytes by a memcpy of a constant
length, which compilers make one `mov`, and an aligned `mov` is atomic. The interpreter executes the statements in their
order, and the processor keeps the order of its stores and that of its loads.
"""
import mmap

MAGIC, BELL, TICKET, CLAIMED = 0x00474E4952434552, 8, 32, 48
HEAD, WAITING, OWNER, RELEASED, TAIL, DISPATCHED = 0, 1, 8, 9, 16, 24
JUMP = CLOSED = 2**64 - 1


def padded(size, unit=8):
    return (size + unit - 1) // unit * unit


def size_of(rings, ring_bytes):
    return 4096 + padded(256 * rings, 4096) + rings * ring_bytes


class Buffer:
    def __init__(self, fd, size):
        self.memory = memoryview(mmap.mmap(fd, size))
        self.words = self.memory.cast("Q")

    def rings(self):
        """For each ring, the words of its head and the bytes of its entries. None without a header."""
        magic, layout, rings, size = self.words[:4]
        is_sound = 1 <= rings <= 64 and size in (1 << bit for bit in range(15, 31))
        if (magic, layout) != (MAGIC, 1) or not is_sound or size_of(rings, size) != len(self.memory):
            return []
        first = size_of(rings, 0)
        heads = [self.words[at : at + 32] for at in range(512, 512 + 32 * rings, 32)]
        return [(words, self.memory[first + i * size : first + (i + 1) * size]) for i, words in enumerate(heads)]
