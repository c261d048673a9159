/* See known_settings.h. */
#include "known_settings.h"

#include "settings/project.h"

#include <stdbool.h>

/* Reads the file of the project that `script` belongs to. False: an exception is set, unless it is about the file's
 * contents and `lenient`. */
static bool read_project(struct tg_project *project, PyObject *script, bool lenient) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_strbuf start = TG_STRBUF_INIT;
    PyObject *path = NULL;
    *project = (struct tg_project){.path = NULL};
    if (!PyUnicode_FSConverter(script, &path)) {
        return false;
    }
    enum tg_status status = tg_project_start(&start, PyBytes_AS_STRING(path), &err);
    if (status == TG_OK) {
        status = tg_project_read(project, tg_strbuf_text(&start), &err);
    }
    tg_strbuf_release(&start);
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
