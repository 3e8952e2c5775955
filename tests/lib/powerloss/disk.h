/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Between a tree and a directory of the machine's file system: what lies
 * there when the file system starts, and what is left there when it ends.
 */
#ifndef POWERLOSS_DISK_H
#define POWERLOSS_DISK_H

#include "tree.h"

/* 0, or -1 with errno. The descriptor stays the caller's. */
int disk_load(struct tree *tree, int directory);
/* Replaces everything below the directory by the disk side of the tree. */
int disk_store(struct tree *tree, int directory);

#endif
