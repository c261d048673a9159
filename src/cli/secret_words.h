/*
 * secret_words: the words that make a name that of a secret (failure/redact.h), as they are set where this program
 * runs: by TACHOGRAPH_REDACT, or by the project in the working directory.
 */
#ifndef TG_SECRET_WORDS_H
#define TG_SECRET_WORDS_H

/* Before anything is shown without its secrets; reads them once. Of words that cannot be, a timed program warns. */
void tg_secret_words_know(void);

#endif
