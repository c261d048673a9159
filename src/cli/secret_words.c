/* secret_words: see secret_words.h. */
#include "cli/secret_words.h"

#include "failure/redact.h"
#include "settings/settings.h"

#include <stdbool.h>

void tg_secret_words_know(void) {
    static bool known;
    if (!known) {
        struct tg_settings settings;
        known = true;
        enum tg_status status = tg_settings_read(&settings, "", NULL);
        (void)status; /* whatever else is wrong, the words hold */
        (void)tg_redact_set_words(tg_settings_get(&settings, TG_SETTING_REDACT));
        tg_settings_release(&settings);
    }
}
