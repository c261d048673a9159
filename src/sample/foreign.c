#include "sample/foreign.h"

#include <stdio.h>
#include <sys/stat.h>

static struct tg_program_file file_of(pid_t pid) {
    char path[32];
    struct stat info;
    snprintf(path, sizeof path, "/proc/%ld/exe", (long)pid);
    return stat(path, &info) == 0 ? (struct tg_program_file){.device = info.st_dev, .inode = info.st_ino}
                                  : (struct tg_program_file){.inode = 0};
}

static bool are_same(const struct tg_program_file *one, const struct tg_program_file *other) {
    return one->inode == other->inode && one->device == other->device;
}

static bool is_another(const struct tg_foreign *foreign, const struct tg_program_file *file) {
    return foreign->python.inode && file->inode && !are_same(&foreign->python, file);
}

bool tg_foreign_runs_another(const struct tg_foreign *foreign, pid_t pid) {
    struct tg_program_file file = file_of(pid);
    return is_another(foreign, &file);
}

void tg_foreign_add(const struct tg_foreign *foreign, tg_ns now_ns, struct tg_foreign_time *sum) {
    if (foreign->left_ns) {
        sum->total_ns += now_ns > foreign->left_ns ? now_ns - foreign->left_ns : 0;
        sum->process_count += !foreign->was_counted;
    }
}

void tg_foreign_end(struct tg_foreign *foreign, tg_ns until_ns, struct tg_foreign_time *sum) {
    tg_foreign_add(foreign, until_ns, sum);
    foreign->was_counted = foreign->was_counted || foreign->left_ns;
    foreign->left_ns = 0;
}

void tg_foreign_drop(struct tg_foreign *foreign) {
    foreign->left_ns = 0;
}

void tg_foreign_note(struct tg_foreign *foreign, pid_t pid, enum tg_status opening, tg_ns now_ns,
                     struct tg_foreign_time *sum) {
    struct tg_program_file file = file_of(pid);
    if (!are_same(&file, &foreign->other)) {
        tg_foreign_end(foreign, foreign->seen_ns, sum);
    } else if (opening == TG_OK) { /* a Python was none of the foreign ones while it began, either */
        tg_foreign_drop(foreign);
    }
    foreign->seen_ns = now_ns;
    if (opening == TG_ERROR_INVALID && !foreign->left_ns && is_another(foreign, &file)) {
        foreign->other = file;
        foreign->left_ns = now_ns;
    }
    if (opening == TG_OK) {
        foreign->python = file;
    }
}

void tg_foreign_shift(struct tg_foreign *foreign, tg_ns away_ns) {
    foreign->left_ns += foreign->left_ns ? away_ns : 0;
    foreign->seen_ns += away_ns;
}
