/* runs_json: see runs_json.h. */
#include "answer/runs_json.h"

#include "answer/answer.h"
#include "base/json_member.h"

static void write_run(struct tg_json *json, const struct tg_run_row *row) {
    const struct tg_store_run *run = row->run;
    tg_json_begin_object(json);
    tg_json_member_string(json, "run", run->id);
    tg_json_member_string(json, "version", run->version);
    tg_json_member_int(json, "started_unix_ns", run->started_wall_ns);
    tg_json_member_int(json, "ended_unix_ns", run->ended_wall_ns);
    tg_json_member_string(json, "end", tg_run_list_end(run));
    tg_json_member_string(json, "host", run->host);
    tg_json_member_uint(json, "pid", run->pid);
    tg_json_member_string(json, "program", run->program);
    tg_json_member_int(json, "process_count", run->process_count);
    tg_json_member_int(json, "first_iteration", run->first_iteration);
    tg_json_member_int(json, "last_iteration", run->last_iteration);
    tg_json_member_uint(json, "call_count", row->call_count);
    tg_json_member_double(json, "self_ns", row->self_ns);
    tg_json_end_object(json);
}

void tg_runs_json_append(struct tg_strbuf *out, const struct tg_scope *scope, const struct tg_run_list *list) {
    struct tg_json json;
    tg_answer_begin_service(&json, out, "tachograph-runs", scope);
    tg_json_member_uint(&json, "run_count", list->runs.count);
    tg_json_key(&json, "runs");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < list->row_count; i++) {
        write_run(&json, &list->rows[i]);
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}
