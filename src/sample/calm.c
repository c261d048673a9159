#include "sample/calm.h"

void tg_calm_count(struct tg_calm *calm) {
    calm->saved += calm->saved < TG_CALM_ADVANCE * TG_CALM_PRICE;
}

void tg_calm_fail(struct tg_calm *calm) {
    calm->saved -= calm->saved >= 0 ? TG_CALM_PRICE : 0; /* where nobody can be stopped, trials go on in debt */
}
