// SPDX-License-Identifier: GPL-2.0-only
/*
 * conf: any text at all; what is printed as the result is parsed to the same.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct shim_conf before;
	char *copy = malloc(size + 1);
	char text[1024];
	size_t len;

	/* of exactly this size, for the address sanitizer */
	memcpy(copy, data, size);
	conf_load(NULL, NULL);
	conf_parse(copy, size, "fuzz");
	free(copy);
	FUZZ_CHECK(shim_conf.backend <= SHIM_BACKEND_THP);
	before = shim_conf;
	len = conf_print(text, sizeof(text));
	conf_load(NULL, NULL);
	FUZZ_CHECK(conf_parse(text, len, "fuzz") == 0);
	FUZZ_CHECK(!memcmp(&before, &shim_conf, sizeof(before)));
	return 0;
}
