/*
 * message: what the program says to a person on stderr, beside reports and help. One line each, that starts with the
 * program's name and is written at once. What others chose (names, paths) is shown with its control characters escaped.
 */
#ifndef TG_MESSAGE_H
#define TG_MESSAGE_H

#include "base/attributes.h"

/* "tachograph: <text>" */
void tg_message_error(const char *format, ...) TG_PRINTF(1, 2);
/* "tachograph: warning: <text>" */
void tg_message_warning(const char *format, ...) TG_PRINTF(1, 2);

#endif
