/*
 * project_file: what a pyproject.toml says of us. See project.h.
 */
#ifndef TG_PROJECT_FILE_H
#define TG_PROJECT_FILE_H

#include "base/attributes.h"
#include "base/error.h"
#include "settings/project.h"

/* Reads the file at the project's path. Statuses of tg_project_read(). */
TG_NODISCARD enum tg_status tg_project_read_file(struct tg_project *project, struct tg_error *err);

#endif
