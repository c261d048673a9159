/*
 * The tables that tools/generate_layout has printed, one for each minor version; layout.c lists them.
 */
#ifndef TG_LAYOUT_VERSIONS_H
#define TG_LAYOUT_VERSIONS_H

#include "sample/layout.h"

extern const struct tg_layout tg_layout_3_11;
extern const struct tg_layout tg_layout_3_12;
extern const struct tg_layout tg_layout_3_13;
extern const struct tg_layout tg_layout_3_14;

#endif
