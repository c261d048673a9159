/*
 * The entry of the rewriter: chooses code objects, innermost first, and has each planned, written and replaced.
 */
#include "rewrite.h"

#include "rewrite_plan.h"

static PyObject *make_keywords(const char *const *names, Py_ssize_t count) {
    PyObject *keywords = PyTuple_New(count);
    for (Py_ssize_t i = 0; keywords != NULL && i < count; i++) {
        PyObject *name = PyUnicode_InternFromString(names[i]);
        if (name == NULL) {
            Py_CLEAR(keywords);
            break;
        }
        PyTuple_SET_ITEM(keywords, i, name);
    }
    return keywords;
}

int tg_rewriter_init(struct tg_rewriter *rewriter, PyTypeObject *probe_type) {
    static const char *const names[] = {"co_consts", "co_code", "co_linetable", "co_exceptiontable", "co_stacksize"};
    *rewriter = (struct tg_rewriter){
        .probe_type = (PyTypeObject *)Py_NewRef((PyObject *)probe_type),
        .replace_name = PyUnicode_InternFromString("replace"),
        .rewrite_keywords = make_keywords(names, 5),
        .consts_keywords = make_keywords(names, 1),
    };
    if (rewriter->replace_name == NULL || rewriter->rewrite_keywords == NULL || rewriter->consts_keywords == NULL) {
        tg_rewriter_release(rewriter);
        return -1;
    }
    return 0;
}

int tg_rewriter_traverse(const struct tg_rewriter *rewriter, visitproc visit, void *arg) {
    Py_VISIT(rewriter->probe_type);
    Py_VISIT(rewriter->replace_name);
    Py_VISIT(rewriter->rewrite_keywords);
    Py_VISIT(rewriter->consts_keywords);
    return 0;
}

void tg_rewriter_release(struct tg_rewriter *rewriter) {
    if (rewriter == NULL) {
        return;
    }
    Py_CLEAR(rewriter->consts_keywords);
    Py_CLEAR(rewriter->rewrite_keywords);
    Py_CLEAR(rewriter->replace_name);
    Py_CLEAR(rewriter->probe_type);
}

PyObject *tg_code_probe(PyCodeObject *code, PyTypeObject *probe_type) {
    Py_ssize_t count = PyTuple_GET_SIZE(code->co_consts);
    if (count == 0) {
        return NULL;
    }
    PyObject *last = PyTuple_GET_ITEM(code->co_consts, count - 1);
    return Py_IS_TYPE(last, probe_type) ? last : NULL;
}

/* What evaluates annotations, aliases and bounds is called with a format, and looked at by annotationlib. */
static bool evaluates_annotations(PyCodeObject *code) {
    if (!TG_HAS_ANNOTATE_FUNCTIONS || code->co_argcount != 1) {
        return false;
    }
    return PyUnicode_CompareWithASCIIString(code->co_name, "__annotate__") == 0
           || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(code->co_localsplusnames, 0), ".format") == 0;
}

/* Bodies of modules and classes are none; comprehensions and other nameless scopes have names in angle brackets. */
static bool is_function(PyCodeObject *code) {
    const int flags = CO_OPTIMIZED | CO_NEWLOCALS;
    if ((code->co_flags & flags) != flags || PyUnicode_GET_LENGTH(code->co_name) == 0) {
        return false;
    }
    if (PyUnicode_READ_CHAR(code->co_name, 0) == '<') {
        return PyUnicode_CompareWithASCIIString(code->co_name, "<lambda>") == 0;
    }
    return !evaluates_annotations(code);
}

/* A tuple with the items of `consts` and room for `more`. */
static PyObject *copy_consts(PyObject *consts, Py_ssize_t more) {
    Py_ssize_t count = PyTuple_GET_SIZE(consts);
    PyObject *copy = PyTuple_New(count + more);
    for (Py_ssize_t i = 0; copy != NULL && i < count; i++) {
        PyTuple_SET_ITEM(copy, i, Py_NewRef(PyTuple_GET_ITEM(consts, i)));
    }
    return copy;
}

/* What is the same for a code object and all that is nested in it. */
struct rewriting {
    const struct tg_rewriter *rewriter;
    tg_probe_factory factory;
    void *context;
    struct tg_rewrite_result *result;
};

static PyObject *rewrite(const struct rewriting *rewriting, PyCodeObject *code);

/* The constants with nested code rewritten: a new reference, to those of the code when none has changed. */
static PyObject *rewrite_nested(const struct rewriting *rewriting, PyCodeObject *code) {
    PyObject *consts = Py_NewRef(code->co_consts);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_consts); i++) {
        PyObject *nested = PyTuple_GET_ITEM(code->co_consts, i);
        if (!PyCode_Check(nested)) {
            continue;
        }
        PyObject *rewritten = rewrite(rewriting, (PyCodeObject *)nested);
        if (rewritten != NULL && rewritten != nested && consts == code->co_consts) {
            Py_SETREF(consts, copy_consts(consts, 0));
        }
        if (rewritten == NULL || consts == NULL) {
            Py_XDECREF(rewritten);
            Py_XDECREF(consts);
            return NULL;
        }
        if (rewritten == nested) {
            Py_DECREF(rewritten);
        } else {
            PyTuple_SetItem(consts, i, rewritten);
        }
    }
    return consts;
}

/* A new reference to the probe for this code, or to None. */
static PyObject *choose(const struct rewriting *rewriting, PyCodeObject *code) {
    PyTypeObject *probe_type = rewriting->rewriter->probe_type;
    if (!is_function(code) || tg_code_probe(code, probe_type) != NULL) {
        return Py_NewRef(Py_None);
    }
    PyObject *probe = rewriting->factory(code, rewriting->context);
    if (probe == NULL) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    if (!Py_IS_TYPE(probe, probe_type)) {
        PyErr_Format(PyExc_TypeError, "a probe must be a %s, not a %s", probe_type->tp_name, Py_TYPE(probe)->tp_name);
        Py_CLEAR(probe);
    }
    return probe;
}

/* Plans, writes and replaces. Returns None when the code is not understood; plan->refusal says why. */
static PyObject *rewrite_planned(const struct tg_rewriter *rewriter, struct tg_plan *plan, PyObject *consts,
                                 PyObject *probe) {
    if (!tg_plan_decode(plan) || !tg_plan_measure_depths(plan) || !tg_plan_place_hooks(plan)
        || !tg_plan_lay_out(plan)) {
        return Py_NewRef(Py_None);
    }
    PyObject *replacement = NULL;
    PyObject *arguments[] = {(PyObject *)plan->code,   copy_consts(consts, 1),     tg_plan_make_code(plan),
                             tg_plan_make_lines(plan), tg_plan_make_regions(plan), PyLong_FromLong(plan->stack_size)};
    if (arguments[1] != NULL) {
        PyTuple_SET_ITEM(arguments[1], PyTuple_GET_SIZE(consts), Py_NewRef(probe));
    }
    if (arguments[3] == NULL && plan->refusal != NULL) {
        replacement = Py_NewRef(Py_None);
    } else if (arguments[1] && arguments[2] && arguments[3] && arguments[4] && arguments[5]) {
        replacement = PyObject_VectorcallMethod(rewriter->replace_name, arguments, 1, rewriter->rewrite_keywords);
    }
    for (int i = 1; i < 6; i++) {
        Py_XDECREF(arguments[i]);
    }
    return replacement;
}

/* The code with hooks; None when its shape is not understood. */
static PyObject *rewrite_function(const struct rewriting *rewriting, PyCodeObject *code, PyObject *consts,
                                  PyObject *probe) {
    PyObject *bytes = PyCode_GetCode(code);
    if (bytes == NULL) {
        return NULL;
    }
    PyObject *replacement = NULL;
    struct tg_plan plan;
    if (tg_plan_init(&plan, code, bytes) == 0) {
        plan.catches = rewriting->rewriter->catches != NULL && rewriting->rewriter->catches(probe);
        replacement = rewrite_planned(rewriting->rewriter, &plan, consts, probe);
        tg_plan_release(&plan);
    }
    Py_DECREF(bytes);
    if (replacement == Py_None) {
        rewriting->result->refused_count++;
        rewriting->result->reason = plan.refusal;
    } else if (replacement != NULL) {
        rewriting->result->rewritten_count++;
    }
    return replacement;
}

static PyObject *replace_consts(const struct tg_rewriter *rewriter, PyCodeObject *code, PyObject *consts) {
    PyObject *arguments[] = {(PyObject *)code, consts};
    return PyObject_VectorcallMethod(rewriter->replace_name, arguments, 1, rewriter->consts_keywords);
}

static PyObject *rewrite(const struct rewriting *rewriting, PyCodeObject *code) {
    PyObject *consts = NULL;
    PyObject *probe = NULL;
    PyObject *rewritten = NULL;
    if (Py_EnterRecursiveCall(" while rewriting nested code")) {
        return NULL;
    }
    consts = rewrite_nested(rewriting, code);
    if (consts == NULL) {
        goto done;
    }
    probe = choose(rewriting, code);
    if (probe == NULL) {
        goto done;
    }
    rewritten = Py_NewRef(Py_None);
    if (probe != Py_None) {
        Py_SETREF(rewritten, rewrite_function(rewriting, code, consts, probe));
    }
    if (rewritten == Py_None) {
        bool is_same = consts == code->co_consts;
        Py_SETREF(rewritten, is_same ? Py_NewRef((PyObject *)code) : replace_consts(rewriting->rewriter, code, consts));
    }
done:
    Py_LeaveRecursiveCall();
    Py_XDECREF(probe);
    Py_XDECREF(consts);
    return rewritten;
}

PyObject *tg_rewrite_code(const struct tg_rewriter *rewriter, PyCodeObject *code, tg_probe_factory factory,
                          void *context, struct tg_rewrite_result *result) {
    struct tg_rewrite_result unwanted = {0};
    struct rewriting rewriting = {
        .rewriter = rewriter,
        .factory = factory,
        .context = context,
        .result = result != NULL ? result : &unwanted,
    };
    return rewrite(&rewriting, code);
}
