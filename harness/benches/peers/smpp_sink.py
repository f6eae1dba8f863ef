"""An SMPP 3.4 message centre that takes every message after a given time and keeps nothing but how
many there were, whom they were for, and when the first and the last came.

Its first line tells its port. For every line it reads it writes its figures, one JSON object; it
ends with its standard input.
"""

import argparse
import asyncio
import json
import struct
import sys
import time

LOOPBACK = "127.0.0.1"
HEADER = struct.Struct(">IIII")
BODY_BYTES_MAX = 4096
SUBMIT_SM = 0x00000004
UNBIND = 0x00000006
BINDS = {0x00000001, 0x00000002, 0x00000009}
ENQUIRE_LINK = 0x00000015
RESPONSE = 0x80000000
INVALID_COMMAND = 0x00000003
GENERIC_NACK = 0x80000000


class Taken:
    """What came in."""

    def __init__(self):
        self.count, self.first, self.last = 0, None, None
        self.recipients = set()

    def note(self, recipient):
        """Counts one message; answers its number."""
        self.last = time.monotonic()
        self.first = self.first if self.first is not None else self.last
        self.count += 1
        self.recipients.add(recipient)
        return self.count

    def figures(self):
        """As the sink for HTTP tells them."""
        span = self.last - self.first if self.count else 0
        doubled = self.count - len(self.recipients)
        return {"count": self.count, "doubled": doubled, "span_us": round(span * 1e6)}


def destination(body):
    """The recipient of a `submit_sm`."""
    # A service type, the type and plan of the source, its address, then the recipient's own.
    source = body.index(b"\0") + 1 + 2
    start = body.index(b"\0", source) + 1 + 2
    return body[start : body.index(b"\0", start)]


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, taken, latency_s):
        self.taken, self.latency_s = taken, latency_s
        self.transport, self.buffer = None, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while len(self.buffer) >= HEADER.size:
            length, command, _status, sequence = HEADER.unpack_from(self.buffer)
            if not HEADER.size <= length <= HEADER.size + BODY_BYTES_MAX:
                self.transport.abort()
                return
            if len(self.buffer) < length:
                return
            body, self.buffer = self.buffer[HEADER.size : length], self.buffer[length:]
            self.take(command, sequence, body)

    def take(self, command, sequence, body):
        """Answers one request. What is a response already needs none."""
        if command == SUBMIT_SM:
            loop = asyncio.get_running_loop()
            loop.call_later(self.latency_s, self.accept, sequence, destination(body))
        elif command in BINDS:
            self.answer(command | RESPONSE, sequence, b"sink\0")
        elif command in (ENQUIRE_LINK, UNBIND):
            self.answer(command | RESPONSE, sequence)
        elif not command & RESPONSE:
            self.answer(GENERIC_NACK, sequence, status=INVALID_COMMAND)

    def accept(self, sequence, recipient):
        """Takes a message."""
        number = self.taken.note(recipient)
        self.answer(SUBMIT_SM | RESPONSE, sequence, b"%d\0" % number)

    def answer(self, command, sequence, body=b"", status=0):
        """Writes one answer."""
        header = HEADER.pack(HEADER.size + len(body), command, status, sequence)
        self.transport.write(header + body)


async def serve(latency_s):
    """Takes messages until standard input ends."""
    taken = Taken()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Session(taken, latency_s), LOOPBACK, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(taken.figures()), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-ms", type=int, default=0)
    asyncio.run(serve(parser.parse_args().latency_ms / 1000))
