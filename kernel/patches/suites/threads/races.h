/* SPDX-License-Identifier: GPL-2.0 */
/* Symptoms that take a second thread of the program, see defects.c. */
#include <linux/aio_abi.h>

int x_M7(aio_context_t c, int *p);
int x_T2(aio_context_t c, int *p);
int x_T7(aio_context_t c, int *p);
int x_M12(aio_context_t c, int *p);
int x_M14(aio_context_t c, int *p);
