/* run_figures: whether a run counted anything, had exceptions, and was sampled, by its recordings. */
#ifndef TG_RUN_FIGURES_H
#define TG_RUN_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a call of any function has ended in any process of the run, as far as its recordings are to be seen. */
bool tg_run_has_figures(const uint8_t run_uuid[16]);
/* Likewise, whether an exception was recorded. */
bool tg_run_has_failures(const uint8_t run_uuid[16]);
/* Likewise, whether a sampler within it looked at a stack. */
bool tg_run_has_samples(const uint8_t run_uuid[16]);

#endif
