// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "exit.h"

int exit_errno(int err)
{
	err = err < 0 ? -err : err;
	if (err == EPERM || err == EACCES)
		return CMD_NO_RIGHT;
	return CMD_FAILED;
}
