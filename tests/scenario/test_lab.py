# SPDX-License-Identifier: GPL-3.0-or-later
"""The test internet itself: a fault here explains every other failure."""

from lib.smtp import make_mark, make_message


def test_the_root_is_signed_down_to_each_domain(lab):
    for name in ("example.org.", "example.net.", "example.com."):
        done = lab.client.run([
            "delv", "@" + lab.dns.host.ipv4, "-a", anchors(lab), "+root=.",
            name, "MX"])
        assert "fully validated" in done.stdout


def anchors(lab):
    """The trust anchor as delv wants it."""
    path = lab.client.directory + "/anchors"
    with open(lab.dns.trust_anchor, encoding="ascii") as anchor:
        key = anchor.read().split("DNSKEY", 1)[1].split()
    with open(path, "w", encoding="ascii") as out:
        out.write('trust-anchors { . static-key %s %s %s "%s"; };\n' % (
            key[0], key[1], key[2], "".join(key[3:])))
    return path


def test_the_other_host_takes_and_keeps_mail(lab):
    mark = make_mark()
    message = make_message(mark)
    lab.peer.send("a@example.net", "b@example.net", message)
    assert lab.peer.inbox.wait(mark).crlf().endswith(message)


