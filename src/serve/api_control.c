/* api_control: orders to the samplers of processes, as by `tachograph pause`, `unpause` and `rate`. See api.h. */
#include "answer/live_json.h"
#include "base/json_member.h"
#include "record/control.h"
#include "serve/api.h"

/* For which a worker waits for a process that does not answer. */
#define PATIENCE_NS INT64_C(2000000000)

const struct tg_api_parameter tg_api_control_parameters[] = {
    {.name = "process", .kind = TG_API_TEXT, .required = true},
    {.name = NULL},
};

const struct tg_api_parameter tg_api_rate_parameters[] = {
    {.name = "rate_hz", .kind = TG_API_NUMBER, .required = true, .least = 1, .most = TG_SAMPLER_RATE_MAX_HZ},
    {.name = NULL},
};

static void append_answer(struct tg_strbuf *out, const char *uuid, uint64_t pid,
                          const struct tg_sampler_status *sampler) {
    struct tg_json json;
    tg_json_init(&json, out);
    tg_json_begin_object(&json);
    tg_json_member_text(&json, "schema", "tachograph-sampler");
    tg_json_member_uint(&json, "schema_version", 1);
    tg_json_member_text(&json, "tachograph_version", TG_VERSION);
    tg_json_member_text(&json, "uuid", uuid);
    tg_json_member_uint(&json, "pid", pid);
    tg_json_key(&json, "sampler");
    tg_live_json_write_sampler(&json, sampler);
    tg_json_end_object(&json);
    tg_strbuf_append_char(out, '\n');
}

static enum tg_status give(struct tg_api_call *call, const struct tg_control_order *order, struct tg_error *err) {
    const char *uuid = tg_api_text(call, "process");
    struct tg_sampler_status sampler;
    struct tg_strbuf path = TG_STRBUF_INIT;
    uint64_t pid = 0;
    enum tg_status status = tg_live_source_find(call->live, uuid, &path, &pid, err);
    if (status == TG_OK && tg_strbuf_status(&path) != TG_OK) {
        status = tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to give an order");
    }
    if (status == TG_OK) {
        status = tg_control_give(tg_strbuf_text(&path), order, PATIENCE_NS, &sampler, err);
    }
    call->blamed = status == TG_ERROR_NOT_FOUND ? "process" : NULL;
    if (status == TG_OK) {
        tg_live_source_note(call->live, uuid, &sampler);
        append_answer(call->out, uuid, pid, &sampler);
    }
    tg_strbuf_release(&path);
    return status;
}

enum tg_status tg_api_pause(struct tg_api_call *call, struct tg_error *err) {
    return give(call, &(struct tg_control_order){.kind = TG_CONTROL_PAUSE}, err);
}

enum tg_status tg_api_unpause(struct tg_api_call *call, struct tg_error *err) {
    return give(call, &(struct tg_control_order){.kind = TG_CONTROL_UNPAUSE}, err);
}

enum tg_status tg_api_rate(struct tg_api_call *call, struct tg_error *err) {
    const struct tg_control_order order = {
        .kind = TG_CONTROL_RATE,
        .rate_hz = (uint32_t)tg_api_number(call, "rate_hz", 0),
    };
    return give(call, &order, err);
}
