// SPDX-License-Identifier: GPL-2.0-only
/* plugin: frees and grows what the program allocated, and returns its own. */
#include <stdlib.h>
#include <string.h>

char *plugin_take(char *p);

char *plugin_take(char *p)
{
	p = realloc(p, 5000);
	free(p);
	return strdup("from the plugin");
}
