# SPDX-License-Identifier: GPL-3.0-or-later
"""An independent mail host: plain Postfix, nothing of ours in it.

It owns one domain, takes every address of it into one maildir (virtual(8)
adds Delivered-To), and sends what is handed to it through DNS like any host.
"""

import grp
import os
import pwd
import subprocess

from .maildir import Maildir
from .net import kill_process
from .wait import wait_for

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
myhostname = {hostname}
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = {ipv4}, {ipv6}, 127.0.0.1
inet_protocols = all
smtp_bind_address = {ipv4}
smtp_bind_address6 = {ipv6}
mynetworks = 127.0.0.0/8, {ipv4}/32, [{ipv6}]/128
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {directory}/mail
virtual_mailbox_maps = regexp:{directory}/mailboxes
virtual_alias_maps =
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_mailbox_limit = 0
message_size_limit = 104857600
maillog_file = {directory}/mail.log
maillog_file_prefixes = {directory}
smtpd_tls_security_level = none
smtp_tls_security_level = may
smtp_dns_support_level = enabled
smtp_host_lookup = dns
default_database_type = regexp
smtpd_client_connection_rate_limit = 0
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
smtp_destination_concurrency_failed_cohort_limit = 100
"""

MASTER_CF = """
smtp inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


class Peer:
    """Postfix on a host, with its domain."""

    def __init__(self, host, hostname, domain):
        self.host = host
        self.hostname = hostname
        self.domain = domain
        self.config = os.path.join(host.directory, "etc")
        self.mail = os.path.join(host.directory, "mail")
        self.log = os.path.join(host.directory, "mail.log")
        self._process = None
        for path in (self.config, self.mail, host.directory + "/queue",
                     host.directory + "/data"):
            os.mkdir(path)
        postfix = pwd.getpwnam("postfix")
        os.chown(host.directory + "/data", postfix.pw_uid, -1)
        nobody = pwd.getpwnam("nobody").pw_uid
        nogroup = grp.getgrnam("nogroup").gr_gid
        os.chown(self.mail, nobody, nogroup)
        self._write("main.cf", MAIN_CF.format(
            directory=host.directory, hostname=hostname, domain=domain,
            ipv4=host.ipv4, ipv6=host.ipv6, uid=nobody, gid=nogroup))
        self._write("master.cf", MASTER_CF)
        with open(host.directory + "/mailboxes", "w",
                  encoding="ascii") as out:
            out.write("/@%s$/ inbox/\n" % domain.replace(".", "\\."))

    def _write(self, name, text):
        with open(os.path.join(self.config, name), "w",
                  encoding="ascii") as out:
            out.write(text)

    def start(self):
        self.host.run(["postfix", "-c", self.config, "check"])
        output = open(os.path.join(self.host.directory, "out.log"), "ab")
        self._process = self.host.popen(
            ["env", "MAIL_CONFIG=" + self.config, "MAIL_LOGTAG=postfix",
             "/usr/lib/postfix/sbin/master", "-c", self.config, "-s"],
            stdout=output, stderr=output)
        output.close()
        wait_for(self._answers, 20, "banner of the peer")

    def _answers(self):
        with self.host.connect("127.0.0.1", 25, 2) as connection:
            return connection.recv(512).startswith(b"220")

    def stop(self):
        if self._process:
            kill_process(self._process)
        self._process = None

    @property
    def inbox(self):
        """Messages received for any address of the domain."""
        return Maildir(os.path.join(self.mail, "inbox"))

    def send(self, sender, recipients, message):
        """Queues message (bytes) here, for the world."""
        from .smtp import Smtp
        with Smtp(self.host, "127.0.0.1", 25) as client:
            client.ehlo(self.hostname)
            return client.send_message(sender, recipients, message)

    def flush(self):
        subprocess.run(self.host.argv(["postqueue", "-c", self.config,
                                       "-f"]), check=False,
                       capture_output=True)

    def queue(self):
        return self.host.run(["postqueue", "-c", self.config, "-j"]).stdout
