/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CACHES_H
#define CACHES_H

/* Invalidates and enables the instruction and the data cache. */
void caches_enable(void);

#endif
