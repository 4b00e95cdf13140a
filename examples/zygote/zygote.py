"""Starts programs for a parent that sends requests over the socket that is this program's stdin.

A request is one packet: JSON with "argv", "env" and "number", and one descriptor, which the program gets under that
number. The answer is one packet: the pid, and a descriptor of the process (pidfd).
"""

import json
import os
import socket
import subprocess

requests = socket.socket(fileno=0)
while True:
    packet, descriptors, _flags, _address = socket.recv_fds(requests, 65536, 1)
    if not packet:
        break  # The parent is gone.
    request = json.loads(packet)
    number = request["number"]
    if descriptors[0] != number:
        os.dup2(descriptors[0], number)
        os.close(descriptors[0])
    child = subprocess.Popen(
        request["argv"], env={**os.environ, **request["env"]}, stdin=subprocess.DEVNULL, pass_fds=[number]
    )
    os.close(number)  # Kept, the end of the stream would never come.
    pidfd = os.pidfd_open(child.pid)
    socket.send_fds(requests, [str(child.pid).encode()], [pidfd])
    os.close(pidfd)
