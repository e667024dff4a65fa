/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exit: the exit statuses of hugearena, the same for every subcommand.
 */
#ifndef TOOLS_EXIT_H
#define TOOLS_EXIT_H

enum {
	CMD_OK		= 0,
	CMD_FAILED	= 1,	/* the request could not be carried out */
	CMD_USAGE	= 2,	/* the command line is wrong */
	CMD_NO_MODULE	= 3,	/* needs hugearena.ko, which is not loaded */
	CMD_NO_RIGHT	= 4,	/* needs rights the caller does not have */
	CMD_FOUND	= 5,	/* a check found what it looks for */
};

/**
 * exit_errno - the exit status that tells an errno
 * @err: errno or its negative
 *
 * Return: CMD_NO_RIGHT or CMD_FAILED.
 */
int exit_errno(int err);

#endif
