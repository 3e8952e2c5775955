/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files stay closed to others (0600) until tree_finish(). */
#include "render/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strbuf.h"
#include "base/template.h"
#include "render/values.h"

static int
make_parent(struct arena *arena, const char *path, struct err *err)
{
	return fs_make_directory(dirname(arena_strdup(arena, path)), 0755,
		geteuid(), getegid(), err);
}

static int
create_file(struct tree *tree, struct tree_file *file, struct err *err)
{
	if (template_escaper_find(file->template->escaper) == NULL)
		return err_set(err, ERR_INVALID,
			"engine %s: there is no format \"%s\" for %s",
			file->engine->name, file->template->escaper,
			file->template->source);
	if (make_parent(tree->arena, file->path, err) == -1)
		return -1;
	file->fd = open(file->path,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file->fd == -1)
		return err_errno(err, errno, "creating %s", file->path);
	return 0;
}

static size_t
count_files(const struct engine *engines, size_t engine_count)
{
	size_t count = 0;

	for (size_t i = 0; i < engine_count; i++) {
		for (size_t j = 0; engines[i].templates[j].source; j++)
			count++;
	}
	return count;
}

int
tree_create(struct tree *tree, const char *directory,
	const struct engine *engines, size_t engine_count, struct err *err)
{
	size_t max = count_files(engines, engine_count);

	tree->files =
		arena_alloc(tree->arena, (max + 1) * sizeof(*tree->files));
	if (fs_make_directory(directory, 0755, geteuid(), getegid(), err) == -1)
		return -1;
	for (size_t i = 0; i < engine_count; i++) {
		for (size_t j = 0; engines[i].templates[j].source; j++) {
			struct tree_file *file = &tree->files[tree->count];

			file->engine = &engines[i];
			file->template = &engines[i].templates[j];
			file->path = arena_printf(tree->arena, "%s/%s/%s",
				directory, engines[i].name,
				file->template->destination);
			if (create_file(tree, file, err) == -1)
				return -1;
			tree->count++;
		}
	}
	return 0;
}

struct override {
	const struct tree *tree;
	const struct engine *engine;
};

static int
unreadable(const struct err *cause, struct err *err)
{
	return err_set(err, cause->code,
		"%s; it and its directory must be readable by all (chmod a+rX)",
		cause->text);
}

/* {{>main.cf}}: the administrator's file, or nothing. */
static int
read_override(
	void *context, const char *file, struct strbuf *out, struct err *err)
{
	const struct override *override = context;
	const char *path = arena_printf(override->tree->arena, "%s/%s/%s",
		override->tree->paths->overrides, override->engine->name, file);
	struct strbuf text;
	struct err cause = { 0 };
	int result = 0;

	strbuf_init(&text, TREE_FILE_SIZE_MAX);
	if (fs_read(path, TREE_FILE_SIZE_MAX, &text, &cause) == -1) {
		/* Only a file that is not there may be passed over. */
		if (cause.code != ERR_NOT_FOUND)
			result = unreadable(&cause, err);
	} else {
		/* A file of its own keeps the administrator's line numbers. */
		if (out->length > 0)
			strbuf_printf(out, "\n# %s\n", path);
		strbuf_add_span(out, strbuf_span(&text));
		if (text.length > 0 && text.data[text.length - 1] != '\n')
			strbuf_add_char(out, '\n');
	}
	strbuf_deinit(&text);
	return result;
}

static bool
is_blank(struct span text)
{
	for (size_t i = 0; i < text.length; i++) {
		if (strchr(" \t\n", text.data[i]) == NULL)
			return false;
	}
	return true;
}

static int
write_all(const struct tree_file *file, struct span text, struct err *err)
{
	while (text.length > 0) {
		ssize_t n = write(file->fd, text.data, text.length);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_errno(err, errno, "writing %s", file->path);
		text.data += n;
		text.length -= (size_t)n;
	}
	return 0;
}

static int
render_file(struct tree *tree, const struct tree_file *file,
	const struct template_scope *values, struct err *err)
{
	const char *source = arena_printf(tree->arena, "%s/%s",
		file->engine->share, file->template->source);
	struct override override = { tree, file->engine };
	struct strbuf text, out;
	int result = -1;

	strbuf_init(&text, TREE_FILE_SIZE_MAX);
	strbuf_init(&out, TREE_FILE_SIZE_MAX);
	if (fs_read(source, TREE_FILE_SIZE_MAX, &text, err) == -1)
		goto out;
	if (template_render(strbuf_span(&text), source, values,
		    template_escaper_find(file->template->escaper),
		    read_override, &override, &out, err) == -1)
		goto out;
	if (!is_blank(strbuf_span(&out)) &&
		write_all(file, strbuf_span(&out), err) == -1)
		goto out;
	result = 0;
out:
	strbuf_deinit(&text);
	strbuf_deinit(&out);
	return result;
}

int
tree_render(struct tree *tree, struct err *err)
{
	const struct template_scope *instance_values =
		values_instance(tree->arena, tree->paths, tree->instance);
	const struct template_scope *values = NULL;

	for (size_t i = 0; i < tree->count; i++) {
		const struct tree_file *file = &tree->files[i];

		if (i == 0 || file->engine != tree->files[i - 1].engine)
			values = values_engine(tree->arena, instance_values,
				tree->paths, file->engine->name, tree->etc);
		if (render_file(tree, file, values, err) == -1)
			return -1;
	}
	return 0;
}

static int
finish_file(const struct tree_file *file, struct err *err)
{
	struct stat status;
	uid_t uid;
	gid_t gid, unused;

	if (fstat(file->fd, &status) == -1)
		return err_errno(err, errno, "looking at %s", file->path);
	if (status.st_size == 0) {
		if (unlink(file->path) == -1)
			return err_errno(err, errno, "removing %s", file->path);
		return 0;
	}
	if (fs_user(file->template->owner, &uid, &unused, err) == -1 ||
		fs_group(file->template->group, &gid, err) == -1)
		return err_prefix(err, "engine %s", file->engine->name);
	/* Only root can give files away; a test renders as itself. */
	if (geteuid() == 0 && fchown(file->fd, uid, gid) == -1)
		return err_errno(
			err, errno, "setting the owner of %s", file->path);
	if (fchmod(file->fd, file->template->mode) == -1)
		return err_errno(
			err, errno, "setting the mode of %s", file->path);
	return 0;
}

int
tree_finish(struct tree *tree, struct err *err)
{
	int result = 0;

	for (size_t i = 0; i < tree->count; i++) {
		if (result == 0)
			result = finish_file(&tree->files[i], err);
		(void)close(tree->files[i].fd);
		tree->files[i].fd = -1;
	}
	return result;
}
