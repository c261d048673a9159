/*
 * pattern_option: what commands that time functions have in their tables alike.
 */
#ifndef TG_PATTERN_OPTION_H
#define TG_PATTERN_OPTION_H

#include "base/pattern.h"
#include "cli/options.h"

/* For the table of a command whose settings have `struct tg_text_list exclude`. */
#define TG_EXCLUDE_OPTION(SETTINGS)                                                                                    \
    {                                                                                                                  \
        .name = "exclude", .kind = TG_OPTION_LIST, .value = "PATTERN", .help = "but not these; may be repeated",       \
        .offset = offsetof(SETTINGS, exclude), .check = tg_pattern_validate                                            \
    }

#endif
