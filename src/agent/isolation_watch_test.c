/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of isolation_watch.c with messages as the kernel sends them. */
#include "agent/isolation_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <linux/netfilter.h>

#define TABLE "mailherd"
#define NFTABLES (NFNL_SUBSYS_NFTABLES << 8)
#define MESSAGE_MAX 3

struct message {
	int type; /* 0: no more */
	int family;
	const char *table;
};

static const struct {
	const char *name;
	struct message messages[MESSAGE_MAX];
	bool was_lost, want;
} CASES[] = {
	{ "nothing", { { 0 } }, false, false },
	{ "deleted", { { NFTABLES | NFT_MSG_DELTABLE, NFPROTO_INET, TABLE } },
		false, true },
	{ "a rule of it",
		{ { NFTABLES | NFT_MSG_DELRULE, NFPROTO_INET, TABLE } }, false,
		true },
	{ "another's",
		{ { NFTABLES | NFT_MSG_DELTABLE, NFPROTO_INET, "fail2ban" },
			{ NFTABLES | NFT_MSG_DELTABLE, NFPROTO_INET,
				TABLE "-2" } },
		false, false },
	{ "another family's",
		{ { NFTABLES | NFT_MSG_DELTABLE, NFPROTO_IPV4, TABLE } }, false,
		false },
	{ "replaced",
		{ { NFTABLES | NFT_MSG_DELRULE, NFPROTO_INET, TABLE },
			{ NFTABLES | NFT_MSG_DELTABLE, NFPROTO_INET, TABLE },
			{ NFTABLES | NFT_MSG_NEWTABLE, NFPROTO_INET, TABLE } },
		false, false },
	{ "back", { { NFTABLES | NFT_MSG_NEWTABLE, NFPROTO_INET, TABLE } },
		true, false },
	{ "a rule added",
		{ { NFTABLES | NFT_MSG_NEWRULE, NFPROTO_INET, TABLE } }, true,
		true },
	{ "of another subsystem",
		{ { NFNL_SUBSYS_IPSET << 8 | NFT_MSG_DELTABLE, NFPROTO_INET,
			TABLE } },
		false, false },
};

static size_t
write_message(char *out, const struct message *message)
{
	size_t text = strlen(message->table) + 1;
	struct nfgenmsg family = { .nfgen_family =
					   (unsigned char)message->family };
	struct nlattr name = { .nla_type = NFTA_TABLE_NAME,
		.nla_len = (uint16_t)(sizeof(name) + text) };
	struct nlmsghdr head = { .nlmsg_type = (uint16_t)message->type,
		.nlmsg_len = (uint32_t)(sizeof(head) + sizeof(family) +
					sizeof(name) + text) };

	memcpy(out, &head, sizeof(head));
	memcpy(out + sizeof(head), &family, sizeof(family));
	memcpy(out + sizeof(head) + sizeof(family), &name, sizeof(name));
	memcpy(out + head.nlmsg_len - text, message->table, text);
	return NLMSG_ALIGN(head.nlmsg_len);
}

static void
test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		char bytes[512] = "";
		size_t length = 0;
		bool lost = CASES[i].was_lost;

		for (int m = 0; m < MESSAGE_MAX && CASES[i].messages[m].type;
			m++)
			length += write_message(
				bytes + length, &CASES[i].messages[m]);
		isolation_watch_read(
			(struct span){ bytes, length }, TABLE, &lost);
		if (lost != CASES[i].want)
			fail_msg("%s: %d", CASES[i].name, lost);
	}
}

static void
test_cut_messages(void **state)
{
	char bytes[512] = "";
	size_t length = write_message(bytes, &CASES[1].messages[0]);

	(void)state;
	for (size_t cut = 0; cut < length - NLMSG_ALIGNTO; cut++) {
		bool lost = false;

		isolation_watch_read((struct span){ bytes, cut }, TABLE, &lost);
		assert_false(lost);
	}
}

static const struct {
	int error;
	bool want;
} ANSWERS[] = { { 0, false }, { -ENOENT, true }, { -EPERM, false } };

static void
test_the_first_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(ANSWERS); i++) {
		struct {
			struct nlmsghdr head;
			struct nlmsgerr answer;
		} message = { .head = { .nlmsg_type = NLMSG_ERROR,
				      .nlmsg_len = sizeof(message) },
			.answer.error = ANSWERS[i].error };

		bool lost = false;

		isolation_watch_read(
			(struct span){ (char *)&message, sizeof(message) },
			TABLE, &lost);
		assert_int_equal(lost, ANSWERS[i].want);
	}
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_cut_messages),
		cmocka_unit_test(test_the_first_answer),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
