/* chart_json: see chart_json.h. */
#include "answer/chart_json.h"

#include "answer/answer.h"
#include "base/json_member.h"

#include <math.h>

static void write_value(struct tg_json *json, enum tg_chart_column column, double value) {
    if (column == TG_CHART_AVERAGE) {
        tg_json_double(json, value);
    } else {
        tg_json_uint(json, (uint64_t)value);
    }
}

/* Columns rather than an object for each point: a third of the bytes, and what charts are drawn from. */
static void write_line(struct tg_json *json, const struct tg_chart_line *line, enum tg_chart_column column) {
    tg_json_begin_object(json);
    tg_json_member_string(json, "name", line->function ? line->function->name : NULL);
    tg_json_member_text(json, "file", line->function ? line->function->file : NULL);
    tg_json_member_if(json, "line", line->function && line->function->line > 0,
                      line->function ? line->function->line : 0);
    tg_json_key(json, "iterations");
    tg_json_begin_array(json);
    for (size_t i = 0; i < line->count; i++) {
        tg_json_int(json, line->points[i].iteration);
    }
    tg_json_end_array(json);
    tg_json_key(json, "values");
    tg_json_begin_array(json);
    for (size_t i = 0; i < line->count; i++) {
        write_value(json, column, tg_chart_value(&line->points[i], column));
    }
    tg_json_end_array(json);
    tg_json_end_object(json);
}

void tg_chart_json_append(struct tg_strbuf *out, const struct tg_scope *scope, const char *schema,
                          const struct tg_chart *chart, const struct tg_chart_question *question) {
    struct tg_json json;
    size_t shown = chart->line_count - chart->has_others;
    tg_answer_begin_service(&json, out, schema, scope);
    tg_answer_write_selection(&json, scope, &question->selection);
    tg_json_member_text(&json, "column", tg_chart_column_names[question->column]);
    tg_json_member_int(&json, "step", question->step);
    tg_json_member_double_if(&json, "minimum", isfinite(question->minimum), question->minimum);
    tg_json_member_double(&json, "largest", chart->largest);
    tg_json_member_uint(&json, "function_count", chart->matching_count);
    tg_json_key(&json, "functions");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < shown; i++) {
        write_line(&json, &chart->lines[i], question->column);
    }
    tg_json_end_array(&json);
    if (chart->has_others) {
        tg_json_key(&json, "others");
        write_line(&json, &chart->lines[shown], question->column);
    }
    tg_answer_end(&json);
}
