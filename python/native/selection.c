/* Selections: see selection.h. */
#include "selection.h"

#include "base/pattern.h"
#include "exception_policy.h"

#include <string.h>

static void release_texts(struct tg_text_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        PyMem_Free(list->texts[i]);
    }
    PyMem_Free(list->texts);
    *list = (struct tg_text_list){.texts = NULL};
}

static int add_text(struct tg_text_list *list, PyObject *item) {
    Py_ssize_t length;
    const char *utf8 = PyUnicode_AsUTF8AndSize(item, &length);
    if (!utf8) {
        return -1;
    }
    char *text = PyMem_Malloc((size_t)length + 1);
    char **texts = PyMem_Realloc(list->texts, (list->count + 1) * sizeof *texts);
    if (texts) {
        list->texts = texts;
    }
    if (!text || !texts) {
        PyMem_Free(text);
        PyErr_NoMemory();
        return -1;
    }
    memcpy(text, utf8, (size_t)length + 1);
    list->texts[list->count++] = text;
    return 0;
}

static int check_pattern(const char *pattern) {
    struct tg_error err = TG_ERROR_INIT;
    if (tg_pattern_validate(pattern, &err) != TG_OK) {
        PyErr_SetString(PyExc_ValueError, err.message);
        return -1;
    }
    return 0;
}

static int add_texts(struct tg_text_list *list, PyObject *sequence, bool are_patterns) {
    if (!sequence || sequence == Py_None) {
        return 0;
    }
    PyObject *fast = PySequence_Fast(sequence, "expected a sequence of str");
    int result = fast ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PySequence_Fast_GET_SIZE(fast); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(fast, i);
        if (!PyUnicode_Check(item)) {
            PyErr_Format(PyExc_TypeError, "a pattern is a str, not %.100s", Py_TYPE(item)->tp_name);
            result = -1;
        } else {
            result = add_text(list, item);
        }
        if (result == 0 && are_patterns) {
            result = check_pattern(list->texts[list->count - 1]);
        }
    }
    Py_XDECREF(fast);
    return result;
}

struct tg_selection *tg_selection_new(PyObject *patterns, PyObject *exclude, PyObject *projects, PyObject *foreign) {
    struct tg_selection *selection = PyMem_Calloc(1, sizeof *selection);
    if (!selection) {
        PyErr_NoMemory();
        return NULL;
    }
    selection->holder_count = 1;
    if (add_texts(&selection->patterns, patterns, true) < 0 || add_texts(&selection->exclude, exclude, true) < 0
        || add_texts(&selection->projects, projects, false) < 0 || add_texts(&selection->foreign, foreign, false) < 0) {
        tg_selection_free(selection);
        return NULL;
    }
    selection->exclusion_count = selection->exclude.count;
    selection->matched = PyMem_Calloc(selection->patterns.count + 1, sizeof *selection->matched);
    selection->excluded = PyMem_Calloc(selection->exclusion_count + 1, sizeof *selection->excluded);
    if (!selection->matched || !selection->excluded) {
        tg_selection_free(selection);
        PyErr_NoMemory();
        return NULL;
    }
    return selection;
}

void tg_selection_free(struct tg_selection *selection) {
    if (!selection || --selection->holder_count > 0) {
        return;
    }
    release_texts(&selection->patterns);
    release_texts(&selection->exclude);
    release_texts(&selection->projects);
    release_texts(&selection->foreign);
    PyMem_Free(selection->matched);
    PyMem_Free(selection->excluded);
    Py_XDECREF(selection->policy);
    PyMem_Free(selection);
}

int tg_selections_add(struct tg_selections *selections, struct tg_selection *selection) {
    struct tg_selection **items = PyMem_Realloc(selections->items, (selections->count + 1) * sizeof(*items));
    if (!items) {
        PyErr_NoMemory();
        return -1;
    }
    selections->items = items;
    items[selections->count++] = selection;
    selection->holder_count++;
    return 0;
}

void tg_selections_release(struct tg_selections *selections) {
    for (size_t i = 0; i < selections->count; i++) {
        tg_selection_free(selections->items[i]);
    }
    PyMem_Free(selections->items);
    *selections = (struct tg_selections){.items = NULL};
}

static bool contains(const struct tg_text_list *list, const char *text) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->texts[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether all that was asked for has been taken back, word for word. */
static bool is_spent(const struct tg_selection *selection) {
    bool spent = selection->projects.count == 0;
    for (size_t i = 0; spent && i < selection->patterns.count; i++) {
        spent = contains(&selection->exclude, selection->patterns.texts[i]);
    }
    return spent;
}

int tg_selections_exclude(struct tg_selections *selections, PyObject *patterns) {
    size_t kept = 0;
    int result = 0;
    for (size_t i = 0; i < selections->count; i++) {
        struct tg_selection *selection = selections->items[i];
        if (result == 0) {
            result = add_texts(&selection->exclude, patterns, true);
        }
        if (is_spent(selection)) {
            tg_selection_free(selection);
        } else {
            selections->items[kept++] = selection;
        }
    }
    selections->count = kept;
    return result;
}

/* All are asked, so that it is known of each whether it ever says anything. */
static bool is_excluded(struct tg_selection *selection, const char *module, const char *qualname) {
    bool excluded = false;
    for (size_t i = 0; i < selection->exclude.count; i++) {
        if (tg_pattern_match_function(selection->exclude.texts[i], module, qualname)) {
            excluded = true;
            if (i < selection->exclusion_count) {
                selection->excluded[i] = true;
            }
        }
    }
    return excluded;
}

static bool lies_in(const struct tg_text_list *directories, const char *file) {
    for (size_t i = 0; i < directories->count; i++) {
        if (strncmp(file, directories->texts[i], strlen(directories->texts[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool lies_in_project(const struct tg_selection *selection, const char *file) {
    return lies_in(&selection->projects, file) && !lies_in(&selection->foreign, file)
           && !strstr(file, "/site-packages/") && !strstr(file, "/dist-packages/");
}

static bool is_our_own(const char *module) {
    static const char own[] = "tachograph";
    size_t length = sizeof own - 1;
    return strncmp(module, own, length) == 0 && (module[length] == '\0' || module[length] == '.');
}

int tg_selection_chooses(struct tg_selection *selection, PyObject *module, PyObject *qualname, PyObject *file) {
    const char *module_name = PyUnicode_AsUTF8(module);
    const char *function_name = module_name ? PyUnicode_AsUTF8(qualname) : NULL;
    const char *file_name = function_name ? PyUnicode_AsUTF8(file) : NULL;
    if (!file_name) {
        if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
            PyErr_Clear(); /* no pattern can be written that would match */
            return 0;
        }
        return -1;
    }
    if (is_our_own(module_name)) {
        return 0;
    }
    bool chosen = lies_in_project(selection, file_name);
    for (size_t i = 0; i < selection->patterns.count; i++) {
        if (tg_pattern_match_function(selection->patterns.texts[i], module_name, function_name)) {
            selection->matched[i] = true;
            chosen = true;
        }
    }
    return chosen && !is_excluded(selection, module_name, function_name);
}

int tg_selection_names(const struct tg_selection *selection, PyObject *name) {
    const char *utf8 = PyUnicode_AsUTF8(name);
    if (!utf8) {
        return -1;
    }
    for (size_t i = 0; i < selection->patterns.count; i++) {
        if (tg_pattern_match(selection->patterns.texts[i], utf8)) {
            return 1;
        }
    }
    return 0;
}

/* All are asked, so that it is known of each pattern whether it ever names anything. */
int tg_selections_choose(struct tg_selections *selections, PyObject *module, PyObject *qualname, PyObject *file) {
    int chosen = 0;
    for (size_t i = 0; chosen >= 0 && i < selections->count; i++) {
        int also = tg_selection_chooses(selections->items[i], module, qualname, file);
        chosen = also < 0 || also > chosen ? also : chosen;
    }
    return chosen;
}

PyObject *tg_selections_policy(struct tg_selections *selections, PyObject *module, PyObject *qualname, PyObject *file) {
    PyObject *policy = NULL;
    for (size_t i = 0; i < selections->count; i++) {
        struct tg_selection *selection = selections->items[i];
        int chosen = selection->policy ? tg_selection_chooses(selection, module, qualname, file) : 0;
        if (chosen > 0) {
            PyObject *both = policy ? tg_policy_with(policy, selection->policy) : Py_NewRef(selection->policy);
            Py_XDECREF(policy);
            policy = both;
        }
        if (chosen < 0 || (chosen > 0 && !policy)) {
            Py_XDECREF(policy);
            return NULL;
        }
    }
    return policy;
}

/* Whether an exclusion that says nothing for one selection does so for another. */
static bool is_excluded_elsewhere(const struct tg_selections *selections, const char *pattern) {
    for (size_t i = 0; i < selections->count; i++) {
        const struct tg_selection *selection = selections->items[i];
        for (size_t j = 0; j < selection->exclusion_count; j++) {
            if (selection->excluded[j] && strcmp(selection->exclude.texts[j], pattern) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Adds each text once. `elsewhere`: texts are exclusions, which may have said no in one of these; or NULL. */
static int append_unmatched(PyObject *list, const struct tg_text_list *texts, const bool *matched, size_t count,
                            const struct tg_selections *elsewhere) {
    for (size_t i = 0; i < count; i++) {
        if (matched[i] || (elsewhere && is_excluded_elsewhere(elsewhere, texts->texts[i]))) {
            continue;
        }
        PyObject *text = PyUnicode_FromString(texts->texts[i]);
        int is_known = text ? PySequence_Contains(list, text) : -1;
        if (is_known < 0 || (!is_known && PyList_Append(list, text) < 0)) {
            Py_XDECREF(text);
            return -1;
        }
        Py_DECREF(text);
    }
    return 0;
}

PyObject *tg_selections_unmatched(const struct tg_selections *selections) {
    PyObject *patterns = PyList_New(0);
    PyObject *exclusions = PyList_New(0);
    bool failed = !patterns || !exclusions;
    for (size_t i = 0; !failed && i < selections->count; i++) {
        const struct tg_selection *selection = selections->items[i];
        bool asks = selection->patterns.count || selection->projects.count; /* else there is nothing to exclude from */
        failed =
            append_unmatched(patterns, &selection->patterns, selection->matched, selection->patterns.count, NULL) < 0
            || (asks
                && append_unmatched(exclusions, &selection->exclude, selection->excluded, selection->exclusion_count,
                                    selections)
                       < 0);
    }
    PyObject *both = failed ? NULL : PyTuple_Pack(2, patterns, exclusions);
    Py_XDECREF(patterns);
    Py_XDECREF(exclusions);
    return both;
}
