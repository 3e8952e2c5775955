/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The names that fill.c writes and load.c asks for: mailbox i of count is
 * in domain i % NAMES_DOMAINS; every fifth has a chain of two aliases.
 */
#ifndef BENCH_DIRECTORY_NAMES_H
#define BENCH_DIRECTORY_NAMES_H

#define NAMES_DOMAINS 200
#define NAMES_DOMAIN "customer-%03u.example"
#define NAMES_MAILBOX "first.lastname.%06u@" NAMES_DOMAIN
#define NAMES_ABSENT "not.a.customer.%06u@" NAMES_DOMAIN
#define NAMES_CHAIN "team.%06u@" NAMES_DOMAIN /* -> group */
#define NAMES_GROUP "group.%06u@" NAMES_DOMAIN /* -> mailbox */
#define NAMES_CHAIN_EVERY 5

#endif
