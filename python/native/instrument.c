/* Instrumentation: see instrument.h. */
#include "instrument.h"

#include "exception_policy.h"
#include "exception_record.h"
#include "hook.h"
#include "probe.h"

/* What a probe factory needs: the module whose code it is, and one way to say yes. */
struct choice {
    struct tg_state *state;
    PyObject *module;
    PyCodeObject *only;             /* this code alone */
    PyCodeObject *except;           /* all but this code */
    struct tg_selection *selection; /* what this selection chooses */
    PyObject *policy;               /* for exceptions that leave it; NULL: none, or what the selections say */
    PyObject *made;                 /* dict: address of a code -> its probe, NULL: not kept */
};

/* 1 yes, 0 no, -1 with an exception set. */
static int is_chosen(const struct choice *choice, PyCodeObject *code) {
    if (choice->only) {
        return code == choice->only;
    }
    if (choice->except == code) {
        return 0;
    }
    if (choice->selection) {
        return tg_selection_chooses(choice->selection, choice->module, code->co_qualname, code->co_filename);
    }
    return tg_selections_choose(&choice->state->selections, choice->module, code->co_qualname, code->co_filename);
}

/* The policy of a code that is chosen, a new reference; NULL: none, or with an exception set. */
static PyObject *policy_of(const struct choice *choice, PyCodeObject *code) {
    if (choice->only || choice->selection) {
        return Py_XNewRef(choice->policy);
    }
    return tg_selections_policy(&choice->state->selections, choice->module, code->co_qualname, code->co_filename);
}

static PyObject *new_probe(const struct choice *choice, PyCodeObject *code) {
    PyObject *name = is_chosen(choice, code) > 0 ? tg_function_name(choice->module, code->co_qualname) : NULL;
    PyObject *policy = name ? policy_of(choice, code) : NULL;
    PyObject *probe = name && !PyErr_Occurred() ? tg_probe_new(choice->state, name, code, policy) : NULL;
    Py_XDECREF(policy);
    Py_XDECREF(name);
    return probe;
}

/* One code has one probe, also where it is met twice, in a closure and among the constants of the function that makes
 * such closures: what was equal stays equal. The probe keeps the code, so its address is good for a key. */
static PyObject *make_probe(PyCodeObject *code, void *context) {
    const struct choice *choice = context;
    if (!choice->made) {
        return new_probe(choice, code);
    }
    PyObject *key = PyLong_FromVoidPtr(code);
    PyObject *probe = key ? Py_XNewRef(PyDict_GetItemWithError(choice->made, key)) : NULL;
    if (key && !probe && !PyErr_Occurred()) {
        probe = new_probe(choice, code);
        if (probe && PyDict_SetItem(choice->made, key, probe) < 0) {
            Py_CLEAR(probe);
        }
    }
    Py_XDECREF(key);
    return probe;
}

static PyObject *rewrite(const struct choice *choice, PyCodeObject *code) {
    return tg_rewrite_code(&choice->state->rewriter, code, make_probe, (void *)(uintptr_t)choice, NULL);
}

PyObject *tg_instrument_code(struct tg_state *state, PyCodeObject *code, PyObject *module) {
    struct choice choice = {.state = state, .module = module};
    return rewrite(&choice, code);
}

int tg_instrument_nested(struct tg_state *state, PyCodeObject *code, PyObject *module) {
    PyObject *timed = tg_instrument_code(state, code, module);
    PyObject *consts = code->co_consts;
    PyObject *timed_consts = timed ? ((PyCodeObject *)timed)->co_consts : consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(consts) && i < PyTuple_GET_SIZE(timed_consts); i++) {
        PyObject *nested = PyTuple_GET_ITEM(consts, i);
        PyObject *other = PyTuple_GET_ITEM(timed_consts, i);
        if (nested != other && PyCode_Check(nested) && PyCode_Check(other)) {
            PyTuple_SET_ITEM(consts, i, Py_NewRef(other));
            Py_DECREF(nested);
        }
    }
    Py_XDECREF(timed);
    return timed ? 0 : -1;
}

/* A module that asks for its own functions, at its top, has not defined them yet: from there on they are timed as they
 * come. Bodies of modules and classes are what is not optimized. */
static int instrument_running(struct tg_state *state) {
    PyFrameObject *frame = PyThreadState_GetFrame(PyThreadState_Get());
    int result = 0;
    while (frame && result == 0) {
        PyCodeObject *code = PyFrame_GetCode(frame);
        PyObject *globals = PyFrame_GetGlobals(frame);
        PyObject *name =
            code->co_flags & CO_OPTIMIZED ? NULL : PyDict_GetItemString(globals, "__name__"); /* borrowed */
        if (name && PyUnicode_Check(name)) {
            Py_INCREF(name);
            result = tg_instrument_nested(state, code, name);
            Py_DECREF(name);
        }
        PyFrameObject *back = PyFrame_GetBack(frame);
        Py_DECREF(globals);
        Py_DECREF(code);
        Py_SETREF(frame, back);
    }
    Py_XDECREF(frame);
    return result;
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

int tg_function_set_code(PyObject *function, PyObject *code) {
    PyObject *before = Py_NewRef(PyFunction_GET_CODE(function));
    uint32_t version = ((PyFunctionObject *)function)->func_version;
    int result = PyObject_SetAttrString(function, "__code__", code);
    if (result == 0) {
        keep_version((PyFunctionObject *)function, version, (PyCodeObject *)before);
    }
    Py_DECREF(before);
    return result;
}

/* The code that a function of this module and code shall have; a new reference. */
typedef PyObject *(*code_change)(void *context, PyObject *module, PyCodeObject *code);

static PyObject *change_code(code_change change, void *context, PyObject *function) {
    PyObject *module = module_of(function);
    PyObject *changed = module ? change(context, module, (PyCodeObject *)PyFunction_GET_CODE(function)) : NULL;
    Py_XDECREF(module);
    return changed;
}

/* Functions that share their code share what becomes of it; `done` holds that by the code's address, and the code. */
static int change_function(code_change change, void *context, PyObject *function, PyObject *done) {
    PyObject *code = PyFunction_GET_CODE(function);
    PyObject *key = PyLong_FromVoidPtr(code);
    PyObject *entry = key ? Py_XNewRef(PyDict_GetItemWithError(done, key)) : NULL;
    if (key && !entry && !PyErr_Occurred()) {
        PyObject *changed = change_code(change, context, function);
        entry = changed ? PyTuple_Pack(2, changed, code) : NULL;
        Py_XDECREF(changed);
        if (entry && PyDict_SetItem(done, key, entry) < 0) {
            Py_CLEAR(entry);
        }
    }
    int result = entry ? 0 : -1;
    /* Making the change may have run others, who may have set this function's code. */
    if (entry && PyTuple_GET_ITEM(entry, 0) != code && PyFunction_GET_CODE(function) == code) {
        result = tg_function_set_code(function, PyTuple_GET_ITEM(entry, 0));
    }
    Py_XDECREF(entry);
    Py_XDECREF(key);
    return result;
}

static int change_functions(code_change change, void *context, PyObject *functions) {
    PyObject *fast = PySequence_Fast(functions, "expected a sequence of functions");
    PyObject *done = fast ? PyDict_New() : NULL;
    int result = done ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PySequence_Fast_GET_SIZE(fast); i++) {
        PyObject *function = PySequence_Fast_GET_ITEM(fast, i);
        result = PyFunction_Check(function) ? change_function(change, context, function, done) : 0;
    }
    Py_XDECREF(done);
    Py_XDECREF(fast);
    return result;
}

/* Whoever said that a function's arguments are not to be kept is obeyed, whatever is said of it besides. */
static void keep_arguments_out(PyObject *policy, PyObject *probe) {
    const struct tg_policy *other = policy && probe ? tg_probe_policy(probe) : NULL;
    if (other && !other->captures_args) {
        ((struct tg_policy *)policy)->captures_args = false;
    }
}

/* What is timed already, and is chosen, gets the policy, unless it has one of its own: then no more of it holds than
 * that arguments are not kept. 0, or -1 with an exception set. */
static int give_policy(const struct choice *choice, PyCodeObject *code) {
    PyObject *probe = tg_code_probe(code, choice->state->probe_type);
    int chosen = choice->policy && probe ? is_chosen(choice, code) : 0;
    if (chosen > 0 && tg_probe_set_policy(probe, choice->policy) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; choice->policy && chosen >= 0 && i < PyTuple_GET_SIZE(code->co_consts); i++) {
        PyObject *nested = PyTuple_GET_ITEM(code->co_consts, i);
        chosen = PyCode_Check(nested) ? give_policy(choice, (PyCodeObject *)nested) : 0;
    }
    return chosen < 0 ? -1 : 0;
}

static PyObject *add_probes(void *context, PyObject *module, PyCodeObject *code) {
    struct choice *choice = context;
    choice->module = module;
    if (give_policy(choice, code) < 0) {
        choice->module = NULL;
        return NULL;
    }
    /* What is timed already is not asked for again, but its pattern has named something. */
    bool is_timed = tg_code_probe(code, choice->state->probe_type) != NULL;
    PyObject *changed = is_timed && is_chosen(choice, code) < 0 ? NULL : rewrite(choice, code);
    choice->module = NULL;
    return changed;
}

/* Times what the selection chooses of these functions. Returns how many were not timed before, or -1. */
static Py_ssize_t time_functions(struct tg_state *state, struct tg_selection *selection, PyObject *functions) {
    struct choice choice = {.state = state, .selection = selection, .policy = selection->policy, .made = PyDict_New()};
    Py_ssize_t count = -1;
    if (choice.made && change_functions(add_probes, &choice, functions) == 0) {
        PyObject *probe;
        count = 0;
        for (Py_ssize_t i = 0; PyDict_Next(choice.made, &i, NULL, &probe);) {
            count += Py_REFCNT(probe) > 1; /* a probe that only this dict has was refused by the rewriter */
        }
    }
    Py_XDECREF(choice.made);
    return count;
}

#if PY_VERSION_HEX >= 0x030c0000

static int keep_function(PyObject *object, void *functions) {
    return !PyFunction_Check(object) || PyList_Append(functions, object) == 0;
}

/* Every function object there is: methods, closures, what decorators have hidden; what gc.freeze() has put away only
 * from 3.14 on. */
static PyObject *all_functions(void) {
    PyObject *functions = PyList_New(0);
    if (functions) {
        PyUnstable_GC_VisitObjects(keep_function, functions);
        if (PyErr_Occurred()) {
            Py_CLEAR(functions);
        }
    }
    return functions;
}

#else

/* The same, by a list of all objects. */
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

#endif

PyObject *tg_instrument_new_code(struct tg_state *state, PyCodeObject *code, PyObject *module, PyCodeObject *before) {
    PyObject *probe = before ? tg_code_probe(before, state->probe_type) : NULL;
    struct choice itself = {
        .state = state,
        .module = module,
        .only = code,
        .policy = probe ? Py_XNewRef((PyObject *)(uintptr_t)tg_probe_policy(probe)) : NULL,
    };
    struct choice nested = {.state = state, .module = module, .except = code};
    PyObject *base = probe ? rewrite(&itself, code) : Py_NewRef((PyObject *)code);
    Py_XDECREF(itself.policy);
    if (base && probe && tg_probe_catches(probe) && !tg_code_probe((PyCodeObject *)base, state->probe_type)) {
        PyErr_Format(PyExc_TypeError, "%U returns its exceptions, and this code of it cannot be made to",
                     code->co_qualname);
        Py_CLEAR(base);
    }
    PyObject *timed = base ? rewrite(&nested, (PyCodeObject *)base) : NULL;
    Py_XDECREF(base);
    return timed;
}

PyObject *tg_functions_of_globals(PyObject *globals) {
    PyObject *all = all_functions();
    PyObject *functions = all ? PyList_New(0) : NULL;
    for (Py_ssize_t i = 0; functions && i < PyList_GET_SIZE(all); i++) {
        PyObject *function = PyList_GET_ITEM(all, i);
        if (PyFunction_GET_GLOBALS(function) == globals && PyList_Append(functions, function) < 0) {
            Py_CLEAR(functions);
        }
    }
    Py_XDECREF(all);
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
    PyObject *changed = choice.module ? rewrite(&choice, code) : NULL;
    Py_XDECREF(choice.module);
    if (!changed) {
        return NULL;
    }
    int result = changed == (PyObject *)code ? 0 : tg_function_set_code(function, changed);
    Py_DECREF(changed);
    if (result < 0) {
        return NULL;
    }
    PyObject *probe = tg_code_probe((PyCodeObject *)PyFunction_GET_CODE(function), state->probe_type);
    return PyBool_FromLong(probe != NULL);
}

/* A policy of its own for what somebody decorates, or else asks for; NULL with an exception set. */
static PyObject *new_policy(struct tg_state *state, PyObject *args) {
    PyObject *only;
    PyObject *ignore;
    int returns;
    int captures_args;
    int calls_repr;
    if (!PyArg_ParseTuple(args, "OOppp:policy", &only, &ignore, &returns, &captures_args, &calls_repr)) {
        return NULL;
    }
    const struct tg_token_watcher watcher = {
        .context = state,
        .leaves = tg_exception_leaves,
        .is_returned = tg_exception_is_returned,
        .returned = tg_exception_returned,
    };
    tg_token_pool_watch(state->tokens, &watcher);
    return tg_policy_new(state->policy_type, only, ignore, returns, captures_args, calls_repr);
}

/* Takes the choice of exceptions that instrument_*() was given into the selection; None: none are recorded. */
static int take_policy(struct tg_state *state, struct tg_selection *selection, PyObject *exceptions) {
    selection->policy = exceptions == Py_None ? NULL : new_policy(state, exceptions);
    return selection->policy || !PyErr_Occurred() ? 0 : -1;
}

/* The code as it was before it was timed, but for what is nested in it: a new reference. */
static PyObject *without_probe(struct tg_state *state, PyCodeObject *code) {
    PyObject *probe = tg_code_probe(code, state->probe_type);
    Py_ssize_t count = PyTuple_GET_SIZE(code->co_consts) - 1;
    if (!probe || PyTuple_GET_SIZE(((PyCodeObject *)tg_probe_original(probe))->co_consts) != count) {
        return Py_NewRef((PyObject *)code); /* it is not timed, or another tool has made it anew since */
    }
    PyObject *arguments[] = {tg_probe_original(probe), PyTuple_GetSlice(code->co_consts, 0, count)};
    PyObject *result = arguments[1] ? PyObject_VectorcallMethod(state->rewriter.replace_name, arguments, 1,
                                                                state->rewriter.consts_keywords)
                                    : NULL;
    Py_XDECREF(arguments[1]);
    return result;
}

/* watch_function(function, policy) -> bool: whether its calls are timed, and its exceptions watched, now. A function
 * that is timed already is rewritten from what it was. */
PyObject *tg_watch_function(PyObject *module, PyObject *args) {
    struct tg_state *state = tg_state_of(module);
    PyObject *function;
    PyObject *policy_args;
    if (!PyArg_ParseTuple(args, "O!O!:watch_function", &PyFunction_Type, &function, &PyTuple_Type, &policy_args)) {
        return NULL;
    }
    PyObject *plain = without_probe(state, (PyCodeObject *)PyFunction_GET_CODE(function));
    struct choice choice = {
        .state = state,
        .only = (PyCodeObject *)plain,
        .module = plain ? module_of(function) : NULL,
        .policy = plain ? new_policy(state, policy_args) : NULL,
    };
    keep_arguments_out(choice.policy, tg_code_probe((PyCodeObject *)PyFunction_GET_CODE(function), state->probe_type));
    PyObject *changed = choice.module && choice.policy ? rewrite(&choice, choice.only) : NULL;
    Py_XDECREF(choice.policy);
    Py_XDECREF(choice.module);
    bool is_watched = changed && changed != plain;
    int result = is_watched ? tg_function_set_code(function, changed) : changed ? 0 : -1;
    Py_XDECREF(changed);
    Py_XDECREF(plain);
    return result < 0 ? NULL : PyBool_FromLong(is_watched);
}

/* instrument_functions(functions, exclude, exceptions) -> int: times each of these functions and what is nested in
 * them. */
PyObject *tg_instrument_functions(PyObject *module, PyObject *args) {
    PyObject *functions;
    PyObject *exclude;
    PyObject *exceptions;
    if (!PyArg_ParseTuple(args, "OOO:instrument_functions", &functions, &exclude, &exceptions)) {
        return NULL;
    }
    PyObject *all = Py_BuildValue("(s)", "*");
    struct tg_selection *selection = all ? tg_selection_new(all, exclude, NULL, NULL) : NULL;
    Py_XDECREF(all);
    if (selection && take_policy(tg_state_of(module), selection, exceptions) < 0) {
        tg_selection_free(selection);
        selection = NULL;
    }
    if (!selection) {
        return NULL;
    }
    Py_ssize_t count = time_functions(tg_state_of(module), selection, functions);
    tg_selection_free(selection);
    return count_or_null(count);
}

static struct tg_selection *parse_selection(struct tg_state *state, PyObject *args) {
    PyObject *patterns;
    PyObject *exclude;
    PyObject *projects;
    PyObject *foreign;
    PyObject *exceptions;
    if (!PyArg_ParseTuple(args, "OOOOO:instrument_everything", &patterns, &exclude, &projects, &foreign, &exceptions)) {
        return NULL;
    }
    struct tg_selection *selection = tg_selection_new(patterns, exclude, projects, foreign);
    if (selection && take_policy(state, selection, exceptions) < 0) {
        tg_selection_free(selection);
        return NULL;
    }
    return selection;
}

/* instrument_everything(patterns, exclude, projects, foreign, exceptions) -> int: times what is chosen, loaded now or
 * later. `exceptions`: what to do with those (new_policy()), or None. */
PyObject *tg_instrument_everything(PyObject *module, PyObject *args) {
    struct tg_state *state = tg_state_of(module);
    struct tg_selection *selection = parse_selection(state, args);
    PyObject *functions = NULL;
    Py_ssize_t count = -1;
    if (!selection) {
        return NULL;
    }
    /* Modules that are imported from here on are asked for, so what the sweep finds is all that is left. */
    if (tg_hook_install(state, module) == 0 && tg_selections_add(&state->selections, selection) == 0
        && instrument_running(state) == 0) {
        functions = all_functions();
    }
    if (functions) {
        count = time_functions(state, selection, functions);
        Py_DECREF(functions);
    }
    tg_selection_free(selection);
    return count_or_null(count);
}

/* What is taken away: the timing of functions that a pattern names. */
struct removal {
    struct tg_state *state;
    struct tg_selection *selection;
    PyObject *gone; /* dict: address of the code as it was -> that code */
};

/* 1: the code is to lose its probe; 0: not; -1 with an exception set. */
static int is_to_lose(struct removal *removal, PyObject *probe) {
    if (tg_probe_catches(probe)) {
        return 0; /* that it returns its exceptions is what the program relies on */
    }
    int named = tg_selection_names(removal->selection, tg_probe_name(probe));
    if (named > 0) {
        PyObject *original = tg_probe_original(probe);
        PyObject *key = PyLong_FromVoidPtr(original);
        named = key && PyDict_SetItem(removal->gone, key, original) == 0 ? 1 : -1;
        Py_XDECREF(key);
    }
    return named;
}

static PyObject *restore(struct removal *removal, PyCodeObject *code);

static PyCodeObject *original_of(PyObject *probe) {
    return (PyCodeObject *)tg_probe_original(probe);
}

/* The constants of `base`, with the nested code of `carrier` restored: a new reference, to the constants of `base` when
 * that changes nothing. The two are the same but for the probe at the end. */
static PyObject *restore_nested(struct removal *removal, PyObject *base, PyObject *carrier) {
    PyObject *consts = Py_NewRef(base);
    for (Py_ssize_t i = 0; consts && i < PyTuple_GET_SIZE(base); i++) {
        PyObject *nested = PyTuple_GET_ITEM(carrier, i);
        if (!PyCode_Check(nested)) {
            continue;
        }
        PyObject *restored = restore(removal, (PyCodeObject *)nested);
        if (restored && restored != PyTuple_GET_ITEM(base, i)) {
            if (consts == base) {
                Py_SETREF(consts, PySequence_List(base));
            }
            if (consts) {
                PyList_SetItem(consts, i, Py_NewRef(restored));
            }
        }
        if (!restored) {
            Py_CLEAR(consts);
        }
        Py_XDECREF(restored);
    }
    if (consts && consts != base) {
        Py_SETREF(consts, PyList_AsTuple(consts));
    }
    return consts;
}

/* The code without the probes that are to go: a new reference. Where all go, it is the very code of before. */
static PyObject *restore(struct removal *removal, PyCodeObject *code) {
    const struct tg_rewriter *rewriter = &removal->state->rewriter;
    PyObject *probe = tg_code_probe(code, rewriter->probe_type);
    if (probe && PyTuple_GET_SIZE(code->co_consts) != PyTuple_GET_SIZE(original_of(probe)->co_consts) + 1) {
        return Py_NewRef((PyObject *)code); /* another tool has made it anew since; its work is not ours to undo */
    }
    int loses = probe ? is_to_lose(removal, probe) : 0;
    if (loses < 0) {
        return NULL;
    }
    PyObject *base = Py_NewRef(loses ? tg_probe_original(probe) : (PyObject *)code);
    PyObject *base_consts = ((PyCodeObject *)base)->co_consts;
    PyObject *consts = restore_nested(removal, base_consts, code->co_consts);
    if (consts && consts != base_consts) {
        PyObject *arguments[] = {base, consts};
        Py_SETREF(base, PyObject_VectorcallMethod(rewriter->replace_name, arguments, 1, rewriter->consts_keywords));
    } else if (!consts) {
        Py_CLEAR(base);
    }
    Py_XDECREF(consts);
    return base;
}

static PyObject *remove_probes(void *context, PyObject *Py_UNUSED(module), PyCodeObject *code) {
    return restore(context, code);
}

/* uninstrument_functions(functions | None, patterns) -> int: takes the timing away from the functions, or from all
 * there are, as far as a pattern names them; "*" names all. Modules loaded later follow. */
PyObject *tg_uninstrument_functions(PyObject *module, PyObject *args) {
    PyObject *functions;
    PyObject *patterns;
    if (!PyArg_ParseTuple(args, "OO:uninstrument_functions", &functions, &patterns)) {
        return NULL;
    }
    struct tg_state *state = tg_state_of(module);
    struct removal removal = {.state = state, .selection = tg_selection_new(patterns, NULL, NULL, NULL)};
    PyObject *list = NULL;
    Py_ssize_t count = -1;
    if (!removal.selection) {
        return NULL;
    }
    removal.gone = PyDict_New();
    if (functions != Py_None) {
        list = PySequence_List(functions);
    } else if (tg_selections_exclude(&state->selections, patterns) == 0) {
        list = all_functions();
    }
    if (removal.gone && list && change_functions(remove_probes, &removal, list) == 0) {
        count = PyDict_GET_SIZE(removal.gone);
    }
    Py_XDECREF(list);
    Py_XDECREF(removal.gone);
    tg_selection_free(removal.selection);
    return count_or_null(count);
}

PyObject *tg_unmatched_patterns(PyObject *module, PyObject *Py_UNUSED(ignored)) {
    return tg_selections_unmatched(&tg_state_of(module)->selections);
}
