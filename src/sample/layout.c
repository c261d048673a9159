#include "sample/layout.h"

#include "sample/layout_versions.h"

#include <assert.h>
#include <string.h>

/* The oldest first, without a gap. */
static const struct tg_layout *const layouts[] = {&tg_layout_3_11, &tg_layout_3_12, &tg_layout_3_13, &tg_layout_3_14};

#define LAYOUT_COUNT (sizeof layouts / sizeof layouts[0])

/* _Py_DebugOffsets begins alike in all versions. */
static const char told_cookie[8] = {'x', 'd', 'e', 'b', 'u', 'g', 'p', 'y'};
#define TOLD_VERSION       8
#define TOLD_FREE_THREADED 16

/* _PyRuntimeState and PyInterpreterState are a few 100 KiB and never read at once. */
#define MAX_OFFSET (16u << 20)

/* Groups are told apart by where they lie: those that are read at once come after the interpreter's. */
static_assert(offsetof(struct tg_layout, interpreter) < offsetof(struct tg_layout, thread), "see check_offset()");

/* The nibble of Py_Version behind major, minor and micro. */
#define RELEASE_LEVEL(version) ((version) >> 4 & 0xf)
#define RELEASE_CANDIDATE      0xc

const struct tg_layout *tg_layout_find(unsigned minor) {
    for (size_t i = 0; i < LAYOUT_COUNT; i++) {
        if (layouts[i]->minor == minor) {
            return layouts[i];
        }
    }
    return NULL;
}

static uint64_t told_at(const void *told, size_t place) {
    uint64_t value;
    memcpy(&value, (const char *)told + place, sizeof value);
    return value;
}

static uint32_t *member_of(struct tg_layout *layout, size_t here) {
    return (uint32_t *)(void *)((char *)layout + here);
}

/* Whether `value` can be the offset of a member that is read at `here`. */
static bool offset_is_sane(size_t here, uint64_t value) {
    bool is_read_at_once = here >= offsetof(struct tg_layout, thread);
    bool is_byte =
        here == offsetof(struct tg_layout, frame.owner) || here == offsetof(struct tg_layout, generator.state);
    size_t alignment = is_byte ? 1 : sizeof(uint32_t);
    return value <= (is_read_at_once ? TG_LAYOUT_MAX_READ_BYTES - sizeof(uint64_t) : MAX_OFFSET)
           && value % alignment == 0;
}

/* Takes what the interpreter tells; then moves along what it does not. */
static bool adopt(struct tg_layout *layout, const struct tg_layout *table, const void *told) {
    for (size_t i = 0; i < table->told_count; i++) {
        const struct tg_layout_told *from = &table->told[i];
        uint64_t value = told_at(told, from->there) - (from->minus ? told_at(told, from->minus) : 0);
        if (!offset_is_sane(from->here, value)) {
            return false;
        }
        *member_of(layout, from->here) = (uint32_t)value;
    }
    for (size_t i = 0; i < table->beside_count; i++) {
        size_t here = table->beside[i].here, neighbour = table->beside[i].neighbour;
        uint32_t was = *member_of((struct tg_layout *)(uintptr_t)table, neighbour);
        uint32_t moved = *member_of(layout, here) + (*member_of(layout, neighbour) - was);
        if (!offset_is_sane(here, moved)) {
            return false;
        }
        *member_of(layout, here) = moved;
    }
    return true;
}

static enum tg_status unsupported(uint32_t version, struct tg_error *err) {
    unsigned major = version >> 24, minor = version >> 16 & 0xff;
    unsigned first = layouts[0]->minor, last = layouts[LAYOUT_COUNT - 1]->minor;
    bool is_old = major < 3 || (major == 3 && minor < first);
    return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                        "it runs Python %u.%u, which is too %s to be sampled: this tachograph knows 3.%u to 3.%u; %s",
                        major, minor, is_old ? "old" : "new", first, last,
                        is_old ? "run the program with one of these" : "install a newer tachograph");
}

static enum tg_status check_told(const struct tg_layout *table, uint32_t version, const void *told, size_t told_bytes,
                                 struct tg_error *err) {
    if (told_bytes < table->told_size || memcmp(told, told_cookie, sizeof told_cookie) != 0) {
        return tg_error_set(err, TG_ERROR_FORMAT, "its runtime does not describe itself as that of Python 3.%u does",
                            table->minor);
    }
    if (told_at(told, TOLD_FREE_THREADED)) {
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "it runs the free-threaded build of Python 3.%u, which cannot be sampled: run it with "
                            "python3.%u instead of python3.%ut",
                            table->minor, table->minor, table->minor);
    }
    if (told_at(told, TOLD_VERSION) != version) {
        return tg_error_set(err, TG_ERROR_FORMAT, "its runtime says it is version %#llx, and its library %#x",
                            (unsigned long long)told_at(told, TOLD_VERSION), version);
    }
    return TG_OK;
}

enum tg_status tg_layout_init(struct tg_layout *layout, uint32_t version, const void *told, size_t told_bytes,
                              struct tg_error *err) {
    const struct tg_layout *table = version >> 24 == 3 ? tg_layout_find(version >> 16 & 0xff) : NULL;
    if (!table) {
        return unsupported(version, err);
    }
    if (RELEASE_LEVEL(version) < RELEASE_CANDIDATE) {
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "it runs an early version of Python 3.%u, whose structures were not settled: use a release",
                            table->minor);
    }
    *layout = *table;
    if (table->told_size == 0) {
        return TG_OK;
    }
    enum tg_status status = check_told(table, version, told, told_bytes, err);
    if (status != TG_OK) {
        return status;
    }
    return adopt(layout, table, told) ? TG_OK
                                      : tg_error_set(err, TG_ERROR_FORMAT,
                                                     "what its runtime tells of its own structures cannot be true: it "
                                                     "is damaged, or no Python 3.%u",
                                                     table->minor);
}
