/* SPDX-License-Identifier: MIT */
#ifndef LIBNEURON_EXPORT_H
#define LIBNEURON_EXPORT_H

/* A function of the API. libneuron.map lists them all once more, by version. */
#define EXPORT	__attribute__((visibility("default")))

#endif /* LIBNEURON_EXPORT_H */
