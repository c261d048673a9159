/*
 * Settings (settings/settings.h) as the package asks for them: what the project's pyproject.toml says, and which
 * variables of the environment were misspelt. Pure functions of the file system and the environment, under the GIL.
 */
#ifndef TG_KNOWN_SETTINGS_H
#define TG_KNOWN_SETTINGS_H

#include <Python.h>

PyObject *tg_project_settings(PyObject *module, PyObject *script);
PyObject *tg_project_name(PyObject *module, PyObject *script);
PyObject *tg_misspelt_settings(PyObject *module, PyObject *ignored);

#endif
