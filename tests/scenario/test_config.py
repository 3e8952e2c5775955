# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings shown and changed, overrides of every engine, hooks apart."""

import json
import os
import shutil
import subprocess

import pytest

from lib.suite import CommandError
from lib.wait import wait_for

# One wrong line for each file that an administrator may write, and the
# words by which its checker shows that it means that line.
WRONG = {
    "unbound/unbound.conf": ("server:\n\tno-such: 1\n", 3, "no-such"),
    "redis/redis.conf": ("maxmemory lots\n", 2, "maxmemory"),
    "rspamd/rspamd.conf": ("options { dns {\n\ttimeout = }}\n", 3, "empty"),
    "clamav/clamd.conf": ("NoSuch yes\n", 2, "NoSuch"),
    "dovecot/dovecot.conf": ("no_such = 1\n", 2, "no_such"),
    "postfix/main.cf": ("no_such = 1\n", 2, "no_such"),
    "nginx/nginx.conf": ("no_such on;\n", 2, "no_such"),
}
WRONG_AGAIN = {
    "postfix/master.cf": ("no-such inet n - n - - smtpd\n", 2, "no-such"),
    "clamav/clamd.conf": ("MaxThreads many\n", 2, "MaxThreads"),
    "redis/redis.conf": ("aclfile /no/such/file\n", 2, "/no/such/file"),
}
RIGHT = {
    "unbound/unbound.conf": "server:\n\tcache-max-ttl: 4711\n",
    "redis/redis.conf": "slowlog-max-len 4711\n",
    "rspamd/rspamd.conf": "dkim_signing { use_esld = true; }\n",
    "clamav/clamd.conf": "MaxScanTime 47110\n",
    "dovecot/dovecot.conf": "mail_max_userip_connections = 4711\n",
    "postfix/main.cf": "delay_warning_time = 4711s\n",
    "postfix/master.cf": "extra unix - - n - - discard\n",
    "nginx/nginx.conf": "keepalive_requests 4711;\n",
}


@pytest.fixture
def overrides(suite):
    """put(files): overrides with a comment above; removed afterwards."""
    base = os.path.join(suite.root, "etc/mailherd/engines")

    def put(files):
        shutil.rmtree(base, ignore_errors=True)
        for name, text in files.items():
            path = os.path.join(base, name)
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            with open(path, "w", encoding="ascii") as out:
                out.write("# a line above\n" + text)
        return base
    yield put
    shutil.rmtree(base, ignore_errors=True)
    os.makedirs(base, 0o755)


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def pids(suite):
    return {name: suite.pid(name) for name in suite.supervised()}


def faults(suite):
    done = suite.run("config", "check", "--json", check=False)
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 1)
    return {fault["engine"]: fault for fault in report["faults"]}


def state(suite):
    """What must not change: rendered files, processes."""
    link = os.path.join(suite.root, "var/lib/mailherd/etc")
    return os.readlink(link), os.listdir(os.path.dirname(link) + "/gen"), \
        pids(suite)


@pytest.mark.parametrize("wrong", [WRONG, WRONG_AGAIN], ids=["one", "two"])
def test_wrong_overrides_of_every_engine_are_named(suite, overrides, wrong):
    before = state(suite)
    base = overrides({name: row[0] for name, row in wrong.items()})
    found = faults(suite)
    for name, (_, line, words) in wrong.items():
        fault = found.pop(name.split("/")[0])
        assert fault["file"] == os.path.join(base, name)
        assert fault["line"] == line, fault
        assert words in fault["text"]
    assert not found
    # People read the same; all goes on, also when a restart is asked for.
    done = suite.run("config", "check", check=False)
    assert done.returncode == 1
    for name, (_, line, _) in wrong.items():
        assert "%s line %d\n" % (os.path.join(base, name), line) in \
            done.stdout
    with pytest.raises(CommandError) as refused:
        suite.restart("--changed")
    name = sorted(wrong)[0]
    assert "%s line %d" % (os.path.join(base, name), wrong[name][1]) in \
        refused.value.stderr
    assert state(suite) == before


def test_right_overrides_are_in_force_after_a_restart(suite, overrides):
    overrides(RIGHT)
    assert not faults(suite)
    done = suite.run("config", "diff", check=False)
    assert done.returncode == 1
    for line in ("+delay_warning_time = 4711s", "+keepalive_requests 4711;",
                 "+slowlog-max-len 4711"):
        assert line + "\n" in done.stdout
    shown = suite.mailherd("config", "show", "--why")
    for name in RIGHT:
        assert "/engines/" + name + "\n" in shown
    suite.restart("--changed")
    assert suite.run("config", "diff").stdout == ""
    ask = suite.exec
    assert ask("postconf", "-h", "delay_warning_time").stdout == "4711s\n"
    assert "discard" in ask("postconf", "-M", "extra/unix").stdout
    assert ask("doveconf", "-h", "mail_max_userip_connections").stdout == \
        "4711\n"
    assert "4711" in ask("redis-cli", "config", "get",
                         "slowlog-max-len").stdout
    assert ask("unbound-control", "get_option",
               "cache-max-ttl").stdout == "4711\n"
    assert "use_esld = true" in ask(
        "rspamadm", "configdump", "-c", os.path.join(
            suite.root, "var/lib/mailherd/etc/rspamd/rspamd.conf"),
        "dkim_signing").stdout
    # Another change renders all of it anew.
    suite.mailherd("config", "set", "networks", "192.0.2.200")
    suite.restart("nginx")
    try:
        assert ask("postconf", "-h", "delay_warning_time").stdout == "4711s\n"
        assert "192.0.2.200" in ask("postconf", "-h", "mynetworks").stdout
    finally:
        suite.mailherd("config", "set", "networks", "--unset")
        overrides({})
        suite.restart("--changed")
    assert ask("postconf", "-h", "delay_warning_time").stdout == "4h\n"


def test_a_setting_of_the_host(suite):
    """Shown with its line, changed, tried by the engines, applied."""
    config = text_of(suite.config)
    shown = suite.mailherd("config", "show", "--why", json=True)
    settings = {row["key"]: row for row in shown["settings"]}
    hostname = settings["hostname"]
    lines = config.splitlines()
    assert lines[hostname["lines"][0] - 1] == "hostname = " + suite.hostname
    assert settings["resolver.check_names"]["value"] == [
        "mx.example.net", "mail.example.org"]
    assert len(settings["resolver.check_names"]["lines"]) == 2
    assert settings["ipv6"]["origin"] == "default"
    assert settings["password_length"]["value"] == "8"

    before = pids(suite)
    answer = suite.mailherd("config", "set", "trusted_proxies",
                            "192.0.2.240", "198.51.100.240/32", json=True)
    assert answer == {"key": "trusted_proxies", "changed": True,
                      "checked": True, "needs": "restart"}
    assert text_of(suite.config) == config + \
        "trusted_proxies = 192.0.2.240\ntrusted_proxies = " \
        "198.51.100.240/32\n"
    assert suite.mailherd("config", "show", "trusted_proxies") == \
        "192.0.2.240 198.51.100.240/32\n"
    done = suite.run("config", "diff", "--json", check=False)
    assert done.returncode == 1
    assert "set_real_ip_from 192.0.2.240;" in json.loads(done.stdout)["diff"]
    assert pids(suite) == before

    suite.mailherd("config", "set", "trusted_proxies", "--unset", "--apply")
    assert text_of(suite.config) == config
    assert suite.run("config", "diff").returncode == 0


def test_a_value_that_can_not_be_changes_nothing(suite, overrides):
    config = text_of(suite.config)
    for words, text in ((("timezone", "Moon/Base"), "Moon/Base"),
                        (("hostname", "--unset"), "host name"),
                        (("listen.smtp", "25", "26"), "25 26"),
                        (("no_such", "1"), "no_such"),
                        (("profile",), "needs a value"),
                        (("password_length", "2"), "password_length"),
                        (("dkim_bits", "2048", "4096"), "one value")):
        with pytest.raises(CommandError) as refused:
            suite.mailherd("config", "set", *words)
        assert text in refused.value.stderr
        assert refused.value.status in (2, 3)
    # What an engine refuses is named with the administrator's line.
    base = overrides({"nginx/nginx.conf": "no_such on;\n"})
    with pytest.raises(CommandError) as refused:
        suite.mailherd("config", "set", "networks", "192.0.2.200")
    assert base + "/nginx/nginx.conf line 2" in refused.value.stderr
    assert "nothing was changed" in refused.value.stderr
    assert text_of(suite.config) == config
    assert os.listdir(os.path.dirname(suite.config)).count(
        "mailherd.conf.draft") == 0


def http_get(lab, suite, head=b""):
    """The status line of plain HTTP on port 80."""
    with lab.client.connect(suite.host.ipv4, 80) as connection:
        connection.sendall(head + b"GET / HTTP/1.0\r\n\r\n")
        return connection.makefile("rb").readline()


def test_settings_of_web_mail_source_and_logs(lab, suite):
    """What they promise is so once they are applied, and not before."""
    config = text_of(suite.config)
    assert b" 301 " in http_get(lab, suite)
    source = "192.0.2.250"
    subprocess.run(["ip", "-n", suite.host.namespace, "address", "add",
                    source + "/32", "dev", "eth0"], check=True)
    logs = os.path.join(suite.logs, "nginx")
    hook = os.path.join(suite.root, "etc/mailherd/hooks/nginx/noise")
    try:
        # An editor does as well as `config set`, and faster.
        suite.configure({"http.redirect": "no", "http.proxy_protocol": "yes",
                         "trusted_proxies": lab.client.ipv4,
                         "log.file_size": "1", "log.files": "2",
                         "smtp.source": source})
        # Three files' worth of lines leave two.
        os.makedirs(os.path.dirname(hook), 0o755)
        with open(hook, "w", encoding="ascii") as out:
            out.write("#!/bin/sh\nhead -c 2500000 /dev/zero | tr '\\0' x |"
                      " fold -w 1000; echo; echo last-line\n")
        os.chmod(hook, 0o755)
        for name in ("log", "nginx"):
            suite.restart(name)
        proxied = b"PROXY TCP4 203.0.113.9 192.0.2.25 4711 80\r\n"
        assert b" 200 " in http_get(lab, suite, proxied)
        wait_for(lambda: '203.0.113.9 "GET / HTTP/1.0" 200' in
                 suite.log("nginx"), 5, "the address of the balancer's peer")
        assert suite.exec("postconf", "-h", "smtp_bind_address").stdout == \
            source + "\n"
        wait_for(lambda: "last-line" in suite.log("nginx"), 10, "all lines")
        sizes = [os.path.getsize(os.path.join(logs, name))
                 for name in os.listdir(logs)]
        assert len(sizes) == 2 and max(sizes) <= 1024 * 1024
    finally:
        shutil.rmtree(os.path.dirname(os.path.dirname(hook)),
                      ignore_errors=True)
        with open(suite.config, "w", encoding="utf-8") as out:
            out.write(config)
        for name in ("log", "nginx"):
            suite.restart(name)
        subprocess.run(["ip", "-n", suite.host.namespace, "address", "del",
                        source + "/32", "dev", "eth0"], check=True)
    assert b" 301 " in http_get(lab, suite)


@pytest.mark.full
def test_a_smaller_profile_and_back(suite):
    """What a profile no longer has ends, and is there again with it."""
    scanner = suite.pid("clamd")
    suite.mailherd("config", "set", "profile", "lite", "--apply")
    try:
        wait_for(lambda: not os.path.exists("/proc/%d" % scanner), 15,
                 "end of clamd")
        assert "clamd" not in suite.service_names()
        postfix = suite.pid("postfix")
    finally:
        suite.mailherd("config", "set", "profile", "full", "--apply",
                       timeout=120)
    wait_for(lambda: suite.svstat("clamd")["ready"], 60, "clamd again")
    assert suite.pid("postfix") == postfix


def test_a_setting_of_the_database(suite, mailbox):
    """In force at once; who changed it and when is known."""
    address = mailbox(password="short pw")
    set_ = ("config", "set", "password_length")
    assert suite.mailherd(*set_, "12").endswith("in force\n")
    try:
        with pytest.raises(CommandError) as refused:
            suite.set_password(address, "eleven char")
        assert "12" in refused.value.stderr
        row = suite.mailherd("config", "show", "password_length", "--why",
                             json=True)
        assert row["value"] == "12" and row["origin"] == "database"
        assert row["changed_by"].startswith("cli:")
    finally:
        suite.mailherd("config", "set", "password_length", "--unset")
    assert suite.mailherd("config", "show", "password_length") == "8\n"
    suite.set_password(address, "short pw")
    # New passwords are hashed as the setting says.
    suite.mailherd("config", "set", "password_scheme", "ARGON2ID")
    try:
        long = "x" * 100  # too long for BLF-CRYPT
        suite.set_password(address, long)
    finally:
        suite.mailherd("config", "set", "password_scheme", "--unset")
    with pytest.raises(CommandError):
        suite.set_password(address, long)
