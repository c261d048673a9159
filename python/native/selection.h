/*
 * Selections: which functions were asked for, as patterns or as "the files of this project", and which of them not.
 *
 * A selection says yes to a function that one of its patterns matches, or whose file lies in its project, unless one of
 * its exclusions matches. Several selections together say yes when one does. tachograph's own functions are never
 * chosen.
 */
#ifndef TG_SELECTION_H
#define TG_SELECTION_H

#include <Python.h>

#include <stdbool.h>
#include <stddef.h>

struct tg_text_list {
    char **texts;
    size_t count;
};

struct tg_selection {
    struct tg_text_list patterns;
    struct tg_text_list exclude;
    struct tg_text_list projects; /* directories, ending with "/" */
    struct tg_text_list foreign;  /* directories inside them that are not the project's: environments */
    bool *matched;                /* by pattern: whether it ever said yes */
    size_t exclusion_count;       /* of `exclude`, the first ones: given with the patterns, and not taken back later */
    bool *excluded;               /* by these: whether it ever said no to what was chosen */
    PyObject *policy;             /* of exceptions that leave what is chosen (exception_policy.h); NULL: none */
    size_t holder_count;
};

struct tg_selections {
    struct tg_selection **items;
    size_t count;
};

/* Takes sequences of str (NULL or None: empty), validated: ValueError names a pattern that cannot mean anything.
 * NULL with an exception set. The caller holds it until tg_selection_free(). */
struct tg_selection *tg_selection_new(PyObject *patterns, PyObject *exclude, PyObject *projects, PyObject *foreign);
void tg_selection_free(struct tg_selection *selection);

/* Becomes one more holder of `selection`, unless it fails: -1 with an exception set. */
int tg_selections_add(struct tg_selections *selections, struct tg_selection *selection);
void tg_selections_release(struct tg_selections *selections);
/* Adds to what every selection excludes, and forgets those that have nothing left. -1 with an exception set. */
int tg_selections_exclude(struct tg_selections *selections, PyObject *patterns);

/* 1 yes, 0 no, -1 with an exception set. */
int tg_selection_chooses(struct tg_selection *selection, PyObject *module, PyObject *qualname, PyObject *file);
int tg_selections_choose(struct tg_selections *selections, PyObject *module, PyObject *qualname, PyObject *file);

/* The policy that the selections have for a function, a new reference: that of the first which chooses it and has one,
 * without arguments where any that chooses it keeps none. NULL: none, or with an exception set. */
PyObject *tg_selections_policy(struct tg_selections *selections, PyObject *module, PyObject *qualname, PyObject *file);

/* Whether a pattern names the function of this full name, whatever is excluded. Same results. */
int tg_selection_names(const struct tg_selection *selection, PyObject *name);

/* A new tuple of two lists: the patterns that never said yes, and the exclusions that no selection said no by. */
PyObject *tg_selections_unmatched(const struct tg_selections *selections);

#endif
