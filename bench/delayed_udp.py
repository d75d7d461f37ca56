"""A wire of a given length: python3 delayed_udp.py UPSTREAM_PORT DELAY_MS, prints its own port.

Passes datagrams on 127.0.0.1 to a server and its answers back, each answer DELAY_MS after the question arrived or as
soon as it is there, whichever is later. dnsmasq itself has no option to be slow.
"""

import collections
import select
import socket
import sys
import time

upstream, delay = int(sys.argv[1]), float(sys.argv[2]) / 1000


def udp():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


front, back = udp(), udp()
print(front.getsockname()[1], flush=True)
asked = {}  # by id and question: who asked, and when
waiting = collections.deque()  # when, answer, whom: in the order in which they are due
while True:
    pause = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    ready, _, _ = select.select([front, back], [], [], pause)
    now = time.monotonic()
    for each in ready:
        try:
            while True:
                data, sender = each.recvfrom(4096)
                # The question, without the extensions that only one of the two directions has.
                end = data.index(0, 12) + 5
                key = data[:2] + data[12:end].lower()
                if each is front:
                    asked[key] = sender, now
                    back.sendto(data, ("127.0.0.1", upstream))
                elif key in asked:
                    whom, when = asked.pop(key)
                    waiting.append((when + delay, data, whom))
        except BlockingIOError:
            pass
    while waiting and waiting[0][0] <= time.monotonic():
        _, data, whom = waiting.popleft()
        front.sendto(data, whom)
