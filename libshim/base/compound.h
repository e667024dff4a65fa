/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * compound: an object made of several neighbours of a span that are free.
 *
 * A span has slots of one size, that of its class.  Where it is thin, what lies
 * free side by side can serve a larger request: a compound object is one slot, its
 * head, and further ones, its tails, as the kernel's compound pages are.  A slot
 * may also serve a smaller request than that of its class.  A span in which that
 * has been done is *mixed*: its flags have SPAN_COMPOUND, and the page map
 * PAGEMAP_COMPOUND for its pages, so that free() takes the slow path.
 *
 * Where a slot is a tail, the bit of its first 16 bytes is set in the map of its
 * area.  The bits of an object change only while nobody has it, under the lock of
 * the span's class; whoever has it reads them without.
 */
#ifndef SHIM_COMPOUND_H
#define SHIM_COMPOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pagemap.h"

#define COMPOUND_GRAIN	16u		/* no object begins in between */
#define COMPOUND_SLOTS	64u		/* of an object, at most */
#define COMPOUND_BYTES	(AREA_SIZE / COMPOUND_GRAIN / 8)	/* of a map of tails */

/**
 * compound_prepare - make the maps of tails of a span
 * @s: a span of small objects, in the page map
 *
 * Return: false if there is no memory.
 */
bool compound_prepare(const struct span *s);

/**
 * compound_join - slots become one object
 * @s: the span, which compound_prepare() has seen; its class's lock is held
 * @i: the slot that becomes the head
 * @n: how many slots the object has
 */
void compound_join(const struct span *s, unsigned int i, unsigned int n);

/**
 * compound_part - the slots of an object are on their own again
 * @s: the span; its class's lock is held
 * @i: the head
 * @n: from compound_slots()
 */
void compound_part(const struct span *s, unsigned int i, unsigned int n);

/**
 * compound_is_tail - is a slot part of the object before it
 * @s: a mixed span
 * @i: the slot
 */
bool compound_is_tail(const struct span *s, unsigned int i);

/**
 * compound_slots - how many slots an object has
 * @s: a mixed span
 * @i: its head
 *
 * Return: 1 or more.
 */
unsigned int compound_slots(const struct span *s, unsigned int i);

/**
 * compound_size - the bytes of an object of a mixed span
 * @p: the object; pagemap_class() is PAGEMAP_COMPOUND
 *
 * A pointer that cannot be one is reported, and the process aborted.
 */
size_t compound_size(const void *p);

/**
 * compound_class - the class as one of which a freed object of a mixed span can serve
 * @p: the object; pagemap_class() is PAGEMAP_COMPOUND
 *
 * That of the span for one slot, else the largest that fits.  A pointer that cannot
 * be one is reported, and the process aborted.
 */
unsigned int compound_class(const void *p);

/**
 * compound_set_aligned - objects of a class have been asked for with an alignment
 * @cls: size class
 */
void compound_set_aligned(unsigned int cls);

/**
 * compound_align - to what objects of a class are aligned where they are made in holes
 * @cls: size class
 *
 * Return: 16, or after compound_set_aligned() what the class guarantees elsewhere.
 */
size_t compound_align(unsigned int cls);

#endif /* SHIM_COMPOUND_H */
