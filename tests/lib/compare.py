# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing a stored message with the one that was sent."""

import re

# Fields that hosts on the way may put in front or between.
MAY_BE_ADDED = {
    "return-path", "delivered-to", "x-original-to", "received",
    "authentication-results", "received-spf", "arc-seal",
    "arc-message-signature", "arc-authentication-results",
    "dkim-signature", "x-spam", "x-spam-status", "x-spamd-result",
    "x-spamd-bar", "x-rspamd-server", "x-rspamd-queue-id",
    "x-rspamd-action", "x-spam-level", "x-rspamd-pre-result",
}


def split_message(data):
    """(list of raw header fields, body) of bytes with CRLF line ends."""
    head, _, body = data.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    return fields, body


def field_name(field):
    return field.partition(b":")[0].decode("latin-1").lower()


def added_headers(sent, stored):
    """Names of the fields that were added; asserts that all else is equal.

    The body must be the same bytes, and the fields that were sent must
    stand in the same order with the same bytes.
    """
    sent_fields, sent_body = split_message(sent)
    stored_fields, stored_body = split_message(stored)
    assert stored_body == sent_body, "the body was changed"
    rest = list(sent_fields)
    added = []
    for field in stored_fields:
        if rest and field == rest[0]:
            rest.pop(0)
        else:
            added.append(field_name(field))
    assert not rest, "header field lost or changed: %r" % rest[0]
    strange = set(added) - MAY_BE_ADDED
    assert not strange, "unexpected header fields: %s" % sorted(strange)
    return added
