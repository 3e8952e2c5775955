# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole test internet: DNS, an independent mail host, a client, the suite.

    dns     192.0.2.53     NSD: signed root and zones
    mx      192.0.2.25     the suite: example.org, example.com
    other   198.51.100.25  plain Postfix: example.net
    client  198.51.100.77  a person's machine; spare addresses .100 to .199
"""

import time

from .net import Net
from .peer import Peer
from .suite import Suite
from .zones import Dns

DNS_IPV4 = "192.0.2.53"
DOMAIN = "example.org"
SECOND_DOMAIN = "example.com"
PEER_DOMAIN = "example.net"
# Where guessers sit: a network of guessers is judged after everybody else.
CLIENT_SPARE = ["198.51.100.%d" % n for n in range(100, 200)]


class Lab:
    """Hosts and services around the suite; `suite` after start_suite()."""

    def __init__(self):
        self.net = Net()
        try:
            self._build()
        except BaseException:
            self.net.close()
            raise

    def _build(self):
        add = self.net.add_host
        self.client = add("client", "198.51.100.77", "2001:db8:0:2::77",
                          DNS_IPV4)
        self.other = add("other", "198.51.100.25", "2001:db8:0:2::25",
                         DNS_IPV4)
        self.client.add_addresses(CLIENT_SPARE)
        self.mx = add("mx", "192.0.2.25", "2001:db8:0:1::25")
        self.dns = Dns(add("dns", DNS_IPV4, "2001:db8:0:1::53"))
        self.dns.add_host("mail.example.org.", self.mx.ipv4, self.mx.ipv6)
        self.dns.add_host("mx.example.net.", self.other.ipv4,
                          self.other.ipv6)
        self.dns.add_host("client.example.com.", self.client.ipv4,
                          self.client.ipv6)
        self.dns.add("example.net.", "MX", "10 mx.example.net.")
        self.dns.add("example.net.", "TXT", 
                     '"v=spf1 mx ip4:198.51.100.0/24 ip6:2001:db8::/32 '
                     '-all"')
        for domain in (DOMAIN, SECOND_DOMAIN, "alias." + DOMAIN):
            self.dns.add(domain + ".", "MX", "10 mail.example.org.")
        self.dns.publish()
        self.dns.start()
        self.peer = Peer(self.other, "mx.example.net", PEER_DOMAIN)
        self.peer.start()
        self.suite = None
        self.seconds = {}

    def conf(self):
        """Keys of mailherd.conf that point an instance at the lab's DNS."""
        return {"antivirus.updates": "no",
                "resolver.root_hints": self.dns.root_hints,
                "resolver.trust_anchor": self.dns.trust_anchor,
                "resolver.check_addresses": DNS_IPV4,
                "resolver.check_names": ["mx.example.net",
                                         "mail.example.org"]}

    def start_suite(self, profile="full", **conf):
        """Sets the suite up, publishes its records and starts it."""
        started = time.monotonic()
        self.suite = Suite(self.mx, "mail.example.org", DOMAIN)
        self.suite.setup(profile, **dict(self.conf(), **conf))
        self.suite.add_domain(SECOND_DOMAIN)
        self.publish_dkim(DOMAIN)
        self.publish_dkim(SECOND_DOMAIN)
        self.dns.publish()
        self.seconds["setup"] = time.monotonic() - started
        started = time.monotonic()
        self.suite.up()
        self.seconds["up"] = time.monotonic() - started
        return self.suite

    def publish_dkim(self, domain):
        """Puts the DKIM record that `mailherd dns` prints into the zone."""
        for record in dns_records(self.suite, domain):
            if "_domainkey." in record["name"]:
                text = record["value"]
                if not text.startswith('"'):
                    text = " ".join('"%s"' % text[i:i + 250] for i in
                                    range(0, len(text), 250))
                self.dns.add(record["name"].rstrip(".") + ".", "TXT", text)
                return
        raise AssertionError("no DKIM record for " + domain)

    def close(self):
        try:
            if self.suite:
                self.suite.run("down", check=False)
        finally:
            self.net.close()


def dns_records(suite, domain):
    """Records that an administrator is told to publish."""
    answer = suite.mailherd("dns", domain, json=True)
    return answer["records"] if isinstance(answer, dict) else answer
