# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail host that sends a burst: one connection a message, to port 25.

Usage: delivery_load.py ADDRESS SESSIONS MESSAGES SIZE MAILBOXES DOMAIN SEED
                        [all-text]
Makes its messages, says "ready", sends when a line comes, says as JSON when
the first one began and when the last one was accepted.

The text is made of a dictionary of 4,000 words whose frequencies follow
Zipf's law, so that an index gets what it would get from people: the words of
4 KB, their lengths, how many differ (300) and how many parts of words
(n-grams, 3,000) are about those of English prose. Each message holds a word
of its own. Small messages are text; larger ones are what such messages are:
4 KB of text, the same as HTML, and an attachment in base64, which the index
leaves out. With "all-text" they are text to the end.
"""

import base64
import itertools
import json
import queue
import random
import socket
import sys
import threading
import time

WORDS = 4000
EXPONENT = 1.1
PARAGRAPHS = 4000
SENDER = "load@example.net"
HOST = "mx.example.net"
RETRIES = 60
TEXT_SIZE = 4096
EMPTY_LINE = "\r\n\r\n"
MIXED = 'multipart/mixed; boundary="outer"'
BEGIN_PARTS = """--outer
Content-Type: multipart/alternative; boundary="inner"

--inner
Content-Type: text/plain; charset=utf-8

""".replace("\n", "\r\n")
BEGIN_HTML = """
--inner
Content-Type: text/html; charset=utf-8

""".replace("\n", "\r\n")
BEGIN_ATTACHMENT = """
--inner--
--outer
Content-Type: image/jpeg; name="picture.jpg"
Content-Disposition: attachment; filename="picture.jpg"
Content-Transfer-Encoding: base64

""".replace("\n", "\r\n")
END_PARTS = b"\r\n--outer--\r\n"
ONSETS = "b c d f g h k l m n p r s t v w st tr pr th".split()
VOWELS = "a e i o u".split()
CODAS = [""] * 5 + "n r s t l".split()


class Texts:
    """Seeded: the same messages each time for the same seed."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        fixed = random.Random(1)
        words = list(dict.fromkeys(
            "".join(fixed.choice(ONSETS) + fixed.choice(VOWELS) +
                    fixed.choice(CODAS)
                    for _ in range(min(1 + number // 30, 2 + number % 2)))
            for number in range(2 * WORDS)))[:WORDS]
        weights = list(itertools.accumulate(
            rank ** -EXPONENT for rank in range(1, len(words) + 1)))
        chosen = self._random.choices(words, cum_weights=weights,
                                      k=PARAGRAPHS * 100)
        self._subjects = self._random.choices(words, cum_weights=weights,
                                              k=10000)
        self._paragraphs = [self._paragraph(chosen[n:n + 100]) for n in
                            range(0, len(chosen), 100)]

    def _paragraph(self, words):
        lines, line = [], ""
        for number, word in enumerate(words):
            word = word.capitalize() if number % 12 == 0 else word
            word += "." if number % 12 == 11 else ""
            if len(line) + len(word) > 70:
                lines.append(line)
                line = word
            else:
                line += " " + word if line else word
        return "\r\n".join(lines + [line, "", ""])

    def message(self, mark, recipient, size, all_text=False):
        """The bytes of DATA, without the dot."""
        if size <= TEXT_SIZE or all_text:
            text = self._head(mark, recipient, "text/plain; charset=utf-8")
            return self._fill(text + mark + EMPTY_LINE, size).encode("ascii")
        text = self._fill(mark + EMPTY_LINE, TEXT_SIZE)
        html = "<html><body>\r\n<p>%s</p>\r\n</body></html>\r\n" % (
            text.replace(EMPTY_LINE, "</p>" + EMPTY_LINE + "<p>"))
        start = (self._head(mark, recipient, MIXED) + BEGIN_PARTS + text +
                 BEGIN_HTML + html + BEGIN_ATTACHMENT).encode("ascii")
        rest = size - len(start) - len(END_PARTS)
        coded = base64.encodebytes(self._random.randbytes(rest // 78 * 57))
        return start + coded.replace(b"\n", b"\r\n") + END_PARTS

    def _head(self, mark, recipient, kind):
        return ("From: Load <%s>\r\nTo: <%s>\r\nSubject: %s\r\n"
                "Date: %s\r\nMessage-ID: <%s@%s>\r\nMIME-Version: 1.0\r\n"
                "Content-Type: %s\r\n"
                "Content-Transfer-Encoding: 7bit\r\n\r\n" % (
                    SENDER, recipient, " ".join(
                        self._random.choice(self._subjects)
                        for _ in range(5)),
                    time.strftime("%a, %d %b %Y %H:%M:%S +0000",
                                  time.gmtime()), mark, HOST, kind))

    def _fill(self, text, size):
        parts, length = [text], len(text)
        while length < size:
            parts.append(self._random.choice(self._paragraphs))
            length += len(parts[-1])
        return "".join(parts)[:size - 2].rstrip("\r\n.") + "\r\n"


def expect(file, code):
    while True:
        line = file.readline()
        if not line.startswith(code):
            raise ConnectionError("answered %r, not %s" % (line, code))
        if line[3:4] == b" ":
            return


def send(address, recipient, data):
    """One message by one connection, with PIPELINING as mail hosts do."""
    with socket.create_connection((address, 25), 60) as peer, \
            peer.makefile("rb") as file:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        expect(file, b"220")
        peer.sendall(b"EHLO %s\r\n" % HOST.encode())
        expect(file, b"250")
        peer.sendall(b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (
            SENDER.encode(), recipient.encode()))
        expect(file, b"250")
        expect(file, b"250")
        expect(file, b"354")
        peer.sendall(data + b".\r\n")
        expect(file, b"250")
        peer.sendall(b"QUIT\r\n")
        file.readline()


class Burst:
    def __init__(self, address, messages):
        self.refusals = []
        self._address = address
        self._queue = queue.SimpleQueue()
        for message in messages:
            self._queue.put(message)

    def run(self, sessions):
        threads = [threading.Thread(target=self._work)
                   for _ in range(sessions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self):
        while True:
            try:
                recipient, data = self._queue.get_nowait()
            except queue.Empty:
                return
            for _ in range(RETRIES):
                try:
                    send(self._address, recipient, data)
                    break
                except OSError as error:
                    self.refusals.append(str(error))
                    time.sleep(1)


def main(address, sessions, count, size, mailboxes, domain, seed, all_text):
    texts = Texts(seed)
    messages = []
    for number in range(count):
        recipient = "user%d@%s" % (number % mailboxes, domain)
        messages.append((recipient, texts.message(
            "mark%dq%d" % (seed, number), recipient, size, all_text)))
    burst = Burst(address, messages)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.time()
    burst.run(sessions)
    print(json.dumps({"began": began, "accepted": time.time(),
                      "refusals": burst.refusals}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:6]), sys.argv[6],
         int(sys.argv[7]), sys.argv[8:] == ["all-text"])
