/*
 * Settings (settings/settings.h) as the package asks for them: what the project's pyproject.toml says, which variables
 * of the environment were misspelt, and which words are secret. Functions of the file system and the environment, under
 * the GIL.
 */
#ifndef TG_KNOWN_SETTINGS_H
#define TG_KNOWN_SETTINGS_H

#include <Python.h>

#include "base/error.h"

#include <stdbool.h>

PyObject *tg_project_settings(PyObject *module, PyObject *script);
PyObject *tg_project_name(PyObject *module, PyObject *script);
PyObject *tg_misspelt_settings(PyObject *module, PyObject *ignored);
PyObject *tg_redacted_words(PyObject *module, PyObject *ignored);

/* Sets the words to redact of the environment, else of the program's project: once in a process, before the first
 * thing that may have a secret in it. False: not all could be, `err` says why, and is to be told; it is said once. A
 * file that cannot be used at all is for those who ask for what is in it. */
bool tg_know_redacted_words(bool tells_of_file, struct tg_error *err);

#endif
