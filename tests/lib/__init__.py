# SPDX-License-Identifier: GPL-3.0-or-later
"""The test internet: hosts, DNS, peers and the suite under test."""
