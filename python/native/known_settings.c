/* See known_settings.h. */
#include "known_settings.h"

#include "failure/redact.h"
#include "settings/settings.h"

#include <stdlib.h>

static enum tg_status find_project(struct tg_project *project, const char *script, struct tg_error *err) {
    struct tg_strbuf start = TG_STRBUF_INIT;
    enum tg_status status = tg_project_start(&start, script, err);
    if (status == TG_OK) {
        status = tg_project_read(project, tg_strbuf_text(&start), err);
    }
    tg_strbuf_release(&start);
    return status;
}

/* Reads the file of the project that `script` belongs to. False: an exception is set, unless it is about the file's
 * contents and `lenient`. */
static bool read_project(struct tg_project *project, PyObject *script, bool lenient) {
    struct tg_error err = TG_ERROR_INIT;
    PyObject *path = NULL;
    *project = (struct tg_project){.path = NULL};
    if (!PyUnicode_FSConverter(script, &path)) {
        return false;
    }
    enum tg_status status = find_project(project, PyBytes_AS_STRING(path), &err);
    Py_DECREF(path);
    if (status == TG_OK || lenient) {
        return true;
    }
    PyErr_SetString(status == TG_ERROR_INVALID || status == TG_ERROR_FORMAT ? PyExc_ValueError
                    : status == TG_ERROR_MEMORY                             ? PyExc_MemoryError
                                                                            : PyExc_OSError,
                    err.message);
    return false;
}

static int add_value(PyObject *values, const struct tg_project *project, size_t id) {
    PyObject *text = PyUnicode_DecodeFSDefault(project->values[id].text);
    int failed = text ? PyDict_SetItemString(values, tg_setting_table[id].variable, text) : -1;
    Py_XDECREF(text);
    return failed;
}

/* project_settings(script) -> dict[str, str]: by the variable that says the same */
PyObject *tg_project_settings(PyObject *Py_UNUSED(module), PyObject *script) {
    struct tg_project project;
    PyObject *values = read_project(&project, script, false) ? PyDict_New() : NULL;
    for (size_t id = 0; values && id < TG_SETTING_COUNT; id++) {
        if (project.values[id].text && add_value(values, &project, id) < 0) {
            Py_CLEAR(values);
        }
    }
    tg_project_release(&project);
    return values;
}

/* project_name(script) -> str | None: [project].name, also of a file whose settings cannot be used */
PyObject *tg_project_name(PyObject *Py_UNUSED(module), PyObject *script) {
    struct tg_project project;
    PyObject *name = NULL;
    if (read_project(&project, script, true)) {
        name = project.name ? PyUnicode_DecodeFSDefault(project.name) : Py_NewRef(Py_None);
    }
    tg_project_release(&project);
    return name;
}

/* misspelt_settings() -> list[str]: sentences */
PyObject *tg_misspelt_settings(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    PyObject *notes = PyList_New(0);
    struct tg_error note = TG_ERROR_INIT;
    size_t at = 0;
    while (notes && tg_setting_next_misspelt(&at, &note)) {
        PyObject *text = PyUnicode_DecodeFSDefault(note.message);
        if (!text || PyList_Append(notes, text) < 0) {
            Py_CLEAR(notes);
        }
        Py_XDECREF(text);
    }
    return notes;
}

/* Of the program, as it was named (_settings.py): "" where it was not. */
static enum tg_status find_own_project(struct tg_project *project, struct tg_error *err) {
    PyObject *words = PySys_GetObject("argv"); /* borrowed, as the next */
    PyObject *script = words && PyList_Check(words) && PyList_GET_SIZE(words) > 0 ? PyList_GET_ITEM(words, 0) : NULL;
    PyObject *path = NULL;
    if (script && !PyUnicode_FSConverter(script, &path)) {
        PyErr_Clear();
    }
    enum tg_status status = find_project(project, path ? PyBytes_AS_STRING(path) : "", err);
    Py_XDECREF(path);
    return status;
}

/* What is still to be told of the words. */
enum mistake { UNKNOWN, NONE, OF_WORDS, OF_FILE };

static enum mistake set_words(struct tg_error *err) {
    struct tg_settings settings = {.project.path = NULL};
    /* Under `tachograph run` the variables are those of the project that it runs, for all its processes, and it has
     * told what is wrong with them. */
    bool is_run = getenv("TACHOGRAPH_RUN") != NULL;
    enum tg_status status = TG_OK;
    enum mistake mistake = NONE;
    if (!is_run && !tg_settings_get(&settings, TG_SETTING_REDACT)) {
        status = find_own_project(&settings.project, err);
    }
    const char *words = tg_settings_get(&settings, TG_SETTING_REDACT);
    (void)tg_redact_set_words(words);
    if (status != TG_OK && !words) {
        tg_error_prefix(err, "only the words that are known anyway are redacted");
        mistake = OF_FILE;
    } else if (!is_run && tg_settings_check_words(&settings, err) != TG_OK) {
        mistake = OF_WORDS;
    }
    tg_settings_release(&settings);
    return mistake;
}

bool tg_know_redacted_words(bool tells_of_file, struct tg_error *err) {
    static enum mistake mistake;
    static struct tg_error why;
    if (mistake == UNKNOWN) {
        mistake = set_words(&why);
    }
    if (mistake == NONE || (mistake == OF_FILE && !tells_of_file)) {
        return true;
    }
    mistake = NONE;
    *err = why;
    return false;
}

/* know_redacted_words() -> str | None: sets them; what is wrong with them or their file, if nobody was told */
PyObject *tg_redacted_words(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    struct tg_error err = TG_ERROR_INIT;
    return tg_know_redacted_words(true, &err) ? Py_NewRef(Py_None) : PyUnicode_DecodeFSDefault(err.message);
}
