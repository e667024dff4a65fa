// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * maps: the mapping that an address is in, from /proc/self/maps.
 */
#include <fcntl.h>
#include <string.h>

#include "gcmeta.h"
#include "maps.h"
#include "base/sys.h"

static char *text;
static size_t max, len;

void maps_forget(void)
{
	len = 0;
}

/* Read all of the file in one call: only then is it consistent. */
static bool read_all(void)
{
	long fd = sys_call6(SYS_openat, AT_FDCWD, (long)"/proc/self/maps",
			    O_RDONLY | O_CLOEXEC, 0, 0, 0);
	char *more;
	long n;

	if (fd < 0)
		return false;
	for (;;) {
		if (max - len < 4096) {
			more = gcmeta_grow(text, max, max ? 2 * max : 65536);
			if (!more)
				break;
			text = more;
			max = max ? 2 * max : 65536;
		}
		n = sys_call3(SYS_read, fd, (long)(text + len),
			      (long)(max - len - 1));
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	sys_call3(SYS_close, fd, 0, 0);
	if (len)
		text[len] = 0;
	return len;
}

static const char *hex(const char *s, uintptr_t *value)
{
	for (*value = 0;; s++) {
		if (*s >= '0' && *s <= '9')
			*value = *value * 16 + (uintptr_t)(*s - '0');
		else if (*s >= 'a' && *s <= 'f')
			*value = *value * 16 + (uintptr_t)(*s - 'a' + 10);
		else
			return s;
	}
}

bool maps_find(uintptr_t p, uintptr_t *low, uintptr_t *high)
{
	const char *s;

	if (!len && !read_all())
		return false;
	for (s = text; s && *s; s = strchr(s, '\n') ? strchr(s, '\n') + 1 : 0) {
		s = hex(s, low);
		s = hex(s + 1, high);
		if (p >= *low && p < *high)
			return s[1] == 'r';
	}
	return false;
}
