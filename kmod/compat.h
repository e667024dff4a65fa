/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels this module builds for.  Every version test
 * of the module is here; the rest is written for the newest.
 */
#ifndef _HUGEARENA_COMPAT_H
#define _HUGEARENA_COMPAT_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/version.h>

/*
 * Series that the selftests passed on, and the only ones the module loads on
 * unasked: what it relies on is how core mm behaves, and a series may change
 * that without an error of the compiler's.  dkms.conf is made from this too.
 */
#define HA_TESTED	"6.1 6.12"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma,
				  unsigned long flags)
{
	vma->vm_flags &= ~flags;
}

#define ha_idmap	struct user_namespace
#else
#define ha_idmap	struct mnt_idmap
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
static inline void vma_start_write(struct vm_area_struct *vma)
{
}
#endif

/*
 * One shrinker API: the object is allocated, filled in, registered, freed.
 * Before 6.7 the structure was the caller's.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *ha_shrinker_alloc(unsigned int flags)
{
	struct shrinker *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (s) {
		s->seeks = DEFAULT_SEEKS;
		s->flags = flags;
	}
	return s;
}

static inline int ha_shrinker_register(struct shrinker *s, const char *name)
{
	return register_shrinker(s, "%s", name);
}

/* @registered says whether ha_shrinker_register() succeeded */
static inline void ha_shrinker_free(struct shrinker *s, bool registered)
{
	if (registered)
		unregister_shrinker(s);
	kfree(s);
}
#else
static inline struct shrinker *ha_shrinker_alloc(unsigned int flags)
{
	return shrinker_alloc(flags, "hugearena");
}

static inline int ha_shrinker_register(struct shrinker *s, const char *name)
{
	shrinker_register(s);
	return 0;
}

static inline void ha_shrinker_free(struct shrinker *s, bool registered)
{
	shrinker_free(s);
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define ha_assign_str(dst, src)	__assign_str(dst, src)
#else
#define ha_assign_str(dst, src)	__assign_str(dst)
#endif

#endif /* _HUGEARENA_COMPAT_H */
