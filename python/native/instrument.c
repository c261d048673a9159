/* Instrumentation: see instrument.h. */
#include "instrument.h"

#include "hook.h"
#include "probe.h"

/* What a probe factory needs: the module whose code it is, and one way to say yes. */
struct choice {
    struct tg_state *state;
    PyObject *module;
    PyCodeObject *only;            /* this code alone */
    struct tg_selection *selection; /* what this selection chooses */
    PyObject *keep;                /* the functions of these names (a set) that `selection` does not choose */
};

/* 1 yes, 0 no, -1 with an exception set. */
static int is_chosen(const struct choice *choice, PyCodeObject *code, PyObject *name) {
    if (choice->only) {
        return code == choice->only;
    }
    if (!choice->selection) {
        return tg_selections_choose(&choice->state->selections, choice->module, code->co_qualname, code->co_filename);
    }
    int chosen = tg_selection_chooses(choice->selection, choice->module, code->co_qualname, code->co_filename);
    if (choice->keep && chosen >= 0) {
        return chosen ? 0 : PySet_Contains(choice->keep, name);
    }
    return chosen;
}

static PyObject *make_probe(PyCodeObject *code, void *context) {
    const struct choice *choice = context;
    PyObject *name = tg_function_name(choice->module, code->co_qualname);
    if (!name) {
        return NULL;
    }
    int chosen = is_chosen(choice, code, name);
    PyObject *probe = chosen > 0 ? tg_probe_new(choice->state, name, code) : NULL;
    Py_DECREF(name);
    return probe;
}

static PyObject *rewrite(const struct choice *choice, PyCodeObject *code, Py_ssize_t *count) {
    struct tg_rewrite_result result = {0};
    PyObject *rewritten =
        tg_rewrite_code(&choice->state->rewriter, code, make_probe, (void *)(uintptr_t)choice, &result);
    *count += result.rewritten_count;
    return rewritten;
}

PyObject *tg_instrument_code(struct tg_state *state, PyCodeObject *code, PyObject *module) {
    struct choice choice = {.state = state, .module = module};
    Py_ssize_t count = 0;
    return rewrite(&choice, code, &count);
}

/* The name of the module whose globals a function sees: unlike __module__, decorators do not change it. A new
 * reference. */
static PyObject *module_of(PyObject *function) {
    PyObject *name = PyDict_GetItemString(PyFunction_GET_GLOBALS(function), "__name__");
    if (!name || !PyUnicode_Check(name)) {
        name = PyFunction_GET_MODULE(function);
    }
    return name && PyUnicode_Check(name) ? Py_NewRef(name) : PyUnicode_FromString("__main__");
}

/* From 3.13 on the interpreter specialises a call only while the function's version is the one its code was made with,
 * and setting __code__ leaves it without one. Nothing but the code has changed, so the new code's version is as true
 * as the old one's was. */
static void keep_version(PyFunctionObject *function, uint32_t version_before, PyCodeObject *before) {
#if PY_VERSION_HEX >= 0x030d0000
    PyCodeObject *after = (PyCodeObject *)function->func_code;
    if (version_before != 0 && version_before == before->co_version) {
        function->func_version = after->co_version;
    }
#else
    (void)function;
    (void)version_before;
    (void)before;
#endif
}

static int set_code(PyObject *function, PyObject *code) {
    PyObject *before = Py_NewRef(PyFunction_GET_CODE(function));
    uint32_t version = ((PyFunctionObject *)function)->func_version;
    int result = PyObject_SetAttrString(function, "__code__", code);
    if (result == 0) {
        keep_version((PyFunctionObject *)function, version, (PyCodeObject *)before);
    }
    Py_DECREF(before);
    return result;
}

static int change_function(struct choice *choice, PyObject *function, PyObject *done, Py_ssize_t *count) {
    PyObject *code = PyFunction_GET_CODE(function);
    PyObject *key = PyLong_FromVoidPtr(code);
    PyObject *changed = key ? Py_XNewRef(PyDict_GetItemWithError(done, key)) : NULL;
    if (!changed && !PyErr_Occurred()) {
        choice->module = module_of(function);
        changed = choice->module ? rewrite(choice, (PyCodeObject *)code, count) : NULL;
        Py_CLEAR(choice->module);
        /* The old code must not be freed while its address is a key. */
        PyObject *entry = changed ? PyTuple_Pack(2, changed, code) : NULL;
        if (!entry || PyDict_SetItem(done, key, entry) < 0) {
            Py_CLEAR(changed);
        }
        Py_XDECREF(entry);
    } else if (changed) {
        Py_SETREF(changed, Py_NewRef(PyTuple_GET_ITEM(changed, 0)));
    }
    int result = changed ? 0 : -1;
    if (changed && changed != code) {
        result = set_code(function, changed);
    }
    Py_XDECREF(changed);
    Py_XDECREF(key);
    return result;
}

/* Gives every function in the sequence the code that the choice makes of its own. Returns how many were timed. */
static Py_ssize_t change_functions(struct choice *choice, PyObject *functions) {
    PyObject *fast = PySequence_Fast(functions, "expected a sequence of functions");
    PyObject *done = fast ? PyDict_New() : NULL;
    Py_ssize_t count = done ? 0 : -1;
    for (Py_ssize_t i = 0; count >= 0 && i < PySequence_Fast_GET_SIZE(fast); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(fast, i);
        if (PyFunction_Check(item) && change_function(choice, item, done, &count) < 0) {
            count = -1;
        }
    }
    Py_XDECREF(done);
    Py_XDECREF(fast);
    return count;
}

/* Every function object there is: methods, closures, and what decorators have hidden. */
static PyObject *all_functions(void) {
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *objects = gc ? PyObject_CallMethod(gc, "get_objects", NULL) : NULL;
    Py_XDECREF(gc);
    PyObject *functions = objects ? PyList_New(0) : NULL;
    for (Py_ssize_t i = 0; functions && i < PyList_GET_SIZE(objects); i++) {
        PyObject *object = PyList_GET_ITEM(objects, i);
        if (PyFunction_Check(object) && PyList_Append(functions, object) < 0) {
            Py_CLEAR(functions);
        }
    }
    Py_XDECREF(objects);
    return functions;
}

static PyObject *count_or_null(Py_ssize_t count) {
    return count < 0 ? NULL : PyLong_FromSsize_t(count);
}

/* time_function(function) -> bool: whether its calls are timed now. */
PyObject *tg_time_function(PyObject *module, PyObject *function) {
    if (!PyFunction_Check(function)) {
        return PyErr_Format(PyExc_TypeError, "expected a Python function, not %.100s", Py_TYPE(function)->tp_name);
    }
    struct tg_state *state = tg_state_of(module);
    PyCodeObject *code = (PyCodeObject *)PyFunction_GET_CODE(function);
    struct choice choice = {.state = state, .only = code, .module = module_of(function)};
    Py_ssize_t count = 0;
    PyObject *changed = choice.module ? rewrite(&choice, code, &count) : NULL;
    Py_XDECREF(choice.module);
    if (!changed) {
        return NULL;
    }
    int result = changed == (PyObject *)code ? 0 : set_code(function, changed);
    Py_DECREF(changed);
    if (result < 0) {
        return NULL;
    }
    PyObject *probe = tg_code_probe((PyCodeObject *)PyFunction_GET_CODE(function), state->probe_type);
    return PyBool_FromLong(probe != NULL);
}

/* instrument_functions(functions, exclude) -> int: times each of these functions and what is nested in them. */
PyObject *tg_instrument_functions(PyObject *module, PyObject *args) {
    PyObject *functions;
    PyObject *exclude;
    if (!PyArg_ParseTuple(args, "OO:instrument_functions", &functions, &exclude)) {
        return NULL;
    }
    PyObject *all = Py_BuildValue("(s)", "*");
    struct tg_selection *selection = all ? tg_selection_new(all, exclude, NULL, NULL) : NULL;
    Py_XDECREF(all);
    if (!selection) {
        return NULL;
    }
    struct choice choice = {.state = tg_state_of(module), .selection = selection};
    Py_ssize_t count = change_functions(&choice, functions);
    tg_selection_free(selection);
    return count_or_null(count);
}

static struct tg_selection *parse_selection(PyObject *args) {
    PyObject *patterns;
    PyObject *exclude;
    PyObject *projects;
    PyObject *foreign;
    if (!PyArg_ParseTuple(args, "OOOO:instrument_everything", &patterns, &exclude, &projects, &foreign)) {
        return NULL;
    }
    return tg_selection_new(patterns, exclude, projects, foreign);
}

/* instrument_everything(patterns, exclude, projects, foreign) -> int: times what is chosen, loaded now or later. */
PyObject *tg_instrument_everything(PyObject *module, PyObject *args) {
    struct tg_state *state = tg_state_of(module);
    struct tg_selection *selection = parse_selection(args);
    if (!selection) {
        return NULL;
    }
    if (tg_selections_add(&state->selections, selection) < 0 || tg_hook_install(state, module) < 0) {
        return NULL;
    }
    PyObject *functions = all_functions();
    if (!functions) {
        return NULL;
    }
    struct choice choice = {.state = state, .selection = selection};
    Py_ssize_t count = change_functions(&choice, functions);
    Py_DECREF(functions);
    return count_or_null(count);
}

/* The code as it was before any probe; the names of those it carried are added to `names`. A new reference. */
static PyObject *restore(struct tg_state *state, PyCodeObject *code, PyObject *names) {
    PyObject *probe = tg_code_probe(code, state->probe_type);
    if (probe && PySet_Add(names, tg_probe_name(probe)) < 0) {
        return NULL;
    }
    PyObject *plain = Py_NewRef(probe ? tg_probe_original(probe) : (PyObject *)code);
    PyObject *consts = NULL; /* the carrier's nested code tells which names were timed; the plain one's is what stays */
    PyObject *carried = code->co_consts;
    PyObject *kept = ((PyCodeObject *)plain)->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kept); i++) {
        PyObject *nested = PyTuple_GET_ITEM(carried, i);
        if (!PyCode_Check(nested)) {
            continue;
        }
        PyObject *restored = restore(state, (PyCodeObject *)nested, names);
        if (restored && restored != PyTuple_GET_ITEM(kept, i) && !consts) {
            consts = PySequence_List(kept);
        }
        if (!restored || (restored != PyTuple_GET_ITEM(kept, i) && !consts) ||
            (consts && PyList_SetItem(consts, i, Py_NewRef(restored)) < 0)) {
            Py_XDECREF(restored);
            Py_CLEAR(plain);
            break;
        }
        Py_DECREF(restored);
    }
    if (plain && consts) {
        Py_SETREF(consts, PyList_AsTuple(consts));
        PyObject *arguments[] = {plain, consts};
        PyObject *replaced = consts ? PyObject_VectorcallMethod(state->rewriter.replace_name, arguments, 1,
                                                                state->rewriter.consts_keywords)
                                    : NULL;
        Py_SETREF(plain, replaced);
    }
    Py_XDECREF(consts);
    return plain;
}

/* Gives a function that carries probes the code without those the selection names. Returns how many names went, or -1. */
static Py_ssize_t restore_function(struct tg_state *state, struct tg_selection *selection, PyObject *function) {
    PyObject *code = PyFunction_GET_CODE(function);
    PyObject *names = PySet_New(NULL);
    PyObject *plain = names ? restore(state, (PyCodeObject *)code, names) : NULL;
    struct choice choice = {.state = state, .selection = selection, .keep = names};
    Py_ssize_t gone = -1;
    Py_ssize_t kept = 0;
    PyObject *changed = NULL;
    if (!plain) {
        goto done;
    }
    if (PySet_GET_SIZE(names) == 0) {
        gone = 0;
        goto done;
    }
    choice.module = module_of(function);
    changed = choice.module ? rewrite(&choice, (PyCodeObject *)plain, &kept) : NULL;
    Py_XDECREF(choice.module);
    if (changed && (kept == PySet_GET_SIZE(names) || set_code(function, changed) == 0)) {
        gone = PySet_GET_SIZE(names) - kept;
    }
done:
    Py_XDECREF(changed);
    Py_XDECREF(plain);
    Py_XDECREF(names);
    return gone;
}

/* uninstrument_functions(functions | None, patterns) -> int: takes the timing away from the functions, or from all there
 * are, as far as a pattern names them; "*" names all. Modules loaded later follow. */
PyObject *tg_uninstrument_functions(PyObject *module, PyObject *args) {
    PyObject *functions;
    PyObject *patterns;
    if (!PyArg_ParseTuple(args, "OO:uninstrument_functions", &functions, &patterns)) {
        return NULL;
    }
    struct tg_state *state = tg_state_of(module);
    struct tg_selection *selection = tg_selection_new(patterns, NULL, NULL, NULL);
    PyObject *list = NULL;
    if (selection) {
        bool everywhere = functions == Py_None;
        if (!everywhere || tg_selections_exclude(&state->selections, patterns) == 0) {
            list = everywhere ? all_functions() : PySequence_List(functions);
        }
    }
    Py_ssize_t count = list ? 0 : -1;
    for (Py_ssize_t i = 0; count >= 0 && i < PyList_GET_SIZE(list); i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        Py_ssize_t gone = PyFunction_Check(item) ? restore_function(state, selection, item) : 0;
        count = gone < 0 ? -1 : count + gone;
    }
    Py_XDECREF(list);
    tg_selection_free(selection);
    return count_or_null(count);
}

PyObject *tg_unmatched_patterns(PyObject *module, PyObject *Py_UNUSED(ignored)) {
    return tg_selections_unmatched(&tg_state_of(module)->selections);
}
