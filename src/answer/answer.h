/*
 * answer: what all answers of a history have as JSON: how they begin and end. Who asks does not matter: the program's
 * --json and the server's API write the same. Specified in docs/formats/history-json.md.
 *
 * An answer is one object on one line, appended to a buffer that keeps what goes wrong (base/strbuf.h).
 */
#ifndef TG_ANSWER_H
#define TG_ANSWER_H

#include "analyze/scope.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "store/store.h"

#define TG_ANSWER_JSON_VERSION 1

/* Begins an object about a store. */
void tg_answer_begin(struct tg_json *json, struct tg_strbuf *out, const char *schema, const char *place);
/* Likewise about the service of a scope. */
void tg_answer_begin_service(struct tg_json *json, struct tg_strbuf *out, const char *schema,
                             const struct tg_scope *scope);
/* Writes the members of a selection. */
void tg_answer_write_selection(struct tg_json *json, const struct tg_scope *scope,
                               const struct tg_store_selection *selection);
/* Writes a service as a value. */
void tg_answer_write_service(struct tg_json *json, const struct tg_store_service *service);
/* Writes where a function is. */
void tg_answer_write_function(struct tg_json *json, const struct tg_store_function *function);
/* Writes an array of versions. */
void tg_answer_write_versions(struct tg_json *json, const struct tg_store_versions *versions);
void tg_answer_end(struct tg_json *json);

#endif
