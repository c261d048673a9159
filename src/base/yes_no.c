/* yes_no: see yes_no.h. */
#include "base/yes_no.h"

#include <stddef.h>
#include <strings.h>

static bool is_one_of(const char *word, const char *const *words) {
    for (size_t i = 0; words[i]; i++) {
        if (strcasecmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

bool tg_yes_no_is_yes(const char *word) {
    static const char *const words[] = {"1", "true", "yes", "on", NULL};
    return is_one_of(word, words);
}

bool tg_yes_no_is_no(const char *word) {
    static const char *const words[] = {"", "0", "false", "no", "off", NULL};
    return is_one_of(word, words);
}
