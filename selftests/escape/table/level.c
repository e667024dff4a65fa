// SPDX-License-Identifier: GPL-2.0-only
/* level.c: address-of and dereference, four deep, in every combination. */
#include "table.h"

void level0(void)
{
	int *i = NEW(int);	/*: heap */
	int **p0 = NEW(int *);	/*: heap */
	int ***p1 = NEW(int **); /*: heap */
	int ****p2 = NEW(int ***); /*: heap */

	*p0 = i;
	*p1 = p0;
	*p2 = p1;
	sink = p2;
}

void level1(void)
{
	int *i = NEW(int);	/*: heap */
	int **p0 = NEW(int *);	/*: heap */
	int ***p1 = NEW(int **); /*: heap */
	int ****p2 = NEW(int ***); /*: stays */

	*p0 = i;
	*p1 = p0;
	*p2 = p1;
	sink = *p2;
}

void level2(void)
{
	int *i = NEW(int);	/*: heap */
	int **p0 = NEW(int *);	/*: heap */
	int ***p1 = NEW(int **); /*: stays */
	int ****p2 = NEW(int ***); /*: stays */

	*p0 = i;
	*p1 = p0;
	*p2 = p1;
	sink = **p2;
}

void level3(void)
{
	int *i = NEW(int);	/*: heap */
	int **p0 = NEW(int *);	/*: stays */
	int ***p1 = NEW(int **); /*: stays */
	int ****p2 = NEW(int ***); /*: stays */

	*p0 = i;
	*p1 = p0;
	*p2 = p1;
	sink = ***p2;
}

void level5(void)
{
	int *i = NEW(int);	/*: heap */
	int **p0 = NEW(int *);	/*: heap */
	int ***p1 = NEW(int **); /*: heap */
	int ***p2;

	*p0 = i;
	*p1 = p0;
	p2 = p1;
	sink = p2;
}

void level6(void)
{
	int *i = NEW(int);	/*: heap */
	int **p0 = NEW(int *);	/*: heap */
	int ***p1 = NEW(int **); /*: stays */
	int ***p2;

	*p0 = i;
	*p1 = p0;
	p2 = p1;
	sink = *p2;
}

void level8(void)
{
	int *i = NEW(int);	/*: heap */
	int **p0 = NEW(int *);	/*: stays */
	int ***p1 = NEW(int **); /*: stays */
	int *p2;

	*p0 = i;
	*p1 = p0;
	p2 = **p1;
	sink = p2;
}

long level9(void)
{
	long *i = NEW(long);	/*: stays */
	long **p0 = NEW(long *); /*: stays */
	long ***p1 = NEW(long **); /*: stays */

	*p0 = i;
	*p1 = p0;
	return ***p1;
}

long level11(void)
{
	long *i = NEW(long);	/*: stays */
	long **p0 = &i;
	long ***p1 = &p0;
	long *p2 = NEW(long);	/*: heap */

	*p2 = ***p1;
	sink = p2;
	return 0;
}
