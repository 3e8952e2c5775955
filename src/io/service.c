/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order is the point: descriptors and secrets as root, then the jail,
 * then everything that reads what others wrote.
 */
#include "io/service.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "io/fdstore.h"
#include "io/notify.h"

#define SERVICE_USAGE_STATUS 2
#define SERVICE_UMASK 0027

#define SERVICE_SIGNALS 3

/* The signals' events, while the loop runs. */
struct service_run {
	struct service_state *state;
	struct event *signals[SERVICE_SIGNALS];
};

struct service_options {
	const char *root;
	bool help;
};

static int
parse_options(int argc, char **argv, struct service_options *options)
{
	static const struct option LONG[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;
	while ((option = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
		if (option == 'r')
			options->root = optarg;
		else if (option == 'd')
			log_set_level(LOG_LEVEL_DEBUG);
		else if (option == 'h')
			options->help = true;
		else
			return -1;
	}
	return optind == argc ? 0 : -1;
}

static void
print_usage(FILE *to, const struct service *service)
{
	fprintf(to,
		"usage: %s [--root DIR] [--debug]\n%s\n"
		"Started by the suite's supervisor, not by hand.\n",
		service->name, service->summary);
}

/*
 * Descriptors 0-3 exist, so that nothing else lands there and is taken for
 * standard error or for the supervisor's pipe.
 */
static void
fill_low_descriptors(void)
{
	int fd;
	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= 3);
	if (fd > 3)
		close(fd);
	(void)fcntl(3, F_SETFD, FD_CLOEXEC);
}

static int
open_sockets(struct service_state *state, struct err *err)
{
	const struct service_socket *sockets = state->service->sockets;
	for (int i = 0; sockets && sockets[i].name; i++) {
		BUG_ON(i == SERVICE_SOCKETS_MAX);
		if (fdstore_listen(&state->paths, &sockets[i],
			    &state->sockets[i], err) < 0)
			return -1;
	}
	return 0;
}

/* A second SIGTERM does not wait for what is left to do. */
static void
forget_signals(struct service_run *run)
{
	for (int i = 0; i < SERVICE_SIGNALS; i++)
		event_del(run->signals[i]);
	signal(SIGHUP, SIG_IGN);
}

static void
on_stop(evutil_socket_t signal_number, short what, void *context)
{
	struct service_run *run = context;
	struct service_state *state = run->state;
	const struct service *service = state->service;
	(void)what;
	log_info("stopping", LOG_TEXT("service", service->name),
		LOG_NUMBER("signal", signal_number));
	state->stopping = true;
	if (!service->drain) {
		service_done(state);
		return;
	}
	forget_signals(run);
	service->drain(state);
	event_base_loopbreak(state->loop);
}

static void
on_reload(evutil_socket_t signal_number, short what, void *context)
{
	struct service_run *run = context;
	struct service_state *state = run->state;
	(void)signal_number;
	(void)what;
	if (state->service->reload)
		state->service->reload(state);
}

static struct event *
watch_signal(struct service_run *run, int number, event_callback_fn on)
{
	struct event *event = evsignal_new(run->state->loop, number, on, run);
	BUG_ON(!event);
	event_add(event, NULL);
	return event;
}

static int
enter(struct service_state *state, struct err *err)
{
	const struct service *service = state->service;
	if (open_sockets(state, err) < 0)
		return -1;
	if (service->pre_jail && service->pre_jail(state, err) < 0)
		return -1;
	return jail_enter(&service->jail, &state->paths, err);
}

static void
on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct service_state *state = context;
	(void)fd;
	(void)what;
	log_warn("not everything was finished in time, stopping",
		LOG_TEXT("service", state->service->name));
	state->done = true;
}

/* Until only the deadline's own event is left. */
static void
finish_work(struct service_state *state)
{
	int drain_ms = state->service->drain_ms;
	struct timeval wait = { .tv_sec = drain_ms / 1000,
		.tv_usec = drain_ms % 1000 * 1000 };
	struct event *deadline =
		event_new(state->loop, -1, 0, on_deadline, state);
	BUG_ON(!deadline);
	event_add(deadline, &wait);
	while (!state->done && event_base_get_num_events(
				       state->loop, EVENT_BASE_COUNT_ADDED) > 1)
		event_base_loop(state->loop, EVLOOP_ONCE);
	event_free(deadline);
}

static int
run_loop(struct service_state *state, struct err *err)
{
	const struct service *service = state->service;
	state->loop = event_base_new();
	if (!state->loop)
		return err_set(err, ERR_SYSTEM, "no event loop");
	signal(SIGPIPE, SIG_IGN);
	struct service_run run = { .state = state };
	run.signals[0] = watch_signal(&run, SIGTERM, on_stop);
	run.signals[1] = watch_signal(&run, SIGINT, on_stop);
	run.signals[2] = watch_signal(&run, SIGHUP, on_reload);

	int result = service->post_jail ? service->post_jail(state, err) : 0;
	if (result == 0) {
		if (!service->ready_later)
			service_ready(state);
		event_base_dispatch(state->loop);
		if (state->stopping && !state->done)
			finish_work(state);
	}
	for (int i = 0; i < SERVICE_SIGNALS; i++)
		event_free(run.signals[i]);
	return result;
}

int
service_main(const struct service *service, int argc, char **argv)
{
	struct service_options options = { 0 };
	struct service_state state = { .service = service };
	struct err err = { 0 };

	fill_low_descriptors();
	if (parse_options(argc, argv, &options) < 0) {
		print_usage(stderr, service);
		return SERVICE_USAGE_STATUS;
	}
	if (options.help) {
		print_usage(stdout, service);
		return EXIT_SUCCESS;
	}
	log_never_block();
	umask(SERVICE_UMASK);
	if (paths_init(&state.paths, options.root, &err) < 0 ||
		enter(&state, &err) < 0 || run_loop(&state, &err) < 0) {
		log_error("cannot start", LOG_TEXT("service", service->name),
			LOG_ERR(&err));
		if (err.remedy[0])
			log_info("what to do", LOG_TEXT("remedy", err.remedy));
		return EXIT_FAILURE;
	}
	return state.renew ? SERVICE_RENEW_STATUS : EXIT_SUCCESS;
}

void
service_ready(struct service_state *state)
{
	log_info("ready", LOG_TEXT("service", state->service->name));
	notify_s6_ready();
}

void
service_done(struct service_state *state)
{
	state->done = true;
	event_base_loopbreak(state->loop);
}

void
service_renew(struct service_state *state)
{
	state->renew = true;
	service_done(state);
}
