// SPDX-License-Identifier: GPL-2.0-only
/* hugearena map: layout, blocks and the path of an address. */
#include <inttypes.h>

#include "harness.h"
#include "tool.h"

#define BLOCKS	8

TOOL_FIXTURE(map, BLOCKS)

static json_t *mapping_at(json_t *root, const void *addr)
{
	json_t *list = json_at(root, "mappings"), *m;
	unsigned long long at = (uintptr_t)addr;
	size_t i;

	json_array_foreach(list, i, m)
		if (strtoull(json_text_at(m, "start"), NULL, 16) <= at &&
		    strtoull(json_text_at(m, "end"), NULL, 16) > at)
			return m;
	return NULL;
}

static json_t *block_at(json_t *root, const void *addr)
{
	json_t *list = json_at(root, "blocks"), *b;
	size_t i;

	json_array_foreach(list, i, b)
		if (strtoull(json_text_at(b, "start"), NULL, 16) ==
		    (uintptr_t)addr)
			return b;
	return NULL;
}

TEST_F(map, arena_by_page_size)
{
	json_t *root, *m;

	pages_fill(self->a.base, 5 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_punch(&self->a, 0, OS_PAGE));
	byte_write(self->a.base + OS_PAGE, 1);
	root = tool_json("map --json %d", getpid());
	ASSERT_NE(NULL, root);
	m = mapping_at(root, self->a.base);
	ASSERT_NE(NULL, m);
	EXPECT_STREQ("arenas", json_text_at(m, "kind"));
	EXPECT_EQ(BLOCKS * BLOCK_LEN, json_number_at(m, "reserved_bytes"));
	EXPECT_EQ(smaps_pmd_mapped(self->a.base) * 1024,
		  json_number_at(m, "pages_2m_bytes"));
	EXPECT_EQ(4 * BLOCK_LEN, json_number_at(m, "pages_2m_bytes"));
	EXPECT_EQ(smaps_read(self->a.base, "Rss") * 1024,
		  json_number_at(m, "resident_bytes"));
	EXPECT_EQ(json_number_at(m, "resident_bytes") - 4 * BLOCK_LEN,
		  json_number_at(m, "pages_4k_bytes"));
	json_decref(root);
}

TEST_F(map, kinds_in_order_of_the_address_space)
{
	static const char *const order[] = {
		"program", "brk heap", "libraries", "stack",
	};
	static char in_bss[1];
	unsigned long long at[4] = { 0 }, start;
	json_t *root, *m, *list;
	unsigned int i, k;

	free(malloc(1));
	root = tool_json("map --json %d", getpid());
	ASSERT_NE(NULL, root);
	list = json_at(root, "mappings");
	json_array_foreach(list, i, m) {
		start = strtoull(json_text_at(m, "start"), NULL, 16);
		for (k = 0; k < 4; k++)
			if (!at[k] && !strcmp(order[k], json_text_at(m, "kind")))
				at[k] = start;
	}
	for (k = 0; k < 4; k++)
		EXPECT_NE(0, at[k]);
	for (k = 1; k < 4; k++)
		EXPECT_LT(at[k - 1], at[k]);
	m = mapping_at(root, in_bss);
	ASSERT_NE(NULL, m);
	EXPECT_STREQ("program", json_text_at(m, "kind"));
	m = mapping_at(root, &m);
	ASSERT_NE(NULL, m);
	EXPECT_STREQ("stack", json_text_at(m, "kind"));
	m = mapping_at(root, (void *)printf);
	ASSERT_NE(NULL, m);
	EXPECT_STREQ("libraries", json_text_at(m, "kind"));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("map %d", getpid()));
	EXPECT_NE(NULL, strstr(tool_out, "COVERAGE"));
	EXPECT_NE(NULL, strstr(tool_out, "unmapped"));
}

TEST_F(map, blocks_of_an_arena)
{
	json_t *root, *b;

	pages_fill(self->a.base, 3 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, 100 * OS_PAGE));
	root = tool_json("map --blocks --json %d", getpid());
	ASSERT_NE(NULL, root);
	b = block_at(root, self->a.base);
	ASSERT_NE(NULL, b);
	EXPECT_STREQ("whole", json_text_at(b, "state"));
	EXPECT_EQ(BLOCK_LEN, json_number_at(b, "resident_bytes"));
	EXPECT_TRUE(json_is_true(json_at(b, "accessed")));
	EXPECT_TRUE(json_is_true(json_at(b, "dirty")));
	EXPECT_TRUE(json_is_false(json_at(b, "shared")));
	b = block_at(root, self->a.base + BLOCK_LEN);
	ASSERT_NE(NULL, b);
	EXPECT_STREQ("split", json_text_at(b, "state"));
	EXPECT_EQ(412 * OS_PAGE, json_number_at(b, "resident_bytes"));
	EXPECT_EQ(NULL, block_at(root, self->a.base + 3 * BLOCK_LEN));
	json_decref(root);
}

/* The number of the arena that the tool attributes to the mapping at @addr. */
static double arena_at(const void *addr)
{
	json_t *root = tool_json("map --json %d", getpid());
	json_t *m = root ? mapping_at(root, addr) : NULL;
	double id = m ? json_number_at(m, "arena") : -1;

	json_decref(root);
	return id;
}

static int child_has_its_own(void *arg)
{
	const struct arena *a = arg;
	struct hugearena_stat st;

	if (arena_stat(a, &st))
		return 99;
	return arena_at(a->base) == st.id ? 0 : 1;
}

/* Two arenas of the same name and size, and a fork that shares them. */
TEST_F(map, two_arenas_alike)
{
	struct hugearena_stat st[2];
	struct arena other;
	json_t *root;

	ASSERT_EQ(0, arena_make(&other, BLOCKS));
	pages_fill(self->a.base, BLOCK_LEN, 1);
	pages_fill(other.base, 2 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_stat(&self->a, &st[0]));
	ASSERT_EQ(0, arena_stat(&other, &st[1]));
	ASSERT_NE(st[0].id, st[1].id);
	EXPECT_EQ(st[0].id, arena_at(self->a.base));
	EXPECT_EQ(st[1].id, arena_at(other.base));
	EXPECT_EQ(0, child_run(child_has_its_own, &other));
	root = tool_json("map --blocks --json %d", getpid());
	ASSERT_NE(NULL, root);
	EXPECT_EQ(3, json_array_size(json_at(root, "blocks")));
	EXPECT_EQ(st[0].id, json_number_at(block_at(root, self->a.base),
					   "arena"));
	EXPECT_EQ(st[1].id, json_number_at(block_at(root, other.base),
					   "arena"));
	json_decref(root);
	arena_drop(&other);
}

TEST_F(map, walk_ends_at_a_pmd_with_the_blocks_frame)
{
	struct hugearena_block b;
	unsigned long long want;
	json_t *root;
	char *p = self->a.base + BLOCK_LEN + 0x12345;

	pages_fill(self->a.base, 4 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_block(&self->a, 1, &b));
	ASSERT_NE(0, b.pfn);
	want = b.pfn * OS_PAGE + 0x12345;
	root = tool_json("map --json --walk %lx --around 3 %d",
			 (unsigned long)p, getpid());
	ASSERT_NE(NULL, root);
	EXPECT_STREQ("PMD", json_text_at(root, "steps.0.level"));
	EXPECT_EQ(want, strtoull(json_text_at(root, "steps.0.physical"), NULL,
				 16));
	EXPECT_EQ(3, json_array_size(json_at(root, "steps")));
	EXPECT_EQ((uintptr_t)p >> 21 & 511,
		  json_number_at(root, "index.pmd"));
	EXPECT_EQ((uintptr_t)p & 4095, json_number_at(root, "index.offset"));
	json_decref(root);
}

TEST(walk_of_a_small_page)
{
	char *p = mmap(NULL, BLOCK_LEN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	json_t *root;

	ASSERT_NE(MAP_FAILED, p);
	madvise(p, BLOCK_LEN, MADV_NOHUGEPAGE);
	byte_write(p, 1);
	root = tool_json("map --json --walk %lx --around 1 %d",
			 (unsigned long)p, getpid());
	ASSERT_NE(NULL, root);
	EXPECT_STREQ("PTE", json_text_at(root, "steps.0.level"));
	EXPECT_NE(NULL, json_text_at(root, "steps.0.physical"));
	json_decref(root);
	root = tool_json("map --json --walk %lx --around 1 %d",
			 (unsigned long)p + OS_PAGE, getpid());
	ASSERT_NE(NULL, root);
	EXPECT_STREQ("none", json_text_at(root, "steps.0.level"));
	json_decref(root);
	munmap(p, BLOCK_LEN);
}

/* What the program allocated, and no more than the C library's own on top. */
static void heap_expect(struct __test_metadata *_metadata, const char *options,
			bool arenas)
{
	double allocated, used = 0, resident = 0, arena;
	struct subject s;
	json_t *root, *list, *b;
	size_t i;

	ASSERT_EQ(0, subject_start(&s, "mix", options));
	root = tool_json("map --json %d", s.pid);
	ASSERT_NE(NULL, root);
	allocated = json_number_at(root, "allocated_bytes");
	EXPECT_LE(s.usable - 100 * 8192, allocated);
	EXPECT_GE(s.usable + 65536, allocated);
	EXPECT_EQ(100, json_number_at(root, "large_objects"));
	/* a heap begins with 4 KiB pages and continues with blocks */
	arena = json_number_at(root, "kinds.arenas.resident_bytes");
	EXPECT_LE(s.asked,
		  arena + json_number_at(root,
					 "kinds.libshim heap.resident_bytes"));
	EXPECT_LE(arenas ? s.asked / 4 : 0, arena);
	EXPECT_EQ(arenas, arena > 0);
	json_decref(root);
	root = tool_json("map --json --blocks %d", s.pid);
	ASSERT_NE(NULL, root);
	list = json_at(root, "blocks");
	json_array_foreach(list, i, b) {
		double u = json_number_at(b, "used_bytes");
		double r = json_number_at(b, "resident_bytes");

		EXPECT_GE(BLOCK_LEN, u);
		EXPECT_GE(BLOCK_LEN, r);
		used += u > 0 ? u : 0;
		resident += r;
	}
	EXPECT_LE(s.asked, used);
	EXPECT_GE(s.usable * 1.1 + BLOCK_LEN, used);
	EXPECT_LE(s.asked, resident);
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("map --blocks %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_out, "in spans"));
	subject_end(&s);
}

TEST(heap_on_anonymous_memory)
{
	heap_expect(_metadata, "backend=thp", false);
}

TEST(heap_on_arenas)
{
	TOOL_NEED_MODULE();
	heap_expect(_metadata, "backend=kmod", true);
}

TEST(heap_without_sequences)
{
	heap_expect(_metadata, "backend=thp,rseq=0", false);
}

TEST(a_process_without_libshim)
{
	json_t *root = tool_json("map --json %d", getpid());

	ASSERT_NE(NULL, root);
	EXPECT_NE(NULL, strstr(json_text_at(root, "heap_unknown"),
			       "does not run on libshim"));
	json_decref(root);
}

TEST(no_such_process)
{
	EXPECT_EQ(TOOL_FAILED, tool("map 999999999"));
	EXPECT_NE(NULL, strstr(tool_err, "no such process"));
	EXPECT_EQ(TOOL_USAGE, tool("map"));
	EXPECT_EQ(TOOL_USAGE, tool("map nonsense"));
	EXPECT_EQ(TOOL_USAGE, tool("map 1 2"));
}

static int look_as_nobody(void *arg)
{
	if (user_become(65534))
		return 99;
	return tool("map %d", *(int *)arg);
}

TEST(without_rights_it_says_so)
{
	int pid = getpid();

	tool_dir();	/* the child has no permission */
	EXPECT_EQ(TOOL_NO_RIGHT, child_run(look_as_nobody, &pid));
}

/* Everything that is kept has a reason, and the reasons add up to it. */
static void kept_expect(struct __test_metadata *_metadata, json_t *root)
{
	static const char *const inside[] = {
		"caches", "spans", "tails", "large_freed",
	};
	static const char *const free[] = { "demand", "slack", "going" };
	double sum = json_number_at(root, "allocated_bytes"), idle = 0;
	char path[64];
	size_t i;

	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "kept.%s.bytes", inside[i]);
		sum += json_number_at(root, path);
	}
	EXPECT_EQ(json_number_at(root, "inuse_bytes"), sum);
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "kept.%s.bytes", free[i]);
		idle += json_number_at(root, path);
	}
	EXPECT_EQ(json_number_at(root, "idle_bytes"), idle);
}

TEST(why_memory_is_kept)
{
	struct subject s;
	json_t *root;

	ASSERT_EQ(0, subject_start(&s, "mix", "backend=thp,limit=512m"));
	root = tool_json("map --json %d", s.pid);
	ASSERT_NE(NULL, root);
	kept_expect(_metadata, root);
	EXPECT_LT(0, json_number_at(root, "kept.tails.bytes"));
	EXPECT_EQ(0, json_number_at(root, "kept.demand.bytes"));
	EXPECT_EQ(512 * MIB, json_number_at(root, "limit_bytes"));
	json_decref(root);
	EXPECT_EQ(TOOL_OK, tool("map %d", s.pid));
	EXPECT_NE(NULL, strstr(tool_out, "UNTIL"));
	EXPECT_NE(NULL, strstr(tool_out, "tails of spans"));
	subject_end(&s);
	/*
	 * memory that is freed and allocated in turn is kept, for a minute at
	 * most
	 */
	ASSERT_EQ(0, subject_start(&s, "swing", "backend=thp"));
	root = tool_json("map --json %d", s.pid);
	ASSERT_NE(NULL, root);
	kept_expect(_metadata, root);
	EXPECT_LE(15e6, json_number_at(root, "kept.demand.bytes"));
	EXPECT_NE(NULL, strstr(json_text_at(root, "kept.demand.until") ?: "",
			       " s more at most"));
	json_decref(root);
	subject_end(&s);
}

TEST_HARNESS_MAIN
