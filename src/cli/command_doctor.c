/* `tachograph doctor`: what here helps or hinders. See commands.h. */
#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/history_command.h"
#include "cli/message.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

struct settings {
    const char *python;
    bool json;
};

static const struct tg_option options[] = {
    {.name = "python",
     .kind = TG_OPTION_TEXT,
     .value = "PATH",
     .help = "ask this Python; without it the one that run would start",
     .offset = offsetof(struct settings, python)},
    {.name = "json", .kind = TG_OPTION_FLAG, .help = "the findings as JSON", .offset = offsetof(struct settings, json)},
    {.name = NULL},
};

static const char *const usage[] = {"[--python PATH] [--json]", NULL};

static const struct tg_example examples[] = {
    {"tachograph doctor", "in the project's directory: is all there that timing needs?"},
    {"docker exec CONTAINER tachograph doctor", "the same inside a container"},
    {NULL, NULL},
};

static void ask(struct tg_doctor *doctor, const struct tg_interpreter_wish *option, enum tg_status read,
                const struct tg_error *err) {
    struct tg_strbuf origin = TG_STRBUF_INIT;
    tg_settings_append_origin(doctor->settings, TG_SETTING_PYTHON, &origin);
    struct tg_interpreter_wish set = {.name = tg_settings_get(doctor->settings, TG_SETTING_PYTHON),
                                      .origin = tg_strbuf_text(&origin)};
    tg_doctor_ask_settings(doctor, read, err);
    const char *variable = getenv(tg_setting_table[TG_SETTING_PYTHON].variable);
    tg_doctor_ask_python(doctor, option->name ? option : &set, option->name || !set.name || (variable && variable[0]));
    tg_doctor_ask_clock(doctor);
    tg_doctor_ask_recordings(doctor);
    tg_doctor_ask_history(doctor);
    tg_doctor_ask_sampling(doctor);
    tg_doctor_ask_kernel(doctor);
    tg_strbuf_release(&origin);
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.python = NULL};
    struct tg_error err = TG_ERROR_INIT;
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (words[0]) {
        tg_message_error("doctor: there is nothing to name: '%s'; see 'tachograph doctor --help'", words[0]);
        return TG_EXIT_USAGE;
    }
    struct tg_settings known;
    struct tg_strbuf out = TG_STRBUF_INIT;
    enum tg_status read = tg_settings_read(&known, "", &err);
    struct tg_doctor doctor = {.settings = &known};
    ask(&doctor, &(struct tg_interpreter_wish){.name = settings.python, .origin = "--python"}, read, &err);
    if (settings.json) {
        tg_doctor_print_json(&doctor, &out);
    } else {
        struct tg_terminal terminal = tg_terminal_of(STDOUT_FILENO);
        tg_doctor_print_text(&doctor, &terminal, &out);
    }
    enum tg_status status = doctor.failed ? tg_error_set(&err, TG_ERROR_MEMORY, "not enough memory for the findings")
                                          : tg_history_write(&out, &err);
    exit_code = doctor.counts[TG_VERDICT_PROBLEM] ? TG_EXIT_FAILED : TG_EXIT_OK;
    tg_strbuf_release(&out);
    tg_doctor_release(&doctor);
    tg_settings_release(&known);
    return status == TG_OK ? exit_code : tg_history_fail(command, &err);
}

const struct tg_command tg_command_doctor = {
    .name = "doctor",
    .summary = "say what here helps or hinders, and what to do about it",
    .usage = usage,
    .description = "Looks at the settings that hold in this directory, the Python that run would start, the clock, the "
                   "directories "
                   "for recordings and figures that wait, the history's store, limits, and whether processes can be "
                   "sampled here; processes that sample themselves are asked what hinders them. Each finding is "
                   "ok, a note (something is less than it could be) or a problem: timing or the history is hindered.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 nothing hinders, 1 there are problems, 2 wrong usage",
    .run = run,
};
