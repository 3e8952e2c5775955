/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The first attribute of every nftables message is the name of its table,
 * so one reading fits all of them. A message that went missing (ENOBUFS)
 * counts as a loss: putting the table back once too often is harmless.
 */
#include "agent/isolation_watch.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/netfilter.h>

#include "base/alloc.h"
#include "base/clock.h"

#define RECEIVE_SIZE 32768
#define SETTLE_MS 300 /* a transaction is many messages */

struct isolation_watch {
	int fd;
	char table[NFT_TABLE_MAXNAMELEN];
	bool lost;
	struct event *readable, *settled;
	isolation_lost_fn *tell;
	void *context;
};

/* The attributes of a request or message about our family's tables. */
static bool
is_about(const char *body, size_t length, const char *table)
{
	struct nfgenmsg head;
	struct nlattr attribute;

	if (length < sizeof(head) + sizeof(attribute))
		return false;
	memcpy(&head, body, sizeof(head));
	body += sizeof(head);
	length -= sizeof(head);
	memcpy(&attribute, body, sizeof(attribute));
	return head.nfgen_family == NFPROTO_INET &&
	       attribute.nla_type == NFTA_TABLE_NAME &&
	       attribute.nla_len <= length &&
	       attribute.nla_len == sizeof(attribute) + strlen(table) + 1 &&
	       memcmp(body + sizeof(attribute), table, strlen(table)) == 0;
}

static bool
is_deletion(int type)
{
	return type == NFT_MSG_DELTABLE || type == NFT_MSG_DELCHAIN ||
	       type == NFT_MSG_DELRULE || type == NFT_MSG_DELSET ||
	       type == NFT_MSG_DELSETELEM;
}

static void
read_message(const struct nlmsghdr *head, const char *body, size_t length,
	const char *table, bool *lost)
{
	int type = NFNL_MSG_TYPE(head->nlmsg_type);
	struct nlmsgerr answer;

	if (head->nlmsg_type == NLMSG_ERROR && length >= sizeof(answer)) {
		/* Of our only question: is the table there? */
		memcpy(&answer, body, sizeof(answer));
		*lost = *lost || answer.error == -ENOENT;
	} else if (NFNL_SUBSYS_ID(head->nlmsg_type) == NFNL_SUBSYS_NFTABLES &&
		   is_about(body, length, table)) {
		if (is_deletion(type))
			*lost = true;
		else if (type == NFT_MSG_NEWTABLE)
			*lost = false;
	}
}

void
isolation_watch_read(struct span messages, const char *table, bool *lost)
{
	struct nlmsghdr head;

	while (messages.length >= sizeof(head)) {
		size_t whole;

		memcpy(&head, messages.data, sizeof(head));
		if (head.nlmsg_len < sizeof(head) ||
			head.nlmsg_len > messages.length)
			return;
		read_message(&head, messages.data + NLMSG_HDRLEN,
			head.nlmsg_len - NLMSG_HDRLEN, table, lost);
		whole = NLMSG_ALIGN(head.nlmsg_len);
		if (whole > messages.length)
			return;
		messages.data += whole;
		messages.length -= whole;
	}
}

static void
on_readable(evutil_socket_t fd, short what UNUSED, void *context)
{
	static const struct timeval SETTLE = { .tv_usec = SETTLE_MS * 1000 };
	struct isolation_watch *watch = context;
	char *messages = xmalloc(RECEIVE_SIZE);
	ssize_t got;

	while ((got = recv(fd, messages, RECEIVE_SIZE, MSG_DONTWAIT)) > 0)
		isolation_watch_read((struct span){ messages, (size_t)got },
			watch->table, &watch->lost);
	if (got == -1 && errno == ENOBUFS)
		watch->lost = true;
	x_free(&messages);
	if (watch->lost && !event_pending(watch->settled, EV_TIMEOUT, NULL))
		event_add(watch->settled, &SETTLE);
}

static void
on_settled(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct isolation_watch *watch = context;

	if (!watch->lost)
		return;
	watch->lost = false;
	watch->tell(watch->context);
}

/* Whether the table is there now: an answer, or the error ENOENT. */
static int
ask(int fd, const char *table)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg family;
		struct nlattr name;
		char text[NFT_TABLE_MAXNAMELEN];
	} request = { .family.nfgen_family = NFPROTO_INET };

	size_t length = strlen(table) + 1;

	if (length > sizeof(request.text))
		return -1;
	memcpy(request.text, table, length);
	request.name.nla_type = NFTA_TABLE_NAME;
	request.name.nla_len = (uint16_t)(sizeof(request.name) + length);
	request.head.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE;
	request.head.nlmsg_flags = NLM_F_REQUEST;
	request.head.nlmsg_len =
		(uint32_t)(offsetof(typeof(request), text) + length);
	return send(fd, &request, request.head.nlmsg_len, 0) == -1 ? -1 : 0;
}

static int
listen_to_kernel(int fd)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	const int group = NFNLGRP_NFTABLES;

	return bind(fd, (const struct sockaddr *)&any, sizeof(any)) == -1 ||
			       setsockopt(fd, SOL_NETLINK,
				       NETLINK_ADD_MEMBERSHIP, &group,
				       sizeof(group)) == -1
		       ? -1
		       : 0;
}

int
isolation_watch_new(struct event_base *loop, const char *table,
	isolation_lost_fn *lost, void *context,
	struct isolation_watch **watch_out, struct err *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct isolation_watch *watch;

	if (fd == -1)
		return err_errno(err, errno, "netlink socket");
	if (listen_to_kernel(fd) == -1 || ask(fd, table) == -1) {
		(void)err_errno(err, errno, "listening to nftables");
		(void)close(fd);
		return -1;
	}
	watch = xmalloc(sizeof(*watch));
	watch->fd = fd;
	memcpy(watch->table, table, strlen(table) + 1);
	watch->tell = lost;
	watch->context = context;
	watch->readable =
		event_new(loop, fd, EV_READ | EV_PERSIST, on_readable, watch);
	watch->settled = evtimer_new(loop, on_settled, watch);
	BUG_ON(watch->readable == NULL || watch->settled == NULL);
	event_add(watch->readable, NULL);
	*watch_out = watch;
	return 0;
}

void
isolation_watch_free(struct isolation_watch **watch)
{
	if (*watch != NULL) {
		event_free((*watch)->readable);
		event_free((*watch)->settled);
		(void)close((*watch)->fd);
	}
	x_free(watch);
}
