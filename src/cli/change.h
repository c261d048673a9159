/*
 * change: how changes read: with their sign, and as short as figures that stand alone.
 */
#ifndef TG_CHANGE_H
#define TG_CHANGE_H

#include "base/humanize.h"

/* "+1.20 ms", "-870 ns"; what is nearly nothing is "+0 ns". */
struct tg_human tg_change_duration(double ns);

/* A duration that is none of a clock: "3.10 ms". */
struct tg_human tg_change_level(double ns);

/* 0.62 is "+62 %", 11.3 "+1,130 %", -0.005 "-0.5 %". */
struct tg_human tg_change_percent(double relative);

#endif
